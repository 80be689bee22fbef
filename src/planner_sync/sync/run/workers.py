"""Upload: the listener hears of changes and marks them, the workers look at whatever is due.

The listener never waits for Planner, and carries no work: what it misses, the sweep finds. It talks
to itself, because a connection that is half open is silent for ever, and no health check of the
client notices.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from planner_sync.errors import Refusal
from planner_sync.model.lease import Announced, TaskLease
from planner_sync.model.task import check_task_id
from planner_sync.store.keys import Keys
from planner_sync.store.pending import TASK_LEASE_MS, Pending
from planner_sync.store.server.connection import end_if_cancelled, why
from planner_sync.store.telemetry import Telemetry
from planner_sync.sync.run.bad_ids import BadIds
from planner_sync.sync.run.messages import read_message
from planner_sync.sync.task.reconcile import Reconciler, Trigger

log = logging.getLogger(__name__)

AT_ONCE = 100  # looks at the same time: enough for several full batches, so that a backlog travels in few round trips
IDLE_SECONDS = 5.0
RETRY_SECONDS = 1.0
CANARY_EVERY, CANARY_DEAD = 4.0, 12.0


@dataclass
class Workers:
    """Looks at tasks that are due, many at once, each under its own lease."""

    pending: Pending
    reconciler: Reconciler
    pause: Callable[[float], None]
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[asyncio.Task[bool]] = field(default_factory=set)

    def wake(self) -> None:
        """Something was marked."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; the looks that are under way are cancelled too, and their leases
        run out."""
        try:
            while True:
                try:
                    wait = await self._start_due()
                except (RedisError, OSError) as error:
                    end_if_cancelled()
                    log.warning("Redis does not answer: %s", why(error))
                    wait = RETRY_SECONDS
                end_if_cancelled()
                await self._wait(wait)
        finally:
            for look in self._running:
                look.cancel()

    async def drain(self, seconds: float) -> None:
        """Work until nothing is due, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    wait = await self._start_due()
                    if not self._running and wait > 0:
                        return
                    await self._wait(min(wait, RETRY_SECONDS))
        except TimeoutError:
            log.info("%d looks go on after the time for draining", len(self._running))

    async def reconcile(self, lease: TaskLease, trigger: Trigger | None = None) -> bool:
        """One look that harms nobody else when it fails (False); its lease runs out, and the task
        comes due again."""
        holding = asyncio.create_task(self._hold(lease))
        try:
            result = await self.reconciler.reconcile(lease, trigger)
        except (RedisError, OSError) as error:
            log.warning("task %s: Redis does not answer: %s", lease.task_id, why(error))
        except Exception:  # one bad task must never stop the rest
            log.exception("task %s: a look has failed", lease.task_id)
        else:
            if result in ("moved", "taken", "overtaken"):
                self.wake()
            return result is not None
        finally:
            holding.cancel()
        return False

    async def _hold(self, lease: TaskLease) -> None:
        """Keep the lease while its look waits for a slow Planner; one that was lost is not taken
        back."""
        try:
            while True:
                await asyncio.sleep(TASK_LEASE_MS / 3000)
                if not await self.pending.renew(lease):
                    return
        except (RedisError, OSError):  # the look will notice
            return

    async def _start_due(self) -> float:
        """Start a look at everything that is due; seconds until there may be more."""
        self._wake.clear()
        free = AT_ONCE - len(self._running)
        if free <= 0:
            return IDLE_SECONDS
        batch = await self.pending.lease(free)
        for lease in batch.parked:
            await self.reconciler.report_parked(lease)
        for lease in batch.leases:
            look = asyncio.create_task(self.reconcile(lease))
            self._running.add(look)
            look.add_done_callback(self._done)
        if batch.pause_ms:
            self.pause(batch.pause_ms / 1000)
            return min(batch.pause_ms / 1000, IDLE_SECONDS)
        if batch.next_ms < 0:
            return IDLE_SECONDS
        return min(batch.next_ms / 1000, IDLE_SECONDS)

    def _done(self, look: asyncio.Task[bool]) -> None:
        full = len(self._running) >= AT_ONCE
        self._running.discard(look)
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


@dataclass
class Listener:
    """Hears `tasks:updates`, and marks what it hears of."""

    subscribe: Callable[[], Any]  # gives a pub/sub object of its own connection
    publish: Callable[[str, str], Any]
    keys: Keys
    pending: Pending
    bad_ids: BadIds
    telemetry: Telemetry
    instance: str
    on_enqueued: Callable[[], None]
    on_subscribed: Callable[[], None]
    clock: Callable[[], float]
    _heard: float = 0.0
    _ignored: int = 0
    _hints: dict[str, Announced] = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Listen until cancelled; whatever happens, subscribe again."""
        while True:
            try:
                # In a task of its own: below Python 3.13 a group that fails leaves its owner marked as cancelled,
                # https://docs.python.org/3.13/library/asyncio-task.html#task-groups, and would end this one.
                await asyncio.create_task(self._listen())
            except* (RedisError, OSError, asyncio.IncompleteReadError) as errors:
                end_if_cancelled()
                log.warning("the subscription has ended: %s", why(errors.exceptions[0]))
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        pubsub = self.subscribe()
        try:
            await pubsub.subscribe(self.keys.updates, self.keys.canary(self.instance))
            self._heard = self.clock()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(pubsub))
                group.create_task(self._mark())
                group.create_task(self._talk_to_itself())
        finally:
            await pubsub.aclose()

    async def _read(self, pubsub: Any) -> None:
        canary = self.keys.canary(self.instance).encode()
        while True:
            message = await pubsub.get_message(timeout=CANARY_EVERY)
            end_if_cancelled()
            if message is None:
                continue
            if message["type"] == "subscribe":
                # Also when redis-py has subscribed again by itself: what was said in between is
                # lost.
                self.on_subscribed()
            elif message["channel"] == canary:
                self._heard = self.clock()
                self._arrived.set()
            elif message["type"] == "message":
                self._hear(message["data"])

    def _hear(self, data: bytes) -> None:
        hint = read_message(data)
        if hint == "own":
            return
        if hint is None:
            self._ignored += 1
            self._arrived.set()
            return
        self._hints[hint.task_id] = hint.announced or self._hints.get(hint.task_id, "")
        self._arrived.set()

    async def _mark(self) -> None:
        beaten = 0.0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            (hints, self._hints), (ignored, self._ignored) = (self._hints, {}), (self._ignored, 0)
            await self._mark_all(hints)
            if ignored:
                await self.telemetry.count("messages ignored", ignored)
            if self._heard > beaten:
                beaten = self._heard
                await self.telemetry.listener_heard(self.instance)
            end_if_cancelled()

    async def _mark_all(self, hints: dict[str, Announced]) -> None:
        by_word: dict[Announced, list[str]] = {}
        for task_id, word in hints.items():
            try:
                check_task_id(task_id)
            except Refusal as refusal:
                await self.bad_ids.report(task_id, refusal)
            else:
                by_word.setdefault(word, []).append(task_id)
        for word, task_ids in by_word.items():
            await self.pending.enqueue(task_ids, announced=word)
        if by_word:
            self.on_enqueued()

    async def _talk_to_itself(self) -> None:
        while True:
            await self.publish(self.keys.canary(self.instance), uuid.uuid4().hex)
            end_if_cancelled()
            await asyncio.sleep(CANARY_EVERY)
            if self.clock() - self._heard > CANARY_DEAD:
                raise ConnectionError("the subscription is silent")
