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
from planner_sync.model.lease import Claim, Word
from planner_sync.model.task import check_task_id
from planner_sync.store.keys import Keys
from planner_sync.store.pending import CLAIM_MS, Pending
from planner_sync.store.server.connection import describe, end_if_cancelled
from planner_sync.store.telemetry import Vitals
from planner_sync.sync.run.bad_ids import BadIds
from planner_sync.sync.run.messages import read_message
from planner_sync.sync.task.reconcile import Observed, Reconciler

log = logging.getLogger(__name__)

AT_ONCE = 100  # looks at the same time: enough for several full batches, so that a backlog travels in few round trips
IDLE_SECONDS = 5.0
RETRY_SECONDS = 1.0
CANARY_EVERY, CANARY_DEAD = 4.0, 12.0


@dataclass
class Workers:
    """Looks at tasks that are due, many at once, each under its own claim."""

    pending: Pending
    reconciler: Reconciler
    pause: Callable[[float], None]
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _looks: set[asyncio.Task[bool]] = field(default_factory=set)

    def wake(self) -> None:
        """Something was marked."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; the looks that are under way are cancelled too, and their claims
        run out."""
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
            for look in self._looks:
                look.cancel()

    async def drain(self, seconds: float) -> None:
        """Work until nothing is due, or for so long."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    wait = await self._start_due()
                    if not self._looks and wait > 0:
                        return
                    await self._wait(min(wait, RETRY_SECONDS))
        except TimeoutError:
            log.info("%d looks go on after the time for draining", len(self._looks))

    async def look(self, claim: Claim, observed: Observed | None = None) -> bool:
        """One look that harms nobody else when it fails (False); its claim runs out, and the task
        comes due again."""
        holding = asyncio.create_task(self._hold(claim))
        try:
            result = await self.reconciler.look(claim, observed)
        except (RedisError, OSError) as error:
            log.warning("task %s: Redis does not answer: %s", claim.task_id, describe(error))
        except Exception:  # one bad task must never stop the rest
            log.exception("task %s: a look has failed", claim.task_id)
        else:
            if result in ("moved", "taken", "overtaken"):
                self.wake()
            return result is not None
        finally:
            holding.cancel()
        return False

    async def _hold(self, claim: Claim) -> None:
        """Keep the claim while its look waits for a slow Planner; one that was lost is not taken
        back."""
        try:
            while True:
                await asyncio.sleep(CLAIM_MS / 3000)
                if not await self.pending.renew(claim):
                    return
        except (RedisError, OSError):  # the look will notice
            return

    async def _start_due(self) -> float:
        """Start a look at everything that is due; seconds until there may be more."""
        self._wake.clear()
        free = AT_ONCE - len(self._looks)
        if free <= 0:
            return IDLE_SECONDS
        batch = await self.pending.claim(free)
        for claim in batch.parked:
            await self.reconciler.report_parked(claim)
        for claim in batch.claims:
            look = asyncio.create_task(self.look(claim))
            self._looks.add(look)
            look.add_done_callback(self._done)
        if batch.pause_ms:
            self.pause(batch.pause_ms / 1000)
            return min(batch.pause_ms / 1000, IDLE_SECONDS)
        if batch.next_ms < 0:
            return IDLE_SECONDS
        return min(batch.next_ms / 1000, IDLE_SECONDS)

    def _done(self, look: asyncio.Task[bool]) -> None:
        full = len(self._looks) >= AT_ONCE
        self._looks.discard(look)
        if full or not self._looks:
            self._wake.set()

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0 and len(self._looks) < AT_ONCE:
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
    vitals: Vitals
    instance: str
    on_marked: Callable[[], None]
    on_subscribed: Callable[[], None]
    clock: Callable[[], float]
    _heard: float = 0.0
    _ignored: int = 0
    _hints: dict[str, Word] = field(default_factory=dict)
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
                log.warning("the subscription has ended: %s", describe(errors.exceptions[0]))
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
        self._hints[hint.task_id] = hint.word or self._hints.get(hint.task_id, "")
        self._arrived.set()

    async def _mark(self) -> None:
        beaten = 0.0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            (hints, self._hints), (ignored, self._ignored) = (self._hints, {}), (self._ignored, 0)
            await self._mark_all(hints)
            if ignored:
                await self.vitals.count("messages ignored", ignored)
            if self._heard > beaten:
                beaten = self._heard
                await self.vitals.beat_listener(self.instance)
            end_if_cancelled()

    async def _mark_all(self, hints: dict[str, Word]) -> None:
        by_word: dict[Word, list[str]] = {}
        for task_id, word in hints.items():
            try:
                check_task_id(task_id)
            except Refusal as refusal:
                await self.bad_ids.report(task_id, refusal)
            else:
                by_word.setdefault(word, []).append(task_id)
        for word, task_ids in by_word.items():
            await self.pending.mark(task_ids, word=word)
        if by_word:
            self.on_marked()

    async def _talk_to_itself(self) -> None:
        while True:
            await self.publish(self.keys.canary(self.instance), uuid.uuid4().hex)
            end_if_cancelled()
            await asyncio.sleep(CANARY_EVERY)
            if self.clock() - self._heard > CANARY_DEAD:
                raise ConnectionError("the subscription is silent")
