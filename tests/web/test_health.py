"""What health and status say of the signs of life."""

from dataclasses import replace

import pytest

from planner_sync.model.records import Hold, Refused
from planner_sync.operators.report import status
from planner_sync.settings import Settings
from planner_sync.store.telemetry import PlanTelemetry, Snapshot
from planner_sync.web.health import health

PLAN = "xqQg5FS2LkCp935s-FIFm2QAFkHM"
ELSEWHERE = "AAAAAAAAAAAAAAAAAAAAAAAAAAA1"
SETTINGS = Settings.from_env({"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": "token"})
NOW = 1_790_000_000_000
SECOND = 1000
WELL = Snapshot(
    now=NOW,
    listeners={"one": NOW - 5 * SECOND},
    polled_at=NOW - 20 * SECOND,
    graph_ok_at=NOW - 20 * SECOND,
    graph_failed_at=None,
    graph_code="",
    graph_cause="",
    plans={PLAN: PlanTelemetry(pass_at=NOW - 20 * SECOND, took_ms=1000, cards=3)},
    holds={},
    counters={},
    backlog=0,
    oldest_due=None,
    refused=0,
    refusals={},
    lags={"upload": [], "download": []},
)


@pytest.mark.contract("§7 GET /api/health")
def test_all_is_well():
    assert health(WELL, SETTINGS) == (
        200,
        {
            "status": "healthy",
            "checks": {"redis": "ok", "graph": "ok", "listener": "ok", "poll": "ok"},
        },
    )


CASES = [
    pytest.param({"listeners": {}}, 200, "listener", "degraded", id="nobody listens"),
    pytest.param(
        {"listeners": {"one": NOW - 16 * SECOND}},
        200,
        "listener",
        "degraded",
        id="the listener is silent",
    ),
    pytest.param({"graph_ok_at": None}, 200, "graph", "degraded", id="Planner was never asked"),
    pytest.param({"graph_failed_at": NOW}, 200, "graph", "degraded", id="Planner failed just now"),
    pytest.param(
        {"graph_failed_at": NOW, "graph_ok_at": NOW - 94 * SECOND},
        200,
        "graph",
        "down",
        id="Planner is gone",
    ),
    pytest.param(
        {"graph_failed_at": NOW, "graph_ok_at": None},
        200,
        "graph",
        "down",
        id="Planner was never there",
    ),
    pytest.param({"graph_failed_at": NOW - 30 * SECOND}, 200, "graph", "ok", id="Planner is back"),
    pytest.param(
        {"polled_at": None, "plans": {}}, 200, "poll", "degraded", id="before the first pass"
    ),
    pytest.param({"polled_at": NOW - 93 * SECOND}, 200, "poll", "ok", id="three intervals"),
    pytest.param(
        {"polled_at": NOW - 94 * SECOND}, 200, "poll", "degraded", id="more than three intervals"
    ),
    pytest.param(
        {"polled_at": NOW - 311 * SECOND}, 503, "poll", "down", id="more than ten intervals"
    ),
    pytest.param(
        {"polled_at": NOW - 311 * SECOND, "graph_failed_at": NOW},
        200,
        "poll",
        "degraded",
        id="but Planner is gone",
    ),
    pytest.param({"holds": {PLAN: Hold("agents")}}, 200, "poll", "degraded", id="a plan is held"),
    pytest.param(
        {"holds": {ELSEWHERE: Hold("agents")}}, 200, "poll", "ok", id="a plan of no concern is held"
    ),
    pytest.param(
        {"plans": {PLAN: PlanTelemetry(error="403")}},
        200,
        "poll",
        "degraded",
        id="a plan cannot be read",
    ),
    pytest.param(
        {"plans": {PLAN: PlanTelemetry(left_out=1)}},
        200,
        "poll",
        "degraded",
        id="a listing leaves cards out",
    ),
]


