"""The workers: reconcile all tasks that are due, many at once, each under its own lease."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from planner_sync.model.lease import TaskLease
from planner_sync.store.pending import TASK_LEASE_MS, Pending
from planner_sync.store.server.connection import describe, end_if_cancelled
from planner_sync.sync.task.reconcile import Reconciler, Trigger

log = logging.getLogger(__name__)

AT_ONCE = 100  # enough for several full batches, so that a backlog needs few round trips to Graph
IDLE_SECONDS = 5.0
RETRY_SECONDS = 1.0


@dataclass
class Workers:
    """Reconciles the tasks that are due, `AT_ONCE` at a time."""

    pending: Pending
    reconciler: Reconciler
    pause: Callable[[float], None]
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[asyncio.Task[bool]] = field(default_factory=set)

    def wake(self) -> None:
        """Something was enqueued."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; running reconciliations are cancelled too, and their leases
        expire."""
        try:
            while True:
                try:
                    wait = await self._start_due()
                except (RedisError, OSError) as error:
                    end_if_cancelled()
                    log.warning("Redis does not answer: %s", describe(error))
                    wait = RETRY_SECONDS
                end_if_cancelled()
                await self._wait(wait)
        finally:
            for running in self._running:
                running.cancel()

    async def drain(self, seconds: float) -> None:
        """Work until nothing is due, or for `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    wait = await self._start_due()
                    if not self._running and wait > 0:
                        return
                    await self._wait(min(wait, RETRY_SECONDS))
        except TimeoutError:
            log.info("draining timed out, %d reconciliations still running", len(self._running))

    async def reconcile(self, lease: TaskLease, trigger: Trigger | None = None) -> bool:
        """Reconcile one task. A failure (False) affects no other task: the lease expires, and the
        task is due again."""
        holding = asyncio.create_task(self._hold(lease))
        try:
            result = await self.reconciler.reconcile(lease, trigger)
        except (RedisError, OSError) as error:
            log.warning("task %s: Redis does not answer: %s", lease.task_id, describe(error))
        except Exception:  # one bad task must never stop the rest
            log.exception("task %s: the reconciliation has failed", lease.task_id)
        else:
            if result in ("moved", "taken", "overtaken"):
                self.wake()
            return result is not None
        finally:
            holding.cancel()
        return False

    async def _hold(self, lease: TaskLease) -> None:
        """Renew the lease while its reconciliation waits for a slow Planner; a lost lease is not
        taken back."""
        try:
            while True:
                await asyncio.sleep(TASK_LEASE_MS / 3000)
                if not await self.pending.renew(lease):
                    return
        except (RedisError, OSError):  # the reconciliation will notice
            return

    async def _start_due(self) -> float:
        """Start to reconcile all that is due; returns the seconds until there may be more."""
        self._wake.clear()
        free = AT_ONCE - len(self._running)
        if free <= 0:
            return IDLE_SECONDS
        batch = await self.pending.lease(free)
        for lease in batch.parked:
            await self.reconciler.report_parked(lease)
        for lease in batch.leases:
            started = asyncio.create_task(self.reconcile(lease))
            self._running.add(started)
            started.add_done_callback(self._done)
        if batch.pause_ms:
            self.pause(batch.pause_ms / 1000)
            return min(batch.pause_ms / 1000, IDLE_SECONDS)
        if batch.next_ms < 0:
            return IDLE_SECONDS
        return min(batch.next_ms / 1000, IDLE_SECONDS)

    def _done(self, ended: asyncio.Task[bool]) -> None:
        full = len(self._running) >= AT_ONCE
        self._running.discard(ended)
        if full or not self._running:
            self._wake.set()

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0 and len(self._running) < AT_ONCE:
            return
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self._wake.wait()
        except TimeoutError:
            pass
