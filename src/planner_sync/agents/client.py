"""The agents' client: create, get, update and delete tasks, and hear what became of them.

    async with AgentClient.connect("redis://localhost:6379/0", agent="writer-agent") as tasks:
        task = await tasks.create({"title": "Write the report"})
        await tasks.update(task["id"], {"percentComplete": 50})

Each write is one script that compares, writes, enqueues the task and publishes. So no change is
overwritten unseen, and no write is overlooked. The client never talks to Planner
and never waits for it.
"""

import asyncio
import contextlib
import itertools
import json
import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Self

from redis.exceptions import RedisError

from planner_sync.agents.messages import Heard, Subscribed, read_change, read_confirmation
from planner_sync.agents.task_fields import TaskFields
from planner_sync.errors import Refusal, TaskExists, TaskMissing
from planner_sync.model import dialects
from planner_sync.model.messages import Action, agent_update
from planner_sync.model.task import Document, check_task_id
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts
from planner_sync.store.server import connection

REMEMBERED = 1_000  # documents whose bytes are kept, so that an update needs no read
CANARY_SECONDS = 4.0
RETRY_SECONDS = 1.0
ANY, NONE = b"*", b""  # what a save expects to find, besides known bytes

Task = dict[str, Any]  # a document with all its members, private ones too
Fields = TaskFields | Mapping[str, Any]

log = logging.getLogger(__name__)


class _Stale(Exception):
    """The key holds something else: `current`, or nothing."""

    def __init__(self, current: bytes | None) -> None:
        self.current = current


