"""What only a cluster does: refuse a namespace without a tag, spread keys, move slots, lose one
server of three.

Everything else of the store runs on a cluster too: `@pytest.mark.cluster`, and `make cluster`.
"""

import asyncio
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisError

from planner_sync.errors import SettingsError
from planner_sync.store.server.connection import connect, for_namespace, may_evict
from planner_sync.store.telemetry import Telemetry
from tests.redis_process import free_port, redis_process
from tests.store.cluster_process import (
    SERVERS,
    cluster_config,
    hosting,
    join,
    move_slot,
    restartable_cluster,
)
from tests.store.shelf import Shelf
from tests.sync.world import World, world_of


@pytest.fixture
def redis_kind() -> str:
    return "cluster"


async def test_a_namespace_without_a_hash_tag_is_a_wrong_setting(away_url: str) -> None:
    redis = connect(away_url)
    with pytest.raises(SettingsError, match=r"needs a hash tag, such as \{annika\}"):
        await for_namespace(redis, away_url, "annika")
    await redis.aclose()


async def test_the_first_commands_may_come_all_at_once(shelf: Shelf) -> None:
    """They go to the right server, and wait where there are more than a server may have
    connections."""
    await asyncio.gather(*(shelf.set(f"t{n}", b"A") for n in range(300)))
    stored = await asyncio.gather(*(shelf.repository.read(f"t{n}") for n in range(300)))
    assert [document.text for document in stored] == [b"A"] * 300


async def test_a_command_whose_connection_is_cut_ends_with_an_error_of_redis(
    shelf: Shelf, redis_url: str
) -> None:
    """Whatever else is raised would end the service; redis-py closes connections that others are
    about to use."""
    cut = asyncio.Event()

    async def ask() -> None:
        while not cut.is_set():
            with suppress(RedisError):
                await shelf.get()
                await shelf.repository.read("t1")

    asking = [asyncio.create_task(ask()) for _ in range(60)]
    with Redis.from_url(redis_url) as server:
        for _ in range(20):
            await asyncio.sleep(0.02)
            server.client_kill_filter(_type="normal", skipme=True)
    cut.set()
    await asyncio.gather(*asking)


async def test_a_server_that_may_evict_is_found_wherever_it_is(
    shelf: Shelf, redis_urls: list[str]
) -> None:
    assert not await may_evict(shelf.redis)
    for url in redis_urls:
        with Redis.from_url(url) as server:
            server.config_set("maxmemory", "500mb", "maxmemory-policy", "allkeys-lru")
            try:
                assert await may_evict(shelf.redis)
            finally:
                server.config_set("maxmemory", "0", "maxmemory-policy", "noeviction")


async def test_pauses_and_signs_of_life_are_kept(shelf: Shelf) -> None:
    telemetry = Telemetry(shelf.redis, shelf.scripts, shelf.keys)
    await telemetry.poll_done()
    await telemetry.count("messages ignored")
    snapshot = await telemetry.snapshot()
    assert (snapshot.polled_at is not None, snapshot.counters) == (True, {"messages ignored": 1})
    await shelf.pending.extend_pause(60_000)
    assert (await shelf.pending.lease(1)).pause_ms > 0


@pytest.mark.contract("§6 Redis restarts or fails over")
async def test_a_slot_that_moves_is_followed(
    world: World, redis_urls: list[str], redis_url: str, away_url: str, namespace: str
) -> None:
    """Key by key, as a cluster is rebalanced, while agents write and the service works."""
    await world.start()
    async with RedisCluster.from_url(away_url) as world.redis:
        enough = asyncio.Event()
        writing = asyncio.create_task(_write_on(world, enough))
        await world.until(lambda: len(world.cards()) >= 20)
        await asyncio.to_thread(move_slot, redis_urls, redis_url, away_url, namespace)
        try:
            seen = len(world.cards())
            await world.until(lambda: len(world.cards()) >= seen + 20, "tasks on the other server")
            enough.set()
            written = await writing
            await world.until(lambda: len(world.cards()) == written)
            assert len({card["title"] for card in world.cards().values()}) == written
        finally:
            await world.stop()
            await asyncio.to_thread(move_slot, redis_urls, away_url, redis_url, namespace)


@pytest.mark.contract("§6 Redis restarts or fails over")
@pytest.mark.parametrize("how_many", [1, 3], ids=["the one with the slot", "all of them"])
async def test_servers_of_a_cluster_restart(tmp_path: Path, namespace: str, how_many: int) -> None:
    with restartable_cluster(tmp_path) as servers:
        urls = [server.url for server in servers]
        home = hosting(urls, namespace)
        away = next(url for url in urls if url != home)
        async with world_of(home, namespace, {"REDIS_URL": away}) as world:
            await world.start()
            for n in range(50):
                await world.write(f"before{n}", "created", title=f"Before {n}")
            await world.until(
                lambda: _is_quiet(world)
            )  # the claims of what was under way would have to run out
            gone = sorted(servers, key=lambda server: server.url != home)[:how_many]
            for server in gone:
                server.stop(keep=True)
            for server in gone:
                server.start()
            await world.until(lambda: _answers(world))
            for n in range(50):
                await world.write(f"after{n}", "created", title=f"After {n}")
            titles = {f"{when} {n}" for when in ("Before", "After") for n in range(50)}
            await world.until(lambda: {card["title"] for card in world.cards().values()} == titles)
            assert len(world.cards()) == 100


@pytest.mark.contract("§6 Redis restarts or fails over")
async def test_a_cluster_that_has_no_slots_yet_is_waited_for(namespace: str) -> None:
    with ExitStack() as stack:
        buses = [free_port() for _ in range(SERVERS)]
        urls = [stack.enter_context(redis_process(**cluster_config(bus))) for bus in buses]
        async with world_of(hosting(urls, namespace), namespace, {}) as world:
            running = asyncio.create_task(world.service().run())
            await world.until(lambda: _has_asked(urls), "the service to ask for the slots")
            await asyncio.to_thread(join, urls, buses)
            await world.write("t", "created", title="Task")
            await world.until_uploaded("t")
            running.cancel()


async def _write_on(world: World, enough: asyncio.Event) -> int:
    """One task after another until it is enough; how many."""
    for n in count():
        if enough.is_set():
            return n
        await world.write(f"t{n}", "created", title=f"Task {n}")
        await asyncio.sleep(0.01)
    raise AssertionError


async def _is_quiet(world: World) -> bool:
    return not await world.redis.zcard(world.keys.private("pending"))


async def _answers(world: World) -> bool:
    try:
        await world.redis.get(world.keys.document("t"))
    except RedisError:
        return False
    return True


def _has_asked(urls: list[str]) -> bool:
    for url in urls:
        with Redis.from_url(url) as server:
            if "cmdstat_cluster|slots" in server.info("commandstats"):
                return True
    return False
