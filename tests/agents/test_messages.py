"""What agents hear: every form of a message as a value, and a subscription that comes back by
itself."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest

from planner_sync.agents import AgentClient
from planner_sync.agents.messages import (
    Change,
    Conflict,
    Deleted,
    Failed,
    Subscribed,
    Uploaded,
    read_change,
    read_confirmation,
)
from tests.sync.world import World

STAMP = '"redisId": "t1", "plannerId": "p1", "timestamp": "2026-03-01T10:00:00Z"'
BASE: Any = {"redis_id": "t1", "planner_id": "p1", "timestamp": "2026-03-01T10:00:00Z"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(
            '{"action": "created", "taskId": "t1"}',
            Change(action="created", task_id="t1"),
            id="taskId",
        ),
        pytest.param(
            '{"action": "deleted", "task_id": "t1"}',
            Change(action="deleted", task_id="t1"),
            id="task_id",
        ),
        pytest.param(
            '{"action": "updated", "id": "t1"}', Change(action="updated", task_id="t1"), id="id"
        ),
        pytest.param(
            '{"task": {"id": "t1"}}',
            Change(action="updated", task_id="t1", task={"id": "t1"}),
            id="inside the task",
        ),
        pytest.param("t1", Change(action="updated", task_id="t1"), id="a bare id"),
        pytest.param('"t1"', Change(action="updated", task_id="t1"), id="a bare id in quotes"),
        pytest.param(
            '{"action": "moved", "id": "t1"}',
            Change(action="updated", task_id="t1"),
            id="any other action",
        ),
        pytest.param("{not json", None, id="no JSON"),
        pytest.param('{"action": "created"}', None, id="no id"),
        pytest.param("[1]", None, id="no object"),
    ],
)
def test_a_message_of_updates_is_understood_in_every_form(text, value):
    assert read_change(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param(
            f'{{"action": "uploaded", {STAMP}, "created": true, "fields": ["title"]}}',
            Uploaded(action="uploaded", created=True, fields=("title",), **BASE),
            id="uploaded",
        ),
        pytest.param(
            f'{{"action": "deleted", {STAMP}, "by": "planner"}}',
            Deleted(action="deleted", by="planner", **BASE),
            id="deleted",
        ),
        pytest.param(
            f'{{"action": "conflict", {STAMP}, "field": "title", '
            '"kept": "a", "lost": "b", "winner": "planner"}',
            Conflict(
                action="conflict", field="title", kept="a", lost="b", winner="planner", **BASE
            ),
            id="conflict",
        ),
        pytest.param(
            f'{{"action": "failed", {STAMP}, "reason": "r", "code": "limit", "retrying": false}}',
            Failed(action="failed", reason="r", code="limit", retrying=False, **BASE),
            id="failed",
        ),
        pytest.param('{"action": "uploaded"}', None, id="half a message"),
        pytest.param("garbage", None, id="garbage"),
    ],
)
def test_a_confirmation_becomes_a_value(text, value):
    assert read_confirmation(text.encode()) == value


async def test_both_channels_are_heard_and_garbage_is_skipped(tasks, other, plain, keys):
    async with aclosing(tasks.messages()) as messages:
        assert await anext(messages) == Subscribed()
        await plain.publish(keys.updates, b"\xff{")
        await plain.publish(keys.sync, "garbage")
        await other.create({"title": "A"}, "t1")
        assert await anext(messages) == Change(action="created", task_id="t1", source="other-agent")
        await plain.publish(keys.sync, f'{{"action": "deleted", {STAMP}, "by": "agent"}}')
        assert await anext(messages) == Deleted(action="deleted", by="agent", **BASE)


async def test_the_subscription_comes_back_after_a_cut(tasks, other, plain, keys):
    async with aclosing(tasks.messages()) as messages:
        assert await anext(messages) == Subscribed()
        await plain.client_kill_filter(_type="pubsub")
        assert await anext(messages) == Subscribed()
        await other.create({"title": "A"}, "t1")
        assert await anext(messages) == Change(action="created", task_id="t1", source="other-agent")


async def test_a_half_open_subscription_is_noticed(proxy, namespace):
    async with (
        AgentClient.connect(proxy.url, namespace) as tasks,
        aclosing(tasks.messages(silence=0.1)) as messages,
    ):
        assert await anext(messages) == Subscribed()
        proxy.silence()
        async with asyncio.timeout(20):
            assert await anext(messages) == Subscribed()


@pytest.mark.cluster
@pytest.mark.contract("§6 Agent creates or updates")
async def test_an_agent_hears_that_its_task_has_reached_planner(world: World):
    await world.start()
    async with (
        AgentClient.connect(world.url, world.keys.namespace, agent="writer-agent") as tasks,
        aclosing(tasks.messages()) as messages,
    ):
        assert await anext(messages) == Subscribed()
        await tasks.create({"title": "Write the report"}, "report-7")
        async with asyncio.timeout(20):
            uploaded = await anext(
                message async for message in messages if isinstance(message, Uploaded)
            )

    assert uploaded.redis_id == "report-7"
    assert uploaded.created
    assert uploaded.planner_id == world.card("Write the report")["id"]
