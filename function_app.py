"""The Azure Functions entry: a timer that polls, and the HTTP routes. The rules are in
planner_sync.

Indexing imports neither Redis nor Graph nor the sync, and never fails: /api/health and every tick
report wrong settings. The listener runs on the worker's event loop between invocations; nothing
depends on it.
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
from planner_sync.web.routes import ROUTES, Backing, Response, Route, without_settings

if TYPE_CHECKING:
    from planner_sync.sync.run.service import Service

P = ParamSpec("P")
R = TypeVar("R")
Function = Callable[P, Coroutine[Any, Any, R]]

AUTH_LEVELS = {"anonymous": func.AuthLevel.ANONYMOUS, "key": func.AuthLevel.FUNCTION}
TIMEOUT_SETTING = "AzureFunctionsJobHost__functionTimeout"  # overrides host.json
UNLIMITED_SECONDS = 300.0  # stands in for a functionTimeout of -1, which is none
TICK_SHARE = 0.8  # of functionTimeout

log = logging.getLogger("planner_sync.functions")
app = func.FunctionApp()
running: set[asyncio.Task[Any]] = set()


def pinned(function: Function[P, R]) -> Function[P, R]:
    """Keeps a reference to the invocation while it runs.

    The worker keeps none, so the garbage collector may take a waiting one:
    https://github.com/Azure/azure-functions-python-worker/issues/1800
    """

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
    """What this worker process holds: settings and service, or what is wrong with the settings.

    Some mistakes only Redis can tell, such as a namespace that does not fit a cluster. The tick
    that meets one stores it in `wrong`.
    """

    def __init__(self) -> None:
        self.wrong: SettingsError | None = None
        self._parts: tuple[Settings, Service] | None = None

    def parts(self) -> "tuple[Settings, Service]":
        """Settings and service. Raises SettingsError if the settings are wrong.

        The first call builds them on the worker's own event loop. It awaits nothing, so no other
        call can come between.
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
    """The timer's schedule; the default if the setting is wrong, so that the timer ticks anyway.

    Read here, not as %NAME%: indexing would fail without the setting.
    """
    schedule_set = os.environ.get("PLANNER_SYNC_POLL_SCHEDULE", "").strip()
    if schedule.is_schedule(schedule_set):
        return schedule_set
    return schedule.DEFAULT


def tick_seconds() -> float:
    """How long a tick may last, below functionTimeout.

    Beyond functionTimeout the host restarts the whole worker, with the listener and every other
    invocation.
    """
    host = json.loads(Path(__file__).with_name("host.json").read_text(encoding="utf-8"))
    timeout = os.environ.get(TIMEOUT_SETTING) or host["functionTimeout"]
    seconds = schedule.timespan(timeout) or UNLIMITED_SECONDS
    return TICK_SHARE * seconds


@app.timer_trigger(
    schedule=poll_schedule(),
    arg_name="timer",
    run_on_startup=False,
    use_monitor=False,
)
@pinned
async def poll(timer: func.TimerRequest) -> None:
    """Check the listener, work off what is due, poll every plan."""
    try:
        _, service = process.parts()
        async with asyncio.timeout(tick_seconds()):
            await service.tick()
    except SettingsError as error:
        process.wrong = error
        for line in error.lines:
            log.error("%s", line)


def add_route(route: Route) -> None:
    """Make one row of the table a function."""

    @pinned
    async def answer(req: func.HttpRequest) -> func.HttpResponse:
        return to_http(await answer_with_service(route, req))

    add_to_app = app.route(
        route=route.path.removeprefix("/api/"),
        methods=[route.method],
        auth_level=AUTH_LEVELS[route.auth],
    )
    name = route.answer.__name__.removeprefix("answer_")
    app.function_name(name)(add_to_app(answer))


async def answer_with_service(route: Route, req: func.HttpRequest) -> Response:
    try:
        settings, service = process.parts()
    except SettingsError:
        return without_settings(route)
    service.ensure_listener()
    backing = Backing(settings, service.telemetry, service)
    return await route.answer(backing, dict(req.route_params))


def to_http(response: Response) -> func.HttpResponse:
    return func.HttpResponse(
        body=response.body,
        status_code=response.status,
        headers=response.all_headers,
        mimetype=response.content_type,
    )


for row in ROUTES:
    add_route(row)
