"""The fields of a task and of its details: defaults, what is stored, what is refused."""

from typing import Any

import pytest

from tests.emulator.desk import (
    ITEM,
    LINK,
    NOBODY_ID,
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

NULL = "A non-null value must be specified for this field."


def schema(field: str, why: str, entity: str = "Task") -> tuple[int, str, str]:
    where = f"Validation for field '{field}', on entity '{entity}' has failed"
    return 400, "", f"Schema validation has failed. {where}: {why}"


def test_a_new_task_has_planners_defaults(desk: Desk) -> None:
    task = desk.task()

    assert (task["percentComplete"], task["priority"], task["previewType"]) == (0, 5, "automatic")
    assert (
        task["bucketId"],
        task["dueDateTime"],
        task["assignments"],
        task["appliedCategories"],
    ) == (
        None,
        None,
        {},
        {},
    )
    assert (len(task["id"]), task["assigneePriority"], task["hasDescription"]) == (28, "", False)
    assert "details" not in task


def test_the_order_hint_of_a_new_task_counts_down_from_the_end_of_time(desk: Desk) -> None:
    """As captured: 2024-01-13T08:21:11.5507897Z gave 8584964728139267910."""
    from planner_emulator import hints, instants

    assert (
        hints.newest_first(instants.read("2024-01-13T08:21:11.5507897Z")) == "8584964728139267910"
    )
    task = desk.task()
    assert task["orderHint"] == hints.newest_first(instants.read(task["createdDateTime"]))


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        pytest.param({"planId": None}, schema("PlanId", NULL), id="no plan"),
        pytest.param(
            {"planId": "short"},
            schema("PlanId", "The specified identifier is invalid."),
            id="bad plan id",
        ),
        pytest.param({"title": None}, schema("Title", NULL), id="no title"),
        pytest.param({"title": "  "}, schema("Title", NULL), id="blank title"),
        pytest.param(
            {"bucketId": NOBODY_ID},
            schema("BucketId", "The specified bucket does not belong to the plan."),
            id="unknown bucket",
        ),
        pytest.param(
            {"startDateTime": "2031-01-02T00:00:00Z", "dueDateTime": "2031-01-01T23:59:59Z"},
            schema("DueDate", "DueDate cannot be earlier than the StartDate."),
            id="start after due",
        ),
        pytest.param(
            {"dueDateTime": "2031-01-01"},
            schema("DueDate", "Cannot convert '2031-01-01' to Edm.DateTimeOffset."),
            id="a date without a time",
        ),
        pytest.param(
            {"percentComplete": 101},
            schema("PercentComplete", "The field must be between 0 and 100."),
            id="percent",
        ),
        pytest.param(
            {"priority": 11},
            schema("Priority", "The field must be between 0 and 10."),
            id="priority",
        ),
        pytest.param(
            {"priority": "high"},
            schema("Priority", "A value of type Edm.Int32 must be specified."),
            id="priority word",
        ),
        pytest.param(
            {"orderHint": "8584964728139267910"},
            schema("OrderHint", "The specified order hint is invalid."),
            id="an order hint as it was read",
        ),
    ],
)
def test_a_wrong_task_is_400(
    desk: Desk, body: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    assert (
        error(desk.call("POST", "planner/tasks", {"planId": desk.plan, "title": "Task", **body}))
        == refusal
    )


@pytest.mark.parametrize(
    "name", ["id", "createdDateTime", "checklistItemCount", "previewType", "planId", "unheardOf"]
)
def test_read_only_and_unknown_fields_are_refused(desk: Desk, name: str) -> None:
    """A task's plan cannot be changed: there is no such PATCH."""
    response = desk.patch(path_of(desk.task()), {name: desk.plan})

    assert (response.status, response.json()["error"]["code"]) == (400, "BadRequest")


def test_a_refused_write_leaves_everything_as_it_was(desk: Desk) -> None:
    task = desk.task()

    assert desk.patch(path_of(task), {"title": "New", "priority": 11}).status == 400
    assert desk.get(path_of(task)) == task | {
        "@odata.context": desk.get(path_of(task))["@odata.context"]
    }


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        pytest.param("2031-01-02T10:00:00Z", "2031-01-02T10:00:00Z", id="as it is"),
        pytest.param(
            "2031-01-02T10:00:00+02:00", "2031-01-02T08:00:00Z", id="an offset becomes UTC"
        ),
        pytest.param(
            "2031-01-02T10:00:00.1234567Z", "2031-01-02T10:00:00.1234567Z", id="seven digits"
        ),
        pytest.param("2031-01-02T10:00:00.500Z", "2031-01-02T10:00:00.5Z", id="no trailing zeros"),
        pytest.param(None, None, id="null clears"),
    ],
)
def test_instants_are_stored_in_utc(desk: Desk, sent: str | None, stored: str | None) -> None:
    task = desk.task(dueDateTime="2030-01-01T10:00:00Z")

    assert desk.patched(path_of(task), {"dueDateTime": sent})["dueDateTime"] == stored


