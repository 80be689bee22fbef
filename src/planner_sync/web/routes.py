"""Every HTTP route, once, for both hosts: the table, and what each route answers.

Knows no web framework. A host passes the path's parameters, turns a `Response` into its own answer,
and checks the key of every route that is not anonymous. No route reads a query, a header or a body.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from planner_sync.operators.report import status
from planner_sync.settings import Settings
from planner_sync.web.health import health

if TYPE_CHECKING:  # indexing the Function App must not import redis
    from planner_sync.store.telemetry import Telemetry

Auth = Literal["anonymous", "key"]
Params = Mapping[str, str]  # of the path, by name

REDIS_SECONDS = 1.0
# On every answer. host.json repeats them for what the Functions host answers by itself.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Response:
    """An answer, ready to send. `headers` are added to HEADERS, or replace some of them."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_headers(self) -> dict[str, str]:
        return {**HEADERS, **self.headers}


class Operator(Protocol):
    """Ends the hold of a plan. Returns the number of tasks, None if the plan is not held."""

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
    """One row of the table. `path` begins with /api/; a parameter in it is `{name}`."""

    method: str
    path: str
    auth: Auth
    answer: Callable[[Backing, Params], Awaitable[Response]]


def json_response(status_code: int, body: Any) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(status_code, text.encode())


def problem(status_code: int, title: str, detail: str) -> Response:
    """An error as RFC 9457 problem JSON: https://www.rfc-editor.org/rfc/rfc9457"""
    body = {"type": "about:blank", "status": status_code, "title": title, "detail": detail}
    text = json.dumps(body, ensure_ascii=False)
    return Response(status_code, text.encode(), "application/problem+json")


def without_settings(route: Route) -> Response:
    """The answer while the settings are wrong. The mistakes themselves are only in the log."""
    if route.answer is answer_health:
        return json_response(503, {"status": "unhealthy", "checks": {"settings": "down"}})
    return problem(503, "Service Unavailable", "The settings are wrong; see the log.")


async def answer_health(backing: Backing, params: Params) -> Response:
    snapshot = await backing.telemetry.snapshot_within(REDIS_SECONDS, details=False)
    return json_response(*health(snapshot, backing.settings))


async def answer_status(backing: Backing, params: Params) -> Response:
    snapshot = await backing.telemetry.snapshot_within(REDIS_SECONDS)
    if snapshot is None:
        return problem(503, "Service Unavailable", "Redis does not answer.")
    return json_response(200, status(snapshot, backing.settings.plan_ids))


async def answer_release(backing: Backing, params: Params) -> Response:
    return await _end_hold(backing, params["id"], backing.operator.release)


async def answer_restore(backing: Backing, params: Params) -> Response:
    return await _end_hold(backing, params["id"], backing.operator.restore)


async def _end_hold(
    backing: Backing,
    plan_id: str,
    end: Callable[[str], Awaitable[int | None]],
) -> Response:
    if plan_id not in backing.settings.plan_ids:
        return problem(404, "Not Found", "This plan is not configured.")
    if await backing.telemetry.snapshot_within(REDIS_SECONDS, details=False) is None:
        return problem(503, "Service Unavailable", "Redis does not answer.")
    count = await end(plan_id)
    if count is None:
        return problem(409, "Conflict", "This plan has no hold.")
    return json_response(200, {"count": count})


ROUTES = (
    Route("GET", "/api/health", "anonymous", answer_health),
    Route("GET", "/api/status", "key", answer_status),
    Route("POST", "/api/plans/{id}/release", "key", answer_release),
    Route("POST", "/api/plans/{id}/restore", "key", answer_restore),
)
