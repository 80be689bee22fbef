"""The gate on a clock that the test moves: how many, in what order, and in which car."""

import asyncio

import pytest

from planner_sync.errors import NotSent
from planner_sync.graph.gate import DEADLINE
from tests.graph.gate_setup import Held, Setup, nothing, settle


# -- how many, and together ------------------------------------------------------------------------
async def test_a_lone_caller_waits_for_nobody(free: Setup) -> None:
    """No clock moves in this test, so a wait of any length would hang it."""
    assert await free.gate.ride("a", free.road.carry, before=nothing) == "answer to a"


async def test_callers_who_come_together_share_a_round_trip(free: Setup) -> None:
    answers = await asyncio.gather(
        *(free.gate.ride(n, free.road.carry, before=nothing) for n in range(5))
    )

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


# -- boarding --------------------------------------------------------------------------------------
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

    note.unlink()
    assert await ride == "answer to late"


async def test_a_failed_before_frees_the_seat_and_sends_nothing(free: Setup) -> None:
    refused = Held(ValueError("no claim any more"))
    refused.unlink()
    rides = [free.start("a", nothing), free.start("b", refused), free.start("c", nothing)]

    answers = await asyncio.gather(*rides, return_exceptions=True)

    assert free.road.cars == [["a", "c"]]
    assert answers[0] == "answer to a"
    assert isinstance(answers[1], ValueError)


async def test_a_car_leaves_without_those_who_take_two_seconds_and_they_go_alone(
    free: Setup,
) -> None:
    slow = Held()
    quick, late = free.start("quick", nothing), free.start("late", slow)
    await free.time.advance(1.9)
    assert free.road.cars == []

    await free.time.advance(0.1)
    assert await quick == "answer to quick"

    slow.unlink()
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

    slow.unlink()

    with pytest.raises(NotSent):
        await rides[1]


async def test_a_before_that_hangs_does_not_hold_its_place_for_ever() -> None:
    setup = Setup(before_limit=0.01)

    with pytest.raises(NotSent, match="preparing"):
        await setup.gate.ride("a", setup.road.carry, before=Held())
    assert await setup.gate.ride("b", setup.road.carry) == "answer to b"


async def test_a_timeout_inside_before_is_the_callers_own(free: Setup) -> None:
    mine = Held(TimeoutError("of the caller's own"))
    mine.unlink()

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


# -- giving up -------------------------------------------------------------------------------------
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
    slow.unlink()

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
