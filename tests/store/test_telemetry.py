"""The signs of life, against a real server."""

import json
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from planner_sync.model.records import Hold, Refused
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts
from planner_sync.store.telemetry import FORGET_LISTENER_MS, Telemetry
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
def telemetry(redis: Redis) -> Telemetry:
    return Telemetry(redis, Scripts(redis), KEYS)


async def test_an_empty_redis_has_no_signs_of_life(telemetry):
    seen = await telemetry.snapshot()

    assert (seen.polled_at, seen.graph_ok_at, seen.graph_failed_at, seen.oldest_due) == (
        None,
        None,
        None,
        None,
    )
    assert (seen.listeners, seen.plans, seen.refusals, seen.backlog) == ({}, {}, {}, 0)


async def test_every_beat_carries_the_time_of_the_server(telemetry, redis):
    before = await _now(redis)
    await telemetry.listener_heard("one")
    await telemetry.poll_done()
    await telemetry.graph_ok()
    await telemetry.graph_failed("unreachable")
    seen = await telemetry.snapshot()

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


async def test_a_complete_pass_ends_the_error_and_an_error_keeps_the_last_pass(telemetry):
    await telemetry.pass_done(PLAN, took_ms=12, cards=3, left_out=1)
    await telemetry.pass_failed(PLAN, "403: no right to the plan")
    failed = (await telemetry.snapshot()).plans[PLAN]
    await telemetry.pass_done(PLAN, took_ms=10, cards=4)
    done = (await telemetry.snapshot()).plans[PLAN]

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


async def test_a_plan_that_never_had_a_pass_shows_its_error(telemetry):
    await telemetry.pass_failed(PLAN, "404")

    assert (await telemetry.snapshot()).plans[PLAN].pass_at is None


async def test_listeners_that_are_silent_for_an_hour_are_forgotten(telemetry, redis):
    now = await _now(redis)
    beats = KEYS.private("heartbeats")
    await redis.hset(
        beats,
        mapping={
            "listener old": f"{now - FORGET_LISTENER_MS - 1} ",
            "listener unmapped_passes": f"{now} ",
        },
    )
    await telemetry.listener_heard("new")

    assert set((await telemetry.snapshot()).listeners) == {"unmapped_passes", "new"}


async def test_counts_add_up(telemetry):
    await telemetry.count("created")
    await telemetry.count("created", 2)
    seen = await telemetry.snapshot()

    assert seen.counters == {"created": 3}


async def test_the_backlog_and_refusals_and_holds_are_read_where_others_write_them(
    telemetry, redis
):
    await redis.zadd(KEYS.private("pending"), {"t1": 1700000000000, "t2": 1800000000000})
    await redis.hset(KEYS.private("refusals"), "t3", json.dumps({"code": "limit"}))
    await redis.hset(
        KEYS.private("holds"), PLAN, json.dumps({"side": "agents", "vanished": 11, "new": 1})
    )
    seen = await telemetry.snapshot()

    assert (seen.backlog, seen.oldest_due) == (2, 1700000000000)
    assert (seen.refused, seen.refusals, seen.holds) == (
        1,
        {"t3": Refused("limit")},
        {PLAN: Hold("agents", 11)},
    )


async def test_without_details_neither_refusals_nor_lags_are_read(telemetry, redis):
    await redis.hset(KEYS.private("refusals"), "t3", json.dumps({"code": "limit"}))
    await redis.lpush(KEYS["download_lags"], 7)
    seen = await telemetry.snapshot(details=False)

    assert (seen.refused, seen.refusals, seen.lags) == (1, {}, {"upload": [], "download": []})


async def test_a_snapshot_is_one_command(telemetry, redis):
    await telemetry.snapshot()
    before = (await redis.info("stats"))["total_reads_processed"]
    await telemetry.snapshot()

    assert (await redis.info("stats"))[
        "total_reads_processed"
    ] == before + 2  # the second is the INFO itself


async def test_a_server_that_accepts_and_never_answers_is_none_within_the_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with Redis(port=silent.getsockname()[1]) as redis:
            assert await Telemetry(redis, Scripts(redis), KEYS).snapshot_within(0.1) is None


async def test_a_server_that_refuses_connections_is_none():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with Redis(port=port) as redis:
        assert await Telemetry(redis, Scripts(redis), KEYS).snapshot_within(0.5) is None


async def _now(redis: Redis) -> int:
    seconds, microseconds = await redis.time()
    return seconds * 1000 + microseconds // 1000
