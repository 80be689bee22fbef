"""What agents write and leave out, by mistake or in bad faith: each task stays one task, and nobody
else notices."""

import json
from typing import Any

import pytest

from planner_sync.sync.run.service import Service
from tests.sync.world import World


@pytest.fixture
async def service(world: World) -> Service:
    service = world.service()
    await world.settle(service)
    return service


# -- documents -------------------------------------------------------------------------------------
ODD_TEXTS: list[Any] = [
    pytest.param("<script>alert(1)</script>", id="a script"),
    pytest.param('=HYPERLINK("http://x","y")', id="a formula"),
    pytest.param("a\u202egpj.exe", id="letters that turn the direction"),
    pytest.param("e\u0301te\u0301", id="an accent by itself"),
    pytest.param("\u00e9t\u00e9", id="an accent in the letter"),
    pytest.param(
        "x" * 250 + "\U0001f468\u200d\U0001f469\u200d\U0001f467", id="joined signs at the limit"
    ),
    pytest.param("\U0001f9d1\U0001f3fd", id="a sign with a skin colour"),
    pytest.param("a\u2028b\x85c\x0bd", id="other line ends"),
    pytest.param("tab\tand \x1b[31mred", id="what acts on a terminal"),
    pytest.param("{{7*7}} ${x} %s %n", id="templates"),
]


@pytest.mark.parametrize("text", ODD_TEXTS)
async def test_odd_letters_come_back_as_they_are_and_stay_quiet(
    world: World, service: Service, text: str
) -> None:
    await world.set(
        "t", title=text, description=text, checklist=[{"title": text[:100]}], labels=[text[:100]]
    )
    await world.settle(service)
    await world.settle(service)
    (card,) = world.cards().values()
    assert (card["title"], card["details"]["description"]) == (text, text)
    document = await world.document("t")
    assert (document["title"], document["description"], document["labels"]) == (
        text,
        text,
        [text[:100]],
    )
    await world.settle(service)
    world.emulator.forget_requests()
    world.messages.clear()
    await world.settle(service)
    assert [call["method"] for call in world.emulator.requests()] == ["GET"]
    assert (world.messages, await world.document("t")) == ([], document)


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\u0000"'], ids=["half a letter", "NUL"])
@pytest.mark.parametrize("field", ["title", "description"])
async def test_letters_that_planner_cannot_store_are_refused(
    world: World, service: Service, field: str, text: str
) -> None:
    whole = f'{{"title": "T", "{field}": {text}}}'.encode()
    await world.redis.set(world.keys.document("t"), whole)
    await world.settle(service)
    await world.settle(service)
    (message,) = world.said("failed")
    assert (message["code"], message["reason"].partition(":")[0]) == ("bad_field", field)
    assert (world.cards(), await world.redis.get(world.keys.document("t"))) == ({}, whole)


async def test_two_keys_with_the_same_id_inside_are_two_tasks(
    world: World, service: Service
) -> None:
    for task_id in ("a", "b"):
        await world.redis.set(
            world.keys.document(task_id), json.dumps({"id": "a", "title": f"Task {task_id}"})
        )
    await world.settle(service)
    await world.settle(service)
    documents = {task_id: await world.document(task_id) for task_id in ("a", "b")}
    assert {document["id"] for document in documents.values()} == {"a"}
    assert (
        len({document["plannerId"] for document in documents.values()}) == len(world.cards()) == 2
    )


@pytest.mark.parametrize(
    "task_id", ["updates", "sync", "queue", "mapping", "planner", "task", "pending"]
)
async def test_an_id_like_a_name_of_ours_is_an_id_like_any_other(
    world: World, service: Service, task_id: str
) -> None:
    planner_id = await world.uploaded(service, task_id)
    assert (await world.redis.get(world.keys.planner_id(task_id))).decode() == planner_id
    assert (await world.redis.get(world.keys.redis_id(planner_id))).decode() == task_id
    world.human.complete(planner_id)
    await world.settle(service)
    assert (await world.document(task_id))["percentComplete"] == 100
    assert world.said("failed") == []


@pytest.mark.contract("§4 plannerId, _rev")
async def test_a_copy_under_another_id_is_a_new_task_and_takes_nothing_away(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, description="text", checklist=[{"title": "step"}])
    copy = await world.document("t")
    await world.redis.set(world.keys.document("copy"), json.dumps({**copy, "title": "Copy"}))
    await world.settle(service)
    await world.settle(service)
    assert sorted(card["title"] for card in world.cards().values()) == ["Copy", "Task"]
    assert (await world.document("t"))["plannerId"] == planner_id
    other = (await world.document("copy"))["plannerId"]
    assert other in world.cards()
    assert other != planner_id
    assert (await world.redis.get(world.keys.redis_id(planner_id))).decode() == "t"
    world.human.delete(other)
    await world.settle(service)
    assert await world.find("copy") is None
    assert await world.document("t") == copy


