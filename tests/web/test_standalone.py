"""The routes over real HTTP, as the standalone service serves them."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest
from redis.asyncio import Redis

from planner_sync.settings import Settings
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts
from planner_sync.store.vitals import Vitals
from planner_sync.web.routes import ROUTES, Backing
from planner_sync.web.standalone import MOST_BODY_BYTES, bind, create_app, serving
from tests.redis_process import free_port, redis_process

PLAN = "xqQg5FS2LkCp935s-FIFm2QAFkHM"
ENV = {"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": "token"}


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_process() as url:
        yield url


class NothingHeld:
    """An operator's means where no plan is held."""

    async def release(self, plan_id: str) -> int | None:
        return None

    async def restore(self, plan_id: str) -> int | None:
        return None


@asynccontextmanager
async def client(redis_url: str, **env: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these settings besides `ENV`."""
    settings = Settings.from_env({**ENV, "PLANNER_SYNC_HTTP_PORT": str(free_port()), **env})
    async with Redis.from_url(redis_url) as redis:
        app = create_app(Backing(settings, Vitals(redis, Scripts(redis), Keys("annika")), NothingHeld()))
        async with (
            serving(app, bind(settings)),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http_port}") as http,
        ):
            yield http


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


@pytest.mark.parametrize("route", [pytest.param(route, id=f"{route.method} {route.path}") for route in ROUTES])
@pytest.mark.parametrize(
    ("headers", "is_let_in"),
    [
        pytest.param({}, False, id="no key"),
        pytest.param({"x-functions-key": "wrong"}, False, id="a wrong key"),
        pytest.param({"x-functions-key": "clé"}, False, id="a key outside ASCII"),
        pytest.param({"X-Functions-Key": "right"}, True, id="the key"),
    ],
)
async def test_with_an_api_key_only_the_anonymous_routes_answer_without_it(redis_url, route, headers, is_let_in):
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


@pytest.mark.parametrize(
    ("method", "path", "code"), [("GET", "/api/nothing", 404), ("GET", "/", 404), ("POST", "/api/health", 405)]
)
async def test_what_is_not_in_the_table_is_a_problem(redis_url, method, path, code):
    async with client(redis_url) as http:
        answer = await http.request(method, path)

    assert (answer.status_code, answer.json()["status"]) == (code, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_body_that_is_too_large_is_not_read(redis_url):
    async with client(redis_url) as http:
        answer = await http.request("GET", "/api/health", content=b"x" * (MOST_BODY_BYTES + 1))

    assert answer.status_code == 413


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
