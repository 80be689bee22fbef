"""Every HTTP route, once, for both hosts: the table, and what each route answers.

Knows no web framework: a host turns its own request into a `Request` and a `Response` into its own
answer, and checks the key of every route that is not anonymous.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from planner_sync.operators.report import status
from planner_sync.settings import Settings
from planner_sync.web.health import health

if TYPE_CHECKING:  # so that the Function App can be indexed without Redis' library
    from planner_sync.store.telemetry import Telemetry

Auth = Literal["anonymous", "key"]

REDIS_SECONDS = 1.0
MOST_BODY_BYTES = 1_048_576
# On every answer. host.json has them too, for what the Functions host answers by itself.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Request:
    """What a route may know of a request. `params` come from the path, header names are
    lower-case."""

    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Response:
    """An answer, ready to be sent; `headers` are those besides HEADERS, or instead of one of
    them."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        return {**HEADERS, **self.headers}


class Operator(Protocol):
    """What an operator can do about a hold; each gives how many tasks it met, None when nothing is
    held."""

    async def release(self, plan_id: str) -> int | None: ...

    async def restore(self, plan_id: str) -> int | None: ...


@dataclass(frozen=True)
class Backing:
    """What the routes answer from."""

    settings: Settings
    telemetry: "Telemetry"
    operator: Operator


@dataclass(frozen=True)
class Route:
    """One row of the table; `path` begins with /api/, with parameters as `{name}`."""

    method: str
    path: str
    auth: Auth
    answer: Callable[[Backing, Request], Awaitable[Response]]


def json_response(status_code: int, body: Any) -> Response:
    return Response(
        status_code, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    )


def problem(status_code: int, title: str, detail: str) -> Response:
    """An error as RFC 9457 has it: https://www.rfc-editor.org/rfc/rfc9457"""
    body = {"type": "about:blank", "status": status_code, "title": title, "detail": detail}
    return Response(
        status_code, json.dumps(body, ensure_ascii=False).encode(), "application/problem+json"
    )


def too_large() -> Response:
    """What a host answers to a body of more than MOST_BODY_BYTES."""
    return problem(413, "Content Too Large", f"At most {MOST_BODY_BYTES} bytes are taken.")


def without_settings(route: Route) -> Response:
    """What a host answers while its settings are wrong; the mistakes themselves are for the log."""
    if route.answer is answer_health:
        return json_response(503, {"status": "unhealthy", "checks": {"settings": "down"}})
    return problem(503, "Service Unavailable", "The settings are wrong; the log says which.")


async def answer_health(backing: Backing, request: Request) -> Response:
    snapshot = await backing.telemetry.snapshot_within(REDIS_SECONDS, details=False)
    return json_response(*health(snapshot, backing.settings))


async def answer_status(backing: Backing, request: Request) -> Response:
    snapshot = await backing.telemetry.snapshot_within(REDIS_SECONDS)
    if snapshot is None:
        return problem(503, "Service Unavailable", "Redis does not answer.")
    return json_response(200, status(snapshot, backing.settings.plan_ids))


async def answer_release(backing: Backing, request: Request) -> Response:
    return await _end_hold(backing, request, backing.operator.release)


async def answer_restore(backing: Backing, request: Request) -> Response:
    return await _end_hold(backing, request, backing.operator.restore)


async def _end_hold(
    backing: Backing, request: Request, end: Callable[[str], Awaitable[int | None]]
) -> Response:
    plan_id = request.params["id"]
    if plan_id not in backing.settings.plan_ids:
        return problem(404, "Not Found", "This service has no such plan.")
    if await backing.telemetry.snapshot_within(REDIS_SECONDS, details=False) is None:
        return problem(503, "Service Unavailable", "Redis does not answer.")
    count = await end(plan_id)
    if count is None:
        return problem(409, "Conflict", "Nothing is held in this plan.")
    return json_response(200, {"count": count})


ROUTES = (
    Route("GET", "/api/health", "anonymous", answer_health),
    Route("GET", "/api/status", "key", answer_status),
    Route("POST", "/api/plans/{id}/release", "key", answer_release),
    Route("POST", "/api/plans/{id}/restore", "key", answer_restore),
)
