"""One run: start, let everything happen, heal, wait until it is quiet, judge."""

import asyncio
import logging
import random
from collections import Counter
from dataclasses import dataclass

from tests.simulation.actors.actors import Actors
from tests.simulation.judges import judge
from tests.simulation.judges.scene import Scene, Stored
from tests.simulation.judges.store import Claims, judge_store
from tests.simulation.machine.faults import Faults
from tests.simulation.machine.gates import Process, Step
from tests.simulation.machine.virtual_time import run
from tests.simulation.machine.world import FOREIGN_KEYS, World
from tests.simulation.runs.rows import afterwards, observed
from tests.simulation.script.script import Json, Script

LOOK_EVERY = 95.0  # seconds; three polls and a little
PATIENCE = 8000.0  # a parked task is tried again once an hour
QUIET = 150.0
DEPLOYED_AFTER = 2.0
CHECKED = (
    *("record_answer", "settle_task", "bury_task"),
    *("lease_tasks", "record_intent", "enqueue_tasks", "save_document"),
)


@dataclass(frozen=True)
class Verdict:
    """The result of a script. `wrong` is empty when everything holds."""

    script: Script
    wrong: list[str]
    lines: list[str]
    digest: str
    deeds: Counter[str]
    faults: Counter[str]
    rows: Counter[str]
    requests: int
    seconds: float
    steps: list[float]


class _Log(logging.Handler):
    """Writes the service's log into the timeline. An unexpected error counts as a violation."""

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
    """Run the script in a new world."""
    random.seed(f"product {script.seed}")  # the jitter of the gate
    log = logging.getLogger("planner_sync")
    propagates, log.propagate = log.propagate, False
    rows: Counter[str] = Counter()
    try:
        with observed(rows):
            return run(_play(script, rows))
    finally:
        log.propagate = propagates


async def _play(script: Script, rows: Counter[str]) -> Verdict:
    return await _Story(script, rows).play()


class _Story:
    def __init__(self, script: Script, rows: Counter[str]) -> None:
        self._script, self._rows = script, rows
        self._world = World(script.seed, script.env, script.switches)
        self._actors = Actors(self._world, self._deploy)
        self._faults = Faults(script.faults, self._actors.do, self._restart)
        self._claims = Claims(self._world.server)

    async def play(self) -> Verdict:
        world, script = self._world, self._script
        log = _Log(world)
        logging.getLogger("planner_sync").addHandler(log)
        world.hook = self._hook
        await world.redis.mset(FOREIGN_KEYS)
        for number in range(script.instances):
            world.start("abc"[number])
        await asyncio.gather(*(self._at(op) for op in script.ops))
        await asyncio.sleep(max(0.0, script.span + 30 - world.loop.time()))
        self._faults.heal()
        world.trace("** from here on nothing happens")
        await asyncio.sleep(130.0)
        wrong = await self._settle()
        foreign = {key: (await world.redis.get(key) or b"").decode() for key in FOREIGN_KEYS}
        own = (
            await world.hash("refusals"),
            await world.hash("trash", "entries"),
            await world.mapping(),
        )
        scene = Scene(
            world, script, self._actors.history, Stored(await world.documents(), *own, foreign)
        )
        wrong += [
            *world.broken,
            *await judge_store(world, script),
            *judge(scene),
            *await self._stays_quiet(),
        ]
        rows, seconds = self._rows + afterwards(world), world.loop.time()
        requests = len(world.planner.journal.rows())
        await world.close()
        logging.getLogger("planner_sync").removeHandler(log)
        deeds = self._actors.history.done
        digest = world.digest()
        return Verdict(
            script,
            wrong,
            world.lines,
            digest,
            deeds,
            self._faults.met,
            rows,
            requests,
            seconds,
            world.steps,
        )

    async def _at(self, op: Json) -> None:
        await asyncio.sleep(op["at"])
        await self._actors.do(op)

    async def _hook(self, step: Step, process: Process) -> object:
        checked = step.side == "redis" and step.moment == "after" and step.what in CHECKED
        if checked and (wrong := self._claims.look()) and wrong not in self._world.broken:
            self._world.broken.append(wrong)
        return await self._faults.hook(step, process)

    # -- processes come and go ---------------------------------------------------------------------
    def _restart(self, process: Process, after: float) -> None:
        process.kill()
        self._world.loop.call_later(after, self._world.start, process.name.partition(".")[0])

    def _deploy(self) -> None:
        for process in list(self._world.processes.values()):
            if not process.is_dead:
                self._restart(process, DEPLOYED_AFTER)

    # -- the end -----------------------------------------------------------------------------------
    async def _settle(self) -> list[str]:
        """Wait until both sides stay the same and nothing is due. An operator ends what is held."""
        world, before, how = self._world, None, "release" if self._script.seed % 2 else "restore"
        while world.loop.time() < PATIENCE:
            await self._actors.operators.end_holds(how)
            now = (
                self._revision(),
                await world.documents(),
                await judge_store(world, self._script),
            )
            if now == before and not now[2]:
                return []
            before = now
            await asyncio.sleep(LOOK_EVERY)
        return [f"it never gets quiet: {before[2] if before else ''}"]

    async def _stays_quiet(self) -> list[str]:
        """I7: further polls write nothing and say nothing."""
        world = self._world
        revision, documents, said = self._revision(), await world.documents(), len(world.said())
        await asyncio.sleep(QUIET)
        wrong = []
        if self._revision() != revision:
            wrong.append("I7 Planner was written to")
        if await world.documents() != documents:
            wrong.append("I7 documents were written")
        if world.said()[said:]:
            wrong.append(f"I7 something was said: {world.said()[said:][:2]}")
        return wrong

    def _revision(self) -> int:
        return self._world.planner.world.state.revision
