"""The wire: Graph under /v1.0 and /beta, the board page at /, the emulator's own endpoints under
/_emulator/.

It decides nothing about Planner. It checks the token, waits as long as an answer is late, and cuts
connections.
"""

import asyncio
import json
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from planner_emulator.control import Control
from planner_emulator.refusals import Refused
from planner_emulator.replies import Response
from planner_emulator.serving import cut_connection

_BOARD = Path(__file__).parent / "board"
# On every answer but Graph's, which are as Graph's are.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def create_app(control: Control) -> Starlette:
    """The ASGI application over one planner. It must be served by `serving.Server`, which can cut
    connections."""

    async def board(request: Request) -> HttpResponse:
        return FileResponse(_BOARD / "index.html")

    async def own(request: Request) -> HttpResponse:
        if not _is_from_here(request):
            return JSONResponse({"error": {"code": "emulator", "message": "loopback only"}}, 403)
        raw = await request.body()
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            return JSONResponse(
                {"error": {"code": "emulator", "message": "the body is not JSON"}}, 400
            )
        status, answer = control.answer(
            request.method, request.path_params["path"], dict(request.query_params), body
        )
        return HttpResponse(status_code=status) if answer is None else JSONResponse(answer, status)

    graph = _graph(control)
    return Starlette(
        routes=[
            Route("/", board),
            Mount("/board", StaticFiles(directory=_BOARD)),
            Route("/_emulator/{path:path}", own, methods=["GET", "POST", "PUT", "DELETE"]),
            Mount("/v1.0", graph),
            Mount("/beta", graph),
        ],
        middleware=[Middleware(_Headed)],
    )


class _Headed:
    """Puts HEADERS on the answers of the board and of the emulator's own endpoints, refusals
    included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        is_graph = scope["path"].startswith(("/v1.0/", "/beta/"))
        await self._app(scope, receive, send if is_graph else send_on)


def _graph(control: Control) -> ASGIApp:
    planner, tokens = control.planner, control.tokens

    async def graph(scope: Scope, receive: Receive, send: Send) -> None:
        with control.counted():
            await answer(scope, receive, send)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:  # it never was a whole request
            return
        target = _target(scope)
        origin = f"{request.url.scheme}://{request.url.netloc}"
        try:
            tokens.check(request.headers.get("authorization"))
        except Refused as no:
            response = planner.refuse(request.method, target, no)
        else:
            response = planner.handle(request.method, target, request.headers, body, origin=origin)
        if response.delay_ms:
            await asyncio.sleep(response.delay_ms / 1000)
        await _deliver(response, scope, receive, send)

    return graph


async def _deliver(response: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if response.lost:
        await cut_connection(scope, receive)
        return
    headers = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    headers.append((b"content-length", str(len(response.body)).encode()))
    body = response.body[: len(response.body) // 2] if response.cut else response.body
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": response.cut})
    if response.cut:
        await asyncio.sleep(0.02)  # lets the half leave before the connection goes
        await cut_connection(scope, receive)


def _target(scope: Scope) -> str:
    path = bytes(scope.get("raw_path") or str(scope["path"]).encode()).decode("ascii", "replace")
    query = bytes(scope["query_string"]).decode("ascii", "replace")
    return f"{path}?{query}" if query else path


def _is_from_here(request: Request) -> bool:
    """Loopback, and no page of another site that makes a browser on this machine call us."""
    client = request.client.host if request.client else ""
    origin = request.headers.get("origin")
    same_page = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    try:
        return ip_address(client).is_loopback and same_page
    except ValueError:
        return False
