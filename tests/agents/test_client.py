"""What the agents' client promises, each rule on a real server."""

import asyncio
import json
from typing import Any

import pytest
import redis.asyncio
from redis.asyncio.cluster import RedisCluster

from planner_sync.agents import AgentClient
from planner_sync.errors import Refusal, SettingsError, TaskExists, TaskMissing
from planner_sync.store.keys import Keys
from tests.agents.conftest import heard
from tests.redis_process import redis_process


async def stored(plain: Any, keys: Keys, task_id: str) -> Any:
    return json.loads(await plain.get(keys.document(task_id)))


# -- create ----------------------------------------------------------------------------------------
async def test_a_created_task_is_a_plain_document_that_anybody_can_get(tasks, plain, keys):
    task = await tasks.create({"title": "Write the report", "mood": ["ours", 1.5]}, "report-7")

    assert await stored(plain, keys, "report-7") == task
    assert task == {"id": "report-7", "title": "Write the report", "mood": ["ours", 1.5]}


@pytest.mark.parametrize(
    ("fields", "task_id", "expected"),
    [
        pytest.param({"title": "A"}, "a-1", "a-1", id="the one that is asked for"),
        pytest.param({"title": "A", "id": "a-2"}, None, "a-2", id="else the one in the document"),
        pytest.param(
            {"title": "A", "id": "a-2"},
            "a-3",
            "a-3",
            id="the one that is asked for, in the document too",
        ),
    ],
)
async def test_a_task_has_the_id(tasks, fields, task_id, expected):
    assert (await tasks.create(fields, task_id))["id"] == expected


async def test_an_id_is_made_when_none_is_given(tasks):
    first, second = await tasks.create({"title": "A"}), await tasks.create({"title": "A"})

    assert first["id"] != second["id"]
    assert await tasks.get(first["id"]) == first


async def test_a_task_is_not_created_over_another_not_even_over_an_equal_one(tasks, other):
    await tasks.create({"title": "Mine"}, "t1")

    with pytest.raises(TaskExists, match="task t1"):
        await other.create({"title": "Mine"}, "t1")


# -- get -------------------------------------------------------------------------------------------
async def test_what_is_not_there_is_none(tasks):
    assert await tasks.get("nobody") is None


async def test_a_document_that_is_no_object_is_refused(tasks, plain, keys):
    await plain.set(keys.document("t1"), "[1]")

    with pytest.raises(Refusal, match="not a JSON object"):
        await tasks.get("t1")


# -- update ----------------------------------------------------------------------------------------
async def test_an_update_replaces_the_members_given_and_keeps_the_rest(tasks, plain, keys):
    await tasks.create({"title": "A", "description": "long", "mine": {"a": 1}}, "t1")

    task = await tasks.update("t1", {"percentComplete": 50, "description": None})

    assert task == {
        "id": "t1",
        "title": "A",
        "description": None,
        "mine": {"a": 1},
        "percentComplete": 50,
    }
    assert await stored(plain, keys, "t1") == task


async def test_an_update_may_be_a_function_on_a_copy(tasks):
    await tasks.create({"title": "A", "labels": ["red"]}, "t1")

    task = await tasks.update("t1", lambda copy: copy["labels"].append("blue"))

    assert task["labels"] == ["red", "blue"]
    assert await tasks.get("t1") == task


async def test_what_is_not_there_cannot_be_updated(tasks, plain, keys):
    await tasks.create({"title": "A"}, "t1")
    await plain.delete(keys.document("t1"))

    for task_id in ("t1", "nobody"):
        with pytest.raises(TaskMissing, match=task_id):
            await tasks.update(task_id, {"title": "B"})


async def test_an_update_is_made_on_the_newest_document(tasks, plain, keys):
    await tasks.create({"title": "A"}, "t1")
    await plain.set(keys.document("t1"), '{"title": "A", "dueDate": "2026-03-01", "_rev": 7}')

    task = await tasks.update("t1", {"percentComplete": 50})

    assert task == {"title": "A", "dueDate": "2026-03-01", "_rev": 7, "percentComplete": 50}


async def test_a_change_that_fails_on_the_remembered_document_is_tried_on_the_newest(
    tasks, plain, keys
):
    await tasks.create({"title": "A"}, "t1")
    await plain.set(keys.document("t1"), '{"title": "A", "labels": ["red"]}')

    task = await tasks.update("t1", lambda copy: copy["labels"].append("blue"))

    assert task["labels"] == ["red", "blue"]


async def test_a_change_that_fails_writes_nothing(tasks, plain, keys):
    await tasks.create({"title": "A"}, "t1")

    with pytest.raises(KeyError):
        await tasks.update("t1", lambda copy: copy.pop("labels"))
    assert await stored(plain, keys, "t1") == {"id": "t1", "title": "A"}


@pytest.mark.cluster
async def test_racing_updaters_lose_nothing(tasks, other):
    await tasks.create({"title": "A", "count": 0, "writers": []}, "t1")

    def counted(copy: dict[str, Any]) -> None:
        copy["count"] += 1

    await asyncio.gather(
        *(client.update("t1", counted) for _ in range(20) for client in (tasks, other))
    )

    task = await tasks.get("t1")
    assert task is not None
    assert task["count"] == 40


