"""The gates between the service and the outside: here time passes, and here things go wrong.

Every command to Redis and every request to Planner is a *step* with two moments: before and after
it is carried out. A killed process gets no further: its gate raises Killed, which is no Exception,
so that no `except` or `finally` of the product does what a dead process could not.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

import httpx

from planner_emulator.planner import Planner
from planner_emulator.replies import Response

Side = Literal["redis", "graph"]
ServerClock = Literal["before", "after"]
ORIGIN = "https://graph.simulation"


class Killed(BaseException):
    """This process is dead."""


@dataclass(frozen=True)
class Step:
    """One step of one process: the `number`-th on this `side`. `what` is its verb and its object.

    `answer` is that of Planner, after a request.
    """

    process: str
    side: Side
    number: int
    what: str
    moment: ServerClock
    answer: Response | None = None


# What happens at a step: it may wait, raise OSError, or kill the process. An answer from it
# replaces Graph's own.
Hook = Callable[[Step, "Process"], Any]


@dataclass
class Process:
    """One incarnation of the service, seen from outside.

    `hook` is called at every step and may be async.
    """

    name: str
    random: Random
    hook: Hook
    trace: Callable[[str], None]
    is_dead: bool = False
    steps: dict[str, int] = field(default_factory=lambda: {"redis": 0, "graph": 0})
    on_kill: Callable[[], object] = lambda: None
    frozen_until: float = 0.0
    paused_until: float = 0.0
    offences: list[str] = field(default_factory=list)

    def kill(self) -> None:
        """End it at once, wherever it is."""
        if not self.is_dead:
            self.is_dead = True
            self.trace(f"{self.name} is killed")
            self.on_kill()

    async def at(
        self, side: Side, what: str, moment: ServerClock, answer: Response | None = None
    ) -> Response | None:
        """One moment of one step.

        Raises Killed for a dead process, OSError where the hook cuts the connection.
        """
        self._live()
        await asyncio.sleep(max(0.0, self.frozen_until - asyncio.get_running_loop().time()))
        self._live()
        if moment == "before":
            self.steps[side] += 1
        other: Response | None = await self.hook(
            Step(self.name, side, self.steps[side], what, moment, answer), self
        )
        self._live()
        return other

    def _live(self) -> None:
        if self.is_dead:
            raise Killed


class RedisGate:
    """The gate of one process to Redis."""

    def __init__(self, process: Process, names: Callable[[bytes], str]) -> None:
        self._process, self._names = process, names

    async def before(self, what: bytes) -> None:
        await asyncio.sleep(self._process.random.uniform(0.0002, 0.002))
        await self._process.at("redis", self._names(what), "before")

    async def after(self, what: bytes) -> None:
        await self._process.at("redis", self._names(what), "after")


class GraphGate(httpx.AsyncBaseTransport):
    """One process's way to Planner. Half of the delay comes before the request, half after it."""

    def __init__(self, process: Process, planner: Planner, note_births: Callable[[], None]) -> None:
        self._process, self._planner, self._note_births = process, planner, note_births

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        process = self._process
        body = await request.aread()
        target = request.url.raw_path.decode()
        what = f"{request.method} {target.removeprefix('/v1.0')}"
        now = asyncio.get_running_loop().time()
        if now < process.paused_until - 0.001 and now >= process.frozen_until:
            process.offences.append(f"{now:.3f} {process.name} {what}: Graph was to be left alone")
        try:
            await asyncio.sleep(process.random.uniform(0.01, 0.04))
            answer = await process.at("graph", what, "before")
            if answer is None:
                self._note_births()
                answer = self._planner.handle(
                    request.method, target, dict(request.headers), body, origin=ORIGIN
                )
                process.trace(f"{process.name} {what} {body.decode()[:160]} -> {answer.status}")
                if request.method != "GET":
                    self._note_births()
            await asyncio.sleep(answer.delay_ms / 1000 + process.random.uniform(0.01, 0.04))
            answer = await process.at("graph", what, "after", answer) or answer
        except OSError as error:
            process.trace(f"{process.name} {what} -> {error}")
            raise httpx.ReadError(str(error), request=request) from error
        if answer.status == 429 and (wish := answer.headers.get("Retry-After")):
            process.paused_until = max(
                process.paused_until, asyncio.get_running_loop().time() + float(wish)
            )
        if answer.lost:
            raise httpx.ReadError("cut", request=request)
        return httpx.Response(
            answer.status, headers=answer.headers, content=answer.body, request=request
        )
