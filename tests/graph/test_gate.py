"""The gate on a clock that the test moves: how many, in what order, in which car, and what a pause does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from planner_sync.errors import NotSent, Throttled
from planner_sync.graph.gate import DEADLINE, Gate
from planner_sync.graph.retry_after import wished_pause


class FakeTime:
    """A clock and a sleep that only `advance` moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, waking))
        await waking

    async def advance(self, seconds: float) -> None:
        await settle()
        self.now += seconds
        for at, waking in self._sleepers:
            if at <= self.now and not waking.done():
                waking.set_result(None)
        await settle()


async def settle() -> None:
    """Until everything that can happen without time has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


class Road:
    """What the gate sends out: `cars` has each round trip; it comes back when the test says so, or at once."""

    def __init__(self, *, open_end: bool = True) -> None:
        self.cars: list[list[Any]] = []
        self.seconds: list[float] = []
        self._end = asyncio.Event()
        if open_end:
            self._end.set()

    async def carry(self, requests: list[Any], seconds: float) -> list[str]:
        self.cars.append(requests)
        self.seconds.append(seconds)
        await self._end.wait()
        return [f"answer to {request}" for request in requests]

    def come_back(self) -> None:
        self._end.set()


class Setup:
    """A gate on a fake clock, a road, and what was published."""

    def __init__(self, *, open_end: bool = True, jitter: float = 1.0, **options: Any) -> None:
        self.time = FakeTime()
        self.road = Road(open_end=open_end)
        self.published: list[float] = []
        self.gate = Gate(
            publish_pause=self._publish,
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: jitter,
            **options,
        )

    async def _publish(self, milliseconds: float) -> None:
        self.published.append(milliseconds)

    def start(self, request: object, before: Callable[[], Awaitable[None]] | None = None, **how: bool) -> Any:
        return asyncio.create_task(self.gate.ride(request, self.road.carry, before=before, **how))


@pytest.fixture
async def free() -> Setup:
    """Round trips come back at once."""
    return Setup()


@pytest.fixture
async def jam() -> Setup:
    """Round trips come back when the test says so."""
    return Setup(open_end=False)


def nothing() -> Awaitable[None]:
    return asyncio.sleep(0)


class Held:
    """A `before` that takes until the test says so, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self._go = asyncio.Event()
        self._error = error
        self.started = False

    async def __call__(self) -> None:
        self.started = True
        await self._go.wait()
        if self._error:
            raise self._error

    def let_go(self) -> None:
        self._go.set()


# -- how many, and together --------------------------------------------------------------------------------------------
async def test_a_lone_caller_waits_for_nobody(free: Setup) -> None:
    """No clock moves in this test, so a wait of any length would hang it."""
    assert await free.gate.ride("a", free.road.carry, before=nothing) == "answer to a"


async def test_callers_who_come_together_share_a_round_trip(free: Setup) -> None:
    answers = await asyncio.gather(*(free.gate.ride(n, free.road.carry, before=nothing) for n in range(5)))

    assert free.road.cars == [[0, 1, 2, 3, 4]]
    assert answers == [f"answer to {n}" for n in range(5)]


async def test_three_hundred_callers_make_fifteen_round_trips(free: Setup) -> None:
    await asyncio.gather(*(free.gate.ride(n, free.road.carry, before=nothing) for n in range(300)))

    assert [len(car) for car in free.road.cars] == [20] * 15


async def test_at_most_four_round_trips_are_under_way(jam: Setup) -> None:
    rides = [jam.start(n) for n in range(100)]
    await settle()
    assert len(jam.road.cars) == 4

    jam.road.come_back()

    assert len(await asyncio.gather(*rides)) == 100


async def test_those_who_wait_for_a_place_leave_together_when_one_is_free(jam: Setup) -> None:
    for n in range(4):
        jam.start(n)
        await settle()
    rides = [jam.start(n) for n in range(4, 14)]

    jam.road.come_back()

    await asyncio.gather(*rides)
    assert jam.road.cars == [[0], [1], [2], [3], list(range(4, 14))]


