"""Writes to tasks, their details and their board formats: creating, patching, deleting, and what
follows from each."""

from random import Random
from typing import Any

from planner_emulator import etags, fields, hints, history, refusals, resources, rules, writing
from planner_emulator.actors import Act
from planner_emulator.resources import BOARDS, Json, Resource, Write
from planner_emulator.state import Plan, State, Task, check_id, new_id

_SOURCE = "#microsoft.graph.plannerExternalTaskSource"


def create(state: State, body: Json, act: Act, random: Random) -> tuple[Task, bool]:
    """(The task, whether it is new): a known `creationSource` gives the present one. Refused: 400,
    403."""
    rest = dict(body)
    source, details = rest.pop("creationSource", None), _deep(rest, act)
    present = _known_source(state, source)
    if present is not None:
        return present, False
    plan = _plan_named(state, rest.pop("planId", None), act)
    task = _blank(plan, act, new_id(random))
    writes = fields.writes(task.resource, rest, act)
    if not any(write.field == "title" for write in writes):
        raise refusals.invalid(
            "Task", "Title", "A non-null value must be specified for this field."
        )
    rules.check_task(state, plan, task, writes, act)
    rules.check_room(state, plan, task, writes, act)
    detail_writes = fields.writes(task.details, details, act)
    rules.check_details(task, detail_writes, act)
    _fill(task, writes, detail_writes, act)
    plan.tasks[task.resource.id] = task
    if source is not None:
        state.sources[_source_key(source)] = task.resource.id
    commit(state, task, act)
    return task, True


def patch(state: State, task: Task, body: Json, base: int | None, act: Act) -> None:
    """Change fields of the task itself. `base` is the version the writer saw; None sees the
    present."""
    plan = state.plans[task.plan_id]
    writes = writing.settled(task.resource, body, base, act)
    rules.check_task(state, plan, task, writes, act)
    if any(write.field == "percentComplete" for write in writes) and rules.is_complete(task):
        rules.check_active(plan, writes, act)
    was_in = task.resource.fields["bucketId"]
    task.resource.put(
        [*writes, *_completion(task, writes, act)], even_if_same=writing.noop_moves(act)
    )
    if task.resource.fields["bucketId"] != was_in:
        _replace_in_bucket(state, task, act)
    _forget_unassigned(task)
    commit(state, task, act)


def patch_details(state: State, task: Task, body: Json, base: int | None, act: Act) -> None:
    writes = writing.settled(task.details, body, base, act)
    rules.check_details(task, writes, act)
    before = dict(task.resource.fields)
    moved = task.details.put(writes, even_if_same=writing.noop_moves(act))
    _denormalise(task)
    shown = task.resource.fields != before
    if moved and (
        act.switches.details_bump == "always" or (shown and act.switches.details_bump == "counts")
    ):
        task.resource.version += etags.STEP
    commit(state, task, act)


def patch_board(
    state: State, task: Task, name: str, body: Json, base: int | None, act: Act
) -> None:
    board = task.boards[name]
    board.put(writing.settled(board, body, base, act), even_if_same=writing.noop_moves(act))
    commit(state, task, act)


def delete(state: State, task: Task, base: int | None, act: Act) -> None:
    """Refused (409) when the task changed after the version the writer saw."""
    writing.check_untouched(task.resource, base)
    plan = state.plans[task.plan_id]
    del plan.tasks[task.resource.id]
    history.note_task(state, plan, task.resource.id, None, act.ticks)
    state.revision += 1


def transfer(state: State, task: Task, plan: Plan, bucket_id: str | None, act: Act) -> None:
    """To a bucket of another plan, or to none there; the id stays. People alone can do it."""
    before, task_id = state.plans[task.plan_id], task.resource.id
    writes = [Write("planId", None, plan.resource.id), Write("bucketId", None, bucket_id)]
    rules.check_task(state, plan, task, writes[1:], act)
    del before.tasks[task_id]
    history.note_task(state, before, task_id, None, act.ticks)
    task.resource.put(writes, even_if_same=True)
    task.plan_id, plan.tasks[task_id] = plan.resource.id, task
    commit(state, task, act)


def rehint(state: State, task: Task, act: Act) -> None:
    """The service computes the order anew: the etag moves, nothing visible does."""
    hint = task.resource.fields["orderHint"]
    task.resource.put(
        [Write("orderHint", None, f"{hint[:19]}{'P' if hint.endswith(']') else ']'}")],
        even_if_same=True,
    )
    commit(state, task, act)


def settle_moves(state: State, act: Act) -> None:
    """Let the etags of tasks that were just moved move again (switch `move_bumps`)."""
    moved, state.unsettled = state.unsettled, []
    for task in moved:
        task.resource.version += etags.STEP
        commit(state, task, act)


