"""The standalone sync service: one process, one event loop, a clean end on SIGINT or SIGTERM.

    python src/planner_sync_service.py                 settings from the environment
    python src/planner_sync_service.py --device-code   the same, but a person signs in: a first try
    python src/planner_sync_service.py --demo          embedded Redis, Planner emulator, actors

Decides nothing about tasks. planner_sync.sync.run.service builds what it starts.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from planner_sync import logs
from planner_sync.errors import SettingsError
from planner_sync.settings import Settings

if TYPE_CHECKING:
    import socket

    from planner_sync.sync.run.service import Service

SIGNALS = (signal.SIGINT, signal.SIGTERM)
WRONG_SETTINGS = 2
CANCEL_AGAIN_SECONDS = 0.5

log = logging.getLogger("planner_sync")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal. Returns the exit code."""
    for number in SIGNALS:
        # Set explicitly: the parent may have set them to be ignored. Before the event loop runs
        # there is nothing to clean up.
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    options = _parse(arguments)
    if options.demo:
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        from demo.run import main as run_demo

        return run_demo()
    return _run_with_settings(device_code=options.device_code)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="planner_sync_service.py",
        description="Keeps AI agents' tasks in Redis and people's cards in Microsoft Planner in "
        "sync.",
        epilog="Settings are environment variables, listed in the README. SIGINT or SIGTERM stops "
        "the service.",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="run on an embedded server and a local Planner; needs no account",
    )
    parser.add_argument(
        "--device-code",
        action="store_true",
        help="a person signs in, until this process ends; for a first try",
    )
    return parser.parse_args(arguments)


def _run_with_settings(*, device_code: bool) -> int:
    try:
        settings = Settings.from_env(os.environ, device_code=device_code)
        logs.to_stderr("", settings.log_level, settings.secrets())
        # Imported late, because redis, httpx and uvicorn are slow to import: mistakes come first.
        from planner_sync.sync.run.service import build
        from planner_sync.web.standalone import bind

        listening = bind(settings)
        service = build(settings)
    except SettingsError as error:
        return _report(error.lines)
    except OSError as error:
        names = "PLANNER_SYNC_HTTP_HOST, PLANNER_SYNC_HTTP_PORT"
        return _report([f"{names}: cannot listen: {error.strerror}"])
    return asyncio.run(_serve(settings, service, listening))


def _report(mistakes: Sequence[str]) -> int:
    sys.stderr.writelines(f"{mistake}\n" for mistake in mistakes)
    return WRONG_SETTINGS


async def _serve(settings: Settings, service: "Service", listening: "socket.socket") -> int:
    from planner_sync.web.routes import Backing
    from planner_sync.web.standalone import create_app, serving

    stop = _stop_on_signals()
    app = create_app(Backing(settings, service.telemetry, service))
    try:
        async with serving(app, listening):
            host, port, *_ = listening.getsockname()
            plans = len(settings.plan_ids)
            log.info("started: %d plans, http on %s port %d", plans, host, port)
            return await run_until(stop, service.run())
    finally:
        # The loop is about to close: nothing handles a further signal.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        await service.aclose()


def _stop_on_signals() -> asyncio.Event:
    """An event that either signal sets, any number of times.

    Not loop.add_signal_handler: that restores the default handlers when the loop closes, and a
    signal then would kill the process just before its clean end.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)

    for number in SIGNALS:
        signal.signal(number, ask)
    return stop


async def run_until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> int:
    """Run the work until `stop`. Returns the exit code.

    0  stopped by a signal
    1  the work ended unexpectedly
    2  wrong settings that only Redis can tell, such as a namespace that does not fit a cluster
    """
    others = asyncio.all_tasks()
    running = asyncio.create_task(work, name="sync")
    asked = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    await _end(running, others)
    error = None if running.cancelled() else running.exception()
    if stop.is_set() and error is None:
        log.info("stopped")
        return 0
    if isinstance(error, SettingsError):
        return _report(error.lines)
    log.error("the service ended unexpectedly", exc_info=error)
    return 1


async def _end(running: asyncio.Task[None], others: set[asyncio.Task[Any]]) -> None:
    """Cancel the work, and repeat it for tasks that missed the cancellation.

    Below Python 3.12 `asyncio.wait_for` can lose one, and redis-py sends every command with it.
    https://github.com/python/cpython/issues/81839
    """
    running.cancel()
    while not running.done():
        await asyncio.wait({running}, timeout=CANCEL_AGAIN_SECONDS)
        if not running.done():
            for task in asyncio.all_tasks() - others:
                task.cancel()


if __name__ == "__main__":
    sys.exit(main())
