"""Redis restarts, forgets scripts and data, drops subscriptions: the service reconnects and resumes
by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.redis_process import RestartableRedis, redis_process
from tests.sync.world import World, world_of


@pytest.fixture
async def restartable(
    tmp_path: Path, namespace: str
) -> AsyncIterator[tuple[World, RestartableRedis]]:
    server = RestartableRedis(tmp_path)
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(world_of(server.url, namespace, {})), server
    server.stop(keep=False)


@pytest.mark.contract("§6 Redis restarts or fails over")
@pytest.mark.parametrize("keep", [True, False], ids=["with its data", "without its data"])
async def test_the_service_goes_on_after_a_restart(
    restartable: tuple[World, RestartableRedis], keep: bool
) -> None:
    world, server = restartable
    await world.start()
    await world.write("before", "created", title="Before")
    planner_id = await world.until_uploaded("before")
    server.stop(keep=keep)
    server.start()
    await world.write("after", "created", title="After")
    await world.until(
        lambda: {card["title"] for card in world.cards().values()} == {"Before", "After"}
    )
    adopted = "before" if keep else f"planner-{planner_id}"

    async def is_there() -> Any:
        return await world.find(adopted)

    await world.until(is_there, adopted)
    assert len(world.cards()) == 2


async def test_forgotten_scripts_are_loaded_again(world: World) -> None:
    await world.start()
    await world.redis.script_flush()
    await world.write("t", "created", title="Task")
    await world.until(lambda: len(world.cards()) == 1)


async def test_a_dropped_subscription_comes_back_and_nothing_is_missed(make_world: Any) -> None:
    world = await make_world(POLL_SECONDS="60")
    await world.start()
    async with Redis.from_url(world.env["REDIS_URL"]) as heard_from:
        await heard_from.client_kill_filter(_type="pubsub")
    await world.set("t", title="While nobody listened")
    await world.until(lambda: len(world.cards()) == 1)


async def test_a_wiped_state_deletes_nothing_and_makes_nothing_twice(world: World) -> None:
    service = world.service()
    for n in range(3):
        await world.set(f"t{n}", title=f"Task {n}")
    await world.settle(service)
    state = [key async for key in world.redis.scan_iter(match=f"{world.keys.namespace}:sync:*")]
    await world.redis.delete(*state)
    await world.settle(service)
    await world.settle(service)
    assert len(world.cards()) == 3
    for n in range(3):
        assert (await world.document(f"t{n}"))["plannerId"] in world.cards()
    assert world.said("deleted") == []


async def test_documents_that_were_lost_without_the_state_come_back(world: World) -> None:
    service = world.service()
    await world.set("t", title="Task", private=1)
    await world.settle(service)
    await world.redis.delete(world.keys.document("t"), world.keys.private("epochs"))
    await world.settle(service)
    document = await world.document("t")
    assert (document["title"], document["private"]) == ("Task", 1)
    assert len(world.cards()) == 1


async def test_no_missing_document_counts_where_redis_may_evict(namespace: str) -> None:
    with redis_process(maxmemory="500mb", maxmemory_policy="allkeys-lru") as url:
        async with world_of(url, namespace, {}) as world:
            service = world.service()
            await world.set("t", title="Task")
            await world.settle(service)
            await world.redis.delete(world.keys.document("t"))
            for _ in range(4):
                await world.settle(service)
            assert len(world.cards()) == 1


async def test_redis_that_is_not_there_yet_is_waited_for(tmp_path: Path, namespace: str) -> None:
    server = RestartableRedis(tmp_path)
    server.stop(keep=True)
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(world_of(server.url, namespace, {}))
        service = world.service()
        running = asyncio.create_task(service.run())
        await asyncio.sleep(0.3)
        server.start()
        await world.write("t", "created", title="Task")
        await world.until(lambda: len(world.cards()) == 1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    server.stop(keep=False)


async def test_a_card_without_a_bucket_is_adopted_by_a_document_that_names_one(
    world: World,
) -> None:
    service = world.service()
    await world.set("t", title="Task", bucket="Doing")
    await world.settle(service)
    planner_id = (await world.document("t"))["plannerId"]
    world.human.delete_bucket(bucket_id=world.emulator.bucket_ids()["Doing"])
    assert world.cards()[planner_id]["bucketId"] is None
    state = [key async for key in world.redis.scan_iter(match=f"{world.keys.namespace}:sync:*")]
    await world.redis.delete(*state)
    await world.settle(service)
    assert (await world.redis.hget(world.keys.private("owners"), planner_id)).decode() == "t"
    assert list(world.cards()) == [planner_id]


async def test_a_card_is_not_young_for_an_hour_because_the_clock_of_redis_was_put_back(
    world: World,
) -> None:
    planner_id = await world.uploaded(world.service())
    key = world.keys.task("t")
    state = json.loads(await world.redis.hget(key, "state"))
    await world.redis.hset(key, "state", json.dumps({**state, "born": state["born"] + 3_600_000}))
    world.human.delete(planner_id)
    await world.settle(world.service())  # one that has not listed the card
    assert await world.find("t") is None