def test_a_due_date_is_compared_with_the_stored_start(desk: Desk) -> None:
    task = desk.task(startDateTime="2031-05-01T10:00:00Z")

    assert desk.patch(path_of(task), {"dueDateTime": "2031-04-01T10:00:00Z"}).status == 400
    both = {"startDateTime": "2031-03-01T10:00:00Z", "dueDateTime": "2031-04-01T10:00:00Z"}
    assert desk.patch(path_of(task), both).status == 204


def test_100_percent_stamps_the_completion_and_less_takes_it_back(desk: Desk) -> None:
    task = desk.task(percentComplete=100)
    assert task["completedDateTime"] is not None
    assert task["completedBy"]["application"]["id"] == task["createdBy"]["application"]["id"]

    reopened = desk.patched(path_of(task), {"percentComplete": 99})
    assert (reopened["completedDateTime"], reopened["completedBy"]) == (None, None)


@pytest.mark.parametrize(("switch", "stored"), [("off", "  Task "), ("on", "Task")])
def test_trim_titles(switch: str, stored: str) -> None:
    assert Desk(trim_titles=switch).task(title="  Task ")["title"] == stored


@pytest.mark.parametrize("limit", [10, 255])
def test_title_max(limit: int) -> None:
    desk = Desk(title_max=limit)
    desk.task(title="x" * limit)

    assert (
        desk.call("POST", "planner/tasks", {"planId": desk.plan, "title": "x" * (limit + 1)}).status
        == 400
    )


@pytest.mark.parametrize("limit", [10, 32768])
def test_description_max(limit: int) -> None:
    desk = Desk(description_max=limit)
    path = details_of(desk.task())

    assert desk.patch(path, {"description": "x" * limit}).status == 204
    assert desk.patch(path, {"description": "x" * (limit + 1)}).status == 400


@pytest.mark.parametrize("limit", [10, 100])
def test_checklist_title_max(limit: int) -> None:
    desk = Desk(checklist_title_max=limit)
    path = details_of(desk.task())

    assert desk.patch(path, {"checklist": {ITEM: item(title="x" * limit)}}).status == 204
    assert desk.patch(path, {"checklist": {ITEM: item(title="x" * (limit + 1))}}).status == 400


def test_a_null_description_is_empty(desk: Desk) -> None:
    path = details_of(desk.task())
    desk.patched(path, {"description": "Text"})

    assert desk.patched(path, {"description": None})["description"] == ""


