"""The members of one round trip: who has still to join, who has joined, and with which request."""

import asyncio
from collections.abc import Iterable

from planner_sync.graph.answers import GraphRequest, Outcome


class BatchWindow:
    """The time in which the `members` of a batch may join it.

    It closes as soon as every member has joined or left, or by `close()`. `task` sends the batch;
    its result has the outcome of each member that joined.
    """

    task: asyncio.Task[dict[object, Outcome]]

    def __init__(self, members: Iterable[object]) -> None:
        self._expected = set(members)
        self._joined: dict[object, GraphRequest] = {}
        self._first_join = asyncio.Event()
        self._closed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        return self._closed.is_set()

    def join(self, member: object, request: GraphRequest) -> bool:
        """Add the request of a member; False when the window has closed without it."""
        if self.is_closed:
            return False
        self._joined[member] = request
        self._stop_expecting(member)
        return True

    def leave(self, member: object) -> None:
        """Take a member and its request out. Has no effect once the window has closed."""
        if self.is_closed:
            return
        self._joined.pop(member, None)
        self._stop_expecting(member)

    def close(self) -> None:
        """Wait for no further member."""
        self._first_join.set()
        self._closed.set()

    async def first_join(self) -> None:
        """Wait until a member has joined, or the window has closed."""
        await self._first_join.wait()

    async def closed(self) -> dict[object, GraphRequest]:
        """Wait until the window has closed; the request of each member, in the order of joining."""
        await self._closed.wait()
        return self._joined

    def _stop_expecting(self, member: object) -> None:
        self._expected.discard(member)
        if not self._expected:
            self.close()
        elif self._joined:
            self._first_join.set()
