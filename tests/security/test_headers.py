"""The security headers: on every answer of both hosts, refusals included, and on every page of the
emulator."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from planner_emulator.app import HEADERS as PAGE_HEADERS
from planner_sync.web.http_limits import MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_URL_BYTES
from planner_sync.web.routes import HEADERS, ROUTES
from tests.emulator_process import Emulator, emulator_in_loop
from tests.host.fresh import run_python
from tests.redis_process import free_port, redis_process
from tests.web.served import PLAN, NothingHeld, client

ROOT = Path(__file__).resolve().parents[2]
KEY = {"x-functions-key": "right"}


def missing(headers: Any, wanted: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if headers.get(name) != value}


# -- the standalone service ------------------------------------------------------------------------
class Breaks(NothingHeld):
    """An operator's means that fail."""

    async def restore(self, plan_id: str) -> int | None:
        raise LookupError("what nobody thought of")


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_process() as url:
        yield url


async def chunks() -> AsyncIterator[bytes]:
    yield b"a"


ASKED = [
    *[
        pytest.param(route.method, route.path, KEY, None, None, id=f"{route.method} {route.path}")
        for route in ROUTES
    ],
    pytest.param("HEAD", "/api/health", {}, None, 200, id="HEAD"),
    pytest.param("GET", "/api/status", {}, None, 401, id="no key"),
    pytest.param("POST", f"/api/plans/{PLAN}/release", KEY, None, 409, id="nothing is held"),
    pytest.param("POST", f"/api/plans/{PLAN}/restore", KEY, None, 500, id="it breaks"),
    pytest.param("GET", "/", {}, None, 404, id="no such route"),
    pytest.param("DELETE", "/api/health", {}, None, 405, id="no such method"),
    pytest.param("GET", "/api/health", {}, chunks, 411, id="a body of an unknown size"),
    pytest.param(
        "GET",
        "/api/health",
        {},
        lambda: b"x" * (MAX_BODY_BYTES + 1),
        413,
        id="a body that is too large",
    ),
    pytest.param(
        "GET", "/api/health?" + "x" * MAX_URL_BYTES, {}, None, 414, id="a URL that is too long"
    ),
    pytest.param(
        "GET",
        "/api/health",
        {"x": "x" * MAX_HEAD_BYTES},
        None,
        None,
        id="headers that are too large",
    ),
]


@pytest.mark.parametrize(("method", "path", "headers", "body", "code"), ASKED)
async def test_every_answer_of_the_standalone_service_has_all_headers(
    redis_url: str, method: str, path: str, headers: dict[str, str], body: Any, code: int | None
) -> None:
    async with client(redis_url, Breaks(), PLANNER_SYNC_API_KEY="right") as http:
        answer = await http.request(method, path, headers=headers, content=body and body())

    assert code in (None, answer.status_code)
    assert missing(answer.headers, HEADERS) == {}
    assert not {"server", "x-powered-by"} & set(answer.headers)


async def test_a_foreign_page_is_refused_with_all_headers(redis_url: str) -> None:
    async with client(redis_url) as http:
        answer = await http.get("/api/status", headers={"origin": "https://attacker.example"})

    assert (answer.status_code, missing(answer.headers, HEADERS)) == (403, {})


async def test_without_redis_all_headers_are_there_too() -> None:
    async with client(f"redis://127.0.0.1:{free_port()}") as http:
        answers = [await http.get(path) for path in ("/api/health", "/api/status")]

    assert [(answer.status_code, missing(answer.headers, HEADERS)) for answer in answers] == [
        (503, {})
    ] * 2


async def test_what_is_no_request_is_refused_with_all_headers(redis_url: str) -> None:
    async with client(redis_url) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
        writer.write(b"this is no request\r\n\r\n")
        head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()

    first, *lines = head.split("\r\n")
    headers = httpx.Headers([tuple(line.split(": ", 1)) for line in lines])
    assert (first, json.loads(body)["status"]) == ("HTTP/1.1 400 Bad Request", 400)
    assert missing(headers, HEADERS) == {}


# -- the Function App ------------------------------------------------------------------------------
IN_FUNCTIONS = """
import asyncio, json, azure.functions as func
functions = {f.get_function_name(): f.get_user_function() for f in function_app.app.get_functions()}

async def main():
    answers = []
    for name in sorted(set(functions) - {"poll"}):
        url, params = "http://localhost/api/x", {"id": "foreign"}
        request = func.HttpRequest("GET", url, body=b"", route_params=params)
        answer = await functions[name](request)
        answers.append([name, answer.status_code, dict(answer.headers)])
    print(json.dumps(answers))

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        pytest.param({"PLANNER_SYNC_POLL_SECONDS": "soon"}, {503}, id="with wrong settings"),
        pytest.param(
            {"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": "t"},
            {404, 503},
            id="no Redis",
        ),
    ],
)
def test_every_answer_of_the_function_app_has_all_headers(
    settings: dict[str, str], codes: set[int]
) -> None:
    run = run_python(IN_FUNCTIONS, REDIS_URL=f"redis://127.0.0.1:{free_port()}", **settings)
    answers = json.loads(run.stdout)

    assert {name for name, _, _ in answers} == {
        route.answer.__name__.removeprefix("answer_") for route in ROUTES
    }
    assert {code for _, code, _ in answers} == codes
    assert [(name, code) for name, code, headers in answers if missing(headers, HEADERS)] == []


def test_the_functions_host_puts_them_on_what_it_answers_by_itself() -> None:
    """It adds them where they are missing:
    https://learn.microsoft.com/azure/azure-functions/functions-host-json#http"""
    host = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))

    assert host["extensions"]["http"]["customHeaders"] == HEADERS


# -- the emulator ----------------------------------------------------------------------------------
FILES = [f"/board/{path.name}" for path in sorted((ROOT / "planner_emulator" / "board").iterdir())]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with emulator_in_loop() as emulator:
        yield emulator


async def test_every_page_of_the_emulator_has_all_headers(emulator: Emulator) -> None:
    paths = ["/", *FILES, "/board/nothing.js", "/nothing", "/_emulator/state", "/_emulator/nothing"]
    async with httpx.AsyncClient(base_url=emulator.page) as http:
        answers = {path: await http.get(path) for path in paths}
        answers["POST"] = await http.post("/")
        answers["no JSON"] = await http.post("/_emulator/faults", content=b"{")
        answers["a foreign page"] = await http.get(
            "/_emulator/state", headers={"origin": "https://attacker.example"}
        )

    assert {path: answers[path].status_code for path in ("/", *FILES)} == dict.fromkeys(
        ("/", *FILES), 200
    )
    assert [path for path, answer in answers.items() if missing(answer.headers, PAGE_HEADERS)] == []


async def test_graphs_answers_are_as_graphs_are(emulator: Emulator) -> None:
    async with httpx.AsyncClient(headers=emulator.headers) as http:
        answer = await http.get(f"{emulator.url}/planner/plans/{emulator.plan_id}")

    assert "content-security-policy" not in answer.headers
