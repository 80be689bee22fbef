"""What a listing shows: the present, or with the switch list_lag_ms what was true a while ago."""

from planner_emulator.resources import Json
from planner_emulator.state import Plan, State, Task

_MS = 10_000


def note_task(state: State, plan: Plan, task_id: str, task: Task | None, ticks: int) -> None:
    """Remember the task as it is from now on; None: deleted."""
    if not state.switches.list_lag_ms:
        return
    entries = plan.past.setdefault(task_id, [])
    entries.append((ticks, shown(task) if task else None))
    seen_from = ticks - state.switches.list_lag_ms * _MS
    while len(entries) > 1 and entries[1][0] <= seen_from:
        entries.pop(0)


def tasks(state: State, plan: Plan, ticks: int) -> list[Json]:
    """The plan's tasks as a listing has them, each with its `details`, in the order of the
    board."""
    hidden = {task_id for task_id, task in plan.tasks.items() if task.hidden_until > ticks}
    if state.switches.list_lag_ms:
        listed = _lagging(plan, ticks - state.switches.list_lag_ms * _MS)
    else:
        listed = [shown(task) for task in plan.tasks.values()]
    rows = [row for row in listed if row["id"] not in hidden]
    return sorted(rows, key=lambda row: (row["orderHint"], row["id"]))


def shown(task: Task) -> Json:
    """A task with its details."""
    return {**task.resource.json(), "details": task.details.json()}


def _lagging(plan: Plan, ticks: int) -> list[Json]:
    rows = []
    for entries in plan.past.values():
        seen = [row for since, row in entries if since <= ticks]
        if seen and seen[-1] is not None:
            rows.append(seen[-1])
    return rows
