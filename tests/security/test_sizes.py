"""How large what others say may be: what is too large is refused, and not read on.

Of documents: tests/test_dialects.py and tests/sync/test_refusals.py; of answers of Graph:
tests/graph/test_client.py; of those of the authority: tests/identity/test_sign_in_failures.py.
"""

import asyncio
import contextlib
from collections.abc import Iterator

import httpx
import pytest

from planner_sync.model.messages import MESSAGE_MAX_BYTES, Update, read_update
from planner_sync.web.http_limits import LINGER_BYTES, MOST_HEAD_BYTES, MOST_URL_BYTES
from planner_sync.web.routes import MOST_BODY_BYTES
from tests.host.fresh import run_python
from tests.redis_process import free_port, redis_process
from tests.web.served import PLAN, client

CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"
# What the kernels of both sides keep on the way, beside what the server reads.
ON_THE_WAY = 16_000_000


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_process() as url:
        yield url


class Caller:
    """Somebody who writes bytes, and reads what comes until the connection ends."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._port = http.base_url.port

    async def say(self, first: bytes, then: bytes = b"") -> tuple[str, int]:
        """Say `first`, and `then` for as long as the server takes it; the answer's first line, and
        the bytes sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        speaking = asyncio.create_task(self._speak(writer, first, then))
        heard = b""
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65536):
                    heard += data
        writer.close()
        return heard.decode().partition("\r\n")[0], await speaking

    async def _speak(self, writer: asyncio.StreamWriter, first: bytes, then: bytes) -> int:
        sent = 0
        with contextlib.suppress(ConnectionError):
            writer.write(first)
            await writer.drain()
            while then and not writer.is_closing() and sent < 10 * ON_THE_WAY:
                writer.write(then)
                await writer.drain()
                sent += len(then)
        return sent


def head(line: str, **headers: str) -> bytes:
    named = {"host": "localhost", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    return "\r\n".join([f"{line} HTTP/1.1", *lines, "", ""]).encode()


ENDLESS = {"transfer_encoding": "chunked"}
# What is said, and then said again and again; and the answer. Each of them has to end the
# connection.
SAID = [
    pytest.param(head("GET /api/health", **ENDLESS), CHUNK, "413", id="a body without an end"),
    pytest.param(
        head("GET /api/health", content_length="9" * 12),
        b"x" * 65536,
        "413",
        id="a body that says its size",
    ),
    pytest.param(head("GET /api/status", **ENDLESS), CHUNK, "401", id="without a key"),
    pytest.param(head("POST /api/nothing", **ENDLESS), CHUNK, "404", id="to no route"),
    pytest.param(head("PUT /api/health", **ENDLESS), CHUNK, "405", id="by no method"),
    pytest.param(
        head("GET /api/health?" + "x" * MOST_URL_BYTES, connection="close"),
        b"",
        "414",
        id="a long URL",
    ),
    pytest.param(head("GET /" + "x" * 1_000_000), b"x" * 65536, "400", id="a URL without an end"),
    pytest.param(
        head("GET /api/health", x="x" * 17_000, connection="close"), b"", "431", id="a large header"
    ),
    pytest.param(
        b"GET /api/health HTTP/1.1\r\n",
        b"x: " + b"x" * 1000 + b"\r\n",
        "400",
        id="headers without an end",
    ),
    pytest.param(b"", b"x" * 65536, "400", id="no request"),
    pytest.param(
        head("GET /api/health", **ENDLESS) + b"ffffffffffffffff\r\n",
        b"x" * 65536,
        "413",
        id="a vast chunk",
    ),
    pytest.param(
        head("GET /api/health", **ENDLESS) + b"no number\r\n", b"", "400", id="a broken chunk"
    ),
]


@pytest.mark.parametrize(("first", "then", "code"), SAID)
async def test_what_is_too_large_is_refused_and_the_connection_ends(
    redis_url: str, first: bytes, then: bytes, code: str
) -> None:
    async with client(redis_url, PLANNER_SYNC_API_KEY="right") as http:
        answer, sent = await Caller(http).say(first, then)
        after = await http.get("/api/health")

    assert answer.split(" ")[1:2] == [code]
    assert sent < LINGER_BYTES + ON_THE_WAY
    assert after.status_code == 200


@pytest.mark.parametrize(
    "size", [pytest.param(MOST_BODY_BYTES, id="the most"), pytest.param(0, id="none")]
)
async def test_a_body_within_the_limit_is_taken(redis_url: str, size: int) -> None:
    async with client(redis_url) as http:
        assert (await http.request("GET", "/api/health", content=b"x" * size)).status_code == 200


async def test_a_body_that_is_a_byte_too_large_is_refused(redis_url: str) -> None:
    async with client(redis_url) as http:
        answer = await http.request("GET", "/api/health", content=b"x" * (MOST_BODY_BYTES + 1))

    assert (answer.status_code, answer.json()["title"]) == (413, "Content Too Large")


async def test_a_caller_who_is_refused_before_it_has_said_everything_is_heard_to_its_end(
    redis_url: str,
) -> None:
    """One that writes before it reads would else find the connection reset, and never hear why."""
    said = (
        head("POST /api/nothing", content_length="10"),
        b"x" * 10,
        head("GET /api/health", connection="close"),
    )
    async with client(redis_url) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
        for part in said:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)
        heard = (await reader.read()).decode()
        writer.close()

    assert [heard.count(f"HTTP/1.1 {code} ") for code in (404, 200)] == [1, 1]


