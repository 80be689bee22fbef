"""Limits on the size of an HTTP request, and what the standalone server answers beyond them.

Knows no route and no setting. Refuses by the head of a request alone; a body is never read.
"""

import contextlib
from collections.abc import Generator

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from planner_sync.web.routes import Response, problem

MAX_URL_BYTES = 8_192
MAX_HEAD_BYTES = 16_384  # URL and headers
MAX_BODY_BYTES = 1_048_576


class HttpProtocol(H11Protocol):
    """HTTP/1.1 that answers malformed requests with the headers of every other answer."""

    def send_400_response(self, msg: str) -> None:
        # The request was answered, or is about to be: it has a chunked body, and RequestLimits
        # closes the connection.
        if self.conn.our_state is h11.SEND_RESPONSE:
            return
        if self.conn.our_state is h11.IDLE:
            self._refuse_malformed_request()
        self.transport.close()

    def _refuse_malformed_request(self) -> None:
        detail = f"Not HTTP, or URL and headers exceed {MAX_HEAD_BYTES} bytes."
        refusal = problem(400, "Bad Request", detail)
        head = h11.Response(
            status_code=refusal.status,
            headers=closing_headers(refusal),
            reason=b"Bad Request",
        )
        for event in (head, h11.Data(data=refusal.body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")


class UvicornServer(uvicorn.Server):
    """uvicorn without its signal handlers: the service has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class RequestLimits:
    """Refuses a request whose URL, headers or body is too large, and closes its connection.

    No route reads a body. uvicorn discards one that stays within the limit.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        start = {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": closing_headers(refusal),
        }
        await send(start)
        await send({"type": "http.response.body", "body": refusal.body})


def closing_headers(response: Response) -> list[tuple[bytes, bytes]]:
    """The headers of a last answer: the connection closes after it."""
    named = {
        **response.all_headers,
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "close",
    }
    return [(name.lower().encode(), value.encode()) for name, value in named.items()]


def _refusal(scope: Scope) -> Response | None:
    url_bytes = len(scope["raw_path"]) + len(scope["query_string"])
    if url_bytes > MAX_URL_BYTES:
        return problem(414, "URI Too Long", f"The limit is {MAX_URL_BYTES} bytes.")

    header_bytes = sum(len(name) + len(value) for name, value in scope["headers"])
    if url_bytes + header_bytes > MAX_HEAD_BYTES:
        detail = f"The limit is {MAX_HEAD_BYTES} bytes for URL and headers."
        return problem(431, "Request Header Fields Too Large", detail)

    headers = dict(scope["headers"])
    # A chunked body has no size before its end.
    if b"transfer-encoding" in headers:
        detail = "Send a body with Content-Length."
        return problem(411, "Length Required", detail)
    # h11 has already rejected a non-numeric Content-Length.
    if int(headers.get(b"content-length", 0)) > MAX_BODY_BYTES:
        return problem(413, "Content Too Large", f"The limit is {MAX_BODY_BYTES} bytes.")
    return None
