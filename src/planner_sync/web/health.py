"""Telemetry → /api/health. Pure: no Redis, no clock, no HTTP.

Health is public, so it holds words from a short list and nothing else.
"""

import math
from typing import TYPE_CHECKING, Any, Literal

from planner_sync.settings import Settings

if TYPE_CHECKING:  # indexing the Function App must not import redis
    from planner_sync.store.telemetry import Snapshot

Check = Literal["ok", "degraded", "down"]
Checks = dict[str, Check]

LISTENER_SILENT_MS = 15_000
LATE_INTERVALS = 3
LOST_INTERVALS = 10


def health(snapshot: "Snapshot | None", settings: Settings) -> tuple[int, dict[str, Any]]:
    """Status code and body of /api/health. No snapshot: Redis did not answer.

    healthy    200  every check is ok
    degraded   200  agents can work, but Planner is down, a plan is held, or the listener is silent
    unhealthy  503  Redis is down, or polling stopped although Planner answers
    """
    checks = _checks(snapshot, settings)
    if checks["redis"] == "down" or checks["poll"] == "down":
        return 503, {"status": "unhealthy", "checks": checks}
    if set(checks.values()) == {"ok"}:
        return 200, {"status": "healthy", "checks": checks}
    return 200, {"status": "degraded", "checks": checks}


def _checks(snapshot: "Snapshot | None", settings: Settings) -> Checks:
    if snapshot is None:
        return {
            "redis": "down",
            "graph": "degraded",
            "listener": "degraded",
            "poll": "degraded",
        }
    return {
        "redis": "ok",
        "graph": _graph(snapshot, settings),
        "listener": _listener(snapshot, settings),
        "poll": _poll(snapshot, settings),
    }


def _graph(snapshot: "Snapshot", settings: Settings) -> Check:
    ok_at = snapshot.graph_ok_at
    is_failing = (snapshot.graph_failed_at or 0) > (ok_at or 0)
    # Planner was never asked.
    if not is_failing and ok_at is None:
        return "degraded"
    # The last answer was a good one.
    if not is_failing:
        return "ok"
    # It fails, but not for longer than a late poll.
    if _age(snapshot, ok_at) <= LATE_INTERVALS * _interval(snapshot, settings):
        return "degraded"
    return "down"


def _listener(snapshot: "Snapshot", settings: Settings) -> Check:
    """The most recent heartbeat of all listeners counts."""
    if not settings.listener:
        return "ok"
    heard_at = max(snapshot.listeners.values(), default=None)
    if _age(snapshot, heard_at) <= LISTENER_SILENT_MS:
        return "ok"
    return "degraded"


def _poll(snapshot: "Snapshot", settings: Settings) -> Check:
    # No poll has finished yet.
    if snapshot.polled_at is None:
        return "degraded"
    late_by = _age(snapshot, snapshot.polled_at) / _interval(snapshot, settings)
    # Polling stopped. While Planner does not answer, nobody can poll.
    if late_by > LOST_INTERVALS and _graph(snapshot, settings) == "ok":
        return "down"
    if late_by > LATE_INTERVALS:
        return "degraded"
    # A plan needs an operator.
    if any(_is_troubled(snapshot, plan_id) for plan_id in settings.plan_ids):
        return "degraded"
    return "ok"


def _is_troubled(snapshot: "Snapshot", plan_id: str) -> bool:
    """Held, unreadable, or listed without cards that still exist."""
    if plan_id in snapshot.holds:
        return True
    plan = snapshot.plans.get(plan_id)
    if plan is None:
        return False
    return plan.error is not None or plan.left_out > 0


def _interval(snapshot: "Snapshot", settings: Settings) -> float:
    """Milliseconds from one complete poll to the next: the pause and the passes themselves."""
    passes_ms = sum(
        plan.took_ms for plan_id, plan in snapshot.plans.items() if plan_id in settings.plan_ids
    )
    return settings.poll_seconds * 1000 + passes_ms


def _age(snapshot: "Snapshot", at: int | None) -> float:
    if at is None:
        return math.inf
    return snapshot.now - at
