"""What a write to a task may not do: dates the wrong way round, a foreign bucket, more than
Planner's limits."""

from typing import Any

from planner_emulator import instants, refusals
from planner_emulator.actors import Act
from planner_emulator.resources import Resource, Write
from planner_emulator.state import Plan, State, Task, check_id


def check_task(state: State, plan: Plan, task: Task, writes: list[Write], act: Act) -> None:
    start, due = (_after(task.resource, writes, name) for name in ("startDateTime", "dueDateTime"))
    if start and due and instants.read(start) > instants.read(due):
        raise refusals.invalid("Task", "DueDate", "DueDate cannot be earlier than the StartDate.")
    for write in writes:
        if write.field == "bucketId" and write.value is not None:
            check_id(write.value, "Task", "BucketId")
            if write.value not in plan.buckets:
                raise refusals.invalid(
                    "Task", "BucketId", "The specified bucket does not belong to the plan."
                )
    if len(_after(task.resource, writes, "assignments")) > act.switches.max_assignees:
        raise refusals.limit_reached("MaximumAssigneesInTasks")
    _check_assigned(state, task, writes, act)


def _check_assigned(state: State, task: Task, writes: list[Write], act: Act) -> None:
    most = act.switches.max_tasks_assigned
    if sum(len(plan.tasks) for plan in state.plans.values()) < most:
        return
    new = {w.key for w in writes if w.field == "assignments" and w.value} - task.resource.fields[
        "assignments"
    ].keys()
    everything = [each for plan in state.plans.values() for each in plan.tasks.values()]
    if any(
        sum(user in each.resource.fields["assignments"] for each in everything) >= most
        for user in new
    ):
        raise refusals.limit_reached("MaximumTasksAssignedToUser")


def check_room(state: State, plan: Plan, task: Task, writes: list[Write], act: Act) -> None:
    if len(plan.tasks) >= act.switches.max_tasks:
        raise refusals.limit_reached("MaximumTasksInProject")
    check_active(plan, writes, act)
    everything = [each for each_plan in state.plans.values() for each in each_plan.tasks.values()]
    if len(everything) >= act.switches.max_tasks_created:
        mine = sum(
            each.resource.fields["createdBy"] == task.resource.fields["createdBy"]
            for each in everything
        )
        if mine >= act.switches.max_tasks_created:
            raise refusals.limit_reached("MaximumTasksCreatedByUser")


def check_active(plan: Plan, writes: list[Write], act: Act) -> None:
    """Refused when the writes make one more active task than the plan may have."""
    if len(plan.tasks) < act.switches.max_active_tasks:
        return
    if any(write.field == "percentComplete" and write.value == 100 for write in writes):
        return
    if sum(not is_complete(each) for each in plan.tasks.values()) >= act.switches.max_active_tasks:
        raise refusals.limit_reached("MaximumActiveTasksInProject")


def is_complete(task: Task) -> bool:
    return bool(task.resource.fields["percentComplete"] == 100)


def check_details(task: Task, writes: list[Write], act: Act) -> None:
    if len(_after(task.details, writes, "checklist")) > act.switches.max_checklist_items:
        raise refusals.limit_reached("MaximumChecklistItemsOnTask")
    if len(_after(task.details, writes, "references")) > act.switches.max_references:
        raise refusals.limit_reached("MaximumReferencesOnTask")


def _after(resource: Resource, writes: list[Write], name: str) -> Any:
    """What a field will hold once the writes are stored."""
    trial = Resource(resource.kind, resource.id, dict(resource.fields))
    trial.put([write for write in writes if write.field == name], even_if_same=False)
    return trial.fields[name]
