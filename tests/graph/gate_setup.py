"""A gate on a clock that only the test moves, and an other side that answers when the test says
so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from planner_sync.graph.gate import Gate


class FakeTime:
    """A clock and a sleep that only `advance` moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waking: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, waking))
        await waking

    async def advance(self, seconds: float) -> None:
        await settle()
        self.now += seconds
        for at, waking in self._sleepers:
            if at <= self.now and not waking.done():
                waking.set_result(None)
        await settle()


async def settle() -> None:
    """Wait until everything that needs no time has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


class OtherSide:
    """What the gate sends to: `batches` has the requests of each round trip, `seconds` its time."""

    def __init__(self, *, answers_at_once: bool = True) -> None:
        self.batches: list[list[Any]] = []
        self.seconds: list[float] = []
        self._may_answer = asyncio.Event()
        if answers_at_once:
            self._may_answer.set()

    async def send(self, requests: list[Any], seconds: float) -> list[str]:
        self.batches.append(requests)
        self.seconds.append(seconds)
        await self._may_answer.wait()
        return [f"answer to {request}" for request in requests]

    def answer(self) -> None:
        """Answer everything that was sent, and from now on at once."""
        self._may_answer.set()


class GateSetup:
    """A gate on a fake clock, its other side, and the pauses that were published."""

    def __init__(
        self, *, answers_at_once: bool = True, jitter: float = 1.0, **options: Any
    ) -> None:
        self.time = FakeTime()
        self.other_side = OtherSide(answers_at_once=answers_at_once)
        self.published: list[float] = []
        self.gate = Gate(
            publish_pause=self._publish,
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: jitter,
            **options,
        )

    @property
    def batches(self) -> list[list[Any]]:
        return self.other_side.batches

    async def _publish(self, milliseconds: float) -> None:
        self.published.append(milliseconds)

    async def submit(
        self, request: object, before: Callable[[], Awaitable[None]] | None = None, **how: bool
    ) -> Any:
        return await self.gate.submit(request, self.other_side.send, before=before, **how)

    def start(
        self, request: object, before: Callable[[], Awaitable[None]] | None = None, **how: bool
    ) -> Any:
        """A task that submits the request."""
        return asyncio.create_task(self.submit(request, before, **how))


def nothing() -> Awaitable[None]:
    return asyncio.sleep(0)


class Held:
    """A `before` that takes until the test says so, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self._go = asyncio.Event()
        self._error = error
        self.started = False

    async def __call__(self) -> None:
        self.started = True
        await self._go.wait()
        if self._error:
            raise self._error

    def let_go(self) -> None:
        self._go.set()
