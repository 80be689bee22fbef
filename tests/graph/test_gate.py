"""The gate on a clock that the test moves: how many requests, in what order, and in which batch."""

import asyncio

import pytest

from planner_sync.errors import NotSent
from planner_sync.graph.gate import DEADLINE
from tests.graph.gate_setup import GateSetup, Held, nothing, settle


# -- how many, and together ------------------------------------------------------------------------
async def test_a_lone_caller_waits_for_nobody(prompt: GateSetup) -> None:
    """No clock moves in this test, so a wait of any length would hang it."""
    assert await prompt.submit("a", nothing) == "answer to a"


async def test_callers_of_one_moment_share_a_round_trip(prompt: GateSetup) -> None:
    answers = await asyncio.gather(*(prompt.submit(n, nothing) for n in range(5)))

    assert prompt.batches == [[0, 1, 2, 3, 4]]
    assert answers == [f"answer to {n}" for n in range(5)]


async def test_three_hundred_callers_make_fifteen_round_trips(prompt: GateSetup) -> None:
    await asyncio.gather(*(prompt.submit(n, nothing) for n in range(300)))

    assert [len(batch) for batch in prompt.batches] == [20] * 15


async def test_at_most_four_round_trips_are_in_flight(stalled: GateSetup) -> None:
    calls = [stalled.start(n) for n in range(100)]
    await settle()
    assert len(stalled.batches) == 4

    stalled.other_side.answer()

    assert len(await asyncio.gather(*calls)) == 100


async def test_callers_that_wait_for_a_place_share_the_next_batch(stalled: GateSetup) -> None:
    for n in range(4):
        stalled.start(n)
        await settle()
    calls = [stalled.start(n) for n in range(4, 14)]

    stalled.other_side.answer()

    await asyncio.gather(*calls)
    assert stalled.batches == [[0], [1], [2], [3], list(range(4, 14))]


async def test_a_request_that_is_not_batchable_is_sent_alone(prompt: GateSetup) -> None:
    calls = [prompt.start("listing", batchable=False), prompt.start("a"), prompt.start("b")]
    await asyncio.gather(*calls)

    assert sorted(prompt.batches) == [["a", "b"], ["listing"]]


async def test_interactive_work_goes_before_bulk() -> None:
    narrow = GateSetup(answers_at_once=False, in_flight=1)
    calls = [narrow.start("first")]
    await settle()
    calls += [narrow.start(f"bulk {n}", interactive=False, batchable=False) for n in range(2)]
    calls += [narrow.start("card", interactive=True, batchable=False)]
    await settle()

    narrow.other_side.answer()

    await asyncio.gather(*calls)
    assert narrow.batches == [["first"], ["card"], ["bulk 0"], ["bulk 1"]]


async def test_bulk_moves_too_while_interactive_work_never_ends(stalled: GateSetup) -> None:
    """Else a busy agent would keep people's changes out for ever."""
    for n in range(10):
        stalled.start(n, batchable=False)
    await settle()
    assert len(stalled.batches) == 4
    listing = stalled.start("listing", interactive=False, batchable=False)
    await settle()

    stalled.other_side.answer()

    await listing
    assert stalled.batches.index(["listing"]) < 8


# -- joining ---------------------------------------------------------------------------------------
async def test_before_runs_after_admission_and_right_before_the_request(
    stalled: GateSetup,
) -> None:
    for n in range(4):
        stalled.start(n)
        await settle()
    intent = Held()
    call = stalled.start("late", intent)
    await settle()
    assert not intent.started

    stalled.other_side.answer()
    await settle()
    assert intent.started
    assert ["late"] not in stalled.batches

    intent.let_go()
    assert await call == "answer to late"


async def test_a_failed_before_leaves_the_batch_and_sends_nothing(prompt: GateSetup) -> None:
    refused = Held(ValueError("the lease is lost"))
    refused.let_go()
    calls = [prompt.start("a", nothing), prompt.start("b", refused), prompt.start("c", nothing)]

    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert prompt.batches == [["a", "c"]]
    assert answers[0] == "answer to a"
    assert isinstance(answers[1], ValueError)


