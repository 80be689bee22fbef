"""What an operator does about a hold: let the deletes through, or bring back what is missing."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.pending import Claim, Pending
from planner_sync.store.plans import Plans
from planner_sync.store.task_repository import TaskRepository
from planner_sync.sync.reconcile import Observed

LET_THROUGH_MS = 600_000
CHUNK = 100
Look = Callable[[Claim, Observed], Awaitable[object]]


@dataclass
class Holds:
    """The holds of one namespace."""

    plans: Plans
    mapper: IdMapper
    repository: TaskRepository
    pending: Pending
    look: Look

    async def release(self, plan_id: str) -> int | None:
        """Carry the held deletes out. How many there are, None when nothing is held."""
        if await self.plans.hold(plan_id) is None:
            return None
        tasks = await self._held(plan_id)
        there = await self.repository.read_documents(tasks)
        await self.plans.end_hold(plan_id, LET_THROUGH_MS)
        await self.pending.mark([task_id for task_id in tasks if task_id not in there], look="missing")
        await self.pending.mark(there, look="read")
        return len(tasks)

    async def restore(self, plan_id: str) -> int | None:
        """Bring documents back that agents deleted, and make cards anew that people deleted. How many, or None."""
        if await self.plans.hold(plan_id) is None:
            return None
        tasks = await self._held(plan_id)
        await self.plans.end_hold(plan_id, 0)
        for start in range(0, len(tasks), CHUNK):
            batch = await self.pending.claim(CHUNK, tasks[start : start + CHUNK])
            for claim in batch.claims:
                await self.look(claim, Observed(restoring=True))
        return len(tasks)

    async def _held(self, plan_id: str) -> list[str]:
        """The tasks of the plan whose delete is held."""
        owners = await self.mapper.task_ids(list(await self.plans.cards(plan_id)))
        refusals = await self.repository.refusals()
        return [
            task_id
            for task_id in sorted(owners.values())
            if task_id in refusals and json.loads(refusals[task_id])["code"] == "held"
        ]
