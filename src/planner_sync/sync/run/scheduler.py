"""Scheduler: every interval one pass over each plan, and one sweep over all documents. Bounded in
time."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from planner_sync.errors import Refusal
from planner_sync.model.task import check_task_id
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.leases import Leases
from planner_sync.store.pending import Pending
from planner_sync.store.scripts import Scripts
from planner_sync.store.server.connection import describe, end_if_cancelled
from planner_sync.store.sweep import Sweep
from planner_sync.store.telemetry import Telemetry
from planner_sync.store.trash import Trash
from planner_sync.sync.plan.plan_pass import PlanPass
from planner_sync.sync.run.bad_ids import BadIds

log = logging.getLogger(__name__)

SWEEP_SECONDS = 10.0
SWEEP_LEASE_MS = 15_000
PRUNE_EVERY = 100
SCRIPT_OF_AGENTS = "save_document"  # an agent's user may run what is loaded, and load nothing
PLANS_AT_ONCE = 4


@dataclass
class Scheduler:
    """The polls and sweeps of one process. `evicting`: a missing key proves nothing on this
    server."""

    plan_ids: tuple[str, ...]
    plan_pass: PlanPass
    sweep: Sweep
    mapper: IdMapper
    leases: Leases
    trash: Trash
    scripts: Scripts
    pending: Pending
    bad_ids: BadIds
    telemetry: Telemetry
    interval: float
    on_enqueued: Callable[[], None]
    evicting: bool = False
    _rounds: int = 0
    _sweep_now: asyncio.Event = field(default_factory=asyncio.Event)

    def sweep_soon(self) -> None:
        """Messages may have been missed: sweep as soon as possible."""
        self._sweep_now.set()

    async def run(self) -> None:
        """Poll and sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._poll_on())
            group.create_task(self._sweep_on())

    @property
    def _rest_ms(self) -> int:
        """Less than an interval, so that an instance keeps its turn although its timer is not
        exact."""
        return round(self.interval * 900)

    async def poll(self, min_gap_ms: int = 0) -> None:
        """One pass over each plan that no other instance began less than `min_gap_ms` ago.

        A plan that cannot be read does not delay the others.
        """
        places = asyncio.Semaphore(PLANS_AT_ONCE)

        async def one(plan_id: str) -> bool:
            async with places:
                try:
                    return await self.plan_pass.run(plan_id, min_gap_ms)
                except (RedisError, OSError):
                    raise
                except Exception:  # one plan must never stop the others
                    log.exception("plan %s: a pass has failed", plan_id)
                    return False

        done = await asyncio.gather(*(one(plan_id) for plan_id in self.plan_ids))
        if any(done):
            await self.telemetry.poll_done()
        self.on_enqueued()

    async def sweep_once(self, min_gap_ms: int = 0) -> None:
        """Enqueue what changed without a message, and what is missing for the second time."""
        await self.scripts.offer(SCRIPT_OF_AGENTS)
        clock = await self.leases.take("sweep", SWEEP_LEASE_MS, min_gap_ms=min_gap_ms)
        if clock is None:
            return
        try:
            await self._sweep(clock.now)
        finally:
            await self.leases.give_back("sweep")
        self.on_enqueued()

    async def _sweep(self, now: int) -> None:
        self._rounds += 1
        mapped = await self.mapper.all_task_ids()
        swept = await self.sweep.run(mapped, SWEEP_SECONDS)
        good = []
        for task_id in swept.changed:
            try:
                check_task_id(task_id)
            except Refusal as refusal:
                await self.bad_ids.report(task_id, refusal, swept=True)
            else:
                good.append(task_id)
        await self.pending.enqueue(good)
        await self.pending.enqueue(
            sorted(await self.mapper.unpublished())
        )  # the next reconciliation publishes it again
        if swept.complete:
            await self.bad_ids.withdraw_missing(swept.present)
            missing = await self.sweep.confirm_missing(swept, now, self._rest_ms)
            if not self.evicting:
                await self.pending.enqueue(missing, reason="confirmed_missing")
        if self._rounds % PRUNE_EVERY == 0:
            await self.trash.prune()

    async def _poll_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self.interval
            try:
                await self.poll(self._rest_ms)
            except (RedisError, OSError) as error:
                end_if_cancelled()
                log.warning("Redis does not answer: %s", describe(error))
            end_if_cancelled()
            await asyncio.sleep(max(due - loop.time(), 0.05))

    async def _sweep_on(self) -> None:
        while True:
            asked = (
                self._sweep_now.is_set()
            )  # even if others have swept: messages were missed since
            self._sweep_now.clear()
            try:
                await self.sweep_once(0 if asked else self._rest_ms)
            except (RedisError, OSError) as error:
                end_if_cancelled()
                log.warning("Redis does not answer: %s", describe(error))
            end_if_cancelled()
            try:
                async with asyncio.timeout(self.interval):
                    await self._sweep_now.wait()
            except TimeoutError:
                pass
