"""From an agent's PUBLISH to the first byte of the request to Graph, against a bare hop through
pub/sub."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from statistics import median, quantiles
from urllib.parse import urlsplit

import redis.asyncio

from bench.figures import Figure, ms
from bench.stage import Stage, stage
from tests.emulator_process import Emulator

TIMES = 100


class Tap:
    """Passes everything on between the service and Graph, and knows when the first byte came since
    `listen`."""

    def __init__(self) -> None:
        self.port = 0
        self.target = ("", 0)
        self._first: asyncio.Future[float] | None = None

    def listen(self) -> "asyncio.Future[float]":
        self._first = asyncio.get_running_loop().create_future()
        return self._first

    def address(self, emulator: Emulator) -> str:
        parts = urlsplit(emulator.url)
        self.target = (parts.hostname or "", parts.port or 0)
        return f"http://127.0.0.1:{self.port}{parts.path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self.target)

        async def ask() -> None:
            while data := await reader.read(1 << 16):
                if self._first is not None and not self._first.done():
                    self._first.set_result(time.perf_counter())
                back.write(data)

        async def answer() -> None:
            while data := await there.read(1 << 16):
                writer.write(data)

        with contextlib.suppress(asyncio.CancelledError, OSError):
            await asyncio.gather(ask(), answer())
        back.close()
        writer.close()


async def measure() -> list[Figure]:
    tap = Tap()
    server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
    tap.port = server.sockets[0].getsockname()[1]
    async with stage(graph=tap.address) as on:
        hops, reactions = [], []
        async with _bare_hop(on.url) as hop:
            for n in range(TIMES):
                hops.append(await hop())
                reactions.append(await _react(on, tap, n))
    server.close()
    hop_time, reaction = median(hops), median(reactions)
    detail = f"{ms(reaction)} (p95 {ms(quantiles(reactions, n=20)[-1])}) / {ms(hop_time)}"
    what, theirs = (
        "PUBLISH to Graph's first byte, p50",
        "bare PUBLISH to subscriber of asyncio redis-py, p50",
    )
    return [Figure(what, theirs, reaction / hop_time, 20, detail)]


async def _react(on: Stage, tap: Tap, n: int) -> float:
    task_id = f"t{n}"
    await on.redis.set(f"annika:tasks:{task_id}", json.dumps({"id": task_id, "title": f"Task {n}"}))
    message = json.dumps({"action": "created", "taskId": task_id, "source": "bench"})
    first = tap.listen()
    started = time.perf_counter()
    await on.redis.publish("annika:tasks:updates", message)
    reaction = await first - started
    await on.until_quiet()
    return reaction


@contextlib.asynccontextmanager
async def _bare_hop(url: str) -> AsyncIterator[object]:
    async with (
        redis.asyncio.Redis.from_url(url) as client,
        client.pubsub(ignore_subscribe_messages=True) as pubsub,
    ):
        await pubsub.subscribe("bare")
        await pubsub.get_message(timeout=5)

        async def hop() -> float:
            started = time.perf_counter()
            await client.publish("bare", "x")
            while await pubsub.get_message(timeout=5) is None:
                pass
            return time.perf_counter() - started

        yield hop
