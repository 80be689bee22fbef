"""The mass-delete brake: too much that vanishes at once, on either side, stops all deletes of a plan."""

import logging
from dataclasses import dataclass
from typing import Literal

from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.plans import Plans
from planner_sync.store.task_repository import TaskRepository

log = logging.getLogger(__name__)
Side = Literal["agents", "planner"]


@dataclass
class Brake:
    """`max_ratio` and `max_count` must both be exceeded, within `window_ms`."""

    plans: Plans
    mapper: IdMapper
    repository: TaskRepository
    max_ratio: float
    max_count: int
    window_ms: int

    async def stops(self, plan_id: str, side: Side, vanished: int | None = None) -> bool:
        """Must this delete wait? `vanished` is the number of cards that are gone, which only a pass knows."""
        if await self.plans.hold(plan_id) is not None:
            return True
        if await self.plans.is_released(plan_id):
            return False
        cards = await self.plans.cards(plan_id)
        recent = await self.plans.recent_deletes(plan_id, self.window_ms)
        before = len(cards) + recent
        if before <= self.max_count:
            return False
        if vanished is None:
            tasks = await self.mapper.task_ids(list(cards))
            vanished = await self.repository.count_missing(list(tasks.values()))
        if vanished + recent <= self.max_count or vanished + recent <= self.max_ratio * before:
            return False
        hold = {"side": side, "vanished": vanished + recent, "of": before, "at": (await self.plans.moment()).now}
        if await self.plans.set_hold(plan_id, hold):
            log.error("plan %s: deletes are held: %d of %d tasks vanished at once", plan_id, vanished + recent, before)
        return True
