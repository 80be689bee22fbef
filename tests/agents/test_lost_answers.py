"""One round trip for each call, and what happens when its answer is lost: redis-py asks again by
itself."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from planner_sync.agents import AgentClient
from planner_sync.store.pending import Pending
from planner_sync.store.scripts import Scripts
from tests.agents.conftest import heard
from tests.proxy import Proxy


@pytest.fixture
async def far(proxy: Proxy, namespace: str) -> AsyncIterator[AgentClient]:
    """A client behind the proxy; the server knows its scripts already, and it has seen the document
    `seen`."""
    # Not by URL: redis-py asks again only when it is made this way, or when it is told to.
    async with redis.asyncio.Redis(host="127.0.0.1", port=proxy.port) as client:
        tasks = AgentClient(client, namespace)
        await tasks.create({"title": "A", "log": []}, "seen")
        yield tasks


CALLS = [
    pytest.param(lambda tasks: tasks.create({"title": "B"}, "t1"), id="create"),
    pytest.param(lambda tasks: tasks.get("seen"), id="get"),
    pytest.param(lambda tasks: tasks.update("seen", {"title": "B"}), id="update"),
    pytest.param(lambda tasks: tasks.delete("seen"), id="delete"),
]


@pytest.mark.parametrize("call", CALLS)
async def test_a_call_is_one_round_trip(far, proxy, call):
    proxy.asked.clear()

    await call(far)

    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("call", "action", "left"),
    [
        pytest.param(
            lambda tasks: tasks.create({"title": "B"}, "t1"), "created", {"t1"}, id="create"
        ),
        pytest.param(
            lambda tasks: tasks.update("seen", lambda copy: copy["log"].append("mine")),
            "updated",
            {"seen"},
            id="update",
        ),
        pytest.param(lambda tasks: tasks.delete("seen"), "deleted", set(), id="delete"),
    ],
)
async def test_a_call_whose_answer_is_lost_changes_and_says_nothing_twice(
    far, other, proxy, plain, keys, updates, call, action, left
):
    """Not even when the service has marked the task and stamped the document in between."""
    service = Pending(Scripts(plain), keys, "service")

    async def between() -> None:
        await service.enqueue(["t1", "seen"], announced=action if action != "updated" else "")
        for task_id in left:
            text = await plain.get(keys.document(task_id))
            await plain.set(keys.document(task_id), text.replace(b"{", b'{"_rev":7,', 1))

    proxy.asked.clear()
    proxy.lose(between)
    await call(far)

    assert sum(b"EVALSHA" in asked for asked in proxy.asked) == 2
    assert [message["action"] for message in await heard(plain, keys, updates)] == [action]
    for task_id in left:
        task: Any = await other.get(task_id)
        assert task["_rev"] == 7
        assert task.get("log") in (None, ["mine"])


async def test_what_is_believed_after_a_lost_answer_is_put_right_by_the_next_update(
    far, proxy, plain, keys
):
    async def between() -> None:
        await plain.set(keys.document("seen"), '{"title": "human"}')

    proxy.lose(between)
    await far.update("seen", {"percentComplete": 10})

    assert await far.update("seen", {"percentComplete": 20}) == {
        "title": "human",
        "percentComplete": 20,
    }
