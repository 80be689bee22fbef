"""A server that nobody should ever come to: it counts every connection, and would answer with
success."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Canary:
    """`visits` has what every caller said first; `origin` is how to get there."""

    def __init__(self) -> None:
        self.visits: list[bytes] = []
        self.port = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits.append(b"")
        place = len(self.visits) - 1
        try:
            self.visits[place] = await reader.read(65536)
            writer.write(
                b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\n"
                b'content-length: 11\r\n\r\n{"id": "a"}'
            )
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening_canary() -> AsyncIterator[Canary]:
    """A canary on a free port of this machine, on the test's own loop."""
    canary = Canary()
    server = await asyncio.start_server(canary._serve, "127.0.0.1", 0)
    canary.port = server.sockets[0].getsockname()[1]
    try:
        yield canary
    finally:
        server.close()
