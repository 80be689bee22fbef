"""Redis loses or spoils a part of what it held, or takes our rights away: no card is deleted, none
is made twice, and people's and agents' changes go on crossing."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from planner_sync.settings import Settings
from planner_sync.sync.run.service import Service
from planner_sync.web.health import health
from tests.redis_process import free_port, redis_process
from tests.sync.world import World, world_of

TASKS = 3


async def filled(world: World, service: Service) -> dict[str, str]:
    """Some tasks with their cards; their planner ids."""
    for n in range(TASKS):
        await world.set(
            f"t{n}",
            title=f"Task {n}",
            percentComplete=1,
            assignedTo=["mira.novak@example.com", "bot"],
        )
    await world.settle(service)
    await world.settle(service)
    return {f"t{n}": (await world.document(f"t{n}"))["plannerId"] for n in range(TASKS)}


# Every kind of key that a settled task leaves behind; the state of one task is last.
CLASSES = [
    *(
        "application",
        "batches",
        "cards:{plan}",
        "task_leases",
        "counters",
        "epochs",
        "hashes",
        "lags:upload",
    ),
    *(
        "makers:{plan}",
        "generations",
        "names:{plan}",
        "owners",
        "people",
        "token",
        "heartbeats",
        "leases",
        "task:t2",
    ),
]


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
@pytest.mark.parametrize("name", CLASSES)
async def test_one_kind_of_key_is_lost(world: World, name: str) -> None:
    service = world.service()
    ids = await filled(world, service)
    await world.redis.delete(world.keys.private(name.format(plan=world.emulator.plan_id)))
    world.messages.clear()
    world.human.edit(ids["t0"], fields={"percentComplete": 60})
    await world.change("t1", percentComplete=70)
    for _ in range(3):
        await world.settle(service)
    assert (await world.document("t0"))["percentComplete"] == 60
    cards = world.cards()
    assert (cards.keys(), cards[ids["t1"]]["percentComplete"]) == (set(ids.values()), 70)
    assert (
        len([key async for key in world.redis.scan_iter(match=world.keys.document("*"))]) == TASKS
    )
    assert [world.said(action) for action in ("deleted", "conflict", "failed", "created")] == [
        [],
        [],
        [],
        [],
    ]


@pytest.mark.parametrize("direction", ["planner_id", "redis_id"])
async def test_one_direction_of_the_public_mapping_is_lost(world: World, direction: str) -> None:
    service = world.service()
    ids = await filled(world, service)
    key = (
        world.keys.planner_id("t0") if direction == "planner_id" else world.keys.redis_id(ids["t0"])
    )
    await world.redis.delete(key)
    world.human.edit(ids["t0"], fields={"percentComplete": 60})
    for _ in range(2):
        await world.settle(service)
    assert (await world.document("t0"))["percentComplete"] == 60
    assert (len(world.cards()), await world.redis.exists(key)) == (TASKS, 1)


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
@pytest.mark.parametrize("names", ["*", "planner:*", "t1"])
async def test_a_lost_public_mapping_is_there_again_although_nobody_touches_a_task(
    world: World, names: str
) -> None:
    service = world.service()
    ids = await filled(world, service)
    await world.redis.delete(
        *[key async for key in world.redis.scan_iter(match=world.keys.planner_id(names))]
    )
    world.messages.clear()
    for _ in range(2):
        await world.settle(service)
    assert [
        (await world.redis.get(world.keys.planner_id(task_id))).decode() for task_id in ids
    ] == list(ids.values())
    assert [
        (await world.redis.get(world.keys.redis_id(pid))).decode() for pid in ids.values()
    ] == list(ids)
    assert world.messages == []


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
async def test_an_object_from_before_the_loss_undoes_no_human_unsaid(world: World) -> None:
    """Which of its values are old is forgotten, and it carries no revision: it may be older than
    the card."""
    service = world.service()
    planner_id = await world.uploaded(service, title="Task")
    world.human.edit(planner_id, fields={"title": "human"})
    await world.settle(service)
    await world.redis.delete(world.keys.task("t"), world.keys.private("owners"))
    await world.settle(service)
    await world.set("t", title="Task")
    for _ in range(2):
        await world.settle(service)
    assert (world.cards()[planner_id]["title"], (await world.document("t"))["title"]) == (
        "human",
        "human",
    )
    assert [(message["field"], message["lost"]) for message in world.said("conflict")] == [
        ("title", "Task")
    ]


@pytest.mark.parametrize("edits", [{}, {"description": "new"}], ids=["nobody", "an agent"])
@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
async def test_a_card_that_was_made_anew_in_lost_seconds_is_not_made_once_more(
    make_world: Any, edits: dict[str, Any]
) -> None:
    """Its document comes back with the card that people had deleted, and takes what the lost
    seconds have put on it."""
    world = await make_world(CONFLICT_WINNER="agents")
    service = world.service()
    first = world.human.create(title="Task", percentComplete=20)["id"]
    task_id = f"planner-{first}"
    await world.settle(service)
    before = {
        key: await world.redis.dump(key)
        for key in await world.redis.keys(f"{world.keys.namespace}:*")
    }
    world.human.delete(first)
    await world.change(task_id, percentComplete=30)
    await world.settle(service)
    await world.settle(service)
    (second,) = world.cards()
    await world.redis.delete(*await world.redis.keys(f"{world.keys.namespace}:*"))
    for key, value in before.items():
        await world.redis.restore(key, 0, value)
    await world.redis.hset(world.keys.private("epochs"), world.emulator.plan_id, "another-server 1")
    await world.change(task_id, **edits)
    for _ in range(3):
        await world.settle(service)
    assert (list(world.cards()), world.cards()[second]["percentComplete"]) == ([second], 30)
    assert world.cards()[second]["details"]["description"] == edits.get("description", "")
    document = await world.document(task_id)
    assert (document["plannerId"], document["percentComplete"]) == (second, 30)
    assert await world.find(f"planner-{second}") is None


@pytest.mark.contract("§6 More than `MAX_DELETE_RATIO` … vanish at once")
async def test_all_documents_are_lost_and_their_state_is_not(make_world: Any) -> None:
    """Without a word of a delete, and more than the brake lets through: held until an operator
    decides."""
    world = await make_world(MAX_DELETE_COUNT="2")
    service = world.service()
    ids = await filled(world, service)
    await world.redis.delete(*(world.keys.document(task_id) for task_id in ids))

    async def held() -> Any:
        await world.settle(service)
        return (await service.telemetry.snapshot()).holds

    await world.until(held)
    assert world.cards().keys() == set(ids.values())
    assert await service.restore(world.emulator.plan_id) == TASKS
    await world.settle(service)
    assert [(await world.document(task_id))["plannerId"] for task_id in ids] == list(ids.values())


SPOILT: list[Any] = [
    pytest.param(
        lambda world, pid: world.redis.set(world.keys.redis_id(pid), b"\xff"), id="no text"
    ),
    pytest.param(
        lambda world, pid: world.redis.hset(world.keys.redis_id(pid), "a", "b"), id="no string"
    ),
    pytest.param(lambda world, pid: _map(world, pid, "not an id"), id="an id that is not allowed"),
    pytest.param(
        lambda world, pid: _map_back_to_a_hash(world, pid), id="no string on the way back"
    ),
]


@pytest.mark.parametrize("spoil", SPOILT)
async def test_a_spoilt_public_mapping_keeps_nothing_from_being_adopted(
    world: World, spoil: Any
) -> None:
    service = world.service()
    ids = await filled(world, service)
    await world.stop()
    await world.redis.delete(
        *[key async for key in world.redis.scan_iter(match=f"{world.keys.namespace}:*")]
    )
    await spoil(world, ids["t0"])
    after = world.service()
    await world.set("new", title="New")
    for _ in range(2):
        await world.settle(after)
        await world.forget_claims()
    assert (await world.document("new"))["plannerId"] in world.cards()
    assert [(await world.document(f"planner-{pid}"))["plannerId"] for pid in ids.values()] == list(
        ids.values()
    )
    assert len(world.cards()) == TASKS + 1


@pytest.mark.parametrize("winner", ["planner", "agents"])
@pytest.mark.parametrize("bucket", ["Done", None], ids=["in a bucket", "in none"])
async def test_a_document_that_is_adopted_goes_along_with_a_card_that_people_moved_meanwhile(
    make_world: Any, winner: str, bucket: str | None
) -> None:
    """Whatever wins, the bucket that the document names is one of the other plan."""
    ours, other = "A" * 28, "B" * 28
    world: World = await make_world(plans=(ours, other), CONFLICT_WINNER=winner)
    service = world.service()
    card = world.human.create(title="Card", plan_id=ours)
    await world.settle(service)
    task_id = f"planner-{card['id']}"
    assert "bucketId" in await world.document(task_id)
    await world.stop()
    there = world.transfer(card["id"], other, bucket)
    await world.redis.delete(
        *[key async for key in world.redis.scan_iter(match=f"{world.keys.namespace}:sync:*")]
    )
    after = world.service()
    for _ in range(2):
        await world.settle(after)
        await world.forget_claims()
    document = await world.document(task_id)
    assert (document["planId"], document["bucketId"], document["bucket"]) == (
        other,
        there or "",
        bucket or "",
    )
    assert (world.emulator.cards(other)[card["id"]]["bucketId"], world.said("conflict")) == (
        there,
        [],
    )
    assert (await after.telemetry.snapshot()).refusals == {}


async def test_a_key_of_ours_that_is_of_another_type_stops_one_task_only(world: World) -> None:
    service = world.service()
    ids = await filled(world, service)
    await world.redis.delete(world.keys.task("t0"))
    await world.redis.set(world.keys.task("t0"), "spoilt")
    for task_id in ("t0", "t1"):
        await world.change(task_id, percentComplete=70)
    for _ in range(7):
        await world.settle(service)
        await world.forget_claims()
    assert world.cards()[ids["t1"]]["percentComplete"] == 70
    assert len(world.cards()) == TASKS
    (message,) = world.said("failed")
    assert (message["redisId"], message["code"], message["retrying"]) == ("t0", "internal", True)


# -- rights ----------------------------------------------------------------------------------------
@pytest.fixture
async def guarded(namespace: str) -> AsyncIterator[tuple[World, Redis]]:
    """A world whose service signs in at Redis as `sync`; and the operator's own connection."""
    with redis_process() as url:
        operator = Redis.from_url(url)
        await operator.execute_command(*_RIGHTS, ">first")
        async with AsyncExitStack() as stack:
            address = url.replace("redis://", "redis://sync:first@")
            yield await stack.enter_async_context(world_of(address, namespace, {})), operator
        await operator.aclose()


