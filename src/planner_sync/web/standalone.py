"""The routes as a web server of its own: Starlette below uvicorn, in the event loop of the service.

Binds before anything else starts, so that a taken port is told at once; leaves the process's
signals alone.
"""

import asyncio
import contextlib
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as WebRequest
from starlette.responses import Response as WebResponse
from starlette.routing import Route as WebRoute

from planner_sync.settings import Settings
from planner_sync.urls import is_loopback
from planner_sync.web.http_limits import MOST_HEAD_BYTES, Bounded, Protocol, Server
from planner_sync.web.routes import (
    MOST_BODY_BYTES,
    ROUTES,
    Backing,
    Request,
    Response,
    Route,
    problem,
    too_large,
)

GOODBYE_SECONDS = 2
BODY_SECONDS = 30.0


def bind(settings: Settings) -> socket.socket:
    """A socket on the configured host and port; OSError when they cannot be had."""
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    return socket.create_server(
        (settings.http_host, settings.http_port), family=family, backlog=128
    )


@contextlib.asynccontextmanager
async def serving(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    """Answer requests for as long as the block lasts."""
    config = uvicorn.Config(
        Bounded(app),
        http=Protocol,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GOODBYE_SECONDS,
    )
    server = Server(config)
    serving_task = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    try:
        yield
    finally:
        server.should_exit = True
        await serving_task


def create_app(backing: Backing, *, body_seconds: float = BODY_SECONDS) -> Starlette:
    """The web application; without an API key it answers only those who call it by a name of this
    machine.

    `body_seconds` is how long a body may take to come.
    """
    app = Starlette(
        routes=[
            WebRoute(route.path, _endpoint(route, backing, body_seconds), methods=[route.method])
            for route in ROUTES
        ],
        exception_handlers={
            404: _problem_handler(404, "Not Found", "There is no such route."),
            405: _problem_handler(405, "Method Not Allowed", "The route knows no such method."),
            500: _problem_handler(500, "Internal Server Error", "The log says what happened."),
        },
    )
    app.router.redirect_slashes = False
    return app


def _endpoint(
    route: Route, backing: Backing, body_seconds: float
) -> Callable[[WebRequest], Awaitable[WebResponse]]:
    async def endpoint(web: WebRequest) -> WebResponse:
        if (refusal := _refusal(route, web, backing.settings)) is not None:
            return _send(refusal)
        try:
            async with asyncio.timeout(body_seconds):
                body = await _read_body(web)
        except (TimeoutError, ClientDisconnect):
            return _send(problem(408, "Request Timeout", "The body has not come in time."))
        if body is None:
            return _send(too_large())
        request = Request(
            params=web.path_params,
            query=dict(web.query_params),
            headers=dict(web.headers),
            body=body,
        )
        return _send(await route.answer(backing, request))

    return endpoint


def _refusal(route: Route, web: WebRequest, settings: Settings) -> Response | None:
    """Why this caller gets no answer, if so. Without a key, a page that a browser loaded elsewhere
    must not get in: neither by pointing a name of its own at this machine, nor by sending a
    form."""
    if settings.api_key is None:
        for told in (f"//{web.headers.get('host', '')}", web.headers.get("origin")):
            if told is not None and not is_loopback(_host(told)):
                return problem(
                    403,
                    "Forbidden",
                    "Without PLANNER_SYNC_API_KEY only this machine itself is answered.",
                )
        return None
    given, wanted = web.headers.get("x-functions-key", ""), settings.api_key.reveal()
    if route.auth == "anonymous" or hmac.compare_digest(given.encode(), wanted.encode()):
        return None
    return problem(401, "Unauthorized", "The header x-functions-key is missing or wrong.")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


async def _read_body(web: WebRequest) -> bytes | None:
    """The body, None when it is too large."""
    body = bytearray()
    async for chunk in web.stream():
        body += chunk
        if len(body) > MOST_BODY_BYTES:
            return None
    return bytes(body)


def _send(response: Response) -> WebResponse:
    return WebResponse(response.body, response.status, response.all_headers, response.content_type)


def _problem_handler(
    status_code: int, title: str, detail: str
) -> Callable[[WebRequest, Exception], WebResponse]:
    def handle(web: WebRequest, error: Exception) -> WebResponse:
        return _send(problem(status_code, title, detail))

    return handle