def commit(state: State, task: Task, act: Act) -> None:
    """Tell the rest of the emulator that a task has a new state."""
    state.revision += 1
    plan = state.plans.get(task.plan_id)
    if plan is not None and task.resource.id in plan.tasks:
        history.note_task(state, plan, task.resource.id, task, act.ticks)


def _deep(body: Json, act: Act) -> Json:
    """Details inside the request that creates the task, as the switch deep_insert has it."""
    details = body.pop("details", None)
    if details is None or act.switches.deep_insert == "ignore":
        return {}
    if act.switches.deep_insert == "reject" or not isinstance(details, dict):
        raise refusals.bad_request("The property 'details' cannot be set when a task is created.")
    return details


def _known_source(state: State, source: Any) -> Task | None:
    if source is None:
        return None
    if not isinstance(source, dict) or source.get("@odata.type") != _SOURCE:
        raise refusals.bad_request(f"creationSource must have the @odata.type '{_SOURCE}'.")
    task_id = state.sources.get(_source_key(source))
    return next(
        (plan.tasks[task_id] for plan in state.plans.values() if task_id in plan.tasks), None
    )


def _source_key(source: Json) -> tuple[str, str]:
    return str(source.get("contextScenarioId")), str(source.get("externalObjectId"))


def _plan_named(state: State, plan_id: Any, act: Act) -> Plan:
    if plan_id is None:
        raise refusals.invalid(
            "Task", "PlanId", "A non-null value must be specified for this field."
        )
    check_id(plan_id, "Task", "PlanId")
    if plan_id not in state.plans:
        raise refusals.forbidden(may_be_missing=True)
    return state.plan(plan_id, act.by)


def _blank(plan: Plan, act: Act, task_id: str) -> Task:
    hint = hints.newest_first(act.ticks)
    task = {
        "planId": plan.resource.id,
        "bucketId": None,
        "title": "",
        "orderHint": hint,
        "assigneePriority": "",
        "percentComplete": 0,
        "startDateTime": None,
        "createdDateTime": act.stamp,
        "dueDateTime": None,
        "hasDescription": False,
        "previewType": "automatic",
        "completedDateTime": None,
        "completedBy": None,
        "referenceCount": 0,
        "checklistItemCount": 0,
        "activeChecklistItemCount": 0,
        "conversationThreadId": None,
        "priority": 5,
        "createdBy": act.identity,
        "appliedCategories": {},
        "assignments": {},
    }
    details = {"description": "", "previewType": "automatic", "checklist": {}, "references": {}}
    boards: dict[str, Json] = {
        "assignedToTaskBoardFormat": {"unassignedOrderHint": hint, "orderHintsByAssignee": {}},
        "bucketTaskBoardFormat": {"orderHint": hint},
        "progressTaskBoardFormat": {"orderHint": hint},
    }
    return Task(
        Resource(resources.TASK, task_id, task),
        Resource(resources.DETAILS, task_id, details),
        {name: Resource(BOARDS[name], task_id, values) for name, values in boards.items()},
        plan.resource.id,
        act.ticks,
        reads_refused=act.switches.details_404_reads,
    )


def _fill(task: Task, writes: list[Write], detail_writes: list[Write], act: Act) -> None:
    """Store a new task's fields; it starts at the first version, like every new resource."""
    task.resource.put([*writes, *_completion(task, writes, act)], even_if_same=True)
    task.details.put(detail_writes, even_if_same=True)
    _denormalise(task)
    for resource in (task.resource, task.details):
        resource.version = etags.FIRST
        resource.changed.clear()


def _completion(task: Task, writes: list[Write], act: Act) -> list[Write]:
    percent = next((write.value for write in writes if write.field == "percentComplete"), None)
    if percent is None or (percent == 100) == rules.is_complete(task):
        return []
    done = percent == 100
    return [
        Write("completedDateTime", None, act.stamp if done else None),
        Write("completedBy", None, act.identity if done else None),
    ]


def _denormalise(task: Task) -> None:
    details, checklist = task.details.fields, task.details.fields["checklist"].values()
    task.resource.fields.update(
        hasDescription=bool(details["description"]),
        previewType=details["previewType"],
        checklistItemCount=len(checklist),
        activeChecklistItemCount=sum(not item["isChecked"] for item in checklist),
        referenceCount=len(details["references"]),
    )


def _replace_in_bucket(state: State, task: Task, act: Act) -> None:
    """A task that moved has a new place in its bucket; by the switch its own etag moves again a
    moment later."""
    board = task.boards["bucketTaskBoardFormat"]
    board.put([Write("orderHint", None, hints.newest_first(act.ticks))], even_if_same=True)
    if act.switches.move_bumps == "twice":
        state.unsettled.append(task)


def _forget_unassigned(task: Task) -> None:
    board = task.boards["assignedToTaskBoardFormat"]
    gone = board.fields["orderHintsByAssignee"].keys() - task.resource.fields["assignments"].keys()
    board.put(
        [Write("orderHintsByAssignee", user, None) for user in sorted(gone)], even_if_same=False
    )