@pytest.mark.contract("§7 GET /api/health")
@pytest.mark.parametrize(("signs", "code", "check", "value"), CASES)
def test_one_sign_decides_one_check(signs, code, check, value):
    answer_code, body = health(replace(WELL, **signs), SETTINGS)

    assert (answer_code, body["checks"][check]) == (code, value)
    expected = {200: {"ok": "healthy"}.get(value, "degraded"), 503: "unhealthy"}
    assert body["status"] == expected[code]


@pytest.mark.contract("§7 GET /api/health")
def test_without_redis_it_is_unhealthy_and_all_four_checks_are_named():
    code, body = health(None, SETTINGS)

    assert (code, body["status"], body["checks"]["redis"]) == (503, "unhealthy", "down")
    assert set(body["checks"]) == {"redis", "graph", "listener", "poll"}


def test_a_listener_that_is_switched_off_is_ok():
    quiet = replace(SETTINGS, listener=False)

    assert health(replace(WELL, listeners={}), quiet)[1]["checks"]["listener"] == "ok"


def test_of_several_listeners_the_liveliest_counts():
    assert (
        health(replace(WELL, listeners={"dead": 0, "alive": NOW}), SETTINGS)[1]["status"]
        == "healthy"
    )


@pytest.mark.contract("§7 GET /api/status")
def test_status_shows_backlog_lags_plans_refusals_and_counters():
    hold = Hold("agents", 12, 20, NOW)
    body = status(
        replace(
            WELL,
            backlog=2,
            oldest_due=NOW - 1500,
            lags={"upload": list(range(1, 101)), "download": []},
            holds={PLAN: hold},
            refused=1,
            refusals={"t1": Refused("limit", "title: too long", "title", at=1)},
            counters={"uploads": 7},
        ),
        SETTINGS.plan_ids,
    )

    assert (body["backlog"], body["oldestPendingMs"]) == (2, 1500)
    assert body["lagsMs"]["upload"] == {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert body["lagsMs"]["download"] == {"p50": None, "p95": None, "p99": None, "max": None}
    assert body["plans"][PLAN]["passAt"] == "2026-09-21T14:13:00.000Z"
    held = {"side": "agents", "vanished": 12, "of": 20, "at": NOW}
    assert (body["plans"][PLAN]["hold"], body["plans"][PLAN]["cards"]) == (held, 3)
    refusal = {"code": "limit", "reason": "title: too long", "field": "title", "retrying": False}
    assert body["refusals"] == [{"taskId": "t1", **refusal, "at": 1}]
    assert body["counters"] == {"uploads": 7}


def test_status_names_a_plan_that_had_no_pass_yet_and_no_plan_outside_the_list():
    body = status(replace(WELL, plans={ELSEWHERE: PlanTelemetry(cards=1)}), SETTINGS.plan_ids)

    assert body["plans"] == {
        PLAN: {
            "passAt": None,
            "tookMs": None,
            "cards": None,
            "leftOut": 0,
            "error": None,
            "errorAt": None,
            "hold": None,
        }
    }


def test_what_is_due_in_the_future_is_not_old():
    assert (
        status(replace(WELL, backlog=1, oldest_due=NOW + 9), SETTINGS.plan_ids)["oldestPendingMs"]
        == 0
    )


def test_status_names_cause_and_advice_while_planner_fails():
    failing = replace(
        WELL, graph_failed_at=NOW, graph_code="unauthorized", graph_cause="secret_expired"
    )

    graph = status(failing, SETTINGS.plan_ids)["graph"]

    assert (graph["code"], graph["cause"]) == ("unauthorized", "secret_expired")
    assert "new client secret" in graph["advice"]


def test_status_names_no_cause_that_is_over():
    mended = replace(
        WELL,
        graph_failed_at=NOW - 30 * SECOND,
        graph_code="unauthorized",
        graph_cause="secret_expired",
    )

    graph = status(mended, SETTINGS.plan_ids)["graph"]

    assert (graph["code"], graph["cause"], graph["advice"]) == ("unauthorized", None, None)