async def test_a_large_answer_travels_alone(free: Setup) -> None:
    rides = [free.start("listing", batchable=False), free.start("a"), free.start("b")]
    await asyncio.gather(*rides)

    assert sorted(free.road.cars) == [["a", "b"], ["listing"]]


async def test_interactive_work_goes_before_bulk() -> None:
    blocked = Setup(open_end=False, in_flight=1)
    rides = [blocked.start("first")]
    await settle()
    rides += [blocked.start(f"bulk {n}", interactive=False, batchable=False) for n in range(2)]
    rides += [blocked.start("card", interactive=True, batchable=False)]
    await settle()

    blocked.road.come_back()

    await asyncio.gather(*rides)
    assert blocked.road.cars == [["first"], ["card"], ["bulk 0"], ["bulk 1"]]


async def test_bulk_moves_too_while_interactive_work_never_ends(jam: Setup) -> None:
    """Else a busy agent would keep the humans' changes out for ever."""
    for n in range(10):
        jam.start(n, batchable=False)
    await settle()
    assert len(jam.road.cars) == 4
    listing = jam.start("listing", interactive=False, batchable=False)
    await settle()

    jam.road.come_back()

    await listing
    assert jam.road.cars.index(["listing"]) < 8


# -- boarding ----------------------------------------------------------------------------------------------------------
async def test_before_runs_after_admission_and_right_before_the_request(jam: Setup) -> None:
    for n in range(4):
        jam.start(n)
        await settle()
    note = Held()
    ride = jam.start("late", note)
    await settle()
    assert not note.started

    jam.road.come_back()
    await settle()
    assert note.started
    assert ["late"] not in jam.road.cars

    note.let_go()
    assert await ride == "answer to late"


async def test_a_failed_before_frees_the_seat_and_sends_nothing(free: Setup) -> None:
    refused = Held(ValueError("no claim any more"))
    refused.let_go()
    rides = [free.start("a", nothing), free.start("b", refused), free.start("c", nothing)]

    answers = await asyncio.gather(*rides, return_exceptions=True)

    assert free.road.cars == [["a", "c"]]
    assert answers[0] == "answer to a"
    assert isinstance(answers[1], ValueError)


async def test_a_car_leaves_without_those_who_take_two_seconds_and_they_go_alone(free: Setup) -> None:
    slow = Held()
    quick, late = free.start("quick", nothing), free.start("late", slow)
    await free.time.advance(1.9)
    assert free.road.cars == []

    await free.time.advance(0.1)
    assert await quick == "answer to quick"

    slow.let_go()
    assert await late == "answer to late"
    assert free.road.cars == [["quick"], ["late"]]


async def test_a_late_passenger_with_no_free_place_is_not_sent(jam: Setup) -> None:
    """It must not wait: the note that it wrote says that the request leaves now."""
    slow = Held()
    rides = [jam.start("quick", nothing), jam.start("late", slow)]
    await jam.time.advance(2)
    for n in range(3):
        rides.append(jam.start(n))
        await settle()

    slow.let_go()

    with pytest.raises(NotSent):
        await rides[1]


async def test_a_before_that_hangs_does_not_hold_its_place_for_ever() -> None:
    setup = Setup(before_limit=0.01)

    with pytest.raises(NotSent, match="preparing"):
        await setup.gate.ride("a", setup.road.carry, before=Held())
    assert await setup.gate.ride("b", setup.road.carry) == "answer to b"


async def test_a_timeout_inside_before_is_the_callers_own(free: Setup) -> None:
    mine = Held(TimeoutError("of the caller's own"))
    mine.let_go()

    with pytest.raises(TimeoutError, match="of the caller's own"):
        await free.gate.ride("a", free.road.carry, before=mine)


async def test_a_car_has_what_is_left_of_the_deadline(free: Setup) -> None:
    rides = [free.start("quick", nothing), free.start("late", Held())]
    await free.time.advance(2)
    await rides[0]

    assert free.road.seconds == [DEADLINE - 2]
    rides[1].cancel()


async def test_a_frozen_process_sends_nothing_when_it_wakes_up(free: Setup) -> None:
    rides = [free.start("quick", nothing), free.start("late", Held())]

    await free.time.advance(3600)

    with pytest.raises(NotSent, match="no time left"):
        await rides[0]
    assert free.road.cars == []
    rides[1].cancel()


