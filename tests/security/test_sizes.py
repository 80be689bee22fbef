"""The sizes that callers and agents may send: more is refused, and not read on.

Documents: tests/test_dialects.py and tests/sync/test_refusals.py. Graph's answers:
tests/graph/test_client.py. The authority's answers: tests/graph/test_auth_failures.py.
"""

import asyncio
import contextlib
from collections.abc import Iterator

import httpx
import pytest

from planner_sync.model.messages import MESSAGE_MAX_BYTES, Update, read_update
from planner_sync.web.http_limits import MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_URL_BYTES
from tests.redis_process import redis_process
from tests.web.served import client

CHUNK = b"10000\r\n" + b"x" * 65536 + b"\r\n"
# The kernel's buffers on both sides hold no more than this.
IN_TRANSIT = 16_000_000


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_process() as url:
        yield url


class Caller:
    """Writes bytes, and reads until the connection ends."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._port = http.base_url.port

    async def say(self, first: bytes, then: bytes = b"") -> tuple[str, int]:
        """Write `first`, and `then` for as long as the server takes it.

        Returns the first line of the answer and the number of bytes sent of `then`.
        """
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
            while then and not writer.is_closing() and sent < 10 * IN_TRANSIT:
                writer.write(then)
                await writer.drain()
                sent += len(then)
        return sent


def head(line: str, **headers: str) -> bytes:
    named = {"host": "localhost", **headers}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in named.items()]
    return "\r\n".join([f"{line} HTTP/1.1", *lines, "", ""]).encode()


HEALTH, CHUNKED = "GET /api/health", {"transfer_encoding": "chunked"}
ENDLESS_HEADER = b"x: " + b"x" * 1000 + b"\r\n"
# What is sent once, what is then sent again and again, and the answer.
SENT = [
    pytest.param(head(HEALTH, **CHUNKED), CHUNK, "411", id="a body of an unknown size"),
    pytest.param(
        head(HEALTH, content_length="9" * 12), b"x" * 65536, "413", id="a body that is too large"
    ),
    pytest.param(head("GET /api/status", **CHUNKED), CHUNK, "411", id="without a key"),
    pytest.param(head("POST /api/nothing", **CHUNKED), CHUNK, "411", id="to no route"),
    pytest.param(
        head("GET /api/health?" + "x" * MAX_URL_BYTES), b"", "414", id="a URL that is too long"
    ),
    pytest.param(head("GET /" + "x" * 1_000_000), b"x" * 65536, "400", id="a URL without an end"),
    pytest.param(head(HEALTH, x="x" * 17_000), b"", "431", id="a header that is too large"),
    pytest.param(
        b"GET /api/health HTTP/1.1\r\n", ENDLESS_HEADER, "400", id="headers without an end"
    ),
    pytest.param(b"", b"x" * 65536, "400", id="no request"),
    pytest.param(
        head(HEALTH, **CHUNKED) + b"ffffffffffffffff\r\n", b"x" * 65536, "411", id="a vast chunk"
    ),
    pytest.param(head(HEALTH, **CHUNKED) + b"no number\r\n", b"", "411", id="a broken chunk"),
]


@pytest.mark.parametrize(("first", "then", "code"), SENT)
async def test_what_is_too_large_is_refused_and_the_connection_ends(
    redis_url: str, first: bytes, then: bytes, code: str
) -> None:
    async with client(redis_url, PLANNER_SYNC_API_KEY="right") as http:
        answer, sent = await Caller(http).say(first, then)
        after = await http.get("/api/health")

    assert answer.split(" ")[1:2] == [code]
    assert sent < IN_TRANSIT
    assert after.status_code == 200


@pytest.mark.parametrize(
    "size", [pytest.param(MAX_BODY_BYTES, id="the limit"), pytest.param(0, id="none")]
)
async def test_a_body_within_the_limit_is_ignored(redis_url: str, size: int) -> None:
    async with client(redis_url) as http:
        answers = [await http.request("GET", "/api/health", content=b"x" * size) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]


async def test_a_body_that_is_a_byte_too_large_is_refused(redis_url: str) -> None:
    async with client(redis_url) as http:
        answer, _ = await Caller(http).say(head(HEALTH, content_length=str(MAX_BODY_BYTES + 1)))

    assert answer.startswith("HTTP/1.1 413 ")


async def test_after_a_refusal_the_rest_of_a_small_body_is_skipped(redis_url: str) -> None:
    """A caller that writes everything before it reads hears the answer, and may go on."""
    parts = (
        head("POST /api/nothing", content_length="10"),
        b"x" * 10,
        head(HEALTH, connection="close"),
    )
    async with client(redis_url) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.05)
        heard = (await reader.read()).decode()
        writer.close()

    assert [heard.count(f"HTTP/1.1 {code} ") for code in (404, 200)] == [1, 1]


async def test_a_caller_that_asks_before_it_sends_a_body_is_not_invited(redis_url: str) -> None:
    asking = head(HEALTH, content_length=str(MAX_BODY_BYTES + 1), expect="100-continue")
    async with client(redis_url) as http:
        answer, _ = await Caller(http).say(asking)

    assert answer.startswith("HTTP/1.1 413 ")


async def test_a_body_is_not_waited_for(redis_url: str) -> None:
    """Not before the answer, and a few seconds after it the connection ends."""
    async with client(redis_url) as http:
        answer, _ = await Caller(http).say(head(HEALTH, content_length="10") + b"x")

    assert answer.startswith("HTTP/1.1 200 ")


async def test_a_head_within_the_limit_is_taken(redis_url: str) -> None:
    async with client(redis_url) as http:
        answer = await http.get("/api/health", headers={"x": "x" * (MAX_HEAD_BYTES - 1000)})
        long = await http.get("/api/health?" + "x" * (MAX_URL_BYTES - 100))

    assert (answer.status_code, long.status_code) == (200, 200)


# -- messages --------------------------------------------------------------------------------------
def message(size: int) -> bytes:
    said = b'{"action":"updated","taskId":"t","task":{"description":"%s"}}'
    return said % (b"x" * (size - len(said % b"")))


def test_a_message_of_2_mib_is_understood_and_one_of_a_byte_more_is_ignored() -> None:
    update = read_update(message(MESSAGE_MAX_BYTES))

    assert isinstance(update, Update)
    assert (update.task_id, update.action) == ("t", "updated")
    assert read_update(message(MESSAGE_MAX_BYTES + 1)) is None
