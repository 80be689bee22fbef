"""Agents, people and operators: each deed of a script, done to the world, and remembered for the judges.

Agents know Redis, people know Planner's page. A *birth* is the name that a task begins with in every title it ever
has (`t0`, `h1`), so that whoever looks knows which card and which document are one.
"""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from planner_emulator.refusals import Refused
from planner_sync.agents.client import AgentClient
from planner_sync.errors import PlannerSyncError
from tests.simulation.world import World

Json = dict[str, Any]


@dataclass(frozen=True)
class Write:
    """Somebody meant `name` to be `value`. `stood` is what stood there when they looked: in the document that an agent
    had read, on the card that a person saw."""

    at: float
    by: str
    task: str
    name: str
    value: Any
    stood: Any = None


@dataclass
class History:
    """Everything that was meant. `deletes` are (time, who, task), `items` checklist items as (time, task, title);
    `strangers` are births whose document did not yet name its card when Redis lost what it knew."""

    writes: list[Write] = field(default_factory=list)
    deletes: list[tuple[float, str, str]] = field(default_factory=list)
    items: list[tuple[float, str, str]] = field(default_factory=list)
    born: dict[str, str] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    styles: dict[str, set[str]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)


class Actors:
    """Does what a script says. Agents of one task take turns, as they would with a lock of their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.history = History()
        self._turns: dict[str, asyncio.Lock] = {}
        self._objects: dict[str, Json] = {}
        self._kept: dict[str, Json] = {}
        self._client = AgentClient(world.redis, agent="client")

    async def do(self, op: Json) -> None:
        """One deed; one that is not possible (no such card any more) is left."""
        world, name = self._world, op["do"]
        match name:
            case "human creates" | "human edits" | "human deletes":
                self._person(op)
            case "wipe":
                await self._wipe(op["what"])
            case "restart redis":
                world.trace("** Redis restarts")
                world.server.restart()
            case "lose right":
                await self._lose_right(op["seconds"])
            case "garbage":
                world.trace("** garbage is published")
                await world.redis.publish(world.keys.updates, b"\xff{nonsense")
            case _:
                async with self._turns.setdefault(op["task"], asyncio.Lock()):
                    await self._agent(op)
        self.history.done[name] += 1

    # -- agents ------------------------------------------------------------------------------------------------------
    async def _agent(self, op: Json) -> None:
        task = op["task"]
        self.history.styles.setdefault(task, set()).add(op["do"])
        match op["do"]:
            case "create":
                self.history.born[task] = "agent"
                self._objects[task] = {**op["fields"], "x": f"private {task}"}
                await self._set(task, self._objects[task], op, {}, "created")
            case "own":
                known = self._objects.get(task)
                if known is not None:
                    known.update(op["fields"])
                    await self._set(task, known, op, {})
            case "kept":
                if task not in self._kept and (found := await self._read(task)) is not None:
                    self._kept[task] = found
                if task in self._kept:
                    stood = dict(self._kept[task])
                    self._kept[task].update(op["fields"])
                    await self._set(task, self._kept[task], op, stood)
            case "rmw":
                await self._read_think_write(op)
            case "client":
                await self._by_client(op)
            case "agent deletes":
                await self._delete(op)

    async def _read_think_write(self, op: Json) -> None:
        task_id = await self._id_of(op["task"])
        found = await self._read(task_id) if task_id else None
        if found is None or task_id is None:
            return
        stood = dict(found)
        await asyncio.sleep(op.get("think", 0))
        if await self._read(task_id) is None:
            return  # even this agent sees that the task is gone
        found.update(op["fields"])
        if "add" in op:
            found["checklist"] = [*(found.get("checklist") or []), {"title": op["add"]}]
        await self._set(task_id, found, op, stood)

    async def _by_client(self, op: Json) -> None:
        seen: Json = {}

        def change(task: Json) -> None:
            seen.update(task)
            task.update(op["fields"])

        try:
            await self._client.update(op["task"], change)
        except PlannerSyncError:
            return
        self._remember(op, "agent", seen)
        self._world.trace(f"-- client {op['task']} {op['fields']}")

    async def _set(self, task_id: str, document: Json, op: Json, stood: Json, action: str = "updated") -> None:
        world = self._world
        await world.redis.set(world.keys.document(task_id), json.dumps(document))
        world.trace(f"-- agent ({op['do']}) {task_id} {op['fields']} {op.get('add', '')} said {op['say']} times")
        self._remember(op, "agent", stood)
        for _ in range(op["say"]):
            await self._say(action, task_id)

    async def _delete(self, op: Json) -> None:
        task_id = await self._id_of(op["task"])
        if task_id is None or not await self._world.redis.delete(self._world.keys.document(task_id)):
            return
        self._world.trace(f"-- agent deletes {task_id}, said {op['say']} times")
        self.history.deletes.append((self._now, "agent", op["task"]))
        if op["say"]:
            await self._say("deleted", task_id)

    async def _say(self, action: str, task_id: str) -> None:
        text = json.dumps({"action": action, "taskId": task_id, "source": "agent"})
        await self._world.redis.publish(self._world.keys.updates, text)

    async def _read(self, task_id: str) -> Json | None:
        text = await self._world.redis.get(self._world.keys.document(task_id))
        return None if text is None else dict(json.loads(text))

    async def _id_of(self, birth: str) -> str | None:
        if self.history.born.get(birth) == "agent":
            return birth
        for task_id, text in (await self._world.documents()).items():
            if str(json.loads(text).get("title", "")).startswith(f"{birth} "):
                return task_id
        return None

    # -- people ------------------------------------------------------------------------------------------------------
    def _person(self, op: Json) -> None:
        world, task = self._world, op["task"]
        fields = op.get("fields", {})
        try:
            if op["do"] == "human creates":
                card = world.humans.create(world.plan_ids[0], **_for_planner(world, fields))
                self.history.born[task] = "human"
                self._remember(op, "human", {})
                world.trace(f"-- human creates {task} {fields} as {card['id']}")
                return
            card_id, card = next((pid, card) for pid, card in world.cards().items() if birth_of(card["title"]) == task)
            if op["do"] == "human deletes":
                world.humans.delete(card_id)
                world.trace(f"-- human deletes {task}")
                self.history.deletes.append((self._now, "human", task))
                return
            body = _for_planner(world, fields)
            if "add" in op:
                number = sum(map(ord, op["add"])) * 7919 + len(self.history.items)
                body["checklist"] = {f"00000000-0000-4000-8000-{number:012d}": {"title": op["add"], "isChecked": False}}
            world.humans.edit(card_id, body)
        except (Refused, StopIteration):
            return
        self._remember(op, "human", shown(world, card))
        world.trace(f"-- human edits {task} {fields} {op.get('add', '')}")

    # -- operators ---------------------------------------------------------------------------------------------------
    async def _wipe(self, what: str) -> None:
        world = self._world
        world.trace(f"** Redis loses {what}")
        for text in (await world.documents()).values():
            document = json.loads(text)
            if not document.get("plannerId"):
                self.history.strangers.add(birth_of(document["title"]))
        patterns = {"all": "*", "private": "annika:sync:*", "mapping": "annika:task:mapping:*"}
        keys = [key async for key in world.redis.scan_iter(patterns[what], 1000)]
        if keys:
            await world.redis.delete(*keys)
        if what == "all":
            world.server.restart()

    async def _lose_right(self, seconds: float) -> None:
        world = self._world
        world.trace("** the plan cannot be read any more")
        world.humans.unreadable(world.plan_ids[0])
        await asyncio.sleep(seconds)
        world.humans.readable(world.plan_ids[0])
        world.trace("** the plan can be read again")

    # -- for the judges ----------------------------------------------------------------------------------------------
    @property
    def _now(self) -> float:
        return self._world.loop.time()

    def _remember(self, op: Json, by: str, stood: Json) -> None:
        for name, value in op["fields"].items():
            self.history.writes.append(Write(self._now, by, op["task"], name, value, stood.get(name)))
        if "add" in op:
            self.history.items.append((self._now, op["task"], op["add"]))


def birth_of(title: str) -> str:
    return title.partition(" ")[0]


def shown(world: World, card: Json) -> Json:
    """A card in the words of a document, as far as scripts use them."""
    buckets = {bucket["id"]: bucket["name"] for plan in world.state()["plans"] for bucket in plan["buckets"]}
    return {
        "title": card["title"],
        "percentComplete": card["percentComplete"],
        "dueDate": (card["dueDateTime"] or "")[:10] or None,
        "description": (card["details"]["description"] or "").replace("\r\n", "\n") or None,
        "bucket": buckets.get(card["bucketId"]),
        "checklist": sorted((i["title"], i["isChecked"]) for i in (card["details"]["checklist"] or {}).values()),
    }


def _for_planner(world: World, fields: Json) -> Json:
    """A document's words in Graph's."""
    body: Json = {}
    for name, value in fields.items():
        match name:
            case "dueDate":
                body["dueDateTime"] = f"{value}T10:00:00Z"
            case "bucket":
                plan = world.state()["plans"][0]
                body["bucketId"] = next(bucket["id"] for bucket in plan["buckets"] if bucket["name"] == value)
            case _:
                body[name] = value
    return body
