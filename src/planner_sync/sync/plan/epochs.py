"""Does this Redis know a plan? It may have lost what it knew between two passes, and during one.

A pass that finds a strange epoch, or none, puts `adopting-…` there first: only when that still
stands at its end has nothing of what it brought together been lost on the way.
"""

import uuid
from dataclasses import dataclass, field

from planner_sync.store.plans import ADOPTING, Epoch, Plans


@dataclass(frozen=True)
class Begun:
    """A pass that has begun: at the server's time `now` (ms), on the server `run_id`, under this
    epoch of the plan.

    `trusted`: what Redis says about the plan is all that we ever knew of it.
    """

    now: int
    run_id: str
    epoch: Epoch
    trusted: bool

    def __str__(self) -> str:
        """What an order that rests on this pass must still find: a replica may have the epoch, and
        not what we read."""
        return f"{self.run_id} {self.epoch}"


@dataclass
class Epochs:
    """What one process remembers: the highest beat of each plan. A Redis with a lower one has been
    put back in time."""

    plans: Plans
    _passes_seen: dict[str, int] = field(default_factory=dict)

    async def begin(self, plan_id: str) -> Begun:
        """Before anything else of the plan is read."""
        moment = await self.plans.server_clock()
        epoch = await self.plans.epoch(plan_id)
        if (
            epoch
            and epoch.run_id == moment.run_id
            and epoch.passes >= self._passes_seen.get(plan_id, 0)
        ):
            return Begun(moment.now, moment.run_id, epoch, trusted=True)
        adopting = Epoch(f"{ADOPTING}{uuid.uuid4().hex}", epoch.passes if epoch else 0)
        await self.plans.set_epoch(plan_id, epoch, adopting)
        return Begun(moment.now, moment.run_id, adopting, trusted=False)

    async def end(self, plan_id: str, begun: Begun) -> bool:
        """This Redis knows the plan. False: it lost something since the pass began, or another
        instance was at it."""
        epoch = Epoch(begun.run_id, max(begun.epoch.passes, self._passes_seen.get(plan_id, 0)) + 1)
        if not await self.plans.set_epoch(plan_id, begun.epoch, epoch):
            return False
        self._passes_seen[plan_id] = epoch.passes
        return True
