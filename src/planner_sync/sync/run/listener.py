"""The listener: hears on `tasks:updates` that tasks have changed, and enqueues them.

It never waits for Planner and carries no work: what it misses, the sweep finds. It publishes a
canary to itself, because a half-open connection stays silent and no health check of the client
notices.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from planner_sync.errors import Refusal
from planner_sync.model.lease import Announced
from planner_sync.model.messages import Update, read_update
from planner_sync.model.task import check_task_id
from planner_sync.store.keys import Keys
from planner_sync.store.pending import Pending
from planner_sync.store.server.connection import describe, end_if_cancelled
from planner_sync.store.telemetry import Telemetry
from planner_sync.sync.run.bad_ids import BadIds

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
CANARY_EVERY, CANARY_DEAD = 4.0, 12.0


@dataclass
class _Heard:
    """What messages said of one task since the last time: the marks of all, "" for a plain one."""

    announced: Announced = ""
    marks: set[str] = field(default_factory=set)


@dataclass
class Listener:
    """Hears `tasks:updates`, and enqueues the tasks in its messages."""

    subscribe: Callable[[], Any]  # gives a pub/sub object of its own connection
    publish: Callable[[str, str], Any]
    keys: Keys
    pending: Pending
    bad_ids: BadIds
    telemetry: Telemetry
    instance: str
    on_enqueued: Callable[[], None]
    on_subscribed: Callable[[], None]
    clock: Callable[[], float]
    _heard: float = 0.0
    _ignored: int = 0
    _heard_of: dict[str, _Heard] = field(default_factory=dict)
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Listen until cancelled; subscribe again after any failure."""
        while True:
            try:
                # In a task of its own: below Python 3.13 a group that fails leaves its owner marked
                # as cancelled, and would end this one.
                # https://docs.python.org/3.13/library/asyncio-task.html#task-groups
                await asyncio.create_task(self._listen())
            except* (RedisError, OSError, asyncio.IncompleteReadError) as errors:
                end_if_cancelled()
                log.warning("the subscription has ended: %s", describe(errors.exceptions[0]))
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        pubsub = self.subscribe()
        try:
            await pubsub.subscribe(self.keys.updates, self.keys.canary(self.instance))
            self._heard = self.clock()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(pubsub))
                group.create_task(self._enqueue())
                group.create_task(self._talk_to_itself())
        finally:
            await pubsub.aclose()

    async def _read(self, pubsub: Any) -> None:
        canary = self.keys.canary(self.instance).encode()
        while True:
            message = await pubsub.get_message(timeout=CANARY_EVERY)
            end_if_cancelled()
            if message is None:
                continue
            if message["type"] == "subscribe":
                # Also when redis-py has subscribed again by itself: messages in between are lost.
                self.on_subscribed()
            elif message["channel"] == canary:
                self._heard = self.clock()
                self._arrived.set()
            elif message["type"] == "message":
                self._hear(message["data"])

    def _hear(self, data: bytes) -> None:
        update = read_update(data)
        if update is None:
            self._ignored += 1
        elif update.by_service:
            return
        else:
            self._keep(update)
        self._arrived.set()

    def _keep(self, update: Update) -> None:
        """Until it is enqueued: a create or delete stays announced, and every mark counts."""
        heard = self._heard_of.setdefault(update.task_id, _Heard())
        heard.marks.add(update.mark)
        if update.action != "updated":
            heard.announced = update.action
        if update.mark:
            self.on_enqueued()  # the save has enqueued its task

    async def _enqueue(self) -> None:
        beaten = 0.0
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            heard_of, self._heard_of = self._heard_of, {}
            ignored, self._ignored = self._ignored, 0
            await self._enqueue_all(heard_of)
            if ignored:
                await self.telemetry.count("messages ignored", ignored)
            if self._heard > beaten:
                beaten = self._heard
                await self.telemetry.listener_heard(self.instance)
            end_if_cancelled()

    async def _enqueue_all(self, heard_of: dict[str, _Heard]) -> None:
        marked: dict[Announced, list[tuple[str, str]]] = {}
        for task_id, heard in heard_of.items():
            try:
                check_task_id(task_id)
            except Refusal as refusal:
                await self.bad_ids.report(task_id, refusal)
            else:
                pairs = [(task_id, mark) for mark in sorted(heard.marks)]
                marked.setdefault(heard.announced, []).extend(pairs)
        for announced, some in marked.items():
            await self.pending.enqueue_heard(some, announced=announced)
        if marked:
            self.on_enqueued()

    async def _talk_to_itself(self) -> None:
        while True:
            await self.publish(self.keys.canary(self.instance), uuid.uuid4().hex)
            end_if_cancelled()
            await asyncio.sleep(CANARY_EVERY)
            if self.clock() - self._heard > CANARY_DEAD:
                raise ConnectionError("the subscription is silent")