# -- open types ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "field", "first", "second"),
    [
        pytest.param(
            path_of, "appliedCategories", {"category1": True}, {"category25": True}, id="categories"
        ),
        pytest.param(
            details_of,
            "checklist",
            {ITEM: item(title="a")},
            {OTHER_ITEM: item(title="b")},
            id="checklist",
        ),
        pytest.param(
            details_of, "references", {LINK: link()}, {LINK + "/2": link()}, id="references"
        ),
    ],
)
def test_open_types_merge_per_key_and_null_removes(
    desk: Desk, path: Any, field: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    target = path(desk.task())
    desk.patched(target, {field: first})
    assert desk.patched(target, {field: second})[field].keys() == first.keys() | second.keys()
    assert desk.patched(target, {field: dict.fromkeys(first)})[field].keys() == second.keys()


def test_false_takes_a_category_off(desk: Desk) -> None:
    task = desk.task(appliedCategories={"category1": True, "category2": True})

    after = desk.patched(path_of(task), {"appliedCategories": {"category1": False}})
    assert after["appliedCategories"] == {"category2": True}


def test_assignments_are_stamped_and_their_hint_is_computed(desk: Desk) -> None:
    task = desk.task(assignments=assigned(desk.users[0].upper()))
    (given,) = task["assignments"].values()

    assert list(task["assignments"]) == [desk.users[0]]
    assert given["@odata.type"] == "#microsoft.graph.plannerAssignment"
    assert given["assignedBy"]["application"]["id"] == task["createdBy"]["application"]["id"]
    assert given["orderHint"] != " !"


def test_a_checklist_item_may_be_changed_in_part(desk: Desk) -> None:
    path = details_of(desk.task())
    desk.patched(path, {"checklist": {ITEM: item(title="Title")}})
    changed = desk.patched(path, {"checklist": {ITEM: item(isChecked=True)}})["checklist"][ITEM]

    assert (changed["title"], changed["isChecked"]) == ("Title", True)
    assert changed["@odata.type"] == "#microsoft.graph.plannerChecklistItem"
    assert changed["lastModifiedDateTime"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param(path_of, {"assignments": {STRANGER: {}}}, id="an empty assignment"),
        pytest.param(
            path_of,
            {"assignments": {STRANGER: {"orderHint": " !"}}},
            id="an assignment without its type",
        ),
        pytest.param(
            path_of,
            {"assignments": {STRANGER: {"@odata.type": "microsoft.graph.plannerAssignment"}}},
            id="an assignment without a hint",
        ),
        pytest.param(path_of, {"assignments": assigned("mira")}, id="an assignee that is no GUID"),
        pytest.param(path_of, {"appliedCategories": {"category26": True}}, id="category 26"),
        pytest.param(
            path_of, {"appliedCategories": {"category1": "yes"}}, id="a category that is no boolean"
        ),
        pytest.param(path_of, {"appliedCategories": []}, id="a list where an object belongs"),
        pytest.param(
            details_of, {"checklist": {ITEM: {"title": "x"}}}, id="an item without its type"
        ),
        pytest.param(details_of, {"checklist": {ITEM: item()}}, id="a new item without a title"),
        pytest.param(
            details_of, {"checklist": {"1": item(title="x")}}, id="an item whose key is no GUID"
        ),
        pytest.param(
            details_of,
            {"checklist": {ITEM: item(title="x", colour=1)}},
            id="an item with an unknown member",
        ),
        pytest.param(
            details_of,
            {"checklist": {ITEM: item(title="x", orderHint="85849")}},
            id="an item with a raw order hint",
        ),
        pytest.param(
            details_of,
            {"references": {"https://example.com": link()}},
            id="a reference that is not encoded",
        ),
        pytest.param(
            details_of,
            {"references": {"https%3A//a%2Fb": link()}},
            id="a reference that is over-encoded",
        ),
        pytest.param(
            details_of, {"references": {LINK: {"alias": "x"}}}, id="a reference without its type"
        ),
        pytest.param(details_of, {"previewType": "video"}, id="an unknown preview"),
    ],
)
def test_a_wrong_open_type_is_400(desk: Desk, path: Any, body: dict[str, Any]) -> None:
    assert desk.patch(path(desk.task()), body).status == 400


@pytest.mark.parametrize(("switch", "status"), [("accept", 204), ("400", 400), ("403", 403)])
def test_unknown_user(switch: str, status: int) -> None:
    desk = Desk(unknown_user=switch)
    path = path_of(desk.task())

    assert desk.patch(path, {"assignments": assigned(STRANGER)}).status == status
    assert desk.patch(path, {"assignments": assigned(desk.users[0])}).status == 204


# -- order hints -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hint",
    ["", "!", "85849", "85849!", "a b", "ä !"],
    ids=["empty", "bang", "raw", "no space", "no bang", "not ASCII"],
)
def test_what_is_no_request_for_a_place_is_400(desk: Desk, hint: str) -> None:
    assert desk.patch(path_of(desk.task()), {"orderHint": hint}).status == 400


def test_a_computed_hint_sorts_between_its_neighbours(desk: Desk) -> None:
    first, last, moved = (desk.task() for _ in range(3))
    low, high = sorted((first["orderHint"], last["orderHint"]))
    for _ in range(40):
        low = desk.patched(path_of(moved), {"orderHint": f"{low} {high}!"})["orderHint"]
        assert low < high
    assert low > min(first["orderHint"], last["orderHint"])


def test_board_formats_keep_their_own_order_and_etag(desk: Desk) -> None:
    task = desk.task(assignments=assigned(desk.users[0]))
    path = f"{path_of(task)}/assignedToTaskBoardFormat"
    after = desk.patched(path, {"orderHintsByAssignee": {desk.users[0]: " !"}})

    assert list(after["orderHintsByAssignee"]) == [desk.users[0]]
    assert desk.patch(path, {"orderHintsByAssignee": {desk.users[0]: None}}).status == 400
    desk.patched(path_of(task), {"assignments": {desk.users[0]: None}})
    assert desk.get(path)["orderHintsByAssignee"] == {}