class AgentClient:
    """The tasks of one namespace, for the agent of this name. One client serves any number of
    asyncio tasks."""

    def __init__(self, redis: Any, namespace: str = "annika", *, agent: str = "agent") -> None:
        """`redis` is an asyncio client of redis-py, for one server or for a cluster; it stays the
        caller's to close."""
        self._redis = redis
        self._keys = Keys(namespace)
        self._agent = agent
        self._save_document = Scripts(redis)["save_document"]
        self._instance, self._calls = uuid.uuid4().hex, itertools.count()
        self._seen: OrderedDict[str, bytes] = OrderedDict()

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, url: str, namespace: str = "annika", *, agent: str = "agent"
    ) -> AsyncIterator[Self]:
        """A client with a connection of its own, for the length of the block; a cluster is
        recognised by itself."""
        first = connection.connect(url)
        redis = first
        try:
            redis = await connection.for_namespace(first, url, namespace)
            yield cls(redis, namespace, agent=agent)
        finally:
            await redis.aclose()
            await first.aclose()

    # -- tasks -------------------------------------------------------------------------------------
    async def create(self, fields: Fields, task_id: str | None = None) -> Task:
        """Write a new document, under `task_id`, else under the `id` in `fields`, else under an id
        made here.

        Raises Refusal when the sync would refuse the document, TaskExists when there is one under
        this id.
        """
        chosen = task_id if task_id is not None else fields.get("id")
        made = chosen if isinstance(chosen, str) else uuid.uuid4().hex
        text, task = _checked({"id": made} | dict(fields) | {"id": made})
        try:
            await self._save(made, NONE, text, "created")
        except _Stale:
            raise TaskExists(made) from None
        return task

    async def get(self, task_id: str) -> Task | None:
        """The document, whole; None when there is none. Raises Refusal (not_json) for what is no
        JSON object."""
        text = await self._read(task_id)
        return None if text is None else _object(text)

    async def update(self, task_id: str, change: Fields | Callable[[Task], object]) -> Task:
        """Change the document and give it back: `change` has members to replace (None clears), or
        is a function that changes a copy of the document in place. It is applied again whenever
        another save came first.

        One round trip, if no other save came first and this client has seen the document. Raises
        TaskMissing, Refusal, and what `change` raises; nothing is written then.
        """
        text = self._seen.get(task_id)
        remembered = text is not None
        if not remembered:
            text = await self._read(task_id)
        while text is not None:
            try:
                new, task = _checked(_changed(_object(text), change))
            except Exception:
                if not remembered:
                    raise
                # What is remembered may be older than the document that the change was meant for.
                text, remembered = await self._read(task_id), False
                continue
            try:
                await self._save(task_id, b"=" + text, new, "updated")
            except _Stale as stale:
                text, remembered = stale.current, False
            else:
                return task
        raise TaskMissing(task_id)

    async def delete(self, task_id: str) -> None:
        """Delete the document, regardless of its content. Raises TaskMissing."""
        try:
            await self._save(task_id, ANY, b"", "deleted")
        except _Stale:
            raise TaskMissing(task_id) from None

    async def _read(self, task_id: str) -> bytes | None:
        found = await self._redis.get(self._keys.document(task_id))
        text = None if found is None else _bytes(found)
        self._remember(task_id, text)
        return text

    async def _save(self, task_id: str, expected: bytes, new: bytes, action: Action) -> None:
        """Write `new`, or delete. Raises _Stale, Refusal (bad_id)."""
        check_task_id(task_id)
        # redis-py repeats a command whose answer was lost: the script knows it by the mark.
        mark = f"{self._instance} {next(self._calls)}"
        message = json.dumps(agent_update(action, task_id, self._agent, mark))
        args: list[str | bytes | int] = [task_id, mark, expected, new, self._keys.updates, message]
        word = "" if action == "updated" else action
        done, *current = await self._save_document(self._keys.about(task_id), [*args, word])
        stands = new or None if done else _bytes(current[0]) if current else None
        self._remember(task_id, stands)
        if not done:
            raise _Stale(stands)

    def _remember(self, task_id: str, text: bytes | None) -> None:
        self._seen.pop(task_id, None)
        if text is not None:
            self._seen[task_id] = text
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    # -- messages ----------------------------------------------------------------------------------
    async def messages(self, silence: float = CANARY_SECONDS) -> AsyncGenerator[Heard, None]:
        """All messages on both channels from now on, without end; unreadable ones are skipped. It
        subscribes again by itself.

        Subscribed comes first, and again after every interruption: messages in between are lost,
        since pub/sub keeps nothing. After `silence` seconds without a message it publishes a canary
        to itself; if nothing arrives within another `silence` seconds, it subscribes again.
        """
        while True:
            try:
                async with contextlib.aclosing(self._listen(silence)) as heard:
                    async for message in heard:
                        yield message
            except (RedisError, OSError) as error:
                log.warning("the subscription has ended: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, silence: float) -> AsyncGenerator[Heard, None]:
        canary = self._keys.canary(uuid.uuid4().hex)
        await self._redis.initialize()  # a cluster's pub/sub does not do it by itself
        pubsub = self._redis.pubsub()
        asked = False
        try:
            await pubsub.subscribe(canary, self._keys.sync, self._keys.updates)
            while True:
                said = await pubsub.get_message(timeout=silence)
                if said is not None:
                    asked = False
                    if (message := self._understood(said)) is not None:
                        yield message
                elif asked:
                    # A half-open connection stays silent, and no health check of redis-py
                    # notices.
                    raise ConnectionError("the subscription is silent")
                else:
                    asked = True
                    await self._redis.publish(canary, "")
        finally:
            await pubsub.aclose()

    def _understood(self, said: Mapping[str, Any]) -> Heard | None:
        channel = _bytes(said["channel"]).decode()
        if said["type"] == "subscribe":
            return Subscribed() if channel == self._keys.updates else None
        if said["type"] != "message":
            return None
        if channel == self._keys.updates:
            return read_change(said["data"])
        return read_confirmation(said["data"]) if channel == self._keys.sync else None


def _changed(task: Task, change: Fields | Callable[[Task], object]) -> Task:
    if callable(change):
        change(task)
        return task
    return task | dict(change)


def _checked(task: Task) -> tuple[bytes, Task]:
    """The text of a document that the sync will not refuse for what is in it."""
    try:
        text = dialects.write(Document(task, "camelCase", {}), {}).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Refusal("not_json", f"the document cannot be written as JSON: {error}") from None
    dialects.check_size(text)
    dialects.read(task)
    return text, task


def _object(text: bytes) -> Task:
    try:
        task = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("not_json", f"the document is not JSON: {error}") from None
    if not isinstance(task, dict):
        raise Refusal("not_json", "the document is not a JSON object")
    return task


def _bytes(value: bytes | str) -> bytes:
    """Answers are text where the caller's client decodes them."""
    return value.encode() if isinstance(value, str) else value
