"""One gate for every call to Graph: a few in flight, one shared pause, interactive work first,
cars.

Waiting callers are admitted in groups, *cars*, and each car is one round trip:

    caller   waits ─▶ is admitted to a car ─▶ before() ─▶ boards ─▶ gets its own outcome
    car      holds one of IN_FLIGHT places; departs when all its passengers have boarded or left, at the latest
             BOARDING seconds after the first boarding; a lone caller waits for nobody

`before` runs after all waiting and right before the request, so that what it writes down is still
true when the request leaves. The gate knows nothing of HTTP, never repeats a request and never
reads a wall clock.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from planner_sync.errors import NotSent, Throttled
from planner_sync.graph.car import Car

IN_FLIGHT = 4  # round trips at once
SEATS = 20  # requests in one round trip: the limit of $batch
PATIENCE = (
    2.0  # seconds of a pause that a caller waits out; for a longer one it gives the work back
)
BOARDING = 2.0  # seconds that a car waits for its other passengers
BEFORE_LIMIT = 10.0  # seconds that a caller may sit in a car without boarding
DEADLINE = 30.0  # seconds from the first boarding to the answer
FIRST_BACKOFF, LONGEST_BACKOFF = 2.0, 900.0  # seconds

log = logging.getLogger(__name__)

Request = TypeVar("Request")
Outcome = TypeVar("Outcome")
Carry = Callable[[list[Request], float], Awaitable[list[Outcome]]]
Before = Callable[[], Awaitable[None]]


async def tell_nobody(milliseconds: float) -> None:
    """The `publish_pause` of a process that shares its pauses with nobody."""


@dataclass(eq=False)
class _Seat:
    """A caller on its way through the gate."""

    carry: Carry[Any, Any]
    interactive: bool
    batchable: bool
    admitted: "asyncio.Future[Car]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Gate:
    """`publish_pause(milliseconds)` is called, and not waited for, whenever an answer begins or
    extends a pause.

    `deadline` is the time in seconds from a caller's boarding to its outcome, all waiting included.
    """

    def __init__(
        self,
        *,
        publish_pause: Callable[[float], Awaitable[None]] = tell_nobody,
        in_flight: int = IN_FLIGHT,
        deadline: float = DEADLINE,
        before_limit: float = BEFORE_LIMIT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._publish_pause = publish_pause
        self._in_flight = self._allowed = in_flight
        self._deadline = deadline
        self._before_limit = before_limit
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self._paused_until = clock()
        self._backoffs = 0
        self._interactive: deque[_Seat] = deque()
        self._bulk: deque[_Seat] = deque()
        self._on_the_road: dict[Car, bool] = {}  # and whether an interactive caller leads it
        self._admission: asyncio.Handle | None = None
        self._waker: asyncio.Task[None] | None = None
        self._background: set[asyncio.Future[None]] = set()

    async def ride(
        self,
        request: Request,
        carry: Carry[Request, Outcome],
        *,
        before: Before | None = None,
        interactive: bool = True,
        batchable: bool = True,
    ) -> Outcome:
        """`carry([request, …], seconds)` gives one outcome for each request within `seconds`; this
        is the one of ours.

        Raises Throttled when a pause is longer than PATIENCE, NotSent when there is no time left:
        in both cases nothing was sent. What `before` and `carry` raise goes through.
        """
        seat = _Seat(carry, interactive, batchable)
        car = await self._admitted(seat)
        try:
            if before is not None:
                await self._prepared(before)
            if not car.board(seat, request):
                car = self._next_car(seat, request)
            # A passenger who gives up does not stop the car.
            outcome: Outcome = (await asyncio.shield(car.journey))[seat]
            return outcome
        finally:
            car.leave(seat)

    # -- the pause ---------------------------------------------------------------------------------
    @property
    def paused(self) -> float:
        """Seconds for which nobody may call Graph; 0.0 when everybody may."""
        return max(0.0, self._paused_until - self._clock())

    def pause_for(self, seconds: float) -> None:
        """Somebody else learnt of a pause."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._admit_soon()

    def throttled(self, wished: float | None) -> float:
        """Graph said 429 or 503, and what it wished, in seconds, if it did. Gives the length of the
        pause now."""
        running = self.paused
        pause = wished if wished is not None else running or self._backoff()
        self._allowed = 1  # after the pause one round trip probes, the others follow its success
        if pause > running:
            log.info("Graph throttles: paused for %.1f s", pause)
            self.pause_for(pause)
            self._in_background(self._publish_pause(pause * 1000))
        return self.paused

    def flowing(self) -> None:
        """Graph answered a round trip without throttling any of it."""
        if not self.paused:
            self._backoffs = 0
            self._allowed = min(self._allowed + 1, self._in_flight)

    async def aclose(self) -> None:
        """Stop what is under way; those who wait for it get CancelledError."""
        running: list[asyncio.Future[Any]] = [
            *self._background,
            *(car.journey for car in self._on_the_road),
        ]
        if self._waker:
            running.append(self._waker)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _backoff(self) -> float:
        longest = min(FIRST_BACKOFF * 2.0**self._backoffs, LONGEST_BACKOFF)
        self._backoffs = min(self._backoffs + 1, 16)
        return longest * (1 + self._jitter()) / 2

    def _in_background(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background_ended)

    def _background_ended(self, task: "asyncio.Future[None]") -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.warning("the pause could not be shared: %s", type(error).__name__)

    # -- admission ---------------------------------------------------------------------------------
    async def _admitted(self, seat: _Seat) -> Car:
        self._refuse_long_pause()
        (self._interactive if seat.interactive else self._bulk).append(seat)
        self._admit_soon()
        try:
            return await seat.admitted
        except asyncio.CancelledError:
            if not seat.admitted.cancelled() and seat.admitted.exception() is None:
                seat.admitted.result().leave(seat)
            raise

    def _admit_soon(self) -> None:
        # One turn of the loop later, so that all who come in the same turn share a car.
        if self._admission is None:
            self._admission = asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        self._admission = None
        # Who gave up while waiting is still in its queue.
        self._interactive = deque(seat for seat in self._interactive if not seat.admitted.done())
        self._bulk = deque(seat for seat in self._bulk if not seat.admitted.done())
        if pause := self.paused:
            self._hold_back(pause)
            return
        while len(self._on_the_road) < self._allowed and (seats := self._next_seats()):
            car = self._start(seats)
            for seat in seats:
                seat.admitted.set_result(car)

    def _hold_back(self, pause: float) -> None:
        if pause <= PATIENCE:
            if self._waker is None and (self._interactive or self._bulk):
                self._waker = asyncio.create_task(self._wake_after(pause))
            return
        for queue in (self._interactive, self._bulk):
            while queue:
                queue.popleft().admitted.set_exception(_throttled(pause))

    async def _wake_after(self, pause: float) -> None:
        await self._sleep(pause)
        self._waker = None
        self._admit_soon()

    def _next_seats(self) -> list[_Seat]:
        """The passengers of the next car: interactive first, but the last place goes to bulk, so
        that it moves too."""
        queues = [self._interactive, self._bulk]
        if 0 < len(self._on_the_road) == self._in_flight - 1 and all(self._on_the_road.values()):
            queues.reverse()
        leader = next((queue.popleft() for queue in queues if queue), None)
        if leader is None:
            return []
        return [leader, *self._company(SEATS - 1)] if leader.batchable else [leader]

    def _company(self, size: int) -> list[_Seat]:
        company = [
            seat for queue in (self._interactive, self._bulk) for seat in queue if seat.batchable
        ][:size]
        for seat in company:
            (self._interactive if seat.interactive else self._bulk).remove(seat)
        return company

    # -- cars --------------------------------------------------------------------------------------
    def _start(self, seats: list[_Seat]) -> Car:
        car = Car(seats)
        self._on_the_road[car] = seats[0].interactive
        car.journey = asyncio.create_task(self._drive(car, seats[0].carry))
        car.journey.add_done_callback(lambda _: self._arrival(car))
        return car

    def _arrival(self, car: Car) -> None:
        del self._on_the_road[car]
        car.close()
        self._admit_soon()

    async def _drive(self, car: Car, carry: Carry[Any, Any]) -> dict[object, Any]:
        await car.first_boarding()
        latest = self._clock() + self._deadline
        if not car.is_closed:
            boarding = asyncio.ensure_future(self._sleep(BOARDING))
            boarding.add_done_callback(lambda _: car.close())
            await car.departure()
            boarding.cancel()
        aboard = await car.departure()
        if not aboard:
            return {}
        while pause := self.paused:  # it began while the car was boarding
            self._refuse_long_pause()
            await self._sleep(pause)
        # A process that was frozen wakes up here, hours later maybe.
        if (left := latest - self._clock()) <= 0:
            raise NotSent("there was no time left: not sent")
        return dict(zip(aboard, await carry(list(aboard.values()), left), strict=True))

    async def _prepared(self, before: Before) -> None:
        try:
            async with asyncio.timeout(self._before_limit) as limit:
                await before()
        except TimeoutError:
            if not limit.expired():
                raise
            raise NotSent("preparing it took too long: not sent") from None

    def _next_car(self, seat: _Seat, request: object) -> Car:
        """One for a passenger whose car has left. It does not wait again: what `before` wrote down
        grows old."""
        self._refuse_long_pause()
        if len(self._on_the_road) >= self._allowed:
            raise NotSent("it came too late for its place, and no other is free: not sent")
        car = self._start([seat])
        car.board(seat, request)
        return car

    def _refuse_long_pause(self) -> None:
        if (pause := self.paused) > PATIENCE:
            raise _throttled(pause)


def _throttled(pause: float) -> Throttled:
    return Throttled(f"Graph is paused for {pause:.1f} s: not sent", retry_after=pause)
