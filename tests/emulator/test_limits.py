"""Planner's limits: 403 with a name of their own; every number is a switch."""

from collections.abc import Callable
from typing import Any

import pytest

from planner_emulator.replies import Response
from tests.emulator.desk import (
    ITEM,
    LINK,
    OTHER_ITEM,
    STRANGER,
    Desk,
    assigned,
    details_of,
    error,
    item,
    link,
    path_of,
)

Attempt = Callable[[Desk], Response]


def new_task(desk: Desk, **fields: Any) -> Response:
    return desk.call("POST", "planner/tasks", {"planId": desk.plan, "title": "Task", **fields})


def new_plan(desk: Desk) -> Response:
    owner = next(iter(desk.planner.world.state.plans.values())).group
    return desk.call("POST", "planner/plans", {"title": "Plan", "owner": owner})


def new_bucket(desk: Desk) -> Response:
    return desk.call("POST", "planner/buckets", {"planId": desk.plan, "name": "Bucket"})


def reopened(desk: Desk) -> Response:
    task = desk.task(percentComplete=100)
    return desk.patch(path_of(task), {"percentComplete": 50})


def with_assignees(desk: Desk, count: int) -> Response:
    return desk.patch(path_of(desk.task()), {"assignments": assigned(*desk.users[:count])})


def with_items(desk: Desk, *keys: str) -> Response:
    return desk.patch(
        details_of(desk.task()), {"checklist": {key: item(title="x") for key in keys}}
    )


def with_links(desk: Desk, count: int) -> Response:
    return desk.patch(
        details_of(desk.task()),
        {"references": {f"{LINK}/{number}": link() for number in range(count)}},
    )


def shared(desk: Desk, *users: str) -> Response:
    return desk.patch(
        f"planner/plans/{desk.plan}/details", {"sharedWith": dict.fromkeys(users, True)}
    )


def shared_everywhere(desk: Desk, plans: int) -> Response:
    for number in range(plans - 1):
        plan = desk.planner.world.add_plan(f"{number:028d}", "Plan").resource.id
        desk.patched(f"planner/plans/{plan}/details", {"sharedWith": {STRANGER: True}})
    return shared(desk, STRANGER)


def repeated(make: Callable[..., Response], times: int) -> Attempt:
    """The answer to the last of so many."""

    def attempt(desk: Desk) -> Response:
        for _ in range(times - 1):
            assert make(desk).status < 300
        return make(desk)

    return attempt


@pytest.mark.parametrize(
    ("switch", "code", "allowed", "too_many"),
    [
        pytest.param(
            "max_tasks",
            "MaximumTasksInProject",
            repeated(new_task, 2),
            repeated(new_task, 3),
            id="tasks",
        ),
        pytest.param(
            "max_active_tasks",
            "MaximumActiveTasksInProject",
            repeated(new_task, 2),
            repeated(new_task, 3),
            id="active tasks",
        ),
        pytest.param(
            "max_active_tasks",
            "MaximumActiveTasksInProject",
            reopened,
            lambda desk: repeated(new_task, 2)(desk) and reopened(desk),
            id="a task reopened",
        ),
        pytest.param(
            "max_buckets=4",
            "MaximumBucketsInProject",
            new_bucket,
            repeated(new_bucket, 2),
            id="buckets",
        ),
        pytest.param(
            "max_assignees",
            "MaximumAssigneesInTasks",
            lambda desk: with_assignees(desk, 2),
            lambda desk: with_assignees(desk, 3),
            id="assignees",
        ),
        pytest.param(
            "max_checklist_items",
            "MaximumChecklistItemsOnTask",
            lambda desk: with_items(desk, ITEM, OTHER_ITEM),
            lambda desk: with_items(desk, ITEM, OTHER_ITEM, STRANGER),
            id="checklist items",
        ),
        pytest.param(
            "max_references",
            "MaximumReferencesOnTask",
            lambda desk: with_links(desk, 2),
            lambda desk: with_links(desk, 3),
            id="references",
        ),
        pytest.param(
            "max_tasks_assigned",
            "MaximumTasksAssignedToUser",
            repeated(lambda desk: new_task(desk, assignments=assigned(STRANGER)), 2),
            repeated(lambda desk: new_task(desk, assignments=assigned(STRANGER)), 3),
            id="tasks of one person",
        ),
        pytest.param(
            "max_tasks_created",
            "MaximumTasksCreatedByUser",
            repeated(new_task, 2),
            repeated(new_task, 3),
            id="creator",
        ),
        pytest.param(
            "max_plans_in_group",
            "MaximumPlannerPlans",
            new_plan,
            repeated(new_plan, 2),
            id="plans in a group",
        ),
        pytest.param(
            "max_plans_owned",
            "MaximumProjectsOwnedByUser",
            new_plan,
            repeated(new_plan, 2),
            id="plans owned",
        ),
        pytest.param(
            "max_shared_with",
            "MaximumUsersSharedWithProject",
            lambda desk: shared(desk, ITEM, OTHER_ITEM),
            lambda desk: shared(desk, ITEM, OTHER_ITEM, STRANGER),
            id="users of one plan",
        ),
        pytest.param(
            "max_plans_shared",
            "MaximumProjectsSharedWithUser",
            lambda desk: shared_everywhere(desk, 2),
            lambda desk: shared_everywhere(desk, 3),
            id="plans of one user",
        ),
    ],
)
def test_limits(switch: str, code: str, allowed: Attempt, too_many: Attempt) -> None:
    """With the limit at two (the plan and its three buckets count)."""
    name, _, number = switch.partition("=")

    assert allowed(Desk(**{name: number or 2})).status < 300
    assert error(too_many(Desk(**{name: number or 2}))) == (
        403,
        code,
        "The request exceeded allowed limits.",
    )


def test_a_completed_task_makes_room_for_an_active_one() -> None:
    desk = Desk(max_active_tasks=1)
    task = desk.task()
    assert new_task(desk).status == 403

    desk.patched(path_of(task), {"percentComplete": 100})
    assert new_task(desk).status == 201
