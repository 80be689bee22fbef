"""A gate on a clock that only the test moves, and a road whose end the test opens."""

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
    """Until everything that can happen without time has happened."""
    for _ in range(20):
        await asyncio.sleep(0)


class Road:
    """What the gate sends out: `cars` has each round trip; it comes back when the test says so, or
    at once."""

    def __init__(self, *, open_end: bool = True) -> None:
        self.cars: list[list[Any]] = []
        self.seconds: list[float] = []
        self._end = asyncio.Event()
        if open_end:
            self._end.set()

    async def carry(self, requests: list[Any], seconds: float) -> list[str]:
        self.cars.append(requests)
        self.seconds.append(seconds)
        await self._end.wait()
        return [f"answer to {request}" for request in requests]

    def come_back(self) -> None:
        self._end.set()


class Setup:
    """A gate on a fake clock, a road, and what was published."""

    def __init__(self, *, open_end: bool = True, jitter: float = 1.0, **options: Any) -> None:
        self.time = FakeTime()
        self.road = Road(open_end=open_end)
        self.published: list[float] = []
        self.gate = Gate(
            publish_pause=self._publish,
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: jitter,
            **options,
        )

    async def _publish(self, milliseconds: float) -> None:
        self.published.append(milliseconds)

    def start(
        self, request: object, before: Callable[[], Awaitable[None]] | None = None, **how: bool
    ) -> Any:
        return asyncio.create_task(self.gate.ride(request, self.road.carry, before=before, **how))


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

    def unlink(self) -> None:
        self._go.set()
