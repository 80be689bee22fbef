"""The store of one namespace on a real server, with what tests ask of it again and again."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import (
    Bury,
    DocumentSeen,
    LinkedCard,
    Postpone,
    Record,
    Result,
    Settle,
)
from planner_sync.model.records import DeletedCard
from planner_sync.store.directory import Directory
from planner_sync.store.holds import Deletes
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.keys import Keys
from planner_sync.store.leases import Leases
from planner_sync.store.pending import Pending
from planner_sync.store.plan_names import NameRecords
from planner_sync.store.plan_state import Epoch, PlanState
from planner_sync.store.scripts import Scripts
from planner_sync.store.task_repository import TaskRepository
from planner_sync.store.trash import Trash

PLAN = "plan-1"
LIMIT = 1000


@dataclass
class Shelf:
    """`redis` is the client, `scripts` the store's own if none are given; the instance is called
    "one".

    `pubsub` subscribes on one server: what is published on any of a cluster is heard on all.
    """

    redis: Any
    namespace: str
    scripts: Any = None
    pubsub: Any = None
    keys: Keys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.namespace)
        self.scripts = self.scripts or Scripts(self.redis)
        self.pending = Pending(self.scripts, self.keys, "one")
        self.leases = Leases(self.scripts, self.keys, "one")
        self.plans = PlanState(self.redis, self.scripts, self.keys)
        self.deletes = Deletes(self.redis, self.scripts, self.keys)
        self.names = NameRecords(self.redis, self.scripts, self.keys)
        self.directory = Directory(self.redis, self.keys)
        self.trash = Trash(self.redis, self.scripts, self.keys)
        self.mapper = IdMapper(self.redis, self.keys)
        self.repository = TaskRepository(self.redis, self.scripts, self.keys, LIMIT)

    async def marked(self, task_id: str = "t1") -> TaskLease:
        """A claim on a task that has just been marked."""
        await self.pending.enqueue([task_id])
        return await self.claim(task_id)

    async def claim(self, task_id: str = "t1") -> TaskLease:
        (claim,) = (await self.pending.lease(1, [task_id])).leases
        return claim

    async def due(self) -> list[str]:
        """The ids that the next claim would take."""
        now = (await self.plans.server_clock()).now
        return [
            i.decode()
            for i in await self.redis.zrangebyscore(self.keys.private("pending"), "-inf", now)
        ]

    async def expire(self, task_id: str = "t1") -> None:
        """The lease on a task runs out: its score is what says so."""
        await self.redis.zadd(
            self.keys.private("pending"), {task_id: (await self.plans.server_clock()).now - 1}
        )

    async def set(self, task_id: str, text: bytes) -> None:
        await self.redis.set(self.keys.document(task_id), text)

    async def get(self, task_id: str = "t1") -> bytes | None:
        text: bytes | None = await self.redis.get(self.keys.document(task_id))
        return text

    async def record(self, claim: TaskLease, seen: bytes | None = None, **order: Any) -> Result:
        return await self.repository.settle(claim, Record(PLAN, DocumentSeen(seen), **order))

    async def settle(
        self, claim: TaskLease, seen: bytes | None = None, plan_id: str = PLAN, **order: Any
    ) -> Result:
        """Of a task that has a card: its own, where none is given."""
        card = order.pop("card", LinkedCard(f"card of {claim.task_id}", "e d", "{}"))
        return await self.repository.settle(
            claim, Settle(plan_id, DocumentSeen(seen), card, **order)
        )

    async def postpone(self, claim: TaskLease, seen: bytes | None = None, **order: Any) -> Result:
        return await self.repository.settle(claim, Postpone(PLAN, DocumentSeen(seen), **order))

    async def bury(
        self, claim: TaskLease, planner_id: str, seen: bytes | None = None, **order: Any
    ) -> Result:
        """With a record of the card, unless there is to be none."""
        given = {"deleted_card": DeletedCard(planner_id, "agent"), **order}
        return await self.repository.settle(
            claim, Bury(PLAN, DocumentSeen(seen), planner_id, **given)
        )

    async def map(self, task_id: str, planner_id: str) -> None:
        """Give a task its card."""
        card = LinkedCard(planner_id, "e d", "{}")
        claim = await self.marked(task_id)
        assert await self.settle(claim, await self.get(task_id), card=card) == "settled"

    async def know_plan(self) -> None:
        before = await self.plans.epoch(PLAN)
        assert await self.plans.set_epoch(
            PLAN, before, Epoch((await self.plans.server_clock()).run_id, 1)
        )

    async def epoch(self) -> str:
        """What an order names that rests on what a pass has read now."""
        return f"{(await self.plans.server_clock()).run_id} {await self.plans.epoch(PLAN)}"

    async def intent(self, claim: TaskLease, kind: Any = "update", nonce: str | None = None) -> str:
        return await self.repository.record_intent(
            claim, nonce or uuid.uuid4().hex, '{"x":1}', PLAN, kind
        )

    async def save(
        self, expected: str, new: str, *, nonce: str = "n1", word: str = "", task_id: str = "t1"
    ) -> Any:
        """What an agent's client sends; `expected` and `new` as in `save_document.lua`."""
        args: list[Any] = [task_id, nonce, expected, new, self.keys.updates, "{}", word]
        return await self.scripts["save_document"](self.keys.about(task_id), args)

    async def private(self, name: str, task_id: str) -> str | None:
        value = await self.redis.hget(self.keys.private(name), task_id)
        return None if value is None else str(value.decode())

    async def dump(self) -> dict[str, Any]:
        """Everything under the namespace."""
        found: dict[str, Any] = {}
        async for key in self.redis.scan_iter(match=f"{self.namespace}:*", count=1000):
            match (await self.redis.type(key)).decode():
                case "string":
                    found[key] = await self.redis.get(key)
                case "hash":
                    found[key] = await self.redis.hgetall(key)
                case "zset":
                    found[key] = dict(await self.redis.zrange(key, 0, -1, withscores=True))
                case kind:
                    found[key] = kind
        return found
