"""A small world for tests of the sync: a real Redis, the emulator over HTTP, and the service on the
test's own loop."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from planner_sync.settings import Settings
from planner_sync.store.keys import Keys
from planner_sync.store.pending import Pending
from planner_sync.store.scripts import Scripts
from planner_sync.store.server.connection import connect
from planner_sync.sync.run.service import Service, build
from tests.emulator_process import Emulator, emulator_in_loop

PATIENCE = 20.0
Message = dict[str, Any]


class World:
    """What agents and people of a test see, and the service between them.

    `poll` and `look` let the test decide when the service looks; `start` lets the service run by
    itself.
    """

    def __init__(
        self, url: str, namespace: str, emulator: Emulator, redis_client: Any, env: dict[str, str]
    ) -> None:
        self.url = url
        self.emulator = emulator
        self.human = emulator.human
        self.redis = redis_client
        self.keys = Keys(namespace)
        self.pending = Pending(Scripts(redis_client), self.keys, "test")
        self.env = {
            "REDIS_URL": url,
            "PLANNER_SYNC_NAMESPACE": namespace,
            "PLANNER_SYNC_PLAN_IDS": ",".join(emulator.plan_ids),
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
            "PLANNER_SYNC_POLL_SECONDS": "1",
            **env,
        }
        self.messages: list[tuple[str, Message]] = []
        self._services: list[tuple[Service, asyncio.Task[None] | None]] = []

    # -- the service -------------------------------------------------------------------------------
    def service(self) -> Service:
        """A further instance, which does nothing by itself."""
        service = build(Settings.from_env(self.env))
        self._services.append((service, None))
        return service

    async def start(self) -> Service:
        """A further instance, running by itself; it is listening when this returns."""
        before = await self._listeners()
        service = build(Settings.from_env(self.env))
        self._services.append((service, asyncio.create_task(service.run())))

        async def listens() -> bool:
            return await self._listeners() > before

        await self.until(listens, "the listener")
        return service

    async def stop(self) -> None:
        """End every instance, as a killed process would: nothing is tidied up in Redis."""
        services, self._services = self._services, []
        for service, task in services:
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await service.aclose()

    async def _listeners(self) -> int:
        """Those that have heard themselves; on a cluster no server knows the subscriptions of
        another."""
        beats = await self.redis.hkeys(self.keys.private("heartbeats"))
        return len([part for part in beats if part.startswith(b"listener ")])

    async def forget_claims(self) -> None:
        """As if the leases of a killed process had run out."""
        pending = self.keys.private("pending")
        for task_id in await self.redis.zrange(pending, 0, -1):
            await self.redis.zadd(pending, {task_id: 0})

    async def poll(self, service: Service) -> None:
        """One pass over each plan, now."""
        await service.poll_once()

    async def settle(self, service: Service) -> None:
        """One round by hand: sweep, look at what is due, one pass over each plan, look again."""
        await self.upload(service)
        await service.poll_once()
        await service.drain_once(PATIENCE)

    async def upload(self, service: Service) -> None:
        """The first half of a round: sweep, and look at what is due."""
        await service.sweep_once()
        await service.drain_once(PATIENCE)

    # -- agents ------------------------------------------------------------------------------------
    async def set(self, task_id: str, **fields: Any) -> None:
        """SET a document, as it is, without a word."""
        await self.redis.set(self.keys.document(task_id), json.dumps({"id": task_id, **fields}))

    async def write(self, task_id: str, action: str = "updated", **fields: Any) -> None:
        """SET a document and PUBLISH it."""
        await self.set(task_id, **fields)
        await self.publish(action, task_id)

    async def uploaded(self, service: Service, task_id: str = "t", **fields: Any) -> str:
        """The planner id of a new document, whose card a listing has shown."""
        await self.set(task_id, **{"title": "Task", **fields})
        await self.settle(service)
        await self.settle(service)
        return str((await self.document(task_id))["plannerId"])

    async def change(self, task_id: str, **fields: Any) -> None:
        """Read, change, write back, tell."""
        document = await self.document(task_id)
        await self.redis.set(self.keys.document(task_id), json.dumps({**document, **fields}))
        await self.publish("updated", task_id)

    async def delete(self, task_id: str) -> None:
        """DEL a document and tell."""
        await self.redis.delete(self.keys.document(task_id))
        await self.publish("deleted", task_id)

    async def publish(self, action: str, task_id: str) -> None:
        body = {"action": action, "taskId": task_id, "source": "test-agent"}
        await self.redis.publish(self.keys.updates, json.dumps(body))

    async def find(self, task_id: str) -> dict[str, Any] | None:
        text = await self.redis.get(self.keys.document(task_id))
        return None if text is None else json.loads(text)

    async def document(self, task_id: str) -> dict[str, Any]:
        found = await self.find(task_id)
        assert found is not None, f"there is no document {task_id}"
        return found

    # -- Planner -----------------------------------------------------------------------------------
    def cards(self) -> dict[str, dict[str, Any]]:
        return self.emulator.cards()

    def card(self, title: str) -> dict[str, Any]:
        (card,) = [card for card in self.cards().values() if card["title"] == title]
        return card

    def transfer(self, planner_id: str, plan_id: str, bucket: str | None) -> str | None:
        """People move the card to another plan, into its bucket of this name (None: into none);
        gives its id."""
        bucket_id = self.emulator.bucket_ids(plan_id)[bucket] if bucket else None
        self.human.transfer(planner_id, plan_id=plan_id, bucket_id=bucket_id)
        return bucket_id

    # -- waiting -----------------------------------------------------------------------------------
    async def until(
        self, condition: Callable[[], Any], what: str = "", polling: Service | None = None
    ) -> Any:
        """Wait until the condition holds (it may be async); gives its value. `polling` passes
        before every look."""
        value: Any = None
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    if polling:
                        await self.poll(polling)
                    value = condition()
                    if asyncio.iscoroutine(value):
                        value = await value
                    if value:
                        return value
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(
                f"waited {PATIENCE} s for {what or condition}; messages: {self.messages}"
            ) from None

    async def until_uploaded(self, task_id: str) -> str:
        """Wait until the document has its card; gives the planner id."""

        async def planner_id() -> str | None:
            document = await self.find(task_id)
            return document and document.get("plannerId")

        return str(await self.until(planner_id, f"{task_id} to be uploaded"))

    def said(self, action: str, task_id: str | None = None) -> list[Message]:
        """The messages of the service so far, on both channels, with this action."""
        return [
            message
            for _, message in self.messages
            if message.get("action") == action
            and message.get("source") != "test-agent"
            and task_id in (None, message.get("redisId"), message.get("taskId"))
        ]

    async def listen(self) -> None:
        pubsub = self.redis.pubsub(ignore_subscribe_messages=True)
        await pubsub.subscribe(self.keys.updates, self.keys.sync)
        try:
            while True:
                message = await pubsub.get_message(timeout=1)
                if message:
                    channel = message["channel"].decode().rsplit(":", 1)[1]
                    self.messages.append((channel, _read(message["data"])))
        finally:
            await pubsub.aclose()


def _read(data: bytes) -> Message:
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"garbage": data}


@asynccontextmanager
async def world_of(
    url: str, namespace: str, env: dict[str, str], **switches: Any
) -> AsyncIterator[World]:
    """A world with this Redis; the emulator gets the switches, the service the settings."""
    client = connect(url)
    async with emulator_in_loop(**switches) as emulator:
        world = World(url, namespace, emulator, client, env)
        listening = asyncio.create_task(world.listen())
        await asyncio.sleep(0)
        try:
            yield world
        finally:
            await world.stop()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await client.aclose()
