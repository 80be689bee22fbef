"""An event loop on which time passes only when nothing else can happen: then it jumps to the next
timer.

It never waits and never watches a socket. A loop with nothing to do and no timer raises, for it
would wait for ever.
"""

import asyncio
import itertools
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

START = datetime(2026, 1, 5, tzinfo=UTC)
Value = TypeVar("Value")


class NothingToDo(Exception):
    """Everybody waits for somebody else."""


class _Jump(selectors.SelectSelector):
    """Instead of waiting for `timeout` it lets that time have passed."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise NothingToDo("no task can go on, and no timer is set")
        self.now += max(timeout, 0.0)
        return []


class _Numbered(asyncio.Task[Any]):
    """A task whose place in a set is its number: groups cancel in the order of a set, and addresses
    are never alike."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], number: int, **kwargs: Any) -> None:
        self._number = number
        super().__init__(coroutine, **kwargs)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0 and is seconds since START."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        numbers = itertools.count()
        self.set_task_factory(
            lambda loop, coro, **kwargs: _Numbered(coro, next(numbers), loop=loop, **kwargs)
        )

    def time(self) -> float:
        return self._jump.now

    def date(self) -> datetime:
        """The virtual wall clock."""
        return START + timedelta(seconds=self.time())


def run(main: Coroutine[Any, Any, Value]) -> Value:
    """Run `main` on a loop of its own. What it leaves behind is dropped, as a killed process drops
    it."""
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _, context: None)
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
