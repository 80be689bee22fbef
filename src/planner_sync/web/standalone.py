"""The routes as a web server: Starlette on uvicorn, on the event loop of the service.

Binds before anything else starts, so that a taken port is reported at once. Installs no signal
handlers.
"""

import asyncio
import contextlib
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import Response as WebResponse
from starlette.routing import Route as WebRoute

from planner_sync.settings import Secret, Settings
from planner_sync.urls import is_loopback
from planner_sync.web.http_limits import (
    MAX_HEAD_BYTES,
    HttpProtocol,
    RequestLimits,
    UvicornServer,
)
from planner_sync.web.routes import ROUTES, Backing, Response, Route, problem

SHUTDOWN_SECONDS = 2

Endpoint = Callable[[WebRequest], Awaitable[WebResponse]]
ErrorHandler = Callable[[WebRequest, Exception], WebResponse]


def bind(settings: Settings) -> socket.socket:
    """A socket on the configured host and port. Raises OSError if they are not available."""
    address = (settings.http_host, settings.http_port)
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=128)


@contextlib.asynccontextmanager
async def serving(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    """Answers requests for the length of the block."""
    config = uvicorn.Config(
        RequestLimits(app),
        http=HttpProtocol,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = UvicornServer(config)
    serving_task = asyncio.create_task(server.serve(sockets=[listening]), name="http")
    try:
        yield
    finally:
        server.should_exit = True
        await serving_task


def create_app(backing: Backing) -> Starlette:
    """The web application."""
    routes = [
        WebRoute(route.path, _endpoint(route, backing), methods=[route.method]) for route in ROUTES
    ]
    handlers = {
        404: _error_handler(404, "Not Found", "There is no such route."),
        405: _error_handler(405, "Method Not Allowed", "This route has no such method."),
        500: _error_handler(500, "Internal Server Error", "The error is in the log."),
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


def _endpoint(route: Route, backing: Backing) -> Endpoint:
    async def endpoint(web: WebRequest) -> WebResponse:
        refusal = _refusal(route, web, backing.settings)
        if refusal is not None:
            return _to_web(refusal)
        return _to_web(await route.answer(backing, web.path_params))

    return endpoint


def _refusal(route: Route, web: WebRequest, settings: Settings) -> Response | None:
    """The answer to a caller without access; None if it has access."""
    if settings.api_key is None:
        return _refuse_other_hosts(web)
    if route.auth == "anonymous":
        return None
    return _refuse_wrong_key(web, settings.api_key)


def _refuse_other_hosts(web: WebRequest) -> Response | None:
    """Without a key, pages from elsewhere must not reach the service through a local browser.

    Such a page either resolves a host name of its own to this machine (Host) or sends a form
    (Origin).
    """
    callers = [f"//{web.headers.get('host', '')}"]
    if "origin" in web.headers:
        callers.append(web.headers["origin"])
    if all(is_loopback(_host(caller)) for caller in callers):
        return None
    detail = "Without PLANNER_SYNC_API_KEY only this machine has access."
    return problem(403, "Forbidden", detail)


def _refuse_wrong_key(web: WebRequest, api_key: Secret) -> Response | None:
    given = web.headers.get("x-functions-key", "")
    wanted = api_key.reveal()
    if hmac.compare_digest(given.encode(), wanted.encode()):
        return None
    return problem(401, "Unauthorized", "The header x-functions-key is missing or wrong.")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _to_web(response: Response) -> WebResponse:
    return WebResponse(
        response.body,
        response.status,
        response.all_headers,
        response.content_type,
    )


def _error_handler(status_code: int, title: str, detail: str) -> ErrorHandler:
    def handle(web: WebRequest, error: Exception) -> WebResponse:
        return _to_web(problem(status_code, title, detail))

    return handle