_RIGHTS = ("ACL", "SETUSER", "sync", "on", "resetpass", "~*", "&*", "+@all")


@pytest.mark.parametrize(
    ("take", "give"),
    [
        pytest.param((*_RIGHTS, ">second"), (*_RIGHTS, ">first"), id="another password"),
        pytest.param(
            ("ACL", "SETUSER", "sync", "-evalsha", "-eval"),
            (*_RIGHTS[:3], "+@all"),
            id="no scripts",
        ),
        pytest.param(
            ("ACL", "SETUSER", "sync", "off"), ("ACL", "SETUSER", "sync", "on"), id="switched off"
        ),
    ],
)
async def test_without_rights_at_redis_it_waits_and_goes_on_when_they_are_back(
    guarded: tuple[World, Redis], take: tuple[str, ...], give: tuple[str, ...]
) -> None:
    world, operator = guarded
    service = await world.start()
    await world.write("before", "created", title="Before")
    await world.until_uploaded("before")
    await operator.execute_command(*take)
    await operator.client_kill_filter(user="sync")
    document = {"id": "t", "title": "Meanwhile"}
    await operator.set(world.keys.document("t"), json.dumps(document))
    await world.until(lambda: _fails(world), "the refusal")
    assert len(world.cards()) == 1
    await operator.execute_command(*give)
    await world.until(lambda: len(world.cards()) == 2)

    async def well() -> bool:
        snapshot = await service.telemetry.snapshot()
        return (
            snapshot is not None
            and health(snapshot, Settings.from_env(world.env))[1]["status"] == "healthy"
        )

    await world.until(well, "health")
    assert sorted(card["title"] for card in world.cards().values()) == ["Before", "Meanwhile"]


