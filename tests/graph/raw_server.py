"""A small HTTP/1.1 server that answers with raw bytes, for faults of badly behaved servers.

It keeps the requests that it got and knows nothing of Planner; tests of behaviour use the emulator.
"""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Reset(Exception):
    """Raised by an answer: send a TCP reset after what was sent so far."""


Answer = Callable[[Received], "bytes | Awaitable[bytes] | AsyncIterator[bytes]"]


@dataclass
class RawServer:
    """`answer` returns the bytes for a request, at once or in pieces; then the connection is
    closed.

    With a `certificate` (a PEM file) it speaks TLS; it listens on `port`, or on a free one.
    """

    answer: Answer
    url: str = ""
    certificate: Path | None = None
    port: int = 0
    requests: list[Received] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RawServer"]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if self.certificate else None
        if context and self.certificate:
            context.load_cert_chain(self.certificate)
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=context)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _receive(reader)
            self.requests.append(request)
            answer = self.answer(request)
            if isinstance(answer, bytes):
                writer.write(answer)
            elif isinstance(answer, AsyncIterator):
                async for piece in answer:
                    writer.write(piece)
                    await writer.drain()
            else:
                writer.write(await answer)
            await writer.drain()
        except Reset:
            linger = struct.pack("ii", 1, 0)  # close without a FIN
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _receive(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    return Received(
        method, target, headers, await reader.readexactly(int(headers.get("content-length", 0)))
    )


def reply(
    status: int, body: object = None, *, kind: str = "application/json", **headers: str
) -> bytes:
    """A whole answer; `body` is JSON unless it is bytes. Underscores in header names become
    dashes."""
    content = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    )
    lines = [f"HTTP/1.1 {status} x", f"content-length: {len(content)}", "connection: close"]
    if content:
        lines.append(f"content-type: {kind}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def graph_error(status: int, code: str = "", message: str = "no", **headers: str) -> bytes:
    """An error in the envelope that Graph uses."""
    return reply(
        status,
        {"error": {"code": code, "message": message, "innerError": {"request-id": "r-1"}}},
        **headers,
    )
