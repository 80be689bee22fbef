"""What an operator does about a hold: let the deletes through, or bring back what is missing.

Both only mark tasks; whoever looks at them next carries it out, this process or another one.
"""

from dataclasses import dataclass

from planner_sync.model.records import Hold
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.pending import Pending
from planner_sync.store.plans import Plans
from planner_sync.store.task_repository import TaskRepository

LET_THROUGH_MS = 600_000


@dataclass
class Holds:
    """The holds of one namespace."""

    plans: Plans
    mapper: IdMapper
    repository: TaskRepository
    pending: Pending

    async def all(self) -> dict[str, Hold]:
        """Plan -> why it is held."""
        return await self.plans.holds()

    async def release(self, plan_id: str) -> int | None:
        """Carry the held deletes out. How many there are, None when nothing is held.

        The hold ends first: a look before that would only find it. What is not marked then, sweep
        and pass find.
        """
        if await self.plans.hold(plan_id) is None:
            return None
        tasks = await self._refused(await self._mapped(plan_id))
        missing = await self.repository.missing(tasks)
        await self.plans.end_hold(plan_id, LET_THROUGH_MS)
        await self.pending.enqueue(sorted(missing), reason="confirmed_missing")
        await self.pending.enqueue(
            [task_id for task_id in tasks if task_id not in missing], reason="recheck"
        )
        return len(tasks)

    async def restore(self, plan_id: str) -> int | None:
        """Bring documents back that agents deleted, and make cards anew that people deleted. How
        many, or None.

        Everything is marked before the hold ends: whenever this is cut off, nothing of it can be
        deleted any more.
        """
        if await self.plans.hold(plan_id) is None:
            return None
        mapped = await self._mapped(plan_id)
        gone = (await self.plans.recorded_deletes(plan_id)).intersection(mapped)
        tasks = sorted(
            {*gone, *await self._refused(mapped), *await self.repository.missing(mapped)}
        )
        await self.pending.enqueue(tasks, reason="restore")
        await self.plans.end_hold(plan_id, 0)
        return len(tasks)

    async def _mapped(self, plan_id: str) -> list[str]:
        owners = await self.mapper.task_ids(list(await self.plans.cards(plan_id)))
        return sorted(owners.values())

    async def _refused(self, task_ids: list[str]) -> list[str]:
        """Those whose delete is held."""
        refusals = await self.repository.refusals()
        return [task for task in task_ids if task in refusals and refusals[task].code == "held"]
