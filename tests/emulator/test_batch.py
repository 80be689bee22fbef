"""JSON batching: many calls in one, each with its own fate."""

import base64
from typing import Any

import pytest

from planner_emulator.faults import Fault
from planner_emulator.replies import Response
from tests.emulator.desk import Desk, Json, error, path_of


def batch(desk: Desk, *requests: Json) -> Response:
    return desk.call("POST", "$batch", {"requests": list(requests)})


def get(item_id: str, task: Json, **rest: Any) -> Json:
    return {"id": item_id, "method": "GET", "url": f"/{path_of(task)}", **rest}


def patch(item_id: str, task: Json, body: Json, **rest: Any) -> Json:
    headers = {"Content-Type": "application/json", "If-Match": task["@odata.etag"]}
    return {
        "id": item_id,
        "method": "PATCH",
        "url": f"/{path_of(task)}",
        "headers": headers,
        "body": body,
        **rest,
    }


def by_id(response: Response) -> dict[str, Json]:
    assert response.status == 200, response.body
    return {each["id"]: each for each in response.json()["responses"]}


def test_every_item_has_its_own_status_headers_and_body(desk: Desk) -> None:
    task = desk.task()
    stale = {**task, "@odata.etag": "nonsense"}
    new = {"planId": desk.plan, "title": "New"}
    typed = {"Content-Type": "application/json"}
    answers = by_id(
        batch(
            desk,
            get("read", task),
            patch("refused", stale, {"title": "x"}),
            {
                "id": "made",
                "method": "POST",
                "url": "/planner/tasks",
                "headers": typed,
                "body": new,
            },
        )
    )

    assert {key: each["status"] for key, each in answers.items()} == {
        "read": 200,
        "refused": 412,
        "made": 201,
    }
    assert answers["read"]["body"]["@odata.etag"] == task["@odata.etag"]
    assert answers["refused"]["headers"]["request-id"]
    assert "body" not in by_id(batch(desk, patch("1", task, {"title": "x"})))["1"]


def test_an_item_may_ask_for_the_representation(desk: Desk) -> None:
    task = desk.task()
    item = patch("1", task, {"title": "New"})
    item["headers"]["Prefer"] = "return=representation"

    assert by_id(batch(desk, item))["1"]["body"]["title"] == "New"


def test_twenty_are_taken_and_one_more_is_400(desk: Desk) -> None:
    task = desk.task()
    items = [get(str(number), task) for number in range(21)]

    assert len(by_id(batch(desk, *items[:20]))) == 20
    assert batch(desk, *items).status == 400


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"id": "A"}, id="an id twice, in another case"),
        pytest.param({"id": ""}, id="no id"),
        pytest.param(
            {"url": "https://graph.microsoft.com/v1.0/planner/plans"}, id="an absolute url"
        ),
        pytest.param({"method": "PATCH", "body": {}}, id="a body without a Content-Type"),
        pytest.param(
            {"method": "PATCH", "headers": {"Content-Type": "application/json"}},
            id="a write without a body",
        ),
        pytest.param({"dependsOn": ["unheard of"]}, id="an unknown dependency"),
    ],
)
def test_a_malformed_batch_fails_as_a_whole(desk: Desk, broken: Json) -> None:
    task = desk.task()
    response = batch(desk, patch("a", task, {"title": "New"}), {**get("b", task), **broken})

    assert error(response)[:2] == (400, "BadRequest")
    assert desk.get(path_of(task))["title"] == "Task"


def test_a_batch_inside_a_batch_is_refused(desk: Desk) -> None:
    typed = {"Content-Type": "application/json"}
    inner = {
        "id": "1",
        "method": "POST",
        "url": "/$batch",
        "headers": typed,
        "body": {"requests": []},
    }

    assert by_id(batch(desk, inner))["1"]["status"] == 400