async def test_a_batch_waits_two_seconds_for_its_members_and_late_ones_go_alone(
    prompt: GateSetup,
) -> None:
    slow = Held()
    quick, late = prompt.start("quick", nothing), prompt.start("late", slow)
    await prompt.time.advance(1.9)
    assert prompt.batches == []

    await prompt.time.advance(0.1)
    assert await quick == "answer to quick"

    slow.let_go()
    assert await late == "answer to late"
    assert prompt.batches == [["quick"], ["late"]]


async def test_a_late_member_with_no_free_place_is_not_sent(stalled: GateSetup) -> None:
    """It must not wait: the intent that it recorded says that the request is sent now."""
    slow = Held()
    calls = [stalled.start("quick", nothing), stalled.start("late", slow)]
    await stalled.time.advance(2)
    for n in range(3):
        calls.append(stalled.start(n))
        await settle()

    slow.let_go()

    with pytest.raises(NotSent):
        await calls[1]


async def test_a_before_that_hangs_does_not_hold_its_place_for_ever() -> None:
    setup = GateSetup(before_limit=0.01)

    with pytest.raises(NotSent, match="preparing"):
        await setup.submit("a", Held())
    assert await setup.submit("b") == "answer to b"


async def test_a_timeout_inside_before_is_the_callers_own(prompt: GateSetup) -> None:
    mine = Held(TimeoutError("of the caller's own"))
    mine.let_go()

    with pytest.raises(TimeoutError, match="of the caller's own"):
        await prompt.submit("a", mine)


async def test_a_batch_has_what_is_left_of_the_deadline(prompt: GateSetup) -> None:
    calls = [prompt.start("quick", nothing), prompt.start("late", Held())]
    await prompt.time.advance(2)
    await calls[0]

    assert prompt.other_side.seconds == [DEADLINE - 2]
    calls[1].cancel()


async def test_a_frozen_process_sends_nothing_when_it_wakes_up(prompt: GateSetup) -> None:
    calls = [prompt.start("quick", nothing), prompt.start("late", Held())]

    await prompt.time.advance(3600)

    with pytest.raises(NotSent, match="no time left"):
        await calls[0]
    assert prompt.batches == []
    calls[1].cancel()


# -- giving up -------------------------------------------------------------------------------------
async def test_a_caller_that_gives_up_while_waiting_leaves_no_trace(stalled: GateSetup) -> None:
    for n in range(4):
        stalled.start(n)
        await settle()
    impatient, patient = stalled.start("impatient"), stalled.start("patient")
    await settle()

    impatient.cancel()
    stalled.other_side.answer()

    assert await patient == "answer to patient"
    assert stalled.batches[4:] == [["patient"]]


async def test_a_caller_that_gives_up_at_the_moment_of_admission_leaves_its_batch(
    prompt: GateSetup,
) -> None:
    impatient, patient = prompt.start("impatient", nothing), prompt.start("patient", nothing)
    await asyncio.sleep(0)
    prompt.gate._admit()

    impatient.cancel()

    assert await patient == "answer to patient"
    assert prompt.batches == [["patient"]]


async def test_a_caller_that_gives_up_before_its_batch_is_sent_is_not_sent(
    prompt: GateSetup,
) -> None:
    slow = Held()
    impatient, patient = prompt.start("impatient"), prompt.start("patient", slow)
    await settle()

    impatient.cancel()
    await settle()
    slow.let_go()

    assert await patient == "answer to patient"
    assert prompt.batches == [["patient"]]


async def test_a_caller_that_gives_up_in_flight_does_not_stop_its_batch(
    stalled: GateSetup,
) -> None:
    impatient, patient = stalled.start("impatient"), stalled.start("patient")
    await settle()

    impatient.cancel()
    await settle()
    stalled.other_side.answer()

    assert await patient == "answer to patient"


async def test_what_send_raises_reaches_every_member_and_frees_the_place(
    prompt: GateSetup,
) -> None:
    async def broken(requests: list[str], seconds: float) -> list[str]:
        raise RuntimeError("a mistake of ours")

    calls = (prompt.gate.submit(n, broken) for n in ("a", "b"))
    errors = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(error) for error in errors] == [RuntimeError, RuntimeError]
    for n in range(8):
        await prompt.submit(n)


async def test_closing_ends_everybody_who_waits(stalled: GateSetup) -> None:
    call = stalled.start("a")
    await settle()

    await stalled.gate.aclose()

    with pytest.raises(asyncio.CancelledError):
        await call
