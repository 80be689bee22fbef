"""Faults: what a client must survive, injected per call."""

from pathlib import Path
from typing import Any

import pytest

from planner_emulator.faults import KINDS, Fault
from planner_emulator.replies import Response
from tests.emulator.desk import Desk, error, path_of


def inject(desk: Desk, kind: str, **wish: Any) -> None:
    desk.planner.faults.add(Fault.read({"kind": kind, **wish}))


def create(desk: Desk) -> Response:
    return desk.call("POST", "planner/tasks", {"planId": desk.plan, "title": "Task"})


def count(desk: Desk) -> int:
    return len(desk.planner.world.state.plans[desk.plan].tasks)


@pytest.mark.parametrize(
    ("wish", "status", "lost", "done"),
    [
        pytest.param({"kind": "status", "status": 503}, 503, False, 0, id="an error"),
        pytest.param(
            {"kind": "status", "status": 504, "apply": True},
            504,
            False,
            1,
            id="an error after the work",
        ),
        pytest.param({"kind": "throttle", "retry_after": "3"}, 429, False, 0, id="throttle"),
        pytest.param({"kind": "expired_token"}, 401, False, 0, id="expired_token"),
        pytest.param({"kind": "drop_before"}, 0, True, 0, id="drop_before"),
        pytest.param({"kind": "drop_after"}, 201, True, 1, id="drop_after"),
        pytest.param({"kind": "late", "delay_ms": 1000}, 0, True, 0, id="late"),
        pytest.param({"kind": "slow", "delay_ms": 1000}, 201, False, 1, id="slow"),
        pytest.param({"kind": "html"}, 502, False, 0, id="html"),
        pytest.param(
            {"kind": "html", "status": 200, "apply": True}, 200, False, 1, id="html after the work"
        ),
        pytest.param({"kind": "truncate"}, 201, False, 1, id="truncate"),
        pytest.param({"kind": "cut"}, 201, False, 1, id="cut"),
        pytest.param({"kind": "body", "body": "[]"}, 201, False, 1, id="body"),
    ],
)
def test_a_fault_spoils_the_answer_and_says_whether_it_was_done(
    wish: dict[str, Any], status: int, lost: bool, done: int
) -> None:
    desk = Desk()
    inject(desk, **wish)
    response = create(desk)

    assert (response.status, response.lost, count(desk)) == (status, lost, done)


def test_late_is_done_after_its_delay(desk: Desk) -> None:
    inject(desk, "late", delay_ms=1000)
    create(desk)
    listing = f"planner/plans/{desk.plan}/tasks"
    assert desk.get(listing)["value"] == []

    desk.clock.forward(1000)
    assert len(desk.get(listing)["value"]) == 1


@pytest.mark.parametrize("retry_after", ["10", "Wed, 21 Oct 2031 07:28:00 GMT", "soon", "", None])
def test_retry_after_is_sent_word_for_word(desk: Desk, retry_after: str | None) -> None:
    inject(desk, "throttle", retry_after=retry_after)
    response = create(desk)

    assert error(response) == (429, "TooManyRequests", "Please retry again later.")
    assert response.headers.get("Retry-After") == retry_after


def test_an_error_has_the_status_code_and_message_that_were_wished(desk: Desk) -> None:
    inject(desk, "status", status=503, code="ServiceUnavailable", message="Down.", retry_after="2")
    response = create(desk)

    assert error(response) == (503, "ServiceUnavailable", "Down.")
    assert response.headers["Retry-After"] == "2"


def test_an_error_body_is_graphs_envelope(desk: Desk) -> None:
    response = desk.call("GET", "planner/tasks/short", client_request_id="mine")
    inner = response.json()["error"]["innerError"]

    assert inner["client-request-id"] == response.headers["client-request-id"] == "mine"
    assert inner["request-id"] == response.headers["request-id"]
    assert inner["date"] == "2031-05-06T07:08:09"


