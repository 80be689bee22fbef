"""The Azure Functions entry: a timer that polls, and the HTTP routes. No rules: those are in
planner_sync.

Indexing imports neither Redis nor Graph nor the sync itself, and never fails: a wrong setting is
told by /api/health and by every tick. The listener lives on the worker's event loop, between the
invocations; nothing depends on it.
"""

import asyncio
import functools
import json
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import azure.functions as func

sys.path.insert(0, str(Path(__file__).resolve().parent / "src"))

from planner_sync import logs, schedule
from planner_sync.errors import SettingsError
from planner_sync.settings import Settings
from planner_sync.web.routes import (
    MOST_BODY_BYTES,
    ROUTES,
    Backing,
    Request,
    Response,
    Route,
    too_large,
    without_settings,
)

if TYPE_CHECKING:
    from planner_sync.sync.run.service import Service

P = ParamSpec("P")
R = TypeVar("R")

AUTH_LEVELS = {"anonymous": func.AuthLevel.ANONYMOUS, "key": func.AuthLevel.FUNCTION}
TIMEOUT_SETTING = "AzureFunctionsJobHost__functionTimeout"  # overrides host.json
UNLIMITED = 300.0  # seconds that are taken for a functionTimeout of -1, which is none

log = logging.getLogger("planner_sync.functions")
app = func.FunctionApp()
running: set[asyncio.Task[Any]] = set()


def pinned(function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Hold on to the invocation while it runs. The worker does not, and the garbage collector takes
    what waits: https://github.com/Azure/azure-functions-python-worker/issues/1800"""

    @functools.wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            return await function(*args, **kwargs)
        finally:
            running.discard(task)

    return wrapper


class Process:
    """What this worker process holds: the service, built on the worker's own loop, or what is wrong
    with the settings.

    Some mistakes only Redis can tell (a namespace that fits no cluster); the tick that meets one
    leaves it in `wrong`.
    """

    def __init__(self) -> None:
        self.wrong: SettingsError | None = None
        self._parts: tuple[Settings, Service] | None = None

    def parts(self) -> "tuple[Settings, Service]":
        """The settings and the service, built at the first call (which no other can interrupt: it
        awaits nothing).

        Raises SettingsError where the settings are wrong.
        """
        if self.wrong is not None:
            raise self.wrong
        if self._parts is None:
            settings = Settings.from_env(os.environ).for_timer()
            logs.to_stderr("planner_sync", settings.log_level, settings.secrets())
            from planner_sync.sync.run.service import build

            self._parts = settings, build(settings)
        return self._parts


process = Process()
logs.to_stderr("planner_sync", "INFO")


def poll_schedule() -> str:
    """Read here, not as %NAME%, which fails without the setting. A wrong one must not keep the
    timer from ticking."""
    wanted = os.environ.get("PLANNER_SYNC_POLL_SCHEDULE", "").strip()
    return wanted if schedule.is_schedule(wanted) else schedule.DEFAULT


def tick_seconds() -> float:
    """How long a tick may last: four fifths of functionTimeout.

    The host restarts the whole worker when a function overruns that: the listener and all other
    invocations die.
    """
    host = json.loads(Path(__file__).with_name("host.json").read_text(encoding="utf-8"))
    timeout = os.environ.get(TIMEOUT_SETTING) or host["functionTimeout"]
    return 0.8 * (schedule.timespan(timeout) or UNLIMITED)


@app.timer_trigger(
    schedule=poll_schedule(), arg_name="timer", run_on_startup=False, use_monitor=False
)
@pinned
async def poll(timer: func.TimerRequest) -> None:
    """Watch the listener, do what is due, look at every plan."""
    try:
        _, service = process.parts()
        async with asyncio.timeout(tick_seconds()):
            await service.tick()
    except SettingsError as error:
        process.wrong = error
        for line in error.lines:
            log.error("%s", line)


def add_route(route: Route) -> None:
    """Make one function of one row of the table."""

    @pinned
    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        return to_http(await answer_with_service(route, req))

    name = route.answer.__name__.removeprefix("answer_")
    path = route.path.removeprefix("/api/")
    decorated = app.route(route=path, methods=[route.method], auth_level=AUTH_LEVELS[route.auth])(
        answer
    )
    app.function_name(name)(decorated)


async def answer_with_service(route: Route, req: func.HttpRequest) -> Response:
    try:
        settings, service = process.parts()
    except SettingsError:
        return without_settings(route)
    service.ensure_listener()
    headers, body = {name.lower(): value for name, value in req.headers.items()}, req.get_body()
    if len(body) > MOST_BODY_BYTES:
        return too_large()
    request = Request(
        params=dict(req.route_params), query=dict(req.params), headers=headers, body=body
    )
    return await route.answer(Backing(settings, service.telemetry, service), request)


def to_http(response: Response) -> func.HttpResponse:
    return func.HttpResponse(
        body=response.body,
        status_code=response.status,
        headers=response.all_headers,
        mimetype=response.content_type,
    )


for row in ROUTES:
    add_route(row)