# -- giving up ---------------------------------------------------------------------------------------------------------
async def test_a_caller_who_gives_up_while_waiting_leaves_no_trace(jam: Setup) -> None:
    for n in range(4):
        jam.start(n)
        await settle()
    impatient, patient = jam.start("impatient"), jam.start("patient")
    await settle()

    impatient.cancel()
    jam.road.come_back()

    assert await patient == "answer to patient"
    assert jam.road.cars[4:] == [["patient"]]


async def test_a_caller_who_gives_up_at_the_moment_of_admission_frees_the_seat(free: Setup) -> None:
    impatient, patient = free.start("impatient", nothing), free.start("patient", nothing)
    await asyncio.sleep(0)
    free.gate._admit()

    impatient.cancel()

    assert await patient == "answer to patient"
    assert free.road.cars == [["patient"]]


async def test_a_caller_who_gives_up_in_a_waiting_car_is_not_sent(free: Setup) -> None:
    slow = Held()
    impatient, patient = free.start("impatient"), free.start("patient", slow)
    await settle()

    impatient.cancel()
    await settle()
    slow.let_go()

    assert await patient == "answer to patient"
    assert free.road.cars == [["patient"]]


async def test_a_caller_who_gives_up_on_the_road_does_not_stop_the_car(jam: Setup) -> None:
    impatient, patient = jam.start("impatient"), jam.start("patient")
    await settle()

    impatient.cancel()
    await settle()
    jam.road.come_back()

    assert await patient == "answer to patient"


async def test_what_carry_raises_reaches_every_passenger_and_frees_the_place(free: Setup) -> None:
    async def broken(requests: list[str], seconds: float) -> list[str]:
        raise RuntimeError("a mistake of ours")

    rides = (free.gate.ride(n, broken) for n in ("a", "b"))
    errors = await asyncio.gather(*rides, return_exceptions=True)

    assert [type(error) for error in errors] == [RuntimeError, RuntimeError]
    for n in range(8):
        await free.gate.ride(n, free.road.carry)


async def test_closing_ends_everybody_who_waits(jam: Setup) -> None:
    ride = jam.start("a")
    await settle()

    await jam.gate.aclose()

    with pytest.raises(asyncio.CancelledError):
        await ride


# -- the pause ---------------------------------------------------------------------------------------------------------
async def test_in_a_long_pause_a_caller_gets_its_work_back_at_once(free: Setup) -> None:
    free.gate.pause_for(60)
    await free.time.advance(10)

    with pytest.raises(Throttled) as paused:
        await free.gate.ride("a", free.road.carry)
    assert paused.value.retry_after == 50


async def test_a_short_pause_is_waited_out(free: Setup) -> None:
    free.gate.pause_for(2)
    ride = free.start("a")
    await free.time.advance(1.9)
    assert free.road.cars == []

    await free.time.advance(0.1)

    assert await ride == "answer to a"


async def test_a_pause_gives_back_all_who_wait(jam: Setup) -> None:
    for n in range(4):
        jam.start(n)
        await settle()
    waiting = [jam.start(n) for n in range(30)]
    await settle()

    jam.gate.pause_for(60)

    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {Throttled}


async def test_a_pause_that_begins_while_a_car_is_boarding_holds_it(free: Setup) -> None:
    note = Held()
    ride = free.start("a", note)
    await settle()

    free.gate.pause_for(60)
    note.let_go()

    with pytest.raises(Throttled):
        await ride
    assert free.road.cars == []


async def test_a_shorter_pause_does_not_end_a_longer_one(free: Setup) -> None:
    free.gate.pause_for(60)
    free.gate.pause_for(5)

    assert free.gate.paused == 60


async def test_a_throttled_answer_begins_a_pause_and_publishes_it(free: Setup) -> None:
    assert free.gate.throttled(30.0) == 30.0

    await settle()
    assert free.published == [30_000]


async def test_a_pause_learnt_from_others_is_not_published_again(free: Setup) -> None:
    free.gate.pause_for(30)

    await settle()
    assert free.published == []


