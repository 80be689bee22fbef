"""One round trip to Graph and its passengers: who is still expected, who has boarded, what became
of them."""

import asyncio
from typing import Any


class Car:
    """A car with `expected` seats taken. Its doors close when everybody has boarded or left, or by
    `close`.

    `journey` is the task that carries it; its result has the outcome of each passenger.
    """

    journey: asyncio.Task[dict[object, Any]]

    def __init__(self, passengers: list[Any]) -> None:
        self._expected: set[object] = set(passengers)
        self._aboard: dict[object, Any] = {}
        self._someone = asyncio.Event()
        self._doors = asyncio.Event()

    def board(self, passenger: object, request: object) -> bool:
        """Take the seat; False when the car has left without this passenger."""
        if self._doors.is_set():
            return False
        self._aboard[passenger] = request
        self._no_longer_expected(passenger)
        return True

    def leave(self, passenger: object) -> None:
        """Give the seat back. After the departure nothing can be taken back, and nothing
        happens."""
        if not self._doors.is_set():
            self._aboard.pop(passenger, None)
            self._no_longer_expected(passenger)

    def close(self) -> None:
        """Wait for nobody any more."""
        self._someone.set()
        self._doors.set()

    async def first_boarding(self) -> None:
        """Until somebody has boarded, or nobody will."""
        await self._someone.wait()

    async def departure(self) -> dict[object, Any]:
        """Until the doors are closed; what the passengers have with them, in the order of
        boarding."""
        await self._doors.wait()
        return self._aboard

    @property
    def is_closed(self) -> bool:
        return self._doors.is_set()

    def _no_longer_expected(self, passenger: object) -> None:
        self._expected.discard(passenger)
        if not self._expected:
            self.close()
        elif self._aboard:
            self._someone.set()
