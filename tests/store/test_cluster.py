"""The store on a real cluster of three servers: one namespace lives in one slot, every key of a script is declared.

The client is given a server that does not have the slot.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from planner_sync.errors import SettingsError
from planner_sync.store.connection import connect, for_namespace
from planner_sync.store.sweep import Sweep
from planner_sync.store.vitals import Vitals
from tests.store.cluster_process import cluster_process, hosting
from tests.store.shelf import LIMIT, Shelf
from tests.sync.world import world_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def urls() -> AsyncIterator[list[str]]:
    async with cluster_process() as urls:
        yield urls


@pytest_asyncio.fixture(loop_scope="module")
async def namespace(urls: list[str]) -> str:
    return f"{{test-{uuid.uuid4().hex[:12]}}}"


@pytest_asyncio.fixture(loop_scope="module")
async def home(urls: list[str], namespace: str) -> str:
    """The server that has the namespace."""
    async with Redis.from_url(urls[0]) as redis:
        return hosting(urls, await redis.execute_command("CLUSTER KEYSLOT", namespace))


@pytest_asyncio.fixture(loop_scope="module")
async def away(urls: list[str], home: str) -> str:
    return next(url for url in urls if url != home)


@pytest_asyncio.fixture(loop_scope="module")
async def shelf(away: str, namespace: str) -> AsyncIterator[Shelf]:
    single = connect(away)
    redis = await for_namespace(single, away, namespace)
    yield Shelf(redis, namespace)
    await redis.aclose()
    await single.aclose()


async def test_a_namespace_without_a_hash_tag_is_a_wrong_setting(away: str) -> None:
    redis = connect(away)
    with pytest.raises(SettingsError, match=r"needs a hash tag, such as \{annika\}"):
        await for_namespace(redis, away, "annika")
    await redis.aclose()


async def test_a_task_goes_through_all_scripts(shelf: Shelf) -> None:
    assert await shelf.save("", "A", word="created") == [1]
    await shelf.know_plan()
    claim = await shelf.claim()
    assert await shelf.note(claim, "create", "n1") == "noted"
    assert [note.nonce for note in (await shelf.repository.read("t1")).notes] == ["n1"]
    order = {"planner_id": "card-1", "etags": "e d", "state": "{}", "notes_done": ["n1"], "creating_done": True}
    assert await shelf.settle(claim, **order, expected=b"A", write="set", new=b"B") == "settled"
    assert await shelf.get() == b"B"
    assert await shelf.mapper.public_task_id("card-1") == "t1"
    assert await shelf.mapper.all_task_ids() == {"t1"}


async def test_many_documents_are_read_and_swept(shelf: Shelf) -> None:
    for n in range(20):
        await shelf.set(f"t{n}", b"A")
    swept = await Sweep(shelf.redis, shelf.keys, LIMIT, lambda: 0.0).run({"gone"}, 5)
    assert (len(swept.changed), swept.missing, swept.complete) == (20, ("gone",), True)
    assert len(await shelf.repository.read_documents(sorted(swept.present))) == 20
    assert await shelf.repository.count_missing(["t1", "gone"]) == 1


async def test_plans_pauses_and_signs_of_life_are_kept(shelf: Shelf) -> None:
    assert await shelf.plans.take_lease("plan-1")
    await shelf.plans.set_young("plan-1", {"card": 1})
    await shelf.plans.prune()
    assert await shelf.mapper.buried(["card"]) == frozenset()
    vitals = Vitals(shelf.redis, shelf.scripts, shelf.keys)
    await vitals.poll_done()
    await vitals.lag("upload", 5)
    snapshot = await vitals.snapshot()
    assert (snapshot.polled_at is not None, list(snapshot.lags["upload"])) == (True, [5])
    await shelf.pending.extend_pause(60_000)
    assert (await shelf.pending.claim(1)).pause_ms > 0


@pytest.mark.contract("§6 Agent creates or updates")
@pytest.mark.contract("§6 Human creates a card")
async def test_both_journeys_work_on_a_cluster(home: str, away: str, namespace: str) -> None:
    async with world_of(home, namespace, {"REDIS_URL": away}) as world, asyncio.TaskGroup() as group:
        running = group.create_task(world.service().run())
        await world.write("report-7", title="Write the report")
        await world.until_uploaded("report-7")
        card = world.human.create(title="From a human")
        await world.until(lambda: world.find(f"planner-{card['id']}"))
        await world.delete("report-7")
        await world.until(lambda: len(world.cards()) == 1)
        await world.until(lambda: world.said("deleted", "report-7"))
        running.cancel()


@pytest.mark.contract("§6 Redis restarts or fails over")
async def test_a_slot_that_moves_is_followed(home: str, away: str, urls: list[str], namespace: str) -> None:
    async with world_of(home, namespace, {"REDIS_URL": away}) as world, asyncio.TaskGroup() as group:
        running = group.create_task(world.service().run())
        await world.write("before", "created", title="Before")
        planner_id = await world.until_uploaded("before")
        await move_slot(home, away, urls, namespace)
        async with connect(away) as world.redis:
            await world.write("after", "created", title="After")
            await world.until_uploaded("after")
            world.human.complete(planner_id)

            async def completed() -> bool:
                return (await world.document("before")).get("percentComplete") == 100

            await world.until(completed)
            assert len(world.cards()) == 2
            running.cancel()


async def move_slot(home: str, away: str, urls: list[str], namespace: str) -> None:
    """As a cluster is rebalanced: key by key, while others read and write."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(Redis.from_url(url)) for url in urls]
        giving, taking = clients[urls.index(home)], clients[urls.index(away)]
        slot = await giving.execute_command("CLUSTER KEYSLOT", namespace)
        giver, taker = [(await client.execute_command("CLUSTER", "MYID")).decode() for client in (giving, taking)]
        await taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", giver)
        await giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", taker)
        where = urlsplit(away)
        while keys := await giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 5):
            await giving.execute_command("MIGRATE", where.hostname, where.port, "", 0, 5000, "KEYS", *keys)
        for client in (taking, giving, *clients):
            await client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", taker)
