"""Operators and the outside world: Redis forgets, rights are lost, plans are deleted, holds end."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.simulation.actors.agents import Agents
from tests.simulation.actors.history import History, birth_of
from tests.simulation.actors.people import People
from tests.simulation.machine.world import World

Json = dict[str, Any]
PATTERNS = {"all": "*", "private": "annika:sync:*", "mapping": "annika:task:mapping:*"}


class Operators:
    """`deploy` kills every process and starts new ones."""

    def __init__(
        self,
        world: World,
        history: History,
        agents: Agents,
        people: People,
        deploy: Callable[[], None],
    ) -> None:
        self._world = world
        self._history = history
        self._agents = agents
        self._people = people
        self._deploy = deploy

    async def do(self, op: Json) -> None:
        """Carry out one deed."""
        world = self._world
        world.trace(f"** {op['do']} {op.get('what', '')}".rstrip())
        match op["do"]:
            case "wipe":
                await self._wipe(op["what"])
            case "restart redis":
                world.server.restart()
            case "failover":
                before = world.server.copy()
                await self._remember_strangers()
                await asyncio.sleep(op["seconds"])
                world.trace(f"** the last {op['seconds']} s of Redis are lost")
                world.server.restart(before)
            case "lose right":
                world.humans.unreadable(world.plan_ids[0])
                await asyncio.sleep(op["seconds"])
                world.humans.readable(world.plan_ids[0])
                world.trace("** the plan can be read again")
            case "delete plan":
                if world.plan_ids[1] in world.planner.world.state.plans:
                    world.humans.delete_plan(world.plan_ids[1])
            case "deploy":
                self._deploy()
            case "delete many":
                await self._delete_many(op)
            case "release" | "restore":
                await self.end_holds(op["do"])
            case "garbage":
                await world.redis.publish(world.keys.updates, b"\xff{nonsense")
            case "wrong type":
                await world.redis.rpush(world.keys.document("odd"), "no string")

    async def end_holds(self, how: str) -> None:
        """Release or restore what is held in any plan."""
        for plan_id in self._world.plan_ids:
            if (count := await self._world.end_hold(plan_id, how)) is not None:
                self._world.trace(f"** {how}: {count} in {plan_id}")
                self._history.done[f"{how} of a hold"] += 1
                if how == "restore":
                    self._history.restored.append(self._world.loop.time())

    async def _delete_many(self, op: Json) -> None:
        if op["by"] == "agents":
            await self._agents.delete_many(0, op["say"])
        else:
            self._people.delete_many(0)

    async def _wipe(self, what: str) -> None:
        world = self._world
        await self._remember_strangers()
        keys = [key async for key in world.redis.scan_iter(PATTERNS[what], 1000)]
        if keys:
            await world.redis.delete(*keys)
        if what == "all":
            world.server.restart()

    async def _remember_strangers(self) -> None:
        for text in (await self._world.documents()).values():
            document = json.loads(text)
            if not document.get("plannerId"):
                self._history.strangers.add(birth_of(document["title"]))