@pytest.mark.contract("§6 Agent creates or updates")
@pytest.mark.parametrize(
    "order", [("old", "new"), ("new", "old")], ids=["deleted first", "created first"]
)
async def test_a_document_that_an_agent_renames_has_one_card_afterwards(
    world: World, service: Service, order: tuple[str, str]
) -> None:
    await world.uploaded(service, "old", title="Task", description="more", x="private")
    await world.redis.rename(world.keys.document("old"), world.keys.document("new"))
    for task_id in order:
        await world.pending.enqueue(
            [task_id], announced="deleted" if task_id == "old" else "created"
        )
        await service.drain_once()
    await world.settle(service)
    (card,) = world.cards().values()
    assert (card["title"], card["details"]["description"]) == ("Task", "more")
    document = await world.document("new")
    assert (document["plannerId"], document["x"]) == (card["id"], "private")
    assert world.said("failed") == []


async def test_a_document_without_rev_and_planner_id_keeps_its_card(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service)
    await world.set("t", title="Task", percentComplete=30)
    await world.settle(service)
    assert [(card["id"], card["percentComplete"]) for card in world.cards().values()] == [
        (planner_id, 30)
    ]
    assert (await world.document("t"))["plannerId"] == planner_id


async def test_a_document_that_expires_counts_as_deleted_after_two_polls(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service)
    await world.redis.pexpire(world.keys.document("t"), 1)
    await world.until(lambda: _is_gone(world, "t"))
    await world.settle(service)
    assert planner_id in world.cards()

    async def deleted() -> bool:
        await world.settle(service)
        return world.cards() == {}

    await world.until(deleted)
    (entry,) = await world.redis.hvals(world.keys.private("trash", "entries"))
    assert json.loads(entry)["taskId"] == "t"


async def test_an_agent_and_a_human_who_make_the_same_task_make_two(
    world: World, service: Service
) -> None:
    card = world.human.create(title="Call the printer")
    await world.set("t", title="Call the printer")
    await world.settle(service)
    await world.settle(service)
    assert len(world.cards()) == 2
    assert (await world.document(f"planner-{card['id']}"))["plannerId"] == card["id"]
    assert (await world.document("t"))["plannerId"] != card["id"]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(
            lambda world, _: world.redis.set(world.keys.planner_id("t"), "z" * 28),
            id="another card",
        ),
        pytest.param(
            lambda world, _: replace_by_list(world, world.keys.planner_id("t")), id="no string"
        ),
        pytest.param(
            lambda world, pid: world.redis.set(world.keys.redis_id(pid), "other"), id="another task"
        ),
        pytest.param(
            lambda world, pid: world.redis.set(world.keys.redis_id(pid), b"\xff"), id="no text"
        ),
        pytest.param(
            lambda world, pid: replace_by_list(world, world.keys.redis_id(pid)),
            id="no string, back",
        ),
    ],
)
async def test_what_an_agent_writes_into_the_mapping_decides_nothing_and_is_put_right(
    world: World, service: Service, spoil: Any
) -> None:
    planner_id = await world.uploaded(service)
    await spoil(world, planner_id)
    world.human.complete(planner_id)
    await world.settle(service)
    assert list(world.cards()) == [planner_id]
    assert (await world.document("t"))["percentComplete"] == 100
    assert (await world.redis.get(world.keys.planner_id("t"))).decode() == planner_id
    assert (await world.redis.get(world.keys.redis_id(planner_id))).decode() == "t"


# -- looks that never end --------------------------------------------------------------------------
async def test_a_task_that_ends_no_look_is_said_once_and_holds_up_nobody(
    world: World, service: Service
) -> None:
    """As if every look at it had killed the process: the claims of the dead run out."""
    await world.set("poison", title="Poison")
    await world.pending.enqueue(["poison"])
    for _ in range(5):
        (claim,) = (await world.pending.lease(10)).leases
        assert claim.task_id == "poison"
        await world.forget_claims()
    await world.set("t", title="Task")
    await world.settle(service)
    assert [card["title"] for card in world.cards().values()] == ["Task"]
    (message,) = world.said("failed")
    assert (message["redisId"], message["code"], message["retrying"]) == (
        "poison",
        "internal",
        True,
    )


async def test_a_belief_of_a_newer_version_is_left_alone(world: World, service: Service) -> None:
    """Two versions of the code at work on one Redis: the old one touches nothing that it cannot
    understand."""
    planner_id = await world.uploaded(service)
    key = world.keys.task("t")
    state = json.loads(await world.redis.hget(key, "state"))
    newer = json.dumps({**state, "version": state["version"] + 1})
    await world.redis.hset(key, "state", newer)
    await world.change("t", title="Changed")
    world.human.edit(planner_id, fields={"percentComplete": 50})
    text = await world.redis.get(world.keys.document("t"))
    await world.set("other", title="Other")
    for _ in range(3):
        await world.settle(service)
        await world.forget_claims()
    assert world.cards()[planner_id]["title"] == "Task"
    assert await world.redis.get(world.keys.document("t")) == text
    assert (await world.redis.hget(key, "state")).decode() == newer
    assert (await world.document("other"))["plannerId"]
    await world.redis.hset(key, "state", json.dumps(state))  # the newer version is at work again
    await world.forget_claims()
    await world.settle(service)
    document = await world.document("t")
    assert (document["title"], document["percentComplete"]) == ("Changed", 50)


async def _is_gone(world: World, task_id: str) -> bool:
    return await world.find(task_id) is None


async def replace_by_list(world: World, key: str) -> None:
    await world.redis.delete(key)
    await world.redis.rpush(key, "t")
