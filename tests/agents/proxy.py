"""A TCP proxy before Redis: counts what is asked, loses an answer after the server has carried out the command, or
falls silent like a connection that is half open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

Between = Callable[[], Awaitable[object]]


class Proxy:
    """`asked` are the requests so far, one for each round trip. `lose(between)` loses the next answer, after
    `between`; `silence()` keeps all connections open and passes nothing on."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._lose: Between | None = None
        self._silent: set[asyncio.Event] = set()
        self._open: set[asyncio.Event] = set()
        self.asked: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def lose(self, between: Between) -> None:
        self._lose = between

    def silence(self) -> None:
        self._silent |= self._open

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._server.hostname, self._server.port)
        connection = asyncio.Event()
        self._open.add(connection)

        async def ask() -> None:
            while data := await reader.read(1 << 16):
                self.asked.append(data)
                if connection not in self._silent:
                    back.write(data)

        async def answer() -> None:
            while data := await there.read(1 << 16):
                if self._lose is not None:
                    between, self._lose = self._lose, None
                    await between()
                    return
                if connection not in self._silent:
                    writer.write(data)

        ways = [asyncio.ensure_future(ask()), asyncio.ensure_future(answer())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the test is over; asyncio would log it
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open.discard(connection)
            back.close()
            writer.close()


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server at `url`, on a free port, for the length of the block."""
    proxy = Proxy(url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
