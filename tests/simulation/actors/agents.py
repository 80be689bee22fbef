"""Agents: each writes to Redis in its own way, as programs in any language do.

    reader    reads, thinks, writes back
    client    uses the client for Python
    keeper    reads once, keeps the object and sets all of it each time
    own       never reads: sets its own object, which grows
    blind     never reads: sets an object with a title and the one field that it changes
    copier    writes what it read under another id
    mixes up  puts the id of another card into a document

Agents of one task take turns, as if they shared a lock. A *pair* is two agents on one task.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from planner_sync.agents.client import AgentClient
from planner_sync.errors import PlannerSyncError
from tests.simulation.actors.history import History, Item, Write, birth_of
from tests.simulation.machine.world import URGENCIES, World

Json = dict[str, Any]
THINGS = ("labels", "assignedTo")
LISTS = ("checklist", "references")


class Agents:
    """All agents of one world."""

    def __init__(self, world: World, history: History) -> None:
        self._world = world
        self._history = history
        self._turns: dict[str, asyncio.Lock] = {}
        self._objects: dict[str, Json] = {}
        self._kept: dict[str, Json] = {}
        self._client = AgentClient(world.redis, agent="client")
        self._ways: dict[str, Callable[[Json], Any]] = {
            "create": self._create,
            "reader": self._read_think_write,
            "keeper": self._set_what_is_kept,
            "own": self._set_own,
            "blind": self._set_blindly,
            "client": self._by_client,
            "agent deletes": self._delete,
            "copier": self._copy,
            "mixes up": self._mix_up,
        }

    async def do(self, op: Json) -> None:
        """Carry out one deed. One that is not possible any more (no such document) is skipped."""
        async with self._turns.setdefault(op["task"], asyncio.Lock()):
            self._history.styles.setdefault(op["task"], set()).add(op["do"])
            await self._ways[op["do"]](op)
        say = op.get("say", 1)
        self._history.done.update(
            name for name, is_so in (("pair", op.get("pair")), *_sayings(say)) if is_so
        )

    async def delete_many(self, plan: int, say: int) -> None:
        """Delete all documents of a plan at once."""
        births = [birth for birth in self._history.born if self._history.plans[birth] == plan]
        await asyncio.gather(*(self._delete({"task": birth, "say": say}) for birth in births))

    # -- ways of writing ---------------------------------------------------------------------------
    async def _create(self, op: Json) -> None:
        task = op["task"]
        self._history.born[task], self._history.plans[task] = "agent", op.get("plan", 0)
        extra = {"planId": self._world.plan_ids[op["plan"]]} if op.get("plan") else {}
        self._objects[task] = {**op["fields"], **extra, "x": f"private {task}"}
        await self._set(task, self._objects[task], op, {}, "created")

    async def _set_own(self, op: Json) -> None:
        known = self._objects.get(op["task"])
        if known is not None:
            known.update(op["fields"])
            await self._set(op["task"], known, op, {})

    async def _set_blindly(self, op: Json) -> None:
        known = self._objects.get(op["task"])
        if known is not None:
            known["title"] = op["fields"].get("title", known["title"])
            await self._set(op["task"], {"title": known["title"], **op["fields"]}, op, {})

    async def _set_what_is_kept(self, op: Json) -> None:
        task = op["task"]
        if task not in self._kept and (found := await self._read(task)) is not None:
            self._kept[task] = found
        if task in self._kept:
            stood = dict(self._kept[task])
            self._kept[task].update(op["fields"])
            await self._set(task, self._kept[task], op, stood)

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
        if "link" in op:
            found["references"] = [*(found.get("references") or []), {"url": op["link"]}]
        changed = self._change_members(found, op)
        await self._set(task_id, found, op, stood)
        for member, put in changed:
            self._history.writes.append(Write(self._now, "agent", op["task"], member, put, not put))

    async def _by_client(self, op: Json) -> None:
        seen: Json = {}

        def change(task: Json) -> None:
            seen.update(task)
            task.update(op["fields"])

        try:
            await self._client.update(op["task"], change)
        except PlannerSyncError:
            return
        self._remember(op, seen)
        self._remember_set(op["task"], seen)
        self._world.trace(f"-- client {op['task']} {op['fields']}")

    async def _copy(self, op: Json) -> None:
        """Write another task's document under a new id, with what the service has added to it."""
        found = await self._read(source) if (source := await self._id_of(op["of"])) else None
        if found is None:
            return
        task = op["task"]
        self._history.born[task], self._history.plans[task] = "agent", self._history.plans[op["of"]]
        self._objects[task] = {name: value for name, value in found.items() if name not in LISTS}
        self._objects[task] |= {**op["fields"], "x": f"private {task}"}
        await self._set(task, self._objects[task], op, {}, "created")

    async def _mix_up(self, op: Json) -> None:
        """Put the id of another card, or of none, into a document that has one."""
        found = await self._read(task_id) if (task_id := await self._id_of(op["task"])) else None
        if found is None or task_id is None or "plannerId" not in found:
            return
        known = [
            json.loads(text).get("plannerId") for text in (await self._world.documents()).values()
        ]
        other = [pid for pid in self._world.cards() if pid in known and pid != found["plannerId"]]
        stood = dict(found)
        found["plannerId"] = other[0] if op["other"] and other else "0123456789012345678901234567"
        found.update(op["fields"])
        await self._set(task_id, found, op, stood)

    async def _delete(self, op: Json) -> None:
        task_id = await self._id_of(op["task"])
        if task_id is None or not await self._world.redis.delete(
            self._world.keys.document(task_id)
        ):
            return
        self._world.trace(f"-- agent deletes {task_id}, said {op['say']} times")
        self._history.deletes.append((self._now, "agent", op["task"]))
        if op["say"]:
            self._history.said.append((self._now, op["task"]))
            await self._say("deleted", task_id)

    # -- steps -------------------------------------------------------------------------------------
    def _change_members(self, document: Json, op: Json) -> list[tuple[str, bool]]:
        """Add members to lists and take others out. Returns those that really changed."""
        changed = []
        wished = [(name, True) for name in op.get("put", ())] + [
            (name, False) for name in op.get("take", ())
        ]
        for member, put in wished:
            name, _, value = member.partition(" ")
            there = list(document.get(name) or [])
            same = [each for each in there if self._world.same_member(each, value)]
            if put and not same:
                document[name] = [*there, value]
                changed.append((member, True))
            elif not put and same:
                document[name] = [each for each in there if each not in same]
                changed.append((member, False))
        return changed

    async def _set(
        self, task_id: str, document: Json, op: Json, stood: Json, action: str = "updated"
    ) -> None:
        world = self._world
        await world.redis.set(world.keys.document(task_id), json.dumps(document))
        more = " ".join(
            f"{name} {op[name]}" for name in ("add", "link", "put", "take") if op.get(name)
        )
        world.trace(f"-- agent ({op['do']}) {task_id} {op['fields']} {more} said {op['say']} times")
        self._remember(op, stood)
        self._remember_set(op["task"], document)
        for _ in range(op["say"]):
            await self._say(action, task_id)

    async def _say(self, action: str, task_id: str) -> None:
        text = json.dumps({"action": action, "taskId": task_id, "source": "agent"})
        await self._world.redis.publish(self._world.keys.updates, text)

    async def _read(self, task_id: str) -> Json | None:
        text = await self._world.redis.get(self._world.keys.document(task_id))
        return None if text is None else dict(json.loads(text))

    async def _id_of(self, birth: str) -> str | None:
        if self._history.born.get(birth) == "agent":
            return birth
        for task_id, text in (await self._world.documents()).items():
            if birth_of(str(json.loads(text).get("title", ""))) == birth:
                return task_id
        return None

    @property
    def _now(self) -> float:
        return self._world.loop.time()

    def _remember(self, op: Json, stood: Json) -> None:
        writes = self._history.writes
        for name, value in op["fields"].items():
            if name in THINGS:
                writes.extend(
                    Write(self._now, "agent", op["task"], f"{name} {each}", True) for each in value
                )
            else:
                found = None if stood.get(name) == "" else stood.get(name)  # cleared, both ways
                before = URGENCIES.get(found, found) if name == "priority" else found
                # Clearing what is not there is no change.
                if value is not None or before is not None:
                    writes.append(Write(self._now, "agent", op["task"], name, value, before))
        items = [op[name] for name in ("add", "link") if name in op]
        self._history.items.extend(Item(self._now, "agent", op["task"], item) for item in items)

    def _remember_set(self, birth: str, document: Json) -> None:
        self._history.sets.append((self._now, birth))
        if self._world.births.get(document.get("plannerId", "")) != birth:
            self._history.nameless.append((self._now, birth))


def _sayings(say: int) -> tuple[tuple[str, bool], ...]:
    return ("silent", say == 0), ("says twice", say > 1)
