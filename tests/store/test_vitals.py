"""The signs of life, against a real server."""

import json
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts
from planner_sync.store.telemetry import FORGET_LISTENER_MS, LAGS_KEPT, Vitals
from tests.redis_process import redis_process

PLAN = "xqQg5FS2LkCp935s-FIFm2QAFkHM"
KEYS = Keys("{test}")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_process() as url:
        yield url


@pytest_asyncio.fixture
async def redis(url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(url) as redis:
        await redis.flushall()
        yield redis


@pytest.fixture
def vitals(redis: Redis) -> Vitals:
    return Vitals(redis, Scripts(redis), KEYS)


async def test_an_empty_redis_has_no_signs_of_life(vitals):
    seen = await vitals.snapshot()

    assert (seen.polled_at, seen.graph_ok_at, seen.graph_failed_at, seen.oldest_due) == (
        None,
        None,
        None,
        None,
    )
    assert (seen.listeners, seen.plans, seen.refusals, seen.backlog) == ({}, {}, {}, 0)


async def test_every_beat_carries_the_time_of_the_server(vitals, redis):
    before = await _now(redis)
    await vitals.beat_listener("one")
    await vitals.poll_done()
    await vitals.graph_ok()
    await vitals.graph_failed("unreachable")
    seen = await vitals.snapshot()

    moments = [
        seen.listeners["one"],
        seen.polled_at,
        seen.graph_ok_at,
        seen.graph_failed_at,
        seen.now,
    ]
    assert before <= moments[0]
    assert moments == sorted(moments)
    assert seen.graph_code == "unreachable"


async def test_a_complete_pass_ends_the_error_and_an_error_keeps_the_last_pass(vitals):
    await vitals.pass_done(PLAN, took_ms=12, cards=3, left_out=1)
    await vitals.pass_failed(PLAN, "403: no right to the plan")
    failed = (await vitals.snapshot()).plans[PLAN]
    await vitals.pass_done(PLAN, took_ms=10, cards=4)
    done = (await vitals.snapshot()).plans[PLAN]

    assert (failed.took_ms, failed.cards, failed.left_out, failed.error) == (
        12,
        3,
        1,
        "403: no right to the plan",
    )
    assert failed.error_at is not None
    assert failed.pass_at is not None
    assert (done.took_ms, done.cards, done.left_out, done.error, done.error_at) == (
        10,
        4,
        0,
        None,
        None,
    )


async def test_a_plan_that_never_had_a_pass_shows_its_error(vitals):
    await vitals.pass_failed(PLAN, "404")

    assert (await vitals.snapshot()).plans[PLAN].pass_at is None


async def test_listeners_that_are_silent_for_an_hour_are_forgotten(vitals, redis):
    now = await _now(redis)
    beats = KEYS.private("beats")
    await redis.hset(
        beats,
        mapping={"listener old": f"{now - FORGET_LISTENER_MS - 1} ", "listener young": f"{now} "},
    )
    await vitals.beat_listener("new")

    assert set((await vitals.snapshot()).listeners) == {"young", "new"}


async def test_counts_add_up_and_only_the_newest_lags_are_kept(vitals, redis):
    await vitals.count("claims")
    await vitals.count("claims", 2)
    await redis.lpush(KEYS.private("lags", "upload"), *range(LAGS_KEPT))
    await vitals.lag("upload", 7)
    seen = await vitals.snapshot()

    assert seen.counters == {"claims": 3}
    assert (len(seen.lags["upload"]), seen.lags["upload"][0], seen.lags["download"]) == (
        LAGS_KEPT,
        7,
        [],
    )


async def test_the_backlog_and_refusals_and_holds_are_read_where_others_write_them(vitals, redis):
    await redis.zadd(KEYS.private("pending"), {"t1": 1700000000000, "t2": 1800000000000})
    await redis.hset(KEYS.private("refusals"), "t3", json.dumps({"code": "limit"}))
    await redis.hset(KEYS.private("holds"), PLAN, json.dumps({"missing": 11}))
    seen = await vitals.snapshot()

    assert (seen.backlog, seen.oldest_due) == (2, 1700000000000)
    assert (seen.refused, seen.refusals, seen.holds) == (
        1,
        {"t3": {"code": "limit"}},
        {PLAN: {"missing": 11}},
    )


async def test_without_details_neither_refusals_nor_lags_are_read(vitals, redis):
    await redis.hset(KEYS.private("refusals"), "t3", json.dumps({"code": "limit"}))
    await vitals.lag("download", 7)
    seen = await vitals.snapshot(details=False)

    assert (seen.refused, seen.refusals, seen.lags) == (1, {}, {"upload": [], "download": []})


async def test_a_snapshot_is_one_command(vitals, redis):
    await vitals.snapshot()
    before = (await redis.info("stats"))["total_reads_processed"]
    await vitals.snapshot()

    assert (await redis.info("stats"))[
        "total_reads_processed"
    ] == before + 2  # the second is the INFO itself


async def test_a_server_that_accepts_and_never_answers_is_none_within_the_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with Redis(port=silent.getsockname()[1]) as redis:
            assert await Vitals(redis, Scripts(redis), KEYS).snapshot_within(0.1) is None


async def test_a_server_that_refuses_connections_is_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with Redis(port=port) as redis:
        assert await Vitals(redis, Scripts(redis), KEYS).snapshot_within(0.5) is None


async def _now(redis: Redis) -> int:
    seconds, microseconds = await redis.time()
    return seconds * 1000 + microseconds // 1000
