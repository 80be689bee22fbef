"""A real Redis, the emulator, real service processes and a proxy before each side; agents and
people at work.

Agents and people speak to the servers themselves: what the network does, it does to the service
alone.
"""

import asyncio
import itertools
import json
import signal
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from tests.emulator_process import Emulator
from tests.host.service_process import Running, running
from tests.processes.judge import Json, Ledger, Sides, card_as_document, judge
from tests.proxy import Proxy

HASTY = Path(__file__).with_name("hasty_service.py")
DOCUMENT, MAPPING, MAPPING_BACK = (
    "annika:tasks:",
    "annika:task:mapping:",
    "annika:task:mapping:planner:",
)
UPDATES = "annika:tasks:updates"
PATIENCE = 45.0
PRIORITIES = {"urgent": 1, "important": 3, "low": 9}


class Stage:
    """`to_redis` and `to_planner` are the services' ways; `redis` is the agents' own, `ledger`
    tells what was done."""

    def __init__(
        self, redis_url: str, emulator: Emulator, plan_id: str, to_redis: Proxy, to_planner: Proxy
    ) -> None:
        self.redis = agents_of(redis_url)
        self.emulator, self.plan_id = emulator, plan_id
        self.to_redis, self.to_planner = to_redis, to_planner
        self.ledger = Ledger()
        self.random = Random(1)
        self._values = itertools.count(1)
        self._at_work = asyncio.Lock()
        self._processes = ExitStack()

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a service."""
        return {
            "REDIS_URL": self.to_redis.url,
            "PLANNER_SYNC_PLAN_IDS": self.plan_id,
            "PLANNER_SYNC_GRAPH_URL": self.to_planner.url,
            "PLANNER_SYNC_GRAPH_TOKEN": self.emulator.token,
            "PLANNER_SYNC_POLL_SECONDS": "1",
        }

    # -- services ----------------------------------------------------------------------------------
    async def start(self, *, listening: bool = True, **settings: str) -> Running:
        """One more service; it listens when this returns."""
        before = await self.listeners() if listening else set()
        env = {**self.settings, **settings}
        # In a thread, because the proxies that it needs live on this loop.
        service = await asyncio.to_thread(
            self._processes.enter_context, running(script=HASTY, **env)
        )
        if listening:
            await self.until(self._listens(before), "the service to listen")
        return service

    async def kill(self, service: Running) -> None:
        service.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(service.process.wait, 10)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._processes.close)
        await self.redis.aclose()

    async def listeners(self) -> set[bytes]:
        """Each instance listens to a channel of its own, besides that of the updates."""
        return set(await self.redis.pubsub_channels("annika:sync:canary:*"))

    def _listens(self, before: set[bytes]) -> Callable[[], Awaitable[bool]]:
        async def one_more() -> bool:
            return bool(await self.listeners() - before)

        return one_more

    # -- agents ------------------------------------------------------------------------------------
    async def write(self, title: str, **fields: Any) -> None:
        """An agent creates a task, whose key is its title."""
        self.ledger.note(title, **fields)
        await self._set(
            title, {"id": title, "title": title, "x": f"private {title}", **fields}, "created"
        )

    async def work(self, title: str, *, publish: bool = True) -> None:
        """An agent reads, changes and writes back, as any client would, by GET and SET; one agent
        at a time."""
        async with self._at_work:
            await self._work(title, publish=publish)

    async def _work(self, title: str, *, publish: bool) -> None:
        document = json.loads(await self.redis.get(DOCUMENT + title))
        n = next(self._values)
        item = f"step {n}"
        document["percentComplete"] = 1 + n % 99
        document["checklist"] = [*document.get("checklist", ()), {"title": item}]
        self.ledger.note(title, percentComplete=document["percentComplete"])
        self.ledger.items.setdefault(title, []).append(item)
        await self._set(title, document, "updated" if publish else "")

    async def delete(self, title: str) -> None:
        """An agent deletes its task."""
        self.ledger.gone.add(title)
        await self.redis.delete(DOCUMENT + title)
        await self.publish("deleted", title)

    async def publish(self, action: str, title: str) -> None:
        await self.redis.publish(
            UPDATES, json.dumps({"action": action, "taskId": title, "source": "agent"})
        )

    async def _set(self, title: str, document: Json, action: str) -> None:
        await self.redis.set(DOCUMENT + title, json.dumps(document))
        if action:
            await self.publish(action, title)

    # -- people ------------------------------------------------------------------------------------
    def add_card(self, title: str) -> None:
        """A person creates a card."""
        text = f"by hand: {title}"
        self.ledger.note(title, description=text)
        self.emulator.human.create(plan_id=self.plan_id, title=title, description=text)

    def edit_card(self, title: str) -> bool:
        """A person changes the card in its two halves; False when it is not there yet."""
        planner_id = next(
            (pid for pid, card in self.cards().items() if card["title"] == title), None
        )
        if planner_id is None:
            return False
        priority = self.random.choice(sorted(PRIORITIES))
        text = f"edited {next(self._values)}"
        self.ledger.note(title, priority=priority, description=text)
        self.emulator.human.edit(
            planner_id, fields={"priority": PRIORITIES[priority], "description": text}
        )
        return True

    def delete_card(self, title: str) -> None:
        """A person deletes the card."""
        self.ledger.gone.add(title)
        (planner_id,) = [pid for pid, card in self.cards().items() if card["title"] == title]
        self.emulator.human.delete(planner_id)

    # -- everybody ---------------------------------------------------------------------------------
    async def busy(self, name: str, tasks: int) -> None:
        """So many new tasks, with edits by agents and people of them all in between."""
        titles: list[str] = []
        for n in range(tasks):
            titles.append(f"{name}{n}")
            await self.write(titles[-1])
            await self.work(self.random.choice(titles), publish=n % 3 > 0)
            self.edit_card(self.random.choice(titles))

    # -- both sides --------------------------------------------------------------------------------
    def cards(self) -> dict[str, Json]:
        """The cards in the words of a document, by planner id."""
        plan = next(plan for plan in self.emulator.state()["plans"] if plan["id"] == self.plan_id)
        buckets = {bucket["id"]: bucket["name"] for bucket in plan["buckets"]}
        return {task["id"]: card_as_document(task, buckets) for task in plan["tasks"]}

    async def documents(self) -> dict[str, Json]:
        return {
            task_id: json.loads(text) for task_id, text in (await self._strings(DOCUMENT)).items()
        }

    async def sides(self) -> Sides:
        mapping = await self._strings(MAPPING)
        back = await self._strings(MAPPING_BACK)
        ahead = {
            task_id: pid for task_id, pid in mapping.items() if not task_id.startswith("planner:")
        }
        return Sides(self.cards(), await self.documents(), ahead, back)

    async def _strings(self, prefix: str) -> dict[str, str]:
        keys = [key.decode() async for key in self.redis.scan_iter(prefix + "*", count=1000)]
        values = await self.redis.mget(keys) if keys else []
        return {
            key.removeprefix(prefix): text.decode()
            for key, text in zip(keys, values, strict=True)
            if text
        }

    def writes(self, method: str = "POST|PATCH|DELETE") -> int:
        """How many requests of these methods have reached Planner, items of batches one by one."""
        asked = self.emulator.requests()
        return sum(
            row["method"] in method.split("|") and not row["path"].endswith("$batch")
            for row in asked
        )

    def listings(self) -> int:
        """How many times Planner has shown the plan's cards."""
        asked = self.emulator.requests()
        return sum(
            row["path"].partition("?")[0].endswith(f"/plans/{self.plan_id}/tasks") for row in asked
        )

    # -- waiting -----------------------------------------------------------------------------------
    async def until(self, condition: Callable[[], Any], what: str, within: float = PATIENCE) -> Any:
        """Wait until the condition holds (it may be async); gives its value."""
        value: Any = None
        try:
            async with asyncio.timeout(within):
                while True:
                    value = condition()
                    if isinstance(value, Awaitable):
                        value = await value
                    if value:
                        return value
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"waited {within} s for {what}") from None

    async def until_polled(self, times: int = 2) -> None:
        """Wait for so many further listings; two bracket one whole pass."""
        before = self.listings()
        await self.until(lambda: self.listings() >= before + times, "a pass")

    async def until_one(self) -> None:
        """Wait until both sides are one and nothing is due; else say what is wrong."""
        wrong: list[str] = []

        async def right() -> bool:
            wrong[:] = judge(await self.sides(), self.ledger)
            due = await self.redis.zrange("annika:sync:pending", 0, -1)
            wrong.extend(f"{task_id.decode()}: is due" for task_id in due)
            return not wrong

        try:
            await self.until(right, "both sides to be one")
        except AssertionError as late:
            raise AssertionError("\n".join([str(late), *wrong])) from None

    async def judged(self) -> None:
        """Both sides become one; from then on nothing is written, and they stay it."""
        await self.until_one()
        before = self.writes(), await self._strings(DOCUMENT)
        await self.until_polled()
        assert before == (self.writes(), await self._strings(DOCUMENT)), (
            "something was written while all was quiet"
        )
        assert judge(await self.sides(), self.ledger) == []


def agents_of(redis_url: str) -> redis.asyncio.Redis:
    """What agents use; they ask again when the server was gone."""
    retry = Retry(ConstantBackoff(0.05), 5)
    return redis.asyncio.Redis.from_url(redis_url, retry=retry)