async def make_a_replica(operator: Redis) -> None:
    await operator.execute_command("REPLICAOF", "127.0.0.1", str(free_port()))


async def make_busy(operator: Redis) -> None:
    """A script of somebody else's that does not end."""
    await operator.config_set("busy-reply-threshold", 50)
    host, port = (operator.connection_pool.connection_kwargs[name] for name in ("host", "port"))
    _, writer = await asyncio.open_connection(host, port)
    writer.write(b'EVAL "while true do end" 0\r\n')
    await writer.drain()


@pytest.mark.contract("§6 Redis restarts or fails over")
@pytest.mark.parametrize(
    ("trouble", "mend"),
    [
        pytest.param(make_a_replica, ("REPLICAOF", "NO", "ONE"), id="READONLY"),
        pytest.param(make_busy, ("SCRIPT", "KILL"), id="BUSY"),
    ],
)
async def test_a_redis_that_takes_no_writes_is_waited_for(
    guarded: tuple[World, Redis], trouble: Any, mend: tuple[str, ...]
) -> None:
    world, operator = guarded
    await world.start()
    await world.write("before", "created", title="Before")
    planner_id = await world.until_uploaded("before")
    await trouble(operator)
    world.human.complete(planner_id)
    await world.until(lambda: _fails(world), "the refusal")
    await operator.execute_command(*mend)
    await world.until(lambda: _works(world), "the end of it")
    await world.write("after", "created", title="After")
    await world.until_uploaded("after")

    async def completed() -> bool:
        return (await world.document("before")).get("percentComplete") == 100

    await world.until(completed)
    assert len(world.cards()) == 2


async def _fails(world: World) -> bool:
    """Do commands of the service's own user fail? `world.redis` signs in as the service does."""
    try:
        await asyncio.wait_for(
            world.redis.eval("return redis.call('SET', KEYS[1], 1)", 1, "probe"), 5
        )
    except (RedisError, TimeoutError):
        return True
    return False


async def _works(world: World) -> bool:
    return not await _fails(world)


async def _map(world: World, planner_id: str, task_id: str) -> None:
    await world.redis.set(world.keys.redis_id(planner_id), task_id)
    await world.redis.set(world.keys.planner_id(task_id), planner_id)


async def _map_back_to_a_hash(world: World, planner_id: str) -> None:
    await world.redis.set(world.keys.redis_id(planner_id), "t0")
    await world.redis.hset(world.keys.planner_id("t0"), "a", "b")
