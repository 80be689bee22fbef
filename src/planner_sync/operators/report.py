"""Telemetry → status, the same over HTTP and on the command line. Pure."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from planner_sync.identity.causes import ADVICE
from planner_sync.model.messages import stamp

if TYPE_CHECKING:  # indexing the Function App must not import redis
    from planner_sync.store.telemetry import Snapshot

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


def status(snapshot: "Snapshot", plan_ids: Iterable[str]) -> dict[str, Any]:
    """The body of /api/status, and most of `planner-sync status --json`.

    Names that end in `At` are UTC ISO 8601 or null, those that end in `Ms` milliseconds.
    """
    return {
        "backlog": snapshot.backlog,
        "oldestPendingMs": _oldest_pending_ms(snapshot),
        "lagsMs": {direction: _percentiles(lags) for direction, lags in snapshot.lags.items()},
        "pollAt": iso(snapshot.polled_at),
        "graph": _graph(snapshot),
        "listeners": {instance: iso(at) for instance, at in sorted(snapshot.listeners.items())},
        "plans": {plan_id: _plan(snapshot, plan_id) for plan_id in plan_ids},
        "refused": snapshot.refused,
        "refusals": _refusals(snapshot),
        "counters": dict(sorted(snapshot.counters.items())),
    }


def iso(ms: int | None) -> str | None:
    """A time of the server as UTC ISO 8601 with Z."""
    return None if ms is None else stamp(ms)


def _oldest_pending_ms(snapshot: "Snapshot") -> int | None:
    if snapshot.oldest_due is None:
        return None
    # A task may be due in the future.
    return max(0, snapshot.now - snapshot.oldest_due)


def _graph(snapshot: "Snapshot") -> dict[str, Any]:
    """`code` is that of the last failure. `cause` and `advice` are null once Planner answers."""
    is_failing = (snapshot.graph_failed_at or 0) > (snapshot.graph_ok_at or 0)
    cause = snapshot.graph_cause if is_failing else ""
    return {
        "okAt": iso(snapshot.graph_ok_at),
        "failedAt": iso(snapshot.graph_failed_at),
        "code": snapshot.graph_code or None,
        "cause": cause or None,
        "advice": ADVICE.get(cause),
    }


def _plan(snapshot: "Snapshot", plan_id: str) -> dict[str, Any]:
    hold = snapshot.holds.get(plan_id)
    plan = snapshot.plans.get(plan_id)
    # No pass has finished yet.
    if plan is None:
        return {
            "passAt": None,
            "tookMs": None,
            "cards": None,
            "leftOut": 0,
            "error": None,
            "errorAt": None,
            "hold": hold.members() if hold else None,
        }
    return {
        "passAt": iso(plan.pass_at),
        "tookMs": plan.took_ms,
        "cards": plan.cards,
        "leftOut": plan.left_out,
        "error": plan.error,
        "errorAt": iso(plan.error_at),
        "hold": hold.members() if hold else None,
    }


def _refusals(snapshot: "Snapshot") -> list[dict[str, Any]]:
    return [
        {"taskId": task_id, **refusal.members()}
        for task_id, refusal in sorted(snapshot.refusals.items())
    ]


def _percentiles(lags: Sequence[int]) -> dict[str, int | None]:
    """By nearest rank; null without values."""
    if not lags:
        return dict.fromkeys(PERCENTILES)
    ranked = sorted(lags)
    return {name: ranked[math.ceil(share * len(ranked)) - 1] for name, share in PERCENTILES.items()}
