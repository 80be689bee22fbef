"""What the signs of life say to whoever runs the service: the same over HTTP and on the command
line. Pure."""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from planner_sync.identity.causes import ADVICE

if TYPE_CHECKING:  # so that the Function App can be indexed without Redis' library
    from planner_sync.store.telemetry import Snapshot


def status(snapshot: "Snapshot", plan_ids: Iterable[str]) -> dict[str, Any]:
    """The body of /api/status, and what `planner-sync status --json` prints.

    Names that end in `At` are UTC ISO 8601 or null, those in `Ms` milliseconds.
    """
    return {
        "backlog": snapshot.backlog,
        "oldestPendingMs": None
        if snapshot.oldest_due is None
        else max(0, snapshot.now - snapshot.oldest_due),
        "lagsMs": {direction: _percentiles(lags) for direction, lags in snapshot.lags.items()},
        "pollAt": iso(snapshot.polled_at),
        "graph": _graph(snapshot),
        "listeners": {instance: iso(at) for instance, at in sorted(snapshot.listeners.items())},
        "plans": {plan_id: _plan(snapshot, plan_id) for plan_id in plan_ids},
        "refused": snapshot.refused,
        "refusals": [
            {"taskId": task_id, **refusal.members()}
            for task_id, refusal in sorted(snapshot.refusals.items())
        ],
        "counters": dict(sorted(snapshot.counters.items())),
    }


def _graph(snapshot: "Snapshot") -> dict[str, Any]:
    """`code` is that of the last failure; `cause` and `advice` are there while it lasts."""
    lasts = (snapshot.graph_failed_at or 0) > (snapshot.graph_ok_at or 0)
    cause = snapshot.graph_cause if lasts else ""
    return {
        "okAt": iso(snapshot.graph_ok_at),
        "failedAt": iso(snapshot.graph_failed_at),
        "code": snapshot.graph_code or None,
        "cause": cause or None,
        "advice": ADVICE.get(cause),
    }


def _plan(snapshot: "Snapshot", plan_id: str) -> dict[str, Any]:
    plan, hold = snapshot.plans.get(plan_id), snapshot.holds.get(plan_id)
    return {
        "passAt": iso(plan.pass_at) if plan else None,
        "tookMs": plan.took_ms if plan else None,
        "cards": plan.cards if plan else None,
        "leftOut": plan.left_out if plan else 0,
        "error": plan.error if plan else None,
        "errorAt": iso(plan.error_at) if plan else None,
        "hold": hold.members() if hold else None,
    }


def _percentiles(lags: Sequence[int]) -> dict[str, int | None]:
    """Nearest rank; null without a value."""
    ranked = sorted(lags)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: ranked[math.ceil(share * len(ranked)) - 1] if ranked else None
        for name, share in shares.items()
    }


def iso(ms: int | None) -> str | None:
    """The server's time for people: UTC ISO 8601 with Z."""
    if ms is None:
        return None
    return (
        datetime.fromtimestamp(ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )
