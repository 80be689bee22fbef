"""An event loop on which time passes only when nothing else can happen.

It then jumps to the next timer. It never waits and watches no socket. With nothing to do and no
timer it raises.
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
    """No task can go on, and no timer is set."""


class _Jump(selectors.SelectSelector):
    """Lets `timeout` seconds of virtual time pass at once."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise NothingToDo("no task can go on, and no timer is set")
        self.now += max(timeout, 0.0)
        return []


class _Numbered(asyncio.Task[Any]):
    """A task whose hash is its number.

    A group cancels its tasks in the order of a set, and addresses differ in each run.
    """

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
    """Run `main` on its own loop. What it leaves behind is cancelled, as in a killed process."""
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
