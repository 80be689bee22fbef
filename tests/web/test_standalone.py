"""The routes over real HTTP, as the standalone service serves them."""

import asyncio
import signal
import socket
from collections.abc import Iterator

import pytest

from planner_sync.settings import Settings
from planner_sync.web.routes import ROUTES
from planner_sync.web.standalone import bind
from tests.redis_process import free_port, redis_process
from tests.web.allowed import ALLOWED
from tests.web.served import ENV, PLAN, client


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_process() as url:
        yield url


@pytest.mark.contract("§7 GET /api/health")
async def test_health_before_the_first_pass_is_degraded_and_says_nothing_else(redis_url):
    async with client(redis_url) as http:
        answer = await http.get("/api/health")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "checks": {"redis": "ok", "graph": "degraded", "listener": "degraded", "poll": "degraded"},
    }
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


@pytest.mark.contract("§7 GET /api/health")
async def test_health_answers_503_within_seconds_when_redis_accepts_and_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with client(f"redis://127.0.0.1:{silent.getsockname()[1]}") as http:
            async with asyncio.timeout(3):
                answer = await http.get("/api/health")

    assert (answer.status_code, answer.json()["checks"]["redis"]) == (503, "down")


@pytest.mark.contract("§7 GET /api/status")
async def test_status_without_redis_is_a_problem():
    async with client(f"redis://127.0.0.1:{free_port()}") as http:
        answer = await http.get("/api/status")

    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")


@pytest.mark.contract("§7 GET /api/status")
async def test_status_names_the_plans(redis_url):
    async with client(redis_url) as http:
        answer = await http.get("/api/status")

    assert answer.status_code == 200
    assert list(answer.json()["plans"]) == [PLAN]


@pytest.mark.contract("§7 POST /api/plans/{id}/release, POST /api/plans/{id}/restore")
@pytest.mark.parametrize(("plan", "code"), [(PLAN, 409), ("another-plan", 404)])
@pytest.mark.parametrize("action", ["release", "restore"])
async def test_a_plan_that_is_not_held_has_no_hold_to_end(redis_url, action, plan, code):
    async with client(redis_url) as http:
        answer = await http.post(f"/api/plans/{plan}/{action}")

    assert answer.status_code == code
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "route", [pytest.param(route, id=f"{route.method} {route.path}") for route in ROUTES]
)
@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        pytest.param({}, False, id="no key"),
        pytest.param({"x-functions-key": "wrong"}, False, id="a wrong key"),
        pytest.param({"x-functions-key": "clé"}, False, id="a key outside ASCII"),
        pytest.param({"X-Functions-Key": "right"}, True, id="the key"),
    ],
)
async def test_with_an_api_key_only_the_anonymous_routes_answer_without_it(
    redis_url, route, headers, is_let_in
):
    async with client(redis_url, PLANNER_SYNC_API_KEY="right") as http:
        encoded = {name: value.encode() for name, value in headers.items()}
        answer = await http.request(route.method, route.path, headers=encoded)

    assert (answer.status_code == 401) is (route.auth == "key" and not is_let_in)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({"host": "localhost:7071"}, 200, id="by name"),
        pytest.param({"host": "[::1]:7071"}, 200, id="by IPv6 address"),
        pytest.param({"host": "attacker.example"}, 403, id="a foreign name for this machine"),
        pytest.param({"host": "[broken"}, 403, id="a name that cannot be read"),
        pytest.param({"origin": "https://attacker.example"}, 403, id="a foreign page"),
        pytest.param({"origin": "null"}, 403, id="a page without an origin"),
        pytest.param({"origin": "http://localhost:7071"}, 200, id="a page of this machine"),
    ],
)
async def test_without_an_api_key_only_this_machine_is_answered(redis_url, headers, code):
    async with client(redis_url) as http:
        assert (await http.get("/api/status", headers=headers)).status_code == code


METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PLACES = [
    "/",
    "/api",
    "/api/",
    "/api/nothing",
    "/api/health/",
    "//api/health",
    "/API/health",
    "/api/status/",
    "/docs",
]
PLACES += [
    "/api/plans",
    "/api/plans/x",
    "/api/plans/x/release/y",
    "/openapi.json",
    "/metrics",
    "/.env",
    "/admin/host/keys",
]


@pytest.mark.parametrize("path", [*PLACES, *sorted({path for _, path, _ in ALLOWED})])
async def test_nothing_answers_but_what_the_list_names(redis_url, path):
    async with client(redis_url) as http:
        answers = {method: await http.request(method, path) for method in METHODS}

    known = {method for method, allowed, _ in ALLOWED if allowed == path}
    refused = {method: answer for method, answer in answers.items() if method not in known}
    assert {answer.status_code for answer in refused.values()} == {405 if known else 404}
    assert {answer.json()["status"] for answer in refused.values()} == {405 if known else 404}
    assert {answer.headers["content-type"] for answer in refused.values()} == {
        "application/problem+json"
    }
    assert 405 not in {answers[method].status_code for method in known}


async def test_the_server_leaves_signals_alone(redis_url):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with client(redis_url) as http:
        await http.get("/api/health")
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


async def test_a_port_that_is_taken_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            bind(Settings.from_env({**ENV, "PLANNER_SYNC_HTTP_PORT": port}))
