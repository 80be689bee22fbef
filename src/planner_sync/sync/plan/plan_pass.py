"""One pass over one plan: list it, observe, decide, visit.

`decide/plan.py` decides the visits, `decide/mapped.py` decides about a task.
Only a complete listing counts; the cards that it lacks are asked for by id.
"""

import asyncio
import logging
from dataclasses import dataclass

from planner_sync.decide.plan import (
    Stage,
    after_visits,
    begin_stage,
    decide_pass,
    is_adopted,
    stages,
)
from planner_sync.decide.plan_observation import PlanObservation
from planner_sync.errors import Forbidden, GraphError, NotFound, Throttled, Unauthorized
from planner_sync.identity.causes import with_advice
from planner_sync.store.leases import LEASE_MS, Leases, ServerClock
from planner_sync.store.telemetry import Telemetry
from planner_sync.sync.plan.epochs import Epochs
from planner_sync.sync.plan.listing import log_unreadable
from planner_sync.sync.plan.observer import PlanObserver
from planner_sync.sync.plan.visitor import Visitor

log = logging.getLogger(__name__)


@dataclass
class PlanPass:
    """The passes of one process. `waiting` are tasks that wait for their plan to be adopted."""

    leases: Leases
    epochs: Epochs
    observer: PlanObserver
    visitor: Visitor
    telemetry: Telemetry
    waiting: set[str]

    async def run(self, plan_id: str, min_gap_ms: int = 0) -> bool:
        """One pass. False: the plan could not be read, another instance has the plan, or one began
        less than `min_gap_ms` ago.
        """
        clock = await self.leases.take(plan_id, min_gap_ms=min_gap_ms)
        if clock is None:
            return False
        renewing = asyncio.create_task(self._renew(plan_id))
        try:
            await self._pass(plan_id, clock)
        except Throttled:
            return False
        except GraphError as error:
            await self._report(plan_id, error)
            return False
        finally:
            renewing.cancel()
            await self.leases.give_back(plan_id)
        return True

    async def _renew(self, plan_id: str) -> None:
        """Hold the lease as long as the pass runs; that of a killed process ends soon."""
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            await self.leases.take(plan_id)

    async def _pass(self, plan_id: str, clock: ServerClock) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        begun = await self.epochs.begin(plan_id, clock)
        tasks = await self.observer.reader.list_tasks(plan_id)
        await self._report_planner()
        seen = await self.observer.observe(plan_id, begun, tasks)
        seen = await self._visit(seen, "known")
        seen = await self.observer.ask_for_cards(seen)
        seen = await self._visit(seen, "known")
        self.observer.remember(seen)
        seen = await self.observer.read_details(seen, tasks)
        _log_what_is_odd(seen)
        seen = await self._visit(seen, "known")
        for stage in stages(seen):
            seen = await self._visit(begin_stage(seen, stage), stage)
        if is_adopted(seen) and await self.epochs.end(plan_id, begun):
            await self.visitor.pending.enqueue(self.waiting)
            self.waiting.clear()
        await self.telemetry.pass_done(
            plan_id,
            took_ms=round((loop.time() - started) * 1000),
            cards=len(tasks),
            left_out=len(seen.left_out),
        )

    async def _visit(self, seen: PlanObservation, stage: Stage) -> PlanObservation:
        """Visits until the stage decides on no more; what they have changed is read in between."""
        while visits := decide_pass(seen, stage):
            missed = await self.visitor.carry_out(seen, visits)
            seen = await self.observer.again(after_visits(seen, visits, missed))
        return seen

    async def _report_planner(self) -> None:
        """Record that Planner has answered, or that our token may only read."""
        if missing := self.observer.reader.missing_right():
            await self.telemetry.graph_failed("unauthorized", missing)
        else:
            await self.telemetry.graph_ok()

    async def _report(self, plan_id: str, error: GraphError) -> None:
        refused = isinstance(error, (Unauthorized, Forbidden, NotFound))
        code = "unauthorized" if refused else "unreachable"
        advice = "" if error.cause in str(error) else f"; {with_advice(error.cause)}"
        log.warning("plan %s: %s%s", plan_id, error, advice)
        await self.telemetry.pass_failed(plan_id, f"{code}: {error}")
        if not isinstance(error, (Forbidden, NotFound)):
            await self.telemetry.graph_failed(code, error.cause)


def _log_what_is_odd(seen: PlanObservation) -> None:
    for planner_id in sorted(seen.unreadable):
        log_unreadable(seen.plan_id, planner_id)
    if seen.left_out:
        log.warning(
            "plan %s: the listing left out %d cards that still answer",
            seen.plan_id,
            len(seen.left_out),
        )
