"""The standalone sync service: settings in, one event loop with everything on it, a clean end on
SIGINT or SIGTERM.

    python src/planner_sync_service.py                 what the README's settings say
    python src/planner_sync_service.py --device-code   the same, signed in by a person, for a first try
    python src/planner_sync_service.py --demo          an embedded Redis, the Planner emulator, agents and people

Decides nothing about tasks; what it starts is built in planner_sync.sync.service.
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

log = logging.getLogger("planner_sync")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal ends it; returns the exit code."""
    for number in SIGNALS:
        # Explicitly, because a parent may have told us to ignore them. Until the loop runs there is
        # nothing to tidy up.
        signal.signal(number, lambda _number, _frame: sys.exit(0))
    wishes = _parse(arguments)
    if wishes.demo:
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
        from demo.run import main as run_demo

        return run_demo()
    return _run_with_settings(device_code=wishes.device_code)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="planner_sync_service.py",
        description="Keeps the tasks of AI agents in Redis and the cards of people in Microsoft Planner the same.",
        epilog="Settings are environment variables, listed in the README. SIGINT and SIGTERM end it cleanly.",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="run on an embedded server and a local Planner, no account",
    )
    parser.add_argument(
        "--device-code",
        action="store_true",
        help="a person signs in, for as long as this process lives; for a first try",
    )
    return parser.parse_args(arguments)


def _run_with_settings(*, device_code: bool) -> int:
    try:
        settings = Settings.from_env(os.environ, device_code=device_code)
        logs.to_stderr("", settings.log_level, settings.secrets())
        # Late, because they bring Redis', Graph's and the web server's libraries: a mistake is told
        # at once.
        from planner_sync.sync.run.service import build
        from planner_sync.web.standalone import bind

        listening = bind(settings)
        service = build(settings)
    except SettingsError as error:
        return _refuse(error.lines)
    except OSError as error:
        return _refuse(
            [
                f"PLANNER_SYNC_HTTP_HOST, PLANNER_SYNC_HTTP_PORT: cannot listen there: {error.strerror}"
            ]
        )
    return asyncio.run(_serve(settings, service, listening))


def _refuse(mistakes: Sequence[str]) -> int:
    sys.stderr.writelines(f"{mistake}\n" for mistake in mistakes)
    return WRONG_SETTINGS


async def _serve(settings: Settings, service: "Service", listening: "socket.socket") -> int:
    from planner_sync.web.routes import Backing
    from planner_sync.web.standalone import create_app, serving

    stop = _stop_on_signals()
    try:
        async with serving(create_app(Backing(settings, service.telemetry, service)), listening):
            log.info(
                "started: %d plans, http on %s port %d",
                len(settings.plan_ids),
                *listening.getsockname()[:2],
            )
            return await run_until(stop, service.run())
    finally:
        # The loop is about to close; from here a further signal would find nobody to tell.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        await service.aclose()


def _stop_on_signals() -> asyncio.Event:
    """An event that either signal sets, however often. Not loop.add_signal_handler: that gives the
    signals their deadly default back when the loop closes, just before the process ends by
    itself."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)

    for number in SIGNALS:
        signal.signal(number, ask)
    return stop


async def run_until(stop: asyncio.Event, work: Coroutine[None, None, None]) -> int:
    """Run until asked to stop (0), or until the work ends by itself, which it should not (2: wrong
    settings, 1)."""
    others = asyncio.all_tasks()
    running, asked = (
        asyncio.create_task(work, name="sync"),
        asyncio.create_task(stop.wait(), name="stop"),
    )
    await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    await _end(running, others)
    error = None if running.cancelled() else running.exception()
    if stop.is_set() and error is None:
        log.info("stopped")
        return 0
    if isinstance(
        error, SettingsError
    ):  # one that only Redis can tell, such as a namespace that fits no cluster
        return _refuse(error.lines)
    log.error("the service ended by itself", exc_info=error)
    return 1


async def _end(running: asyncio.Task[None], others: set[asyncio.Task[Any]]) -> None:
    """Cancel the work, and again what did not hear of it: below Python 3.12 `asyncio.wait_for`,
    with which redis-py sends every command, can lose a cancel
    (https://github.com/python/cpython/issues/81839)."""
    running.cancel()
    while not (await asyncio.wait({running}, timeout=0.5))[0]:
        for task in asyncio.all_tasks() - others:
            task.cancel()


if __name__ == "__main__":
    sys.exit(main())
