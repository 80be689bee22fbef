"""Everybody who acts in a script. Each deed is done to the world and remembered for the judges."""

from collections.abc import Callable
from typing import Any

from tests.simulation.actors.agents import Agents
from tests.simulation.actors.history import History
from tests.simulation.actors.operators import Operators
from tests.simulation.actors.people import People
from tests.simulation.machine.world import World
from tests.simulation.script.script import OPERATORS

Json = dict[str, Any]


class Actors:
    """Agents, people and operators of one world."""

    def __init__(self, world: World, deploy: Callable[[], None]) -> None:
        self.history = History()
        self._agents = Agents(world, self.history)
        self._people = People(world, self.history)
        self.operators = Operators(world, self.history, self._agents, self._people, deploy)

    async def do(self, op: Json) -> None:
        """Carry out one deed."""
        name = op["do"]
        if name in OPERATORS:
            await self.operators.do(op)
        elif name.startswith("human "):
            self._people.do(op)
        else:
            await self._agents.do(op)
        self.history.done[name] += 1
