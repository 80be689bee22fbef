"""The ASGI server of the emulator: one that can cut a connection, and that leaves signals to
whoever starts it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import socket

import uvicorn
from starlette.types import ASGIApp, Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class Protocol(H11Protocol):
    """HTTP/1.1 that remembers its open connections by the client's address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            _open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client is not None:
            _open.pop(self.client, None)


class Server(uvicorn.Server):
    """`port` is the real one, once it listens; 0 was "any free port"."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=Protocol,
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
                timeout_keep_alive=30,
            )
        )

        self.listening = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End serving at once, not at uvicorn's next look at its flag."""
        self.should_exit = True
        self._stopping.set()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        beat = 0
        while not await self.on_tick(beat):
            beat += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._stopping.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @property
    def port(self) -> int:
        return int(self.servers[0].sockets[0].getsockname()[1])


async def cut_connection(scope: Scope, receive: Receive) -> None:
    """Cut the connection of the call in hand, so that its client sees a reset and no answer."""
    transport = _open.get(tuple(scope["client"])) if scope.get("client") else None
    if transport is None:
        raise ConnectionAbortedError("the answer was lost")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass
