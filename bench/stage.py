"""A stage to measure on: an embedded Redis, the Planner emulator and the service, each a process of
its own."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis.asyncio

from planner_sync.agents import AgentClient
from tests.emulator_process import Emulator, emulator_process
from tests.redis_process import free_port, redis_process

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0
SELDOM = "3600"  # a poll interval that no measurement meets


@dataclass
class Stage:
    """What is on the stage; `redis` is a plain client, `tasks` the agents' client."""

    url: str
    redis: Any
    tasks: AgentClient
    emulator: Emulator

    async def until_quiet(self) -> None:
        """Wait until the service has nothing left to do."""
        await until(lambda: self._is_quiet())

    async def _is_quiet(self) -> bool:
        return not await self.redis.zcard("annika:sync:pending")


@contextlib.asynccontextmanager
async def stage(
    *,
    graph: Callable[[Emulator], str] | None = None,
    instances: int = 1,
    poll: str = SELDOM,
    **switches: object,
) -> AsyncIterator[Stage]:
    """Redis, emulator and instances of the service that have made their first pass.

    `graph` gives them another address of Graph, `poll` are the seconds between two passes.
    """
    with redis_process() as url, emulator_process(**switches) as emulator:
        environment = {
            "REDIS_URL": url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": graph(emulator) if graph else emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
            "PLANNER_SYNC_POLL_SECONDS": poll,
            "PLANNER_SYNC_LOG_LEVEL": "WARNING",
        }
        async with (
            _services(environment, instances),
            AgentClient.connect(url) as tasks,
            redis.asyncio.Redis.from_url(url) as client,
        ):
            yield Stage(url, client, tasks, emulator)


@contextlib.asynccontextmanager
async def _services(settings: dict[str, str], instances: int) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(instances):
            await stack.enter_async_context(_service(settings))
        yield


@contextlib.asynccontextmanager
async def _service(settings: dict[str, str]) -> AsyncIterator[None]:
    port = free_port()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PLANNER_SYNC_")
    }
    environment |= settings | {"PLANNER_SYNC_HTTP_PORT": str(port)}
    command = [sys.executable, str(ROOT / "src" / "planner_sync_service.py")]
    with tempfile.TemporaryFile("w+") as log:
        process = await asyncio.to_thread(subprocess.Popen, command, env=environment, stderr=log)
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}/api", timeout=5
            ) as http:
                await until(lambda: _is_healthy(http, process, log))
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 20)


async def _is_healthy(
    http: httpx.AsyncClient, process: "subprocess.Popen[bytes]", log: Any
) -> bool:
    if process.poll() is not None:
        log.seek(0)
        raise RuntimeError(f"the service has ended: {log.read()}")
    with contextlib.suppress(httpx.TransportError):
        return bool((await http.get("/health")).json()["status"] == "healthy")
    return False


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds; RuntimeError when it never does."""
    end = time.monotonic() + PATIENCE
    while not await condition():
        if time.monotonic() > end:
            raise RuntimeError(f"it did not happen within {PATIENCE} s")
        await asyncio.sleep(0.02)
