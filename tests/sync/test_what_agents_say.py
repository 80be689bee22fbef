"""What agents publish: twice, in any order, about nothing, or in bad faith. The key is the
truth."""

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


async def test_a_hundred_messages_make_one_card_and_one_confirmation(make_world: Any) -> None:
    world = await make_world(POLL_SECONDS="60")
    await world.start()
    await world.set("t", title="Task")
    for _ in range(100):
        await world.publish("created", "t")
    planner_id = await world.until_uploaded("t")
    await world.write("last", "created", title="Last")
    await world.until_uploaded("last")
    posts = [
        call
        for call in world.emulator.requests()
        if (call["method"], call["path"]) == ("POST", "/planner/tasks")
    ]
    assert [post["body"]["title"] for post in posts] == ["Task", "Last"]
    assert [message["plannerId"] for message in world.said("uploaded", "t")] == [planner_id]


ORDERS: list[Any] = [
    pytest.param(["created", "SET"], id="published before it was set"),
    pytest.param(["SET", "updated", "created"], id="updated before created"),
    pytest.param(["SET", "deleted"], id="said to be deleted, but there"),
    pytest.param(["deleted", "SET", "created"], id="deleted before it was there"),
    pytest.param(["created", "created", "updated"], id="published and never set"),
]


@pytest.mark.contract("§6 `deleted` message, but the key is there")
@pytest.mark.parametrize("order", ORDERS)
async def test_the_key_is_the_truth_in_whatever_order_messages_come(
    world: World, order: list[str]
) -> None:
    await world.start()
    for step in order:
        if step == "SET":
            await world.set("t", title="Task")
        else:
            await world.publish(step, "t")
    await world.write("after", "created", title="After")
    await world.until_uploaded("after")
    if "SET" in order:
        await world.until_uploaded("t")
    titles = ["After", "Task"] if "SET" in order else ["After"]
    assert sorted(card["title"] for card in world.cards().values()) == titles
    assert world.said("failed") == world.said("deleted", "t") == []


async def test_a_delete_of_what_is_not_there_says_and_does_nothing(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, "keep")
    gone = await world.uploaded(service, "gone", title="Gone")
    await world.start()
    await world.delete("gone")
    await world.until(lambda: gone not in world.cards())
    await world.until(lambda: world.said("deleted", "gone"))
    world.messages.clear()
    for task_id in ("gone", "gone", "never-there", planner_id, gone):
        await world.publish("deleted", task_id)
    await world.write("after", "created", title="After")
    await world.until_uploaded("after")
    assert sorted(card["title"] for card in world.cards().values()) == ["After", "Task"]
    assert (await world.document("keep"))["plannerId"] == planner_id
    assert world.said("deleted") == world.said("failed") == []


@pytest.mark.parametrize(
    "message",
    [
        '"\\ud800"',
        '{"action": "updated", "taskId": "\\udfff"}',
        '{"taskId": "a\\u0000b"}',
        '{"taskId": 7, "task_id": ["t"], "id": {"t": 1}, "task": "t"}',
        '{"action": {"deleted": 1}, "taskId": "nobody"}',
        "x" * 500_000,
        '{"action": "deleted", "taskId": "t:1"}',
    ],
    ids=[
        "half a letter",
        "half a letter as id",
        "NUL",
        "ids that are none",
        "an action that is none",
        "long",
        "colon",
    ],
)
async def test_the_listener_survives_every_message(make_world: Any, message: str) -> None:
    world = await make_world(POLL_SECONDS="60")
    await world.start()
    await world.redis.publish(world.keys.updates, message)
    for task_id in ("t", "u"):  # the first may have been found by a sweep
        await world.write(task_id, "created", title="After")
        await world.until_uploaded(task_id)
    assert world.said("failed") == []


async def test_a_forged_confirmation_changes_nothing(world: World) -> None:
    await world.start()
    await world.write("t", "created", title="Task")
    planner_id = await world.until_uploaded("t")
    document = await world.document("t")
    forged = {
        "action": "deleted",
        "redisId": "t",
        "plannerId": planner_id,
        "by": "planner",
        "timestamp": "2026-01-01",
    }
    await world.redis.publish(world.keys.sync, json.dumps(forged))
    await world.redis.publish(
        world.keys.updates, json.dumps({**forged, "taskId": "t", "source": "planner"})
    )
    await world.write("after", "created", title="After")
    await world.until_uploaded("after")
    assert planner_id in world.cards()
    assert await world.document("t") == document
