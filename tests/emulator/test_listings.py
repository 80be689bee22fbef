"""Listings: paging, what is ignored, what is expanded, what is missing although it exists."""

import pytest

from planner_emulator.replies import Response
from tests.emulator.desk import NOBODY_ID, Desk, Json, assigned, details_of, error, path_of

ORIGIN = "https://graph.microsoft.com/v1.0/"


def listing(desk: Desk, query: str = "") -> str:
    return f"planner/plans/{desk.plan}/tasks{query}"


def ids(body: Json) -> list[str]:
    return [row["id"] for row in body["value"]]


def pages(desk: Desk, path: str) -> list[Json]:
    found = [desk.get(path)]
    while "@odata.nextLink" in found[-1]:
        found.append(desk.get(found[-1]["@odata.nextLink"].removeprefix(ORIGIN)))
    return found


@pytest.mark.parametrize(("size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (400, [5])])
def test_page_size(size: int, sizes: list[int]) -> None:
    desk = Desk(page_size=size)
    made = {desk.task()["id"] for _ in range(5)}
    found = pages(desk, listing(desk, "?$expand=details"))

    assert [len(page["value"]) for page in found] == sizes
    assert {each for page in found for each in ids(page)} == made
    assert all("details" in row for page in found for row in page["value"])


def test_a_page_is_401_rows_less_one_by_default(desk: Desk) -> None:
    for _ in range(401):
        desk.task()

    assert [page["@odata.count"] for page in pages(desk, listing(desk))] == [400, 1]


def test_rows_shift_between_pages() -> None:
    """There is no snapshot: what is created or deleted while a client turns pages moves the
    others."""
    desk = Desk(page_size=2)
    first, second, third = (desk.task()["id"] for _ in range(3))
    page = desk.get(listing(desk))
    assert ids(page) == [third, second]

    desk.human.delete(third)
    rest = desk.get(page["@odata.nextLink"].removeprefix(ORIGIN))
    assert first not in ids(rest)


def test_collections_and_rows_are_annotated(desk: Desk) -> None:
    desk.task()
    body = desk.get(listing(desk))

    assert body["@odata.context"] == f"{ORIGIN}$metadata#Collection(microsoft.graph.plannerTask)"
    assert (body["@odata.count"], "@odata.etag" in body["value"][0]) == (1, True)


@pytest.mark.parametrize(
    "query", ["?$filter=percentComplete eq 0", "?$top=1", "?$orderby=title", "?$skip=1"]
)
def test_filter_top_orderby_and_skip_are_ignored(desk: Desk, query: str) -> None:
    made = {desk.task(percentComplete=percent)["id"] for percent in (0, 50)}

    assert set(ids(desk.get(listing(desk, query.replace(" ", "%20"))))) == made


def test_select_leaves_id_and_etag(desk: Desk) -> None:
    desk.task()

    assert desk.get(listing(desk, "?$select=title"))["value"][0].keys() == {
        "@odata.etag",
        "id",
        "title",
    }


@pytest.mark.parametrize("switch", ["honour", "ignore", "reject"])
def test_expand_details(switch: str) -> None:
    """On a plan's and a bucket's tasks by the switch; on a user's tasks always."""
    desk = Desk(expand_details=switch)
    task = desk.task(bucketId=desk.buckets[0], assignments=assigned(desk.users[0]))
    desk.patched(details_of(task), {"description": "Text"})

    def shown(response: Response) -> str:
        if response.status == 400:
            return "reject"
        return (
            "honour"
            if response.json()["value"][0].get("details", {}).get("description") == "Text"
            else "ignore"
        )

    assert shown(desk.call("GET", listing(desk, "?$expand=details"))) == switch
    assert (
        shown(desk.call("GET", f"planner/buckets/{desk.buckets[0]}/tasks?$expand=details"))
        == switch
    )
    assert (
        shown(desk.call("GET", f"users/{desk.users[0]}/planner/tasks?$expand=details")) == "honour"
    )


def test_expanded_details_have_their_own_etag(desk: Desk) -> None:
    task = desk.task()
    (row,) = desk.get(listing(desk, "?$expand=details"))["value"]

    assert row["details"]["@odata.etag"] == desk.etag(details_of(task))


def test_metadata_none_takes_the_etags_away(desk: Desk) -> None:
    desk.task()
    response = desk.call("GET", listing(desk), accept="application/json;odata.metadata=none")

    assert "@odata.etag" not in response.json()["value"][0]


@pytest.mark.parametrize("lag", [0, 5000])
def test_list_lag_ms(lag: int) -> None:
    """Creates, changes and deletes reach listings later; the task itself answers at once."""
    desk = Desk(list_lag_ms=lag)
    old, gone = desk.task(title="Old"), desk.task(title="Gone")
    desk.clock.forward(10_000)
    new = desk.task(title="New")
    desk.patched(path_of(old), {"title": "Changed"})
    desk.human.delete(gone["id"])

    def titles() -> list[str]:
        return sorted(row["title"] for row in desk.get(listing(desk))["value"])

    assert titles() == (["Gone", "Old"] if lag else ["Changed", "New"])
    assert desk.get(path_of(new))["title"] == "New"
    desk.clock.forward(5001)
    assert titles() == ["Changed", "New"]


@pytest.mark.parametrize(("reads", "statuses"), [(0, [200, 200, 200]), (2, [404, 404, 200])])
def test_details_404_reads(reads: int, statuses: list[int]) -> None:
    desk = Desk(details_404_reads=reads)
    path = details_of(desk.task())

    assert [desk.call("GET", path).status for _ in statuses] == statuses


@pytest.mark.parametrize(("ms", "early"), [(0, 200), (500, 404)])
def test_details_404_ms(ms: int, early: int) -> None:
    desk = Desk(details_404_ms=ms)
    path = details_of(desk.task())

    assert desk.call("GET", path).status == early
    desk.clock.forward(501)
    assert desk.call("GET", path).status == 200


def test_a_hidden_card_answers_but_is_not_listed(desk: Desk) -> None:
    task = desk.task()
    desk.human.hide(task["id"], ms=1000)
    assert ids(desk.get(listing(desk))) == []
    assert desk.get(path_of(task))["id"] == task["id"]

    desk.clock.forward(1001)
    assert ids(desk.get(listing(desk))) == [task["id"]]


@pytest.mark.parametrize(("switch", "listed"), [("off", 0), ("on", 1)])
def test_ghosts(switch: str, listed: int) -> None:
    """Whether a user's listing still has the tasks of a deleted plan."""
    desk = Desk(ghosts=switch)
    task = desk.task(assignments=assigned(desk.users[0]))
    desk.human.delete_plan(desk.plan)

    assert len(desk.get(f"users/{desk.users[0]}/planner/tasks")["value"]) == listed
    assert desk.call("GET", path_of(task)).status == 404


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        pytest.param(
            "GET",
            "planner/tasks",
            (
                405,
                "",
                "This entity set cannot be queried without a filter on planId or publication's id "
                "and publishedToPlanId.",
            ),
            id="all tasks",
        ),
        pytest.param(
            "GET",
            "planner/plans",
            (
                405,
                "",
                "This entity set must be queried with a filter on owner property, or container "
                "type and container external id, or contextScenarioId",
            ),
            id="all plans",
        ),
        pytest.param(
            "POST",
            "me/planner/tasks",
            (
                400,
                "BadRequest",
                "Write requests are only supported on contained entities or navigation properties "
                "with bindings.",
            ),
            id="a task made at /me",
        ),
        pytest.param(
            "GET",
            f"me/planner/plans/{NOBODY_ID}/tasks",
            (
                404,
                "",
                "No HTTP resource was found that matches the request URI "
                f"'https://tasks.office.com:444/taskapi/v2.0/me/planner/plans/{NOBODY_ID}/tasks'.",
            ),
            id="a plan's tasks at /me",
        ),
        pytest.param(
            "PUT", "planner/tasks", (405, "", "The method PUT is not supported here."), id="PUT"
        ),
        pytest.param(
            "GET",
            "planner/x",
            (400, "BadRequest", "Resource not found for the segment 'x'."),
            id="no path",
        ),
    ],
)
def test_odd_answers(desk: Desk, method: str, path: str, refusal: tuple[int, str, str]) -> None:
    assert error(desk.call(method, path, {})) == refusal


def test_all_buckets_are_none(desk: Desk) -> None:
    assert desk.get("planner/buckets")["value"] == []
