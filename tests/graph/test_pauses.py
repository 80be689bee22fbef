"""What a pause does to those who wait, how long it is, and how `Retry-After` is read."""

import asyncio

import pytest

from planner_sync.errors import Throttled
from planner_sync.graph.gate import Gate
from planner_sync.graph.retry_after import wished_pause
from tests.graph.gate_setup import Held, Setup, settle


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
    note.unlink()

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


async def test_a_pause_that_cannot_be_published_holds_here_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
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
    assert wished_pause(headers) == seconds
