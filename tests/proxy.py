"""A TCP proxy for tests, before Redis or before Planner: whatever a network does to connections, it
does on demand.

    async with proxy_to("redis://127.0.0.1:6379/0") as proxy: ...  # the client gets proxy.url

It knows no protocol. What a client sends in one go is a request, what comes back next is its
answer.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Between = Callable[[], Awaitable[object]]
Match = Callable[[bytes], bool]
CHUNK = 1 << 16


@dataclass(eq=False)
class _Connection:
    """One connection of a client, and the one to the server that belongs to it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    asked: bytearray = field(default_factory=bytearray)
    silent: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    losing: "_Loss | None" = None


@dataclass
class _Loss:
    match: Match
    times: int
    between: Between | None


class Proxy:
    """`asked` are the requests so far, `lost` those whose answer was lost. `delay` (s) is how late
    requests arrive."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._losses: list[_Loss] = []
        self._open: set[_Connection] = set()
        self._swallowing = False
        self._listening: asyncio.Server | None = None
        self._full: list[socket.socket] = []
        self.asked: list[bytes] = []
        self.lost: list[bytes] = []
        self.delay = 0.0
        self.port = 0

    @property
    def url(self) -> str:
        return f"{self._server.scheme}://127.0.0.1:{self.port}{self._server.path}"

    def turn_to(self, server: str) -> None:
        """New connections go to another server; the open ones are reset."""
        self._server = urlsplit(server)
        self.reset()

    def lose(self, between: Between | None = None, *, match: Match = bool, times: int = 1) -> None:
        """Lose the answers to the next requests that match: the server has done it, then the
        connection is reset.

        `between` happens after the server has answered and before the client notices.
        """
        self._losses.append(_Loss(match, times, between))

    def silence(self, match: Match = bool) -> None:
        """The open connections that have asked such a thing stay open, and nothing passes any more:
        half open."""
        for connection in self._open:
            connection.silent = connection.silent or match(bytes(connection.asked))

    def swallow(self) -> None:
        """All connections, new ones too, are open, and nothing passes."""
        self._swallowing = True
        self.silence()

    def reset(self) -> None:
        """Reset every open connection."""
        for connection in list(self._open):
            _reset(connection.client)
            _reset(connection.server)

    async def refuse(self) -> None:
        """Nobody listens, and the open connections are reset."""
        await self._stop_listening()
        self.reset()

    async def hang(self) -> None:
        """New connections get no answer at all, as behind a firewall; the open ones are silent."""
        await self._stop_listening()
        self.silence()
        # A queue of one that nobody takes from: the system drops what comes after.
        full = socket.socket()
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind(("127.0.0.1", self.port))
        full.listen(0)
        self._full = [full]
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._full.append(filler)

    async def heal(self) -> None:
        """Everything that begins from now on goes well; connections that are silent stay so."""
        self._losses.clear()
        self._swallowing, self.delay = False, 0.0
        await self.listen()

    async def listen(self) -> None:
        """Take connections, on the same port as before."""
        for sock in self._full:
            sock.close()
        self._full = []
        if self._listening is None:
            self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._listening.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        await self._stop_listening()
        for sock in self._full:
            sock.close()
        self.reset()
        await asyncio.gather(*(connection.ended.wait() for connection in self._open))

    async def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
            await asyncio.sleep(0)

    # -- one connection ----------------------------------------------------------------------------
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(self._server.hostname, self._server.port)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(client=writer, server=back, silent=self._swallowing)
        self._open.add(connection)
        both = self._ask(connection, reader), self._tell(connection, there)
        ways = [asyncio.ensure_future(way) for way in both]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # the test is over; asyncio would log it
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._open.discard(connection)
            connection.ended.set()
            back.close()
            writer.close()

    async def _ask(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        while data := await _read(reader):
            self.asked.append(data)
            connection.asked += data
            if self.delay:
                await asyncio.sleep(self.delay)
            if connection.silent:
                continue
            loss = next(
                (loss for loss in self._losses if loss.times > 0 and loss.match(data)), None
            )
            if loss:
                loss.times -= 1
                connection.losing = loss
                self.lost.append(data)
            await _write(connection.server, data)

    async def _tell(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        while data := await _read(reader):
            if connection.losing:
                if connection.losing.between:
                    await connection.losing.between()
                _reset(connection.client)
                return
            if not connection.silent:
                await _write(connection.client, data)


async def _read(reader: asyncio.StreamReader) -> bytes:
    with suppress(ConnectionError):
        return await reader.read(CHUNK)
    return b""


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    with suppress(ConnectionError):
        await writer.drain()  # whoever reads slowly is felt by whoever writes


def _reset(writer: asyncio.StreamWriter) -> None:
    """Not closed but reset: whoever is at the other end gets an error, not an end."""
    sock = writer.get_extra_info("socket")
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server at `url`, on a free port, for the length of the block."""
    proxy = Proxy(url)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.aclose()
