"""The mass-delete brake: if too much vanishes at once on either side, all deletes of a plan stop.

Tasks are counted by their ids, so that one which is missing now and deleted a moment later counts
once. Tasks that an operator is restoring do not count.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from planner_sync.model.records import Hold, Side
from planner_sync.store.holds import Deletes
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.plan_state import PlanState
from planner_sync.store.task_repository import TaskRepository

log = logging.getLogger(__name__)


@dataclass
class Brake:
    """`max_ratio` and `max_count` must both be exceeded, within `window_ms`."""

    deletes: Deletes
    plans: PlanState
    mapper: IdMapper
    repository: TaskRepository
    max_ratio: float
    max_count: int
    window_ms: int

    async def stops(self, plan_id: str, side: Side, gone: Collection[str] = ()) -> bool:
        """Must deletes wait?

        `gone` are the tasks whose card is gone. Missing documents are counted here.
        """
        if await self.deletes.hold(plan_id) is not None:
            # Also what people delete while the hold lasts, so that a restore finds it.
            await self.deletes.record(
                plan_id, set(gone) - await self.repository.to_restore(sorted(gone))
            )
            return True
        if await self.deletes.is_released(plan_id):
            return False
        mapped = set((await self.mapper.task_ids(list(await self.plans.cards(plan_id)))).values())
        vanished = set(gone) if side == "planner" else await self.repository.missing(sorted(mapped))
        vanished -= await self.repository.to_restore(sorted(vanished))
        if side == "planner":
            # Many reconciliations that each find one card gone must see each other.
            await self.deletes.record(plan_id, vanished)
        # Read last: it has what was deleted since the documents were counted.
        vanished |= await self.deletes.recent(plan_id, self.window_ms)
        before = len(mapped | vanished)
        if len(vanished) <= self.max_count or len(vanished) <= self.max_ratio * before:
            return False
        at = (await self.plans.server_clock()).now
        hold = Hold(side, len(vanished), before, at)
        if await self.deletes.set_hold(plan_id, hold):
            log.error(
                "plan %s: deletes are held: %d of %d tasks vanished at once",
                plan_id,
                len(vanished),
                before,
            )
        return True
