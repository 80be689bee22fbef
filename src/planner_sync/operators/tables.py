"""What the command line shows: values in, text for people out. Pure."""

from collections.abc import Mapping, Sequence

from planner_sync.model.records import Hold, TrashEntry
from planner_sync.model.task import printable
from planner_sync.store.failures import Failure
from planner_sync.store.telemetry import PlanTelemetry, Snapshot

NONE = "–"
TITLE_SHOWN, REASON_SHOWN = 60, 300
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def status_text(snapshot: Snapshot, trashed: int) -> str:
    """Backlog, heartbeats, and a row for each plan."""
    facts = {
        "backlog": _backlog(snapshot),
        "polled": _ago(snapshot.now, snapshot.polled_at),
        "Planner": _planner(snapshot),
        "listeners": str(len(snapshot.listeners)),
        "failed": str(snapshot.refused),
        "trash": str(trashed),
    }
    plan_ids = sorted(snapshot.plans.keys() | snapshot.holds.keys())
    head = ("PLAN", "LAST PASS", "CARDS", "HELD", "PROBLEM")
    plans = table(head, [_plan_row(snapshot, plan_id) for plan_id in plan_ids])
    lines = [f"{name:<10} {value}" for name, value in facts.items()]
    return "\n".join([*lines, "", plans])


def holds_text(now: int, holds: Mapping[str, Hold]) -> str:
    """A row for each plan whose deletes are held."""
    if not holds:
        return "No plan is held."
    rows = []
    for plan_id, hold in holds.items():
        vanished = f"{hold.vanished} of {hold.of} tasks"
        rows.append((plan_id, _ago(now, hold.at), vanished, hold.side))
    return table(("PLAN", "SINCE", "VANISHED", "DELETED BY"), rows)


def trash_text(now: int, entries: Sequence[TrashEntry]) -> str:
    """A row for each document in the trash."""
    if not entries:
        return "The trash is empty."
    rows = []
    for entry in entries:
        title = printable(entry.title, TITLE_SHOWN)
        rows.append((entry.task_id, entry.planner_id, _ago(now, entry.at), entry.by, title))
    return table(("TASK", "CARD", "DELETED", "BY", "TITLE"), rows)


def failures_text(now: int, failures: Sequence[Failure]) -> str:
    """A row for each task that is out of sync."""
    if not failures:
        return "Nothing has failed."
    rows = []
    for failure in failures:
        # An id that is not allowed may hold anything.
        task_id = printable(failure.task_id, TITLE_SHOWN)
        retry = "automatic" if failure.retrying else "no"
        reason = printable(failure.reason, REASON_SHOWN)
        rows.append((task_id, failure.code, _ago(now, failure.at), retry, reason))
    return table(("TASK", "CODE", "SINCE", "RETRY", "REASON"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    columns = zip(head, *rows, strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    lines = []
    for row in (head, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _plan_row(snapshot: Snapshot, plan_id: str) -> tuple[str, ...]:
    held = _held(snapshot.holds.get(plan_id))
    plan = snapshot.plans.get(plan_id)
    # No pass has finished yet.
    if plan is None:
        return (plan_id, "never", NONE, held, NONE)
    last_pass = _ago(snapshot.now, plan.pass_at)
    return (plan_id, last_pass, str(plan.cards), held, _problem(plan))


def _held(hold: Hold | None) -> str:
    if hold is None:
        return NONE
    return f"{hold.vanished} of {hold.of} by {hold.side}"


def _problem(plan: PlanTelemetry) -> str:
    if plan.error:
        return printable(plan.error, REASON_SHOWN)
    if plan.left_out:
        return f"cards missing from the listing: {plan.left_out}"
    return NONE


def _backlog(snapshot: Snapshot) -> str:
    if not snapshot.backlog:
        return "0"
    oldest = NONE
    if snapshot.oldest_due is not None:
        oldest = _duration(snapshot.now - snapshot.oldest_due)
    return f"{snapshot.backlog}, oldest {oldest}"


def _planner(snapshot: Snapshot) -> str:
    answered = "never answered"
    if snapshot.graph_ok_at:
        answered = f"answered {_ago(snapshot.now, snapshot.graph_ok_at)}"
    if (snapshot.graph_failed_at or 0) <= (snapshot.graph_ok_at or 0):
        return answered
    failure = snapshot.graph_code
    if snapshot.graph_cause:
        failure = f"{snapshot.graph_code} ({snapshot.graph_cause})"
    return f"{failure} {_ago(snapshot.now, snapshot.graph_failed_at)}, {answered}"


def _ago(now: int, at: int | None) -> str:
    if at is None:
        return "never"
    return f"{_duration(now - at)} ago"


def _duration(ms: int) -> str:
    """The largest whole unit; clocks that run backwards give 0 s."""
    seconds = max(0, ms) // 1000
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "0 s"
