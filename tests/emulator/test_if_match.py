"""If-Match: when a write is taken, when it conflicts, when its precondition is wrong."""

from typing import Any

import pytest

from planner_emulator import etags
from tests.emulator.desk import ITEM, OTHER_ITEM, Desk, assigned, details_of, error, item, path_of

MISSING = "The If-Match header must be specified for this kind of request."
INVALID = "The If-Match header contains an invalid value."
CONFLICT = (
    "The attempted changes conflicted with already accepted changes. "
    "Read the latest state and resolve differences."
)


def guarded(desk: Desk) -> list[tuple[str, str, dict[str, Any]]]:
    """Every kind of write that needs If-Match: (method, path, body)."""
    task, plan, bucket = (
        path_of(desk.task()),
        f"planner/plans/{desk.plan}",
        f"planner/buckets/{desk.buckets[0]}",
    )
    return [
        ("PATCH", task, {"title": "x"}),
        ("DELETE", task, {}),
        ("PATCH", f"{task}/details", {"description": "x"}),
        ("PATCH", f"{task}/assignedToTaskBoardFormat", {"unassignedOrderHint": " !"}),
        ("PATCH", f"{task}/bucketTaskBoardFormat", {"orderHint": " !"}),
        ("PATCH", f"{task}/progressTaskBoardFormat", {"orderHint": " !"}),
        ("PATCH", plan, {"title": "x"}),
        ("PATCH", f"{plan}/details", {"categoryDescriptions": {"category1": "x"}}),
        ("PATCH", bucket, {"name": "x"}),
        ("DELETE", bucket, {}),
        ("DELETE", plan, {}),
    ]


@pytest.mark.parametrize("status", [412, 400])
def test_if_match_missing(status: int) -> None:
    desk = Desk(if_match_missing=status)
    for method, path, body in guarded(desk):
        assert error(desk.call(method, path, body)) == (status, "", MISSING), path


def test_every_write_takes_its_own_etag(desk: Desk) -> None:
    for method, path, body in sorted(guarded(desk), key=lambda each: each[0] == "DELETE"):
        assert desk.call(method, path, body, if_match=desk.etag(path)).status == 204, path


@pytest.mark.parametrize(
    "if_match",
    [
        pytest.param(etags.make("TaskDetails ", 4), id="another kind"),
        pytest.param("nonsense", id="malformed"),
        pytest.param(etags.make("Task  ", 400), id="greater than the current one"),
        pytest.param("*", id="a star"),
    ],
)
def test_a_wrong_if_match_is_412(desk: Desk, if_match: str) -> None:
    task = desk.task()

    assert error(desk.patch(path_of(task), {"title": "x"}, if_match)) == (412, "", INVALID)


def test_the_tasks_etag_does_not_open_its_details(desk: Desk) -> None:
    task = desk.task()

    assert error(desk.patch(details_of(task), {"description": "x"}, task["@odata.etag"])) == (
        412,
        "",
        INVALID,
    )


@pytest.mark.parametrize(("switch", "status"), [("off", 412), ("on", 204)])
def test_if_match_star(switch: str, status: int) -> None:
    desk = Desk(if_match_star=switch)
    task = desk.task()

    assert desk.patch(path_of(task), {"title": "x"}, "*").status == status
    assert desk.call("DELETE", path_of(task), if_match="*").status == status


def test_a_stale_etag_is_taken_for_other_fields(desk: Desk) -> None:
    task = desk.task()
    desk.patched(path_of(task), {"title": "By a human"})
    after = desk.patched(path_of(task), {"priority": 1}, task["@odata.etag"])

    assert (after["title"], after["priority"]) == ("By a human", 1)


def test_a_stale_etag_conflicts_in_the_same_field(desk: Desk) -> None:
    task = desk.task()
    desk.patched(path_of(task), {"title": "By a human"})

    assert error(desk.patch(path_of(task), {"title": "Mine"}, task["@odata.etag"])) == (
        409,
        "",
        CONFLICT,
    )
    assert desk.get(path_of(task))["title"] == "By a human"


def test_a_stale_etag_is_taken_for_other_keys_of_an_open_type(desk: Desk) -> None:
    task = desk.task()
    before = desk.etag(details_of(task))
    desk.patched(details_of(task), {"checklist": {ITEM: item(title="Theirs")}})

    assert (
        desk.patch(details_of(task), {"checklist": {OTHER_ITEM: item(title="Mine")}}, before).status
        == 204
    )
    assert (
        desk.patch(details_of(task), {"checklist": {ITEM: item(title="Mine")}}, before).status
        == 409
    )


def test_a_person_taken_off_conflicts_with_a_person_put_on(desk: Desk) -> None:
    task = desk.task(assignments=assigned(desk.users[0]))
    desk.patched(path_of(task), {"assignments": {desk.users[0]: None}})

    late = {"assignments": assigned(desk.users[0])}
    assert desk.patch(path_of(task), late, task["@odata.etag"]).status == 409


def test_a_stale_etag_never_deletes(desk: Desk) -> None:
    """Also when only the description was changed since, which moved the task's etag."""
    task = desk.task()
    desk.patched(details_of(task), {"description": "By a human"})

    assert error(desk.call("DELETE", path_of(task), if_match=task["@odata.etag"])) == (
        409,
        "",
        CONFLICT,
    )
    assert desk.call("DELETE", path_of(task), if_match=desk.etag(path_of(task))).status == 204


@pytest.mark.parametrize(("switch", "status"), [("off", 204), ("on", 412)])
def test_strict_etags(switch: str, status: int) -> None:
    """Whether any stale etag is refused."""
    desk = Desk(strict_etags=switch)
    task = desk.task()
    desk.patched(path_of(task), {"title": "By a human"})

    assert desk.patch(path_of(task), {"priority": 1}, task["@odata.etag"]).status == status


@pytest.mark.parametrize(("switch", "status"), [("conflict", 409), ("accept", 204)])
def test_identical_values(switch: str, status: int) -> None:
    """Whether two writers of the same value conflict."""
    desk = Desk(identical_values=switch)
    task = desk.task()
    desk.patched(path_of(task), {"title": "Same"})

    assert desk.patch(path_of(task), {"title": "Same"}, task["@odata.etag"]).status == status


@pytest.mark.parametrize(("switch", "status"), [("honour", 200), ("ignore", 204)])
def test_prefer(switch: str, status: int) -> None:
    desk = Desk(prefer=switch)
    response = desk.patch(path_of(desk.task()), {"title": "x"}, prefer="return=representation")

    assert response.status == status
    assert response.headers.get("Preference-Applied") == (
        "return=representation" if status == 200 else None
    )


def test_without_prefer_the_answer_is_204_and_empty(desk: Desk) -> None:
    response = desk.patch(path_of(desk.task()), {"title": "x"})

    assert (response.status, response.body) == (204, b"")


def test_a_write_to_a_deleted_task_is_404(desk: Desk) -> None:
    task = desk.task()
    desk.human.delete(task["id"])

    for method, path in (
        ("PATCH", path_of(task)),
        ("PATCH", details_of(task)),
        ("DELETE", path_of(task)),
    ):
        response = desk.call(method, path, {"title": "x"}, if_match=task["@odata.etag"])
        assert error(response) == (404, "", "The requested item is not found.")
