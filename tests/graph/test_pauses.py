"""What a pause does to callers that wait, how long it is, and how `Retry-After` is read."""

import asyncio

import pytest

from planner_sync.errors import Throttled
from planner_sync.graph.gate import Gate
from planner_sync.graph.retry_after import retry_after_seconds
from tests.graph.gate_setup import GateSetup, Held, settle


async def test_in_a_long_pause_a_request_is_refused_at_once(prompt: GateSetup) -> None:
    prompt.gate.pause_for(60)
    await prompt.time.advance(10)

    with pytest.raises(Throttled) as paused:
        await prompt.submit("a")
    assert paused.value.retry_after == 50


async def test_a_short_pause_is_waited_out(prompt: GateSetup) -> None:
    prompt.gate.pause_for(2)
    call = prompt.start("a")
    await prompt.time.advance(1.9)
    assert prompt.batches == []

    await prompt.time.advance(0.1)

    assert await call == "answer to a"


async def test_a_long_pause_refuses_all_requests_that_wait(stalled: GateSetup) -> None:
    for n in range(4):
        stalled.start(n)
        await settle()
    waiting = [stalled.start(n) for n in range(30)]
    await settle()

    stalled.gate.pause_for(60)

    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {Throttled}


async def test_a_pause_that_begins_while_members_join_stops_the_batch(prompt: GateSetup) -> None:
    intent = Held()
    call = prompt.start("a", intent)
    await settle()

    prompt.gate.pause_for(60)
    intent.let_go()

    with pytest.raises(Throttled):
        await call
    assert prompt.batches == []


async def test_a_shorter_pause_does_not_end_a_longer_one(prompt: GateSetup) -> None:
    prompt.gate.pause_for(60)
    prompt.gate.pause_for(5)

    assert prompt.gate.remaining_pause == 60


async def test_a_throttled_answer_begins_a_pause_and_publishes_it(prompt: GateSetup) -> None:
    assert prompt.gate.throttled(30.0) == 30.0

    await settle()
    assert prompt.published == [30_000]


async def test_a_pause_learnt_from_others_is_not_published_again(prompt: GateSetup) -> None:
    prompt.gate.pause_for(30)

    await settle()
    assert prompt.published == []


async def test_a_pause_that_cannot_be_published_holds_here_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def down(milliseconds: float) -> None:
        raise ConnectionError("redis://:password@host")

    gate = Gate(publish_pause=down)
    gate.throttled(30.0)
    await settle()

    assert gate.remaining_pause > 29
    assert "could not be shared with other instances: ConnectionError" in caplog.text
    assert "password" not in caplog.text


@pytest.mark.parametrize(
    ("jitter", "pauses"),
    [
        pytest.param(1.0, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900], id="at most"),
        pytest.param(0.0, [1, 2, 4, 8, 16, 32, 64, 128, 256, 450, 450], id="at least"),
    ],
)
async def test_without_retry_after_the_pauses_double(jitter: float, pauses: list[float]) -> None:
    setup = GateSetup(jitter=jitter)

    for expected in pauses:
        assert setup.gate.throttled(None) == expected
        setup.time.now += expected


async def test_throttles_of_one_burst_count_once(prompt: GateSetup) -> None:
    assert [prompt.gate.throttled(None) for _ in range(20)] == [2] * 20


async def test_a_success_ends_the_doubling(prompt: GateSetup) -> None:
    for _ in range(3):
        prompt.time.now += prompt.gate.throttled(None)

    prompt.gate.not_throttled()

    assert prompt.gate.throttled(None) == 2


async def test_after_a_pause_one_round_trip_probes_and_success_opens_the_gate(
    stalled: GateSetup,
) -> None:
    """All four at once, at the very end of a pause, would only be throttled again."""
    stalled.gate.throttled(1.0)
    calls = [stalled.start(n, batchable=False) for n in range(10)]
    await stalled.time.advance(1)
    assert len(stalled.batches) == 1

    stalled.gate.not_throttled()
    stalled.gate.not_throttled()
    stalled.other_side.answer()

    await asyncio.gather(*calls)


# -- Retry-After -----------------------------------------------------------------------------------
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
        pytest.param(
            {"retry-after": "Sat, 22 Aug 2026 12:00:30 +0200", "date": NOW},
            30,
            id="date of another zone",
        ),
        pytest.param(
            {"retry-after": "Sat, 22 Aug 2026 10:00:30 -0000", "date": NOW},
            30,
            id="date without a zone",
        ),
        pytest.param(
            {"retry-after": "Sat, 22 Aug 2026 09:00:00 GMT", "date": NOW}, 1, id="date in the past"
        ),
        pytest.param(
            {"retry-after": "Sat, 22 Aug 2099 09:00:00 GMT", "date": NOW}, 900, id="date far ahead"
        ),
        pytest.param(
            {"retry-after": "Sat, 22 Aug 2026 10:00:30 GMT"},
            None,
            id="date, and no date to count from",
        ),
        pytest.param(
            {"retry-after": "Sat, 99 Aug 2026 10:00:30 GMT", "date": NOW}, None, id="no such date"
        ),
        pytest.param(
            {"retry-after": "Sat, 22 Aug 2026 10:00:30 GMT", "date": "yesterday"},
            None,
            id="no date to count",
        ),
    ],
)
def test_retry_after_is_read_in_all_its_forms(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_seconds(headers) == seconds
