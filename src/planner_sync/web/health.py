"""What /api/health says of the signs of life. Pure: no Redis, no clock, no HTTP.

Health is for anybody, so it holds words from a short list and nothing else.
"""

import math
from typing import TYPE_CHECKING, Any, Literal

from planner_sync.settings import Settings

if TYPE_CHECKING:  # so that the Function App can be indexed without Redis' library
    from planner_sync.store.telemetry import Snapshot

Check = Literal["ok", "degraded", "down"]

LISTENER_SILENT_MS = 15_000
LATE_INTERVALS = 3
LOST_INTERVALS = 10


def health(snapshot: "Snapshot | None", settings: Settings) -> tuple[int, dict[str, Any]]:
    """The status code and the body of /api/health; no snapshot: Redis did not answer.

    healthy    200  every check is ok
    degraded   200  something is not, and the agents can work: Planner is gone, a plan is held, nobody listens
    unhealthy  503  Redis is gone, or nobody polls although Planner answers
    """
    if snapshot is None:
        checks: dict[str, Check] = {
            "redis": "down",
            "graph": "degraded",
            "listener": "degraded",
            "poll": "degraded",
        }
    else:
        checks = {
            "redis": "ok",
            "graph": _graph(snapshot, settings),
            "listener": _listener(snapshot, settings),
            "poll": _poll(snapshot, settings),
        }
    if "down" in (checks["redis"], checks["poll"]):
        return 503, {"status": "unhealthy", "checks": checks}
    status = "healthy" if set(checks.values()) == {"ok"} else "degraded"
    return 200, {"status": status, "checks": checks}


def _graph(snapshot: "Snapshot", settings: Settings) -> Check:
    """Down once it has failed for longer than a late poll; degraded before the first answer and
    after one failure."""
    if (snapshot.graph_failed_at or 0) <= (snapshot.graph_ok_at or 0):
        return "ok" if snapshot.graph_ok_at is not None else "degraded"
    return (
        "degraded"
        if _age(snapshot, snapshot.graph_ok_at) <= LATE_INTERVALS * _interval(snapshot, settings)
        else "down"
    )


def _listener(snapshot: "Snapshot", settings: Settings) -> Check:
    if not settings.listener:
        return "ok"
    return (
        "ok"
        if _age(snapshot, max(snapshot.listeners.values(), default=None)) <= LISTENER_SILENT_MS
        else "degraded"
    )


def _poll(snapshot: "Snapshot", settings: Settings) -> Check:
    """Late polls count only while Planner answers: without it nobody can poll. A plan that needs a
    person degrades."""
    if snapshot.polled_at is None:
        return "degraded"
    late_by = _age(snapshot, snapshot.polled_at) / _interval(snapshot, settings)
    if late_by > LOST_INTERVALS and _graph(snapshot, settings) == "ok":
        return "down"
    troubled = any(_is_troubled(snapshot, plan_id) for plan_id in settings.plan_ids)
    return "degraded" if troubled or late_by > LATE_INTERVALS else "ok"


def _is_troubled(snapshot: "Snapshot", plan_id: str) -> bool:
    """Held by the brake, unreadable, or with a listing that leaves out cards which still answer."""
    plan = snapshot.plans.get(plan_id)
    return plan_id in snapshot.holds or (
        plan is not None and (plan.error is not None or plan.left_out > 0)
    )


def _interval(snapshot: "Snapshot", settings: Settings) -> float:
    """Milliseconds from one complete poll to the next: the wait between two, and the time that the
    passes took."""
    took = sum(
        plan.took_ms for plan_id, plan in snapshot.plans.items() if plan_id in settings.plan_ids
    )
    return settings.poll_seconds * 1000 + took


def _age(snapshot: "Snapshot", at: int | None) -> float:
    return math.inf if at is None else snapshot.now - at
