"""One run: start, let everything happen, heal, wait until it is quiet, judge."""

import asyncio
import logging
import random
from collections import Counter
from dataclasses import dataclass

from tests.simulation.actors import Actors
from tests.simulation.faults import Faults
from tests.simulation.gates import Process
from tests.simulation.judges import Scene, judge, judge_store
from tests.simulation.script import Json, Script
from tests.simulation.virtual_time import run
from tests.simulation.world import World

LOOK_EVERY = 95.0  # seconds; three polls and a little
PATIENCE = 8000.0  # a parked task is tried again once an hour
QUIET = 150.0


@dataclass(frozen=True)
class Verdict:
    """What came of a script. `wrong` is empty when everything holds."""

    script: Script
    wrong: list[str]
    lines: list[str]
    digest: str
    deeds: Counter[str]
    faults: Counter[str]
    requests: int
    seconds: float
    steps: list[float]


class _Log(logging.Handler):
    """What the service logs stands in the timeline; an error that nobody expected breaks the world."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        self._world.trace(f"   log: {record.getMessage()}")
        if record.exc_info:
            last = self.format(record).splitlines()[-1]
            if last not in self._world.broken:
                self._world.broken.append(last)


def play(script: Script) -> Verdict:
    """Run the script in a world of its own."""
    random.seed(f"product {script.seed}")  # the jitter of the gate
    log = logging.getLogger("planner_sync")
    propagates, log.propagate = log.propagate, False
    try:
        return run(_play(script))
    finally:
        log.propagate = propagates


async def _play(script: Script) -> Verdict:
    world = World(script.seed, script.env, script.switches)
    actors = Actors(world)
    log = _Log(world)
    logging.getLogger("planner_sync").addHandler(log)
    down: set[str] = set()

    def restart(process: Process, after: float) -> None:
        slot = process.name.partition(".")[0]
        process.kill()
        down.add(slot)
        world.loop.call_later(after, _start, world, slot, down)

    faults = Faults(script.faults, actors.do, restart)
    world.hook = faults.hook
    world.humans.create(world.plan_ids[0], "anchor of the plan")  # a plan of no cards could not be told from a lie
    for number in range(script.instances):
        world.start("abc"[number])
    await asyncio.gather(*(_at(op, actors) for op in script.ops))
    await asyncio.sleep(max(0.0, script.span + 30 - world.loop.time()))
    faults.heal()
    world.trace("** from here on nothing happens")
    await asyncio.sleep(130.0)
    wrong = await _settle(world)
    scene = await Scene.of(world, script, actors.history)
    wrong += [*world.broken, *await judge_store(world)]
    wrong += judge(scene)
    wrong += await _stays_quiet(world)
    requests = len(world.planner.journal.rows())
    seconds = world.loop.time()
    await world.close()
    logging.getLogger("planner_sync").removeHandler(log)
    return Verdict(
        script, wrong, world.lines, world.digest(), actors.history.done, faults.met, requests, seconds, world.steps
    )


async def _at(op: Json, actors: Actors) -> None:
    await asyncio.sleep(op["at"])
    await actors.do(op)


def _start(world: World, slot: str, down: set[str]) -> None:
    down.discard(slot)
    world.start(slot)


async def _settle(world: World) -> list[str]:
    """Wait until both sides stay as they are and nothing is due."""
    before = None
    while world.loop.time() < PATIENCE:
        now = (world.planner.world.state.revision, await world.documents(), await judge_store(world))
        if now == before and not now[2]:
            return []
        before = now
        await asyncio.sleep(LOOK_EVERY)
    return [f"it never gets quiet: {before[2] if before else ''}"]


async def _stays_quiet(world: World) -> list[str]:
    """I7: further polls write nothing, say nothing, and ask for one listing per plan."""
    revision, documents, said = world.planner.world.state.revision, await world.documents(), len(world.said())
    await asyncio.sleep(QUIET)
    wrong = []
    if world.planner.world.state.revision != revision:
        wrong.append("I7 Planner was written to")
    if await world.documents() != documents:
        wrong.append("I7 documents were written")
    if world.said()[said:]:
        wrong.append(f"I7 something was said: {world.said()[said:][:2]}")
    return wrong
