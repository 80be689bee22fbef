"""One gate for every call to Graph: few round trips at once, one shared pause, batches, and
interactive work first.

Waiting callers are admitted in groups. Each group is a batch and makes one round trip:

    member   waits, is admitted to a batch, runs `before`, joins the batch, gets its own outcome
    batch    occupies one of IN_FLIGHT places; is sent when every member has joined or left,
             at the latest BATCH_WAIT seconds after the first one joined

`before` runs after all waiting and right before the request is sent, so what it records is still
true at that moment. The gate knows nothing of HTTP: it passes requests and outcomes on as they are.
It never repeats a request and never reads a wall clock.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from planner_sync.errors import NotSent, Throttled
from planner_sync.graph.answers import GraphRequest, Outcome
from planner_sync.graph.batch_window import BatchWindow
from planner_sync.model import timing

IN_FLIGHT = 4  # round trips at once
BATCH_SIZE = 20  # requests in one round trip: the limit of $batch
MAX_INLINE_WAIT = 2.0  # seconds of a pause that a caller waits out; a longer one refuses it
BATCH_WAIT = 2.0  # seconds that a batch waits for further members once the first has joined
BEFORE_LIMIT = 10.0  # seconds that a caller's `before` may take
DEADLINE = timing.REQUEST_DEADLINE_MS / 1000  # seconds from the first join to the answer
FIRST_BACKOFF = 2.0  # seconds, then doubled
LONGEST_BACKOFF = 900.0  # seconds
MAX_DOUBLINGS = 16  # far beyond LONGEST_BACKOFF; keeps the number small

log = logging.getLogger(__name__)

Send = Callable[[list[GraphRequest], float], Awaitable[list[Outcome]]]
Before = Callable[[], Awaitable[None]]


async def publish_to_nobody(milliseconds: float) -> None:
    """The `publish_pause` of a process that shares its pauses with no other."""


@dataclass(eq=False)
class _Member:
    """A caller, until it has its outcome."""

    send: Send
    interactive: bool
    batchable: bool
    admitted: asyncio.Future[BatchWindow] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Gate:
    """Decides when each request of this process is sent to Graph, and with which others.

    `publish_pause(milliseconds)` is called, and not waited for, whenever an answer begins or
    extends a pause. `deadline` is the time in seconds from the moment a caller joins its batch to
    its outcome, all waiting included.
    """

    def __init__(
        self,
        *,
        publish_pause: Callable[[float], Awaitable[None]] = publish_to_nobody,
        in_flight: int = IN_FLIGHT,
        deadline: float = DEADLINE,
        before_limit: float = BEFORE_LIMIT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._publish_pause = publish_pause
        self._max_in_flight = in_flight
        self._allowed_in_flight = in_flight
        self._deadline = deadline
        self._before_limit = before_limit
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._paused_until = clock()
        self._backoffs = 0
        self._interactive: deque[_Member] = deque()
        self._bulk: deque[_Member] = deque()
        # The value: is the batch led by an interactive caller?
        self._in_flight_batches: dict[BatchWindow, bool] = {}
        self._admission: asyncio.Handle | None = None
        self._waker: asyncio.Task[None] | None = None
        self._publishing: set[asyncio.Future[None]] = set()

    async def submit(
        self,
        request: GraphRequest,
        send: Send,
        *,
        before: Before | None = None,
        interactive: bool = True,
        batchable: bool = True,
    ) -> Outcome:
        """Send a request, alone or in a batch, and return its outcome.

        `send([request, …], seconds)` returns one outcome for each request within `seconds`. Raises
        Throttled when Graph is paused for longer than MAX_INLINE_WAIT, and NotSent when there is
        no time left: in both cases nothing was sent. What `before` and `send` raise is passed on.
        """
        member = _Member(send, interactive, batchable)
        batch = await self._admitted(member)
        try:
            if before is not None:
                await self._run_before(before)
            if not batch.join(member, request):
                batch = self._start_late_batch(member, request)
            # A member that gives up must not stop the others.
            outcomes = await asyncio.shield(batch.task)
            return outcomes[member]
        finally:
            batch.leave(member)

    async def aclose(self) -> None:
        """Stop everything that is in flight; callers that wait for it get CancelledError."""
        running: list[asyncio.Future[None] | asyncio.Task[dict[object, Outcome]]] = []
        running += self._publishing
        running += [batch.task for batch in self._in_flight_batches]
        if self._waker:
            running.append(self._waker)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # -- the pause ---------------------------------------------------------------------------------
    @property
    def remaining_pause(self) -> float:
        """Seconds for which Graph must not be called; 0.0 when it may be."""
        return max(0.0, self._paused_until - self._clock())

    def pause_for(self, seconds: float) -> None:
        """Pause, because another process was throttled."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._admit_soon()

    def throttled(self, retry_after: float | None) -> float:
        """Graph answered 429 or 503, and asked for a pause of `retry_after` seconds if it said so.

        Returns the seconds that are left of the pause.
        """
        running = self.remaining_pause
        pause = retry_after
        if pause is None:
            pause = running or self._backoff()
        # After the pause one round trip is a probe; the others follow when it succeeds.
        self._allowed_in_flight = 1
        if pause > running:
            log.info("Graph is throttling: no calls for %.1f s", pause)
            self.pause_for(pause)
            self._publish(pause)
        return self.remaining_pause

    def not_throttled(self) -> None:
        """Graph answered a round trip without throttling any request of it."""
        if self.remaining_pause:
            return
        self._backoffs = 0
        self._allowed_in_flight = min(self._allowed_in_flight + 1, self._max_in_flight)

    def _backoff(self) -> float:
        longest = min(FIRST_BACKOFF * 2.0**self._backoffs, LONGEST_BACKOFF)
        self._backoffs = min(self._backoffs + 1, MAX_DOUBLINGS)
        return longest * (1 + self._jitter()) / 2

    def _publish(self, pause: float) -> None:
        publishing = asyncio.ensure_future(self._publish_pause(pause * 1000))
        self._publishing.add(publishing)
        publishing.add_done_callback(self._published)

    def _published(self, publishing: asyncio.Future[None]) -> None:
        self._publishing.discard(publishing)
        if publishing.cancelled():
            return
        if error := publishing.exception():
            name = type(error).__name__
            log.warning("the pause could not be shared with other instances: %s", name)

    def _refuse_long_pause(self) -> None:
        pause = self.remaining_pause
        if pause > MAX_INLINE_WAIT:
            raise _paused(pause)

    # -- admission ---------------------------------------------------------------------------------
    async def _admitted(self, member: _Member) -> BatchWindow:
        self._refuse_long_pause()
        self._queue_of(member).append(member)
        self._admit_soon()
        try:
            return await member.admitted
        except asyncio.CancelledError:
            if not member.admitted.cancelled() and member.admitted.exception() is None:
                member.admitted.result().leave(member)
            raise

    def _queue_of(self, member: _Member) -> deque[_Member]:
        return self._interactive if member.interactive else self._bulk

    def _admit_soon(self) -> None:
        # In the next turn of the loop, so that all callers of this turn share a batch.
        if self._admission is None:
            self._admission = asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        self._admission = None
        self._interactive = _without_done(self._interactive)
        self._bulk = _without_done(self._bulk)
        if pause := self.remaining_pause:
            self._hold_back(pause)
            return
        while len(self._in_flight_batches) < self._allowed_in_flight:
            members = self._next_members()
            if not members:
                return
            batch = self._start_batch(members)
            for member in members:
                member.admitted.set_result(batch)

    def _hold_back(self, pause: float) -> None:
        if pause <= MAX_INLINE_WAIT:
            if self._waker is None and (self._interactive or self._bulk):
                self._waker = asyncio.create_task(self._admit_after(pause))
            return
        for queue in (self._interactive, self._bulk):
            while queue:
                queue.popleft().admitted.set_exception(_paused(pause))

    async def _admit_after(self, pause: float) -> None:
        await self._sleep(pause)
        self._waker = None
        self._admit_soon()

    def _next_members(self) -> list[_Member]:
        """The members of the next batch, interactive callers first; [] when no caller waits."""
        queues = [self._interactive, self._bulk]
        others = self._in_flight_batches
        if 0 < len(others) == self._max_in_flight - 1 and all(others.values()):
            # Interactive callers lead all others: the last place is for bulk work, which must move.
            queues.reverse()
        waiting = [queue for queue in queues if queue]
        if not waiting:
            return []
        leader = waiting[0].popleft()
        if not leader.batchable:
            return [leader]
        return [leader, *self._batch_mates(BATCH_SIZE - 1)]

    def _batch_mates(self, size: int) -> list[_Member]:
        waiting = [*self._interactive, *self._bulk]
        mates = [member for member in waiting if member.batchable][:size]
        for mate in mates:
            self._queue_of(mate).remove(mate)
        return mates

    # -- one batch ---------------------------------------------------------------------------------
    def _start_batch(self, members: list[_Member]) -> BatchWindow:
        leader = members[0]
        batch = BatchWindow(members)
        self._in_flight_batches[batch] = leader.interactive
        batch.task = asyncio.create_task(self._send_batch(batch, leader.send))
        batch.task.add_done_callback(lambda _: self._end_batch(batch))
        return batch

    def _start_late_batch(self, member: _Member, request: GraphRequest) -> BatchWindow:
        """Start a batch for a request that missed its own.

        It must not queue again: what its `before` recorded would no longer be true.
        """
        self._refuse_long_pause()
        if len(self._in_flight_batches) >= self._allowed_in_flight:
            raise NotSent("not sent: it was late for its batch, and too many others are in flight")
        batch = self._start_batch([member])
        batch.join(member, request)
        return batch

    def _end_batch(self, batch: BatchWindow) -> None:
        del self._in_flight_batches[batch]
        batch.close()
        self._admit_soon()

    async def _send_batch(self, batch: BatchWindow, send: Send) -> dict[object, Outcome]:
        await batch.first_join()
        latest = self._clock() + self._deadline
        if not batch.is_closed:
            timer = asyncio.ensure_future(self._sleep(BATCH_WAIT))
            timer.add_done_callback(lambda _: batch.close())
            await batch.closed()
            timer.cancel()
        requests = await batch.closed()
        if not requests:
            return {}
        while pause := self.remaining_pause:  # it began while the members were joining
            self._refuse_long_pause()
            await self._sleep(pause)
        # A process that was frozen gets here when it wakes up, perhaps hours later.
        left = latest - self._clock()
        if left <= 0:
            raise NotSent("not sent: no time left before the deadline")
        outcomes = await send(list(requests.values()), left)
        return dict(zip(requests, outcomes, strict=True))

    async def _run_before(self, before: Before) -> None:
        try:
            async with asyncio.timeout(self._before_limit) as limit:
                await before()
        except TimeoutError:
            if not limit.expired():
                raise  # the caller's own
            raise NotSent(
                f"not sent: preparing it took longer than {self._before_limit:g} s"
            ) from None


def _without_done(queue: deque[_Member]) -> deque[_Member]:
    """The queue without callers that gave up while they waited."""
    return deque(member for member in queue if not member.admitted.done())


def _paused(pause: float) -> Throttled:
    return Throttled(f"not sent: Graph is paused for {pause:.1f} s", retry_after=pause)
