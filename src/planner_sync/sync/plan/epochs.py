"""Does this Redis know a plan? It may have lost what it knew between two passes, or during one.

If the epoch is missing or unknown, the pass writes a one-time `adopting-<id>` epoch. If that value
is still there at the end, Redis lost nothing meanwhile, and the plan counts as adopted.
"""

import uuid
from dataclasses import dataclass, field

from planner_sync.store.leases import ServerClock
from planner_sync.store.plan_state import ADOPTING, Epoch, PlanState


@dataclass(frozen=True)
class Begun:
    """A pass that has begun: the server's time and run id, and the epoch of the plan.

    `trusted`: Redis has lost nothing that we knew about the plan.
    """

    clock: ServerClock
    epoch: Epoch
    trusted: bool

    def __str__(self) -> str:
        """What an order that rests on this pass must still find.

        The run id stands in it because a replica may have the epoch and not what we read.
        """
        return f"{self.clock.run_id} {self.epoch}"


@dataclass
class Epochs:
    """What one process remembers: the highest count of passes of each plan.

    A Redis with a lower one has been put back in time.
    """

    plans: PlanState
    _passes_seen: dict[str, int] = field(default_factory=dict)

    async def begin(self, plan_id: str, clock: ServerClock) -> Begun:
        """Before anything else of the plan is read."""
        epoch = await self.plans.epoch(plan_id)
        if epoch and self._is_trusted(plan_id, epoch, clock):
            return Begun(clock, epoch, trusted=True)
        adopting = Epoch(f"{ADOPTING}{uuid.uuid4().hex}", epoch.passes if epoch else 0)
        await self.plans.set_epoch(plan_id, epoch, adopting)
        return Begun(clock, adopting, trusted=False)

    async def end(self, plan_id: str, begun: Begun) -> bool:
        """This Redis knows the plan. False: it lost something since the pass began, or another
        instance passed too.
        """
        passes = max(begun.epoch.passes, self._passes_seen.get(plan_id, 0)) + 1
        epoch = Epoch(begun.clock.run_id, passes)
        if not await self.plans.set_epoch(plan_id, begun.epoch, epoch):
            return False
        self._passes_seen[plan_id] = passes
        return True

    def _is_trusted(self, plan_id: str, epoch: Epoch, clock: ServerClock) -> bool:
        is_this_server = epoch.run_id == clock.run_id
        return is_this_server and epoch.passes >= self._passes_seen.get(plan_id, 0)