@pytest.mark.parametrize(
    ("wish", "statuses"),
    [
        pytest.param({}, [500, 201, 201, 201], id="once"),
        pytest.param({"times": 2}, [500, 500, 201, 201], id="twice"),
        pytest.param({"times": None}, [500, 500, 500, 500], id="for ever"),
        pytest.param({"after": 1, "times": 2}, [201, 500, 500, 201], id="after the first"),
        pytest.param({"match": {"method": "PATCH"}}, [201, 201, 201, 201], id="another method"),
        pytest.param({"match": {"path": "^/planner/tasks$"}}, [500, 201, 201, 201], id="this path"),
        pytest.param({"match": {"path": "/details"}}, [201, 201, 201, 201], id="another path"),
    ],
)
def test_a_fault_meets_the_calls_it_names(
    desk: Desk, wish: dict[str, Any], statuses: list[int]
) -> None:
    inject(desk, "status", **wish)

    assert [create(desk).status for _ in statuses] == statuses


def test_faults_are_met_in_the_order_they_were_added(desk: Desk) -> None:
    inject(desk, "status", status=503)
    inject(desk, "throttle")

    assert [create(desk).status for _ in range(3)] == [503, 429, 201]


def test_a_spent_fault_is_forgotten_on_demand(desk: Desk) -> None:
    inject(desk, "status", times=None)
    desk.planner.faults.present.clear()

    assert create(desk).status == 201


def test_next_link_and_empty_list_spoil_a_listing(desk: Desk) -> None:
    desk.task()
    listing = f"planner/plans/{desk.plan}/tasks"
    inject(desk, "next_link", url="http://169.254.169.254/x")
    assert desk.get(listing)["@odata.nextLink"] == "http://169.254.169.254/x"

    inject(desk, "empty_list")
    assert desk.get(listing)["value"] == []
    assert len(desk.get(listing)["value"]) == 1


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        pytest.param({"kind": "meteor"}, "kind must be one of", id="no such kind"),
        pytest.param({"kind": "slow", "delay": 3}, "a fault has no delay", id="no such member"),
        pytest.param(
            {"kind": "slow", "match": {"path": "("}}, "no regular expression", id="no pattern"
        ),
    ],
)
def test_a_wrong_fault_is_refused(wish: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault.read(wish)


@pytest.mark.parametrize(("switch", "least", "most"), [("0-0", 0, 0), ("20-30", 20, 30)])
def test_latency_ms(switch: str, least: int, most: int) -> None:
    desk = Desk(latency_ms=switch)

    assert all(least <= create(desk).delay_ms <= most for _ in range(20))


@pytest.mark.parametrize(
    ("switch", "statuses"), [("off", [201] * 4), ("2/10", [201, 201, 429, 429])]
)
def test_rate_limit(switch: str, statuses: list[int]) -> None:
    """So many requests within so many seconds, then 429 with the seconds that are left."""
    desk = Desk(rate_limit=switch)
    responses = [create(desk) for _ in statuses]

    assert [each.status for each in responses] == statuses
    if switch != "off":
        assert responses[-1].headers["Retry-After"] == "10"
        desk.clock.forward(10_001)
        assert create(desk).status == 201


def test_the_journal_has_every_call_and_no_header(desk: Desk) -> None:
    task = desk.task()
    inject(desk, "drop_before", match={"method": "PATCH"})
    desk.patch(path_of(task), {"title": "x"}, task["@odata.etag"], authorization="Bearer secret")
    made, lost = desk.planner.journal.rows()

    assert (made["method"], made["path"], made["status"], made["item"]) == (
        "POST",
        "/planner/tasks",
        201,
        None,
    )
    assert (lost["status"], lost["fault"], lost["body"]) == (None, "drop_before", {"title": "x"})
    assert lost["size"] == len(b'{"title": "x"}')
    assert "secret" not in str([made, lost])


def test_a_seed_makes_everything_repeat() -> None:
    def story() -> list[object]:
        desk = Desk(latency_ms="0-50")
        return [
            (each.headers, each.body, each.delay_ms) for each in (create(desk) for _ in range(5))
        ]

    assert story() == story()


def test_every_kind_is_tried_here() -> None:
    text = Path(__file__).read_text()

    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