async def test_a_pause_that_cannot_be_published_holds_here_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async def down(milliseconds: float) -> None:
        raise ConnectionError("redis://:password@host")

    gate = Gate(publish_pause=down)
    gate.throttled(30.0)
    await settle()

    assert gate.paused > 29
    assert "could not be shared: ConnectionError" in caplog.text
    assert "password" not in caplog.text


@pytest.mark.parametrize(
    ("jitter", "pauses"),
    [
        pytest.param(1.0, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900], id="at most"),
        pytest.param(0.0, [1, 2, 4, 8, 16, 32, 64, 128, 256, 450, 450], id="at least"),
    ],
)
async def test_without_a_wish_the_pauses_double(jitter: float, pauses: list[float]) -> None:
    setup = Setup(jitter=jitter)

    for expected in pauses:
        assert setup.gate.throttled(None) == expected
        setup.time.now += expected


async def test_throttles_of_one_burst_count_once(free: Setup) -> None:
    assert [free.gate.throttled(None) for _ in range(20)] == [2] * 20


async def test_a_success_ends_the_doubling(free: Setup) -> None:
    for _ in range(3):
        free.time.now += free.gate.throttled(None)

    free.gate.flowing()

    assert free.gate.throttled(None) == 2


async def test_after_a_pause_one_round_trip_probes_and_success_opens_the_gate(jam: Setup) -> None:
    """All four at once, at the very end of a pause, would only be throttled again."""
    jam.gate.throttled(1.0)
    rides = [jam.start(n, batchable=False) for n in range(10)]
    await jam.time.advance(1)
    assert len(jam.road.cars) == 1

    jam.gate.flowing()
    jam.gate.flowing()
    jam.road.come_back()

    await asyncio.gather(*rides)


# -- Retry-After -------------------------------------------------------------------------------------------------------
NOW = "Sat, 22 Aug 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param({"retry-after": "10"}, 10, id="seconds"),
        pytest.param({"retry-after": " 10 "}, 10, id="spaces"),
        pytest.param({"retry-after": "12.5"}, 12.5, id="a fraction"),
        pytest.param({"retry-after": "0"}, 1, id="nothing to wait"),
        pytest.param({"retry-after": "3600"}, 900, id="an hour"),
        pytest.param({"retry-after": "99999999999"}, None, id="three thousand years"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "1e9"}, None, id="exponent"),
        pytest.param({"retry-after": "1_0"}, None, id="underscore"),
        pytest.param({"retry-after": "inf"}, None, id="infinite"),
        pytest.param({"retry-after": "٣"}, None, id="Arabic digit"),
        pytest.param({"retry-after": ""}, None, id="empty"),
        pytest.param({}, None, id="absent"),
        pytest.param({"retry-after": "abc"}, None, id="garbage"),
        pytest.param({"retry-after": "9" * 5000}, None, id="five thousand digits"),
        pytest.param({"retry-after": "Sat, 22 Aug 2026 10:00:30 GMT", "date": NOW}, 30, id="date"),
        pytest.param({"retry-after": "Sat, 22 Aug 2026 12:00:30 +0200", "date": NOW}, 30, id="date of another zone"),
        pytest.param({"retry-after": "Sat, 22 Aug 2026 10:00:30 -0000", "date": NOW}, 30, id="date without a zone"),
        pytest.param({"retry-after": "Sat, 22 Aug 2026 09:00:00 GMT", "date": NOW}, 1, id="date in the past"),
        pytest.param({"retry-after": "Sat, 22 Aug 2099 09:00:00 GMT", "date": NOW}, 900, id="date far ahead"),
        pytest.param({"retry-after": "Sat, 22 Aug 2026 10:00:30 GMT"}, None, id="date, and no date to count from"),
        pytest.param({"retry-after": "Sat, 99 Aug 2026 10:00:30 GMT", "date": NOW}, None, id="no such date"),
        pytest.param(
            {"retry-after": "Sat, 22 Aug 2026 10:00:30 GMT", "date": "yesterday"}, None, id="no date to count"
        ),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert wished_pause(headers) == seconds