async def test_a_caller_who_asks_before_it_sends_a_body_is_not_invited(redis_url: str) -> None:
    asks = head("GET /api/health", content_length=str(MOST_BODY_BYTES + 1), expect="100-continue")
    async with client(redis_url) as http:
        answer, _ = await Caller(http).say(asks)

    assert answer.startswith("HTTP/1.1 413 ")


async def test_a_body_that_does_not_come_in_time_is_not_waited_for(redis_url: str) -> None:
    async with client(redis_url, options={"body_seconds": 0.2}) as http:
        answer, _ = await Caller(http).say(head("GET /api/health", content_length="10") + b"x")

    assert answer.startswith("HTTP/1.1 408 ")


async def test_a_head_within_the_limit_is_taken(redis_url: str) -> None:
    async with client(redis_url) as http:
        answer = await http.get("/api/health", headers={"x": "x" * (MOST_HEAD_BYTES - 1000)})
        long = await http.get("/api/health?" + "x" * (MOST_URL_BYTES - 100))

    assert (answer.status_code, long.status_code) == (200, 200)


IN_FUNCTIONS = """
import asyncio, azure.functions as func
functions = {f.get_function_name(): f.get_user_function() for f in function_app.app.get_functions()}

async def main():
    for size in (1_048_576, 1_048_577):
        request = func.HttpRequest("POST", "http://localhost/api/x", body=b"x" * size, route_params={"id": "foreign"})
        print((await functions["release"](request)).status_code)

asyncio.run(main())
"""


def test_in_the_function_app_a_body_has_the_same_limit() -> None:
    """The host itself takes 100 MB, and of a URL and headers what Kestrel takes, 8 and 32 KiB."""
    settings = {"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": "token"}
    run = run_python(IN_FUNCTIONS, REDIS_URL=f"redis://127.0.0.1:{free_port()}", **settings)

    assert run.stdout.split() == ["404", "413"]


# -- messages --------------------------------------------------------------------------------------
def message(size: int) -> bytes:
    said = b'{"action":"updated","taskId":"t","task":{"description":"%s"}}'
    return said % (b"x" * (size - len(said % b"")))


def test_a_message_of_2_mib_is_understood_and_one_of_a_byte_more_is_ignored() -> None:
    update = read_update(message(MESSAGE_MAX_BYTES))

    assert isinstance(update, Update)
    assert (update.task_id, update.action) == ("t", "updated")
    assert read_update(message(MESSAGE_MAX_BYTES + 1)) is None
