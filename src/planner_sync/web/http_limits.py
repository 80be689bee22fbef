"""What the standalone server does around the routes: how large a request may be, and when its
connection ends.

Knows no route and no setting. A request that is too large, or cannot be read, is refused without
being read on.
"""

import asyncio
import contextlib
from collections.abc import Generator

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from planner_sync.web.routes import MOST_BODY_BYTES, Response, problem, too_large

MOST_URL_BYTES = 8_192
MOST_HEAD_BYTES = 16_384  # of the request line and all headers
# A body that nobody wants is read so far and so long, since most callers listen only when they have
# said everything.
LINGER_BYTES = 2 * MOST_BODY_BYTES
LINGER_SECONDS = 1.0


class Protocol(H11Protocol):
    """HTTP/1.1 that refuses what cannot be read like any other request."""

    def send_400_response(self, msg: str) -> None:
        refusal = problem(
            400,
            "Bad Request",
            f"No HTTP request, or its head is larger than {MOST_HEAD_BYTES} bytes.",
        )
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):  # else it has its answer already
            head = h11.Response(
                status_code=400, headers=headers_of(refusal, closes=True), reason=b"Bad Request"
            )
            for event in (head, h11.Data(data=refusal.body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own, for all of its parts."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Bounded:
    """Refuses a request that is too large, and closes the connection where an answer goes out
    before a body has ended.

    Else the server would go on to read what nobody wants, for as long as it comes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send)
        if (refusal := _refusal(scope)) is None:
            await self._app(scope, exchange.receive, exchange.send)
        else:
            await exchange.send(
                {
                    "type": "http.response.start",
                    "status": refusal.status,
                    "headers": headers_of(refusal),
                }
            )
            await exchange.send({"type": "http.response.body", "body": refusal.body})


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        names = {name for name, _ in scope["headers"]}
        self._receive, self._send = receive, send
        self._waits = b"expect" in names  # for a word of ours, before it sends the body
        self._is_read = not {b"content-length", b"transfer-encoding"} & names

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_read = self._is_read or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self._is_read:
            if not self._waits:
                await self._linger()
            if not self._is_read:
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await self._send(message)

    async def _linger(self) -> None:
        left = LINGER_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while left > 0 and not self._is_read:
                    left -= len((await self.receive()).get("body", b""))


def headers_of(response: Response, closes: bool = False) -> list[tuple[bytes, bytes]]:
    """The headers of an answer as they are on the wire; `closes`: the connection ends with it."""
    named = {
        **response.all_headers,
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        **({"Connection": "close"} if closes else {}),
    }
    return [(name.lower().encode(), value.encode()) for name, value in named.items()]


def _refusal(scope: Scope) -> Response | None:
    url = len(scope["raw_path"]) + len(scope["query_string"])
    if url > MOST_URL_BYTES:
        return problem(414, "URI Too Long", f"At most {MOST_URL_BYTES} bytes are taken.")
    if url + sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEAD_BYTES:
        return problem(
            431, "Request Header Fields Too Large", f"At most {MOST_HEAD_BYTES} bytes are taken."
        )
    # One that is no number is no request, and has been refused as such.
    told = int(dict(scope["headers"]).get(b"content-length", 0))
    return too_large() if told > MOST_BODY_BYTES else None
