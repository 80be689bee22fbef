"""Deletes of a plan: the recent ones, whether they are held, and how a hold ends.

An operator ends it: `release` lets the deletes through, `restore` brings back what is missing. Both
only enqueue tasks; the next reconciliation of each carries it out, in this process or another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from planner_sync.model.records import Hold
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.keys import Keys
from planner_sync.store.pending import Pending
from planner_sync.store.plan_state import PlanState
from planner_sync.store.scripts import Scripts
from planner_sync.store.task_repository import TaskRepository

LET_THROUGH_MS = 600_000


class Deletes:
    """The deletes and holds of one namespace, as records."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys

    async def recent(self, plan_id: str, window_ms: int) -> set[str]:
        """The tasks of the plan that were deleted within the window, or are about to be."""
        before = await self._now() - window_ms
        await self._redis.zremrangebyscore(self._keys.private("deletes", plan_id), "-inf", before)
        return await self.recorded(plan_id)

    async def recorded(self, plan_id: str) -> set[str]:
        """The same, however old."""
        task_ids = await self._redis.zrange(self._keys.private("deletes", plan_id), 0, -1)
        return {task_id.decode() for task_id in task_ids}

    async def record(self, plan_id: str, task_ids: Iterable[str]) -> None:
        """These tasks are about to be deleted."""
        if scores := dict.fromkeys(task_ids, await self._now()):
            await self._redis.zadd(self._keys.private("deletes", plan_id), scores)

    async def hold(self, plan_id: str) -> Hold | None:
        """Why deletes of the plan are held, None when they are not."""
        value = await self._redis.hget(self._keys.private("holds"), plan_id)
        return None if value is None else Hold.load(value)

    async def holds(self) -> dict[str, Hold]:
        """Plan -> why its deletes are held."""
        found = await self._redis.hgetall(self._keys.private("holds"))
        return {plan_id.decode(): Hold.load(hold) for plan_id, hold in sorted(found.items())}

    async def set_hold(self, plan_id: str, hold: Hold) -> bool:
        """Hold deletes of the plan; False when they are held already."""
        return bool(await self._redis.hsetnx(self._keys.private("holds"), plan_id, hold.dump()))

    async def end_hold(self, plan_id: str, let_through_ms: int) -> None:
        """An operator has decided: the hold ends, and for so long (ms) there is no new one."""
        until = await self._now() + let_through_ms
        await self._redis.hset(self._keys.private("releases"), plan_id, until)
        await self._redis.hdel(self._keys.private("holds"), plan_id)
        await self._redis.delete(self._keys.private("deletes", plan_id))

    async def is_released(self, plan_id: str) -> bool:
        """Has an operator let the deletes of this plan through, for now?"""
        until = await self._redis.hget(self._keys.private("releases"), plan_id)
        return until is not None and int(until) > await self._now()

    async def _now(self) -> int:
        now, _ = await self._scripts["read_server_clock"](self._keys, [])
        return int(now)


@dataclass
class Holds:
    """The holds of one namespace."""

    deletes: Deletes
    plans: PlanState
    mapper: IdMapper
    repository: TaskRepository
    pending: Pending

    async def all(self) -> dict[str, Hold]:
        """Plan -> why it is held."""
        return await self.deletes.holds()

    async def release(self, plan_id: str) -> int | None:
        """Carry the held deletes out. How many there are, None when nothing is held.

        The hold ends first: an earlier reconciliation would only find the hold. Sweep and pass find
        what is not enqueued.
        """
        if await self.deletes.hold(plan_id) is None:
            return None
        tasks = await self._refused(await self._mapped(plan_id))
        missing = await self.repository.missing(tasks)
        await self.deletes.end_hold(plan_id, LET_THROUGH_MS)
        await self.pending.enqueue(sorted(missing), reason="confirmed_missing")
        await self.pending.enqueue(
            [task_id for task_id in tasks if task_id not in missing], reason="recheck"
        )
        return len(tasks)

    async def restore(self, plan_id: str) -> int | None:
        """Restore documents that agents deleted, and recreate cards that people deleted. How many,
        or None when nothing is held.

        Everything is enqueued before the hold ends. So none of it can be deleted, even if this is
        interrupted.
        """
        if await self.deletes.hold(plan_id) is None:
            return None
        mapped = await self._mapped(plan_id)
        gone = (await self.deletes.recorded(plan_id)).intersection(mapped)
        tasks = sorted(
            {*gone, *await self._refused(mapped), *await self.repository.missing(mapped)}
        )
        await self.pending.enqueue(tasks, reason="restore")
        await self.deletes.end_hold(plan_id, 0)
        return len(tasks)

    async def _mapped(self, plan_id: str) -> list[str]:
        owners = await self.mapper.task_ids(list(await self.plans.cards(plan_id)))
        return sorted(owners.values())

    async def _refused(self, task_ids: list[str]) -> list[str]:
        """Those whose delete is held."""
        refusals = await self.repository.refusals()
        return [task for task in task_ids if task in refusals and refusals[task].code == "held"]