def test_items_work_in_the_order_of_their_dependencies(desk: Desk) -> None:
    task = desk.task()
    for _ in range(10):
        chain = [
            get("1", task),
            *(get(str(number), task, dependsOn=[str(number - 1)]) for number in range(2, 6)),
        ]
        desk.planner.journal.clear()
        by_id(batch(desk, *chain))
        assert [row["item"] for row in desk.planner.journal.rows()][:5] == ["1", "2", "3", "4", "5"]


def test_what_depends_on_a_failure_is_424_and_not_done(desk: Desk) -> None:
    task = desk.task()
    wrong = {**task, "@odata.etag": "nonsense"}
    answers = by_id(
        batch(
            desk,
            patch("1", wrong, {"title": "x"}),
            patch("2", task, {"title": "y"}, dependsOn=["1"]),
            get("3", task, dependsOn=["2"]),
        )
    )

    assert [answers[key]["status"] for key in "123"] == [412, 424, 424]
    assert answers["2"]["body"]["error"]["code"] == "FailedDependency"
    assert desk.get(path_of(task))["title"] == "Task"


@pytest.mark.parametrize(("switch", "always_same"), [("random", False), ("same", True)])
def test_batch_order(switch: str, always_same: bool) -> None:
    """In which order the answers come."""
    desk = Desk(batch_order=switch)
    items = [get(str(number), desk.task()) for number in range(10)]
    orders = {
        tuple(each["id"] for each in batch(desk, *items).json()["responses"]) for _ in range(5)
    }

    assert (orders == {tuple(str(number) for number in range(10))}) is always_same


def test_two_writers_of_one_field_in_a_batch_conflict(desk: Desk) -> None:
    task = desk.task()
    answers = by_id(
        batch(desk, patch("1", task, {"title": "One"}), patch("2", task, {"title": "Two"}))
    )

    assert sorted(each["status"] for each in answers.values()) == [204, 409]


def test_each_item_is_throttled_on_its_own(desk: Desk) -> None:
    """Outside 200, inside 429 with a Retry-After of its own."""
    first, second = desk.task(), desk.task()
    desk.planner.faults.add(
        Fault.read({"kind": "throttle", "retry_after": "7", "match": {"path": second["id"]}})
    )
    answers = by_id(batch(desk, get("1", first), get("2", second)))

    assert (answers["1"]["status"], answers["2"]["status"]) == (200, 429)
    assert answers["2"]["headers"]["Retry-After"] == "7"


def test_items_count_against_the_rate_one_by_one() -> None:
    desk = Desk(rate_limit="5/10")
    task = desk.task()
    answers = by_id(batch(desk, *(get(str(number), task) for number in range(5))))

    assert sorted(each["status"] for each in answers.values()) == [200, 200, 200, 429, 429]


def test_what_is_not_json_comes_in_base64(desk: Desk) -> None:
    task = desk.task()
    desk.planner.faults.add(Fault.read({"kind": "html", "match": {"path": task["id"]}}))
    answer = by_id(batch(desk, get("1", task)))["1"]

    assert (answer["status"], base64.b64decode(answer["body"])[:6]) == (502, b"<html>")


def test_an_answer_lost_inside_loses_the_whole_batch(desk: Desk) -> None:
    task = desk.task()
    desk.planner.faults.add(Fault.read({"kind": "drop_after", "match": {"method": "PATCH"}}))

    assert batch(desk, patch("1", task, {"title": "New"})).lost
    assert desk.get(path_of(task))["title"] == "New"


def test_a_next_link_inside_is_absolute() -> None:
    desk = Desk(page_size=1)
    desk.task(), desk.task()
    item = {"id": "1", "method": "GET", "url": f"/planner/plans/{desk.plan}/tasks"}
    link = by_id(batch(desk, item))["1"]["body"]["@odata.nextLink"]

    assert link.startswith(f"https://graph.microsoft.com/v1.0/planner/plans/{desk.plan}/tasks?")
