"""What the command line shows: values in, text for people out. Pure."""

from collections.abc import Mapping, Sequence

from planner_sync.model.records import Hold, TrashEntry
from planner_sync.model.task import printable
from planner_sync.store.failures import Failure
from planner_sync.store.telemetry import Snapshot

NONE = "–"
TITLE_SHOWN, REASON_SHOWN = 60, 300
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def status_text(snapshot: Snapshot, trashed: int) -> str:
    """Backlog, signs of life, and a row for each plan."""
    oldest = (
        NONE if snapshot.oldest_due is None else _length(max(0, snapshot.now - snapshot.oldest_due))
    )
    facts = [
        ("backlog", f"{snapshot.backlog}, oldest {oldest}" if snapshot.backlog else "0"),
        ("polled", _ago(snapshot.now, snapshot.polled_at)),
        ("Planner", _planner(snapshot)),
        ("listeners", str(len(snapshot.listeners))),
        ("failed", str(snapshot.refused)),
        ("trash", str(trashed)),
    ]
    plans = [
        _plan(snapshot, plan_id)
        for plan_id in sorted(snapshot.plans.keys() | snapshot.holds.keys())
    ]
    lines = [f"{name:<10} {value}" for name, value in facts]
    return "\n".join([*lines, "", table(("PLAN", "LAST PASS", "CARDS", "HELD", "TROUBLE"), plans)])


def holds_text(now: int, holds: Mapping[str, Hold]) -> str:
    """A row for each plan whose deletes are held."""
    if not holds:
        return "No plan is held."
    rows = [
        (plan_id, _ago(now, hold.at), f"{hold.vanished} of {hold.of} tasks", hold.side)
        for plan_id, hold in holds.items()
    ]
    return table(("PLAN", "SINCE", "VANISHED", "DELETED BY"), rows)


def trash_text(now: int, entries: Sequence[TrashEntry]) -> str:
    """A row for each document in the trash."""
    if not entries:
        return "The trash is empty."
    rows = [
        (e.task_id, e.planner_id, _ago(now, e.at), e.by, printable(e.title, TITLE_SHOWN))
        for e in entries
    ]
    return table(("TASK", "CARD", "DELETED", "BY", "TITLE"), rows)


def failures_text(now: int, failures: Sequence[Failure]) -> str:
    """A row for each task that is not in step."""
    if not failures:
        return "Nothing has failed."
    rows = [
        (
            *(
                printable(f.task_id, TITLE_SHOWN),
                f.code,
                _ago(now, f.at),
                "by itself" if f.retrying else "no",
            ),
            printable(f.reason, REASON_SHOWN),
        )
        for f in failures
    ]
    return table(("TASK", "CODE", "SINCE", "TRIED AGAIN", "REASON"), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[n]) for row in [head, *rows]) for n in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [head, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)


def _plan(snapshot: Snapshot, plan_id: str) -> tuple[str, ...]:
    plan, hold = snapshot.plans.get(plan_id), snapshot.holds.get(plan_id)
    trouble = plan.error if plan else None
    if not trouble and plan and plan.left_out:
        trouble = f"the listing leaves out {plan.left_out} cards"
    return (
        plan_id,
        _ago(snapshot.now, plan.pass_at if plan else None),
        str(plan.cards) if plan else NONE,
        f"{hold.vanished} of {hold.of} by {hold.side}" if hold else NONE,
        printable(trouble, REASON_SHOWN) if trouble else NONE,
    )


def _planner(snapshot: Snapshot) -> str:
    answered = (
        f"answered {_ago(snapshot.now, snapshot.graph_ok_at)}"
        if snapshot.graph_ok_at
        else "never answered"
    )
    if (snapshot.graph_failed_at or 0) <= (snapshot.graph_ok_at or 0):
        return answered
    what = (
        f"{snapshot.graph_code} ({snapshot.graph_cause})"
        if snapshot.graph_cause
        else snapshot.graph_code
    )
    return f"{what} {_ago(snapshot.now, snapshot.graph_failed_at)}, {answered}"


def _ago(now: int, at: int | None) -> str:
    return "never" if at is None else f"{_length(max(0, now - at))} ago"


def _length(ms: int) -> str:
    seconds = ms // 1000
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    return f"{seconds // size} {unit}"