# -- delete ----------------------------------------------------------------------------------------
async def test_a_deleted_task_is_gone_for_everybody(tasks, other, plain, keys):
    await tasks.create({"title": "A"}, "t1")
    await other.delete("t1")

    assert await plain.exists(keys.document("t1")) == 0
    with pytest.raises(TaskMissing):
        await tasks.delete("t1")


# -- what a write does besides ---------------------------------------------------------------------
async def test_every_write_is_published_with_the_agents_name_and_a_mark(
    tasks, plain, keys, updates
):
    await tasks.create({"title": "A"}, "t1")
    await tasks.update("t1", {"title": "B"})
    await tasks.delete("t1")

    expected = [
        {"action": action, "taskId": "t1", "source": "writer-agent"}
        for action in ("created", "updated", "deleted")
    ]
    messages = await heard(plain, keys, updates)
    marks = {message.pop("mark") for message in messages}
    assert messages == expected
    assert len(marks) == 3


async def test_every_write_is_marked_for_the_sync_also_when_nobody_listens(tasks, plain, keys):
    await tasks.create({"title": "A"}, "t1")
    await tasks.update("t1", {"title": "B"})

    assert await plain.zrange(keys.private("pending"), 0, -1) == [b"t1"]
    assert await plain.hget(keys.private("announced"), "t1") == b"created"
    await tasks.delete("t1")
    assert await plain.hget(keys.private("announced"), "t1") == b"deleted"


# -- refusals --------------------------------------------------------------------------------------
refusals = pytest.mark.parametrize(
    ("fields", "code", "reason"),
    [
        pytest.param({"title": "  "}, "bad_field", "title", id="a blank title"),
        pytest.param(
            {"title": "x" * 256}, "limit", "longer than 255", id="a title that is too long"
        ),
        pytest.param(
            {"percentComplete": 101}, "bad_field", "percentComplete", id="more than everything"
        ),
        pytest.param({"dueDate": "soon"}, "bad_field", "dueDate", id="a date that is none"),
        pytest.param(
            {"checklist": [{"title": "x"}] * 21}, "limit", "21 items", id="too many items"
        ),
        pytest.param({"mine": float("nan")}, "not_json", "JSON", id="not a number"),
        pytest.param({"mine": {1, 2}}, "not_json", "JSON", id="what JSON cannot say"),
        pytest.param({"mine": "x" * 300_000}, "limit", "bytes", id="a document that is too large"),
    ],
)


@refusals
async def test_a_document_that_the_sync_would_refuse_is_not_created(
    tasks, plain, keys, fields, code, reason
):
    with pytest.raises(Refusal, match=reason) as refused:
        await tasks.create({"title": "A"} | fields, "t1")

    assert refused.value.code == code
    assert await plain.keys(f"{keys.namespace}:*") == []


@refusals
async def test_a_change_that_the_sync_would_refuse_is_not_written(
    tasks, plain, keys, updates, fields, code, reason
):
    await plain.set(keys.document("t1"), '{"title": "A"}')

    with pytest.raises(Refusal, match=reason) as refused:
        await tasks.update("t1", fields)

    assert refused.value.code == code
    assert await stored(plain, keys, "t1") == {"title": "A"}
    assert await heard(plain, keys, updates) == []


async def test_an_id_that_is_not_synced_is_refused(tasks):
    with pytest.raises(Refusal, match="must be 1 to 128") as refused:
        await tasks.create({"title": "A"}, "no spaces")

    assert refused.value.code == "bad_id"


# -- which Redis -----------------------------------------------------------------------------------
async def test_a_client_that_decodes_answers_will_do(redis_url, namespace, plain, keys):
    async with redis.asyncio.Redis.from_url(redis_url, decode_responses=True) as client:
        tasks = AgentClient(client, namespace)
        await tasks.create({"title": "Ä"}, "t1")
        await plain.set(keys.document("t1"), '{"title": "Ö"}')

        assert await tasks.update("t1", {"percentComplete": 1}) == {
            "title": "Ö",
            "percentComplete": 1,
        }
        assert await tasks.get("t1") == {"title": "Ö", "percentComplete": 1}


async def test_a_cluster_will_do():
    with redis_process(cluster_enabled="yes") as url:
        async with redis.asyncio.Redis.from_url(url) as node:
            await node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            while True:
                if b"cluster_state:ok" in await node.execute_command("CLUSTER", "INFO"):
                    break
                await asyncio.sleep(0.02)
        async with RedisCluster.from_url(url) as cluster:
            tasks = AgentClient(cluster, "{annika}")
            await tasks.create({"title": "A"}, "t1")
            await tasks.update("t1", {"title": "B"})
        async with AgentClient.connect(url, "{annika}") as tasks:
            assert await tasks.get("t1") == {"id": "t1", "title": "B"}
            await tasks.delete("t1")
        with pytest.raises(SettingsError, match="hash tag"):
            async with AgentClient.connect(url, "annika"):
                pass
