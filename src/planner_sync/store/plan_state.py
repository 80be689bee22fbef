"""What is known of a plan: its epoch, its cards, its open creates, its orphans, its names.

A pass reads all of it in one round trip (`read`), and what its visits may have changed in another
(`read_again`).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner_sync.model.records import Orphan
from planner_sync.store.keys import Keys
from planner_sync.store.leases import ServerClock
from planner_sync.store.scripts import Scripts

ADOPTING = "adopting-"


@dataclass(frozen=True)
class Epoch:
    """ "This Redis knows this plan": the server's run id, and a count that every pass raises.

    While a plan is adopted, `run_id` is ADOPTING and a nonce of that pass.
    """

    run_id: str
    passes: int

    def __str__(self) -> str:
        return f"{self.run_id} {self.passes}"


@dataclass(frozen=True)
class PlanSnapshot:
    """What Redis holds of a plan at one moment.

    `cards` are the etags ("task etag<space>details etag") of the mapped cards by planner id.
    `owners` (planner id -> task id) and `tombstones` are of those cards and of the ids that were
    asked for. `creates` are open create intents: task id -> time (ms). `mapped` is every task with
    a card, read only if there are orphans. `names` is JSON, as last announced.
    """

    cards: Mapping[str, str]
    owners: Mapping[str, str]
    tombstones: frozenset[str]
    creates: Mapping[str, int]
    unmapped_passes: Mapping[str, int]
    orphans: Mapping[str, Orphan]
    mapped: frozenset[str]
    application: str | None
    names: str | None


@dataclass(frozen=True)
class PlanChanges:
    """What the visits of a pass may have changed: as in `PlanSnapshot`, of the ids asked for."""

    owners: Mapping[str, str]
    creates: Mapping[str, int]
    application: str | None


class PlanState:
    """The plans of one namespace."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys

    async def server_clock(self) -> ServerClock:
        """The server's time and run id."""
        now, run_id = await self._scripts["read_server_clock"](self._keys, [])
        return ServerClock(int(now), run_id.decode())

    # -- the epoch ---------------------------------------------------------------------------------
    async def epoch(self, plan_id: str) -> Epoch | None:
        """The plan's epoch, None when this Redis does not know the plan."""
        value = await self._redis.hget(self._keys.private("epochs"), plan_id)
        if value is None:
            return None
        run_id, _, passes = value.decode().partition(" ")
        return Epoch(run_id, int(passes))

    async def knows(self, plan_id: str) -> bool:
        """Was the plan adopted by a complete pass?"""
        epoch = await self.epoch(plan_id)
        return epoch is not None and not epoch.run_id.startswith(ADOPTING)

    async def set_epoch(self, plan_id: str, before: Epoch | None, after: Epoch) -> bool:
        """Set the plan's epoch; False when it is not `before` any more."""
        args: list[str | bytes | int] = [plan_id, str(before or ""), str(after)]
        return bool(await self._scripts["set_epoch"](self._keys, args))

    # -- what a pass reads -------------------------------------------------------------------------
    async def read(self, plan_id: str, planner_ids: Collection[str] = ()) -> PlanSnapshot:
        """Everything at one moment, with owners and tombstones of these cards too."""
        asked = list(planner_ids)
        keys = self._keys.about(plan_id=plan_id)
        answer = await self._scripts["read_plan"](keys, list(asked))
        cards, creates, unmapped, orphans, names, application, mapped, *of_ids = answer
        known = dict(_pairs(cards))
        owners, owners_asked, buried = of_ids
        return PlanSnapshot(
            cards=known,
            owners={**_found(known, owners), **_found(asked, owners_asked)},
            tombstones=frozenset(_found(asked, buried)),
            creates={task_id: int(at) for task_id, at in _pairs(creates)},
            unmapped_passes={pid: int(passes) for pid, passes in _pairs(unmapped)},
            orphans={pid: Orphan.load(text) for pid, text in _pairs(orphans)},
            mapped=frozenset(task_id.decode() for task_id in mapped),
            application=application.decode() or None,
            names=names.decode() or None,
        )

    async def read_again(self, plan_id: str, planner_ids: Sequence[str]) -> PlanChanges:
        """What visits may have changed.

        Creates are read before owners: a create that ends in between still shows as open, and its
        card as owned.
        """
        private = self._keys.private
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(private("creating", plan_id))
            pipe.get(private("application"))
            if planner_ids:
                pipe.hmget(private("owners"), list(planner_ids))
            creates, application, *owners = await pipe.execute()
        return PlanChanges(
            owners=_found(planner_ids, owners[0]) if planner_ids else {},
            creates={task_id.decode(): int(at) for task_id, at in creates.items()},
            application=None if application is None else application.decode(),
        )

    async def cards(self, plan_id: str) -> dict[str, str]:
        """Planner id -> etags ("task etag details etag") of every mapped card of the plan."""
        found = await self._redis.hgetall(self._keys.private("cards", plan_id))
        return {planner_id.decode(): etags.decode() for planner_id, etags in found.items()}

    # -- what a pass writes ------------------------------------------------------------------------
    async def set_unmapped_passes(self, plan_id: str, unmapped_passes: Mapping[str, int]) -> None:
        """Replace the counts of passes that have seen a card unmapped."""
        key = self._keys.private("unmapped_passes", plan_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(key)
            if unmapped_passes:
                pipe.hset(key, mapping=dict(unmapped_passes))
            await pipe.execute()

    async def drop_orphan(self, plan_id: str, planner_id: str) -> None:
        """Forget the orphan: it needs no decision any more."""
        await self._redis.hdel(self._keys.private("orphans", plan_id), planner_id)

    # -- the application ---------------------------------------------------------------------------
    async def application(self) -> str | None:
        """The application id that Planner gives our cards, once one was made."""
        value = await self._redis.get(self._keys.private("application"))
        return None if value is None else str(value.decode())

    async def set_application(self, application: str) -> None:
        """Remember the application id of our cards."""
        await self._redis.set(self._keys.private("application"), application)


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """A hash as Lua returns it: name, value, name, value."""
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        yield name.decode(), value.decode()


def _found(planner_ids: Iterable[str], values: Sequence[bytes | None]) -> dict[str, str]:
    """The ids that have a value, with it."""
    pairs = zip(planner_ids, values, strict=True)
    return {planner_id: value.decode() for planner_id, value in pairs if value}
