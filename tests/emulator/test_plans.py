"""Plans, their labels and their buckets."""

import pytest

from tests.emulator.desk import NOBODY_ID, STRANGER, Desk, error, path_of

MAY_BE_MISSING = (
    "You do not have the required permissions to access this item, or the item may not exist."
)
NO_RIGHT = "You do not have the required permissions to access this item."


def plan_path(desk: Desk) -> str:
    return f"planner/plans/{desk.plan}"


def test_seeded_buckets_are_listed_in_their_order(desk: Desk) -> None:
    found = desk.get(f"{plan_path(desk)}/buckets")["value"]

    assert [bucket["name"] for bucket in found] == ["To do", "Doing", "Done"]
    assert [bucket["id"] for bucket in found] == desk.buckets


def test_seeded_ids_are_the_same_in_every_run() -> None:
    assert Desk().buckets == Desk().buckets


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param({"owner": STRANGER}, id="owner"),
        pytest.param({"container": {"containerId": STRANGER, "type": "group"}}, id="container id"),
        pytest.param(
            {"container": {"url": f"https://graph.microsoft.com/v1.0/groups/{STRANGER}"}},
            id="container url",
        ),
    ],
)
def test_a_plan_is_created_in_a_group_without_buckets(desk: Desk, owner: dict[str, object]) -> None:
    response = desk.call("POST", "planner/plans", {"title": "New", **owner})

    assert (response.status, response.json()["container"]["containerId"]) == (201, STRANGER)
    assert desk.get(f"planner/plans/{response.json()['id']}/buckets")["value"] == []
    assert [plan["title"] for plan in desk.get(f"groups/{STRANGER}/planner/plans")["value"]] == [
        "New"
    ]


def test_a_plan_has_25_labels_that_merge(desk: Desk) -> None:
    path = f"{plan_path(desk)}/details"
    assert desk.get(path)["categoryDescriptions"] == {
        f"category{number}": None for number in range(1, 26)
    }

    desk.patched(path, {"categoryDescriptions": {"category1": "one"}})
    labels = desk.patched(path, {"categoryDescriptions": {"category25": "last"}})[
        "categoryDescriptions"
    ]
    assert (labels["category1"], labels["category25"]) == ("one", "last")
    labels = desk.patched(path, {"categoryDescriptions": {"category1": None}})[
        "categoryDescriptions"
    ]
    assert (labels["category1"], labels["category25"]) == (None, "last")
    assert desk.patch(path, {"categoryDescriptions": {"category26": "x"}}).status == 400


def test_a_plan_is_renamed_shared_and_deleted(desk: Desk) -> None:
    task = desk.task()
    assert desk.patched(plan_path(desk), {"title": "Renamed"})["title"] == "Renamed"
    shared = desk.patched(f"{plan_path(desk)}/details", {"sharedWith": {STRANGER: True}})
    assert shared["sharedWith"] == {STRANGER: True}

    assert desk.call("DELETE", plan_path(desk), if_match=desk.etag(plan_path(desk))).status == 204
    assert desk.call("GET", path_of(task)).status == 404


@pytest.mark.parametrize(
    ("switch", "refusal"),
    [(404, (404, "", "The requested item is not found.")), (403, (403, "", MAY_BE_MISSING))],
)
def test_missing_plan(switch: int, refusal: tuple[int, str, str]) -> None:
    desk = Desk(missing_plan=switch)
    for tail in ("", "/tasks", "/details", "/buckets"):
        assert error(desk.call("GET", f"planner/plans/{NOBODY_ID}{tail}")) == refusal


def test_nothing_is_created_in_a_plan_that_is_missing(desk: Desk) -> None:
    for path, body in (("planner/tasks", {"title": "x"}), ("planner/buckets", {"name": "x"})):
        assert error(desk.call("POST", path, {"planId": NOBODY_ID, **body})) == (
            403,
            "",
            MAY_BE_MISSING,
        )


@pytest.mark.parametrize(
    "path", ["planner/plans/short", "planner/tasks/short", "planner/buckets/a.b"]
)
def test_a_badly_formed_id_is_400(desk: Desk, path: str) -> None:
    status, code, message = error(desk.call("GET", path))

    assert (status, code) == (400, "")
    assert message.endswith("The specified identifier is invalid.")


def test_an_unreadable_plan_is_403_with_all_that_is_in_it(desk: Desk) -> None:
    """People keep working in it; the client gets its right back with everything they did."""
    task = desk.task()
    desk.human.unreadable(desk.plan)
    for path in (
        plan_path(desk),
        f"{plan_path(desk)}/tasks",
        path_of(task),
        f"planner/buckets/{desk.buckets[0]}",
    ):
        assert error(desk.call("GET", path)) == (403, "", NO_RIGHT)
    desk.human.edit(task["id"], {"title": "Meanwhile"})

    desk.human.readable(desk.plan)
    assert desk.get(path_of(task))["title"] == "Meanwhile"


def test_a_bucket_needs_plan_and_name(desk: Desk) -> None:
    null = "A non-null value must be specified for this field."
    start = "Schema validation has failed. Validation for field"
    for body, field in (({"name": "x"}, "PlanId"), ({"planId": desk.plan}, "Name")):
        refusal = (400, "", f"{start} '{field}', on entity 'Bucket' has failed: {null}")
        assert error(desk.call("POST", "planner/buckets", body)) == refusal


def test_a_bucket_is_created_renamed_and_has_its_tasks(desk: Desk) -> None:
    made = desk.call(
        "POST", "planner/buckets", {"planId": desk.plan, "name": "Later", "orderHint": " !"}
    ).json()
    task = desk.task(bucketId=made["id"])

    assert desk.patched(f"planner/buckets/{made['id']}", {"name": "Some day"})["name"] == "Some day"
    assert [row["id"] for row in desk.get(f"planner/buckets/{made['id']}/tasks")["value"]] == [
        task["id"]
    ]


@pytest.mark.parametrize("switch", ["orphan", "delete_tasks"])
def test_bucket_delete(switch: str) -> None:
    """What becomes of the tasks of a deleted bucket."""
    desk = Desk(bucket_delete=switch)
    task = desk.task(bucketId=desk.buckets[0])
    path = f"planner/buckets/{desk.buckets[0]}"
    assert desk.call("DELETE", path, if_match=desk.etag(path)).status == 204

    response = desk.call("GET", path_of(task))
    assert response.status == (404 if switch == "delete_tasks" else 200)
    assert response.status == 404 or response.json()["bucketId"] is None
