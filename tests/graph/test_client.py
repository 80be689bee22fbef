"""The client against servers that fail in every way: what is sent, how often, which error comes."""

import asyncio
import contextlib
import gzip
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from planner_sync.errors import AnswerLost, GraphError, NotSent, Rejected, Unauthorized
from planner_sync.identity.tokens import MsalTokens, ReadyToken
from tests.graph.connect import PLAN, graph_at, numbered_tokens
from tests.graph.raw_server import RawServer, Received, Reset, graph_error, reply

LISTING = f"/planner/plans/{PLAN}/tasks"
ITEM = {"id": "a", "@odata.etag": 'W/"1"'}


# -- the request -----------------------------------------------------------------------------------
async def test_a_change_carries_the_etag_verbatim_and_asks_for_the_representation() -> None:
    async with (
        RawServer(lambda _: reply(200, ITEM)).running() as server,
        graph_at(f"{server.url}/v1.0") as graph,
    ):
        await graph.request(
            "PATCH", "/planner/tasks/a", json={"title": "b"}, etag='W/"JzEtVGFzayAgQEBA\\="'
        )

    [request] = server.requests
    assert (request.method, request.target, request.json) == (
        "PATCH",
        "/v1.0/planner/tasks/a",
        {"title": "b"},
    )
    assert request.headers["if-match"] == 'W/"JzEtVGFzayAgQEBA\\="'
    assert request.headers["prefer"] == "return=representation"
    assert request.headers["authorization"] == "Bearer the-token"


async def test_a_read_asks_for_no_metadata_level() -> None:
    """`odata.metadata=none` would take the etags away."""
    async with (
        RawServer(lambda _: reply(200, ITEM)).running() as server,
        graph_at(server.url) as graph,
    ):
        answer = await graph.request("GET", "/planner/tasks/a")

    assert answer.json == ITEM
    assert server.requests[0].headers["accept"] == "application/json"
    assert "if-match" not in server.requests[0].headers


# -- faults of the network -------------------------------------------------------------------------
HEAD_OF_JSON = b"HTTP/1.1 200 x\r\ncontent-type: application/json\r\n"


def reset(_: Received) -> bytes:
    raise Reset


async def cut_short(_: Received) -> AsyncIterator[bytes]:
    yield HEAD_OF_JSON + b'content-length: 100\r\n\r\n{"id": "a"'


async def reset_midway(_: Received) -> AsyncIterator[bytes]:
    yield HEAD_OF_JSON + b'content-length: 100\r\n\r\n{"id"'
    raise Reset


async def cut_chunks(_: Received) -> AsyncIterator[bytes]:
    yield HEAD_OF_JSON + b'transfer-encoding: chunked\r\n\r\n5\r\n{"id"\r\n'


async def slow_drip(_: Received) -> AsyncIterator[bytes]:
    yield HEAD_OF_JSON + b"content-length: 10000\r\n\r\n"
    while True:
        yield b" "
        await asyncio.sleep(0.05)


async def silence(_: Received) -> bytes:
    await asyncio.sleep(5)
    return b""


async def endless_body(_: Received) -> AsyncIterator[bytes]:
    yield HEAD_OF_JSON + b"\r\n"
    for _n in range(1600):
        yield b" " * 65536


async def endless_headers(_: Received) -> AsyncIterator[bytes]:
    yield HEAD_OF_JSON
    for n in range(100_000):
        yield b"x-%d: %s\r\n" % (n, b"x" * 1000)


def bomb(_: Received) -> bytes:
    return reply(200, gzip.compress(b" " * 40_000_000, 1), content_encoding="gzip")


FAULTS = [
    pytest.param(reset, id="reset after the request"),
    pytest.param(lambda _: b"", id="closed without an answer"),
    pytest.param(cut_short, id="body shorter than its length"),
    pytest.param(reset_midway, id="reset in the body"),
    pytest.param(cut_chunks, id="chunks cut off"),
    pytest.param(lambda _: reply(200, b'{"id": "a"'), id="truncated JSON"),
    pytest.param(
        lambda _: reply(200, b"<html>sign in</html>", kind="text/html"), id="captive portal"
    ),
    pytest.param(lambda _: b"220 smtp ready\r\n", id="another protocol"),
    pytest.param(
        lambda _: reply(200, b"\x1f\x8bnonsense", content_encoding="gzip"), id="broken gzip"
    ),
    pytest.param(lambda _: reply(302, None, location="http://127.0.0.1:1/"), id="redirect"),
    pytest.param(
        lambda _: reply(307, None, location="http://127.0.0.1:1/"), id="redirect of a write"
    ),
    pytest.param(lambda _: reply(500, b"<html>", kind="text/html"), id="500 with a page"),
    pytest.param(lambda _: reply(502, b"<html>", kind="text/html"), id="502 with a page"),
    pytest.param(lambda _: graph_error(504), id="504"),
    pytest.param(lambda _: reply(404, b"<html>", kind="text/html"), id="404 of a proxy"),
    pytest.param(slow_drip, id="a byte now and then"),
    pytest.param(silence, id="silence"),
]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_lost_answer_is_asked_for_once_and_never_again(fault: Any, method: Any) -> None:
    """Only the caller knows whether a repeated write would do harm."""
    async with RawServer(fault).running() as server, graph_at(server.url, deadline=0.25) as graph:
        with pytest.raises(AnswerLost):
            await graph.request(
                method, "/planner/tasks/a", json=None if method == "GET" else {"title": "b"}
            )

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [pytest.param(endless_body, id="100 MB"), pytest.param(bomb, id="gzip bomb")]
)
async def test_a_body_has_a_limit(body: Any) -> None:
    async with RawServer(body).running() as server, graph_at(server.url) as graph:
        with pytest.raises(AnswerLost, match="its body is larger than 33554432 bytes"):
            await graph.request("GET", "/planner/tasks/a")


async def test_the_headers_of_an_answer_have_a_limit() -> None:
    async with RawServer(endless_headers).running() as server, graph_at(server.url) as graph:
        with pytest.raises(AnswerLost, match="RemoteProtocolError"):
            await graph.request("GET", "/planner/tasks/a")


async def test_a_refused_connection_is_not_sent() -> None:
    async with RawServer(reset).running() as server:
        pass

    async with graph_at(server.url) as graph:
        with pytest.raises(NotSent, match=r"POST /planner/tasks: no connection \(ConnectError\)"):
            await graph.request("POST", "/planner/tasks", json={"planId": PLAN})


async def test_an_unknown_host_is_not_sent() -> None:
    async with graph_at("http://nowhere.invalid") as graph:
        with pytest.raises(NotSent):
            await graph.request("GET", "/planner/tasks/a")


async def test_a_host_that_swallows_connections_is_not_sent() -> None:
    """We give up long before the deadline, and know that nothing was done."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, contextlib.ExitStack() as stack:
        port = deaf.getsockname()[1]
        for _ in range(3):  # as many as the kernel lets wait; the next one gets no answer
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        async with graph_at(f"http://127.0.0.1:{port}", connect_limit=0.2) as graph:
            with pytest.raises(NotSent, match=r"no connection \(ConnectTimeout\)"):
                await graph.request("POST", "/planner/tasks", json={"planId": PLAN})


async def test_a_failed_before_sends_nothing() -> None:
    async def no_lease() -> None:
        raise LookupError("the lease is lost")

    async with RawServer(reset).running() as server, graph_at(server.url) as graph:
        with pytest.raises(LookupError):
            await graph.request("POST", "/planner/tasks", json={}, before=no_lease)

    assert server.requests == []


async def test_a_lost_answer_can_be_asked_about_at_microsoft() -> None:
    async with RawServer(reset).running() as server, graph_at(server.url) as graph:
        with pytest.raises(AnswerLost) as lost:
            await graph.request("GET", "/planner/tasks/a")

    assert lost.value.request_id == server.requests[0].headers["client-request-id"]


# -- 401 -------------------------------------------------------------------------------------------
def only_for(token: str) -> Any:
    def answer(request: Received) -> bytes:
        if request.headers["authorization"] == f"Bearer {token}":
            return reply(201, ITEM)
        return graph_error(
            401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid."
        )

    return answer


async def test_after_a_401_the_token_is_refreshed_once_and_the_request_repeated() -> None:
    """Also a POST: it was not done. The intent that `before` recorded still holds."""
    tokens, given = numbered_tokens()
    intents = []

    async def intend() -> None:
        intents.append("recorded")

    async with (
        RawServer(only_for("token-2")).running() as server,
        graph_at(server.url, tokens=tokens) as graph,
    ):
        answer = await graph.request("POST", "/planner/tasks", json={"planId": PLAN}, before=intend)

    assert answer.status == 201
    assert [request.method for request in server.requests] == ["POST", "POST"]
    assert (given, intents) == (["token-1", "token-2"], ["recorded"])


async def test_a_401_with_a_fresh_token_is_unauthorized() -> None:
    tokens, given = numbered_tokens()

    async with (
        RawServer(only_for("none")).running() as server,
        graph_at(server.url, tokens=tokens) as graph,
    ):
        with pytest.raises(Unauthorized, match="401 InvalidAuthenticationToken"):
            await graph.request("GET", "/planner/tasks/a")

    assert len(server.requests) == len(given) == 2


async def test_a_401_with_a_ready_token_is_not_repeated() -> None:
    async with RawServer(only_for("none")).running() as server, graph_at(server.url) as graph:
        with pytest.raises(Unauthorized):
            await graph.request("GET", "/planner/tasks/a")

    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", [Unauthorized, NotSent])
async def test_without_a_token_nothing_is_sent(kind: type[GraphError]) -> None:
    async def acquire() -> dict[str, Any]:
        raise kind("sign-in: no")

    async with (
        RawServer(reset).running() as server,
        graph_at(server.url, tokens=MsalTokens(acquire)) as graph,
    ):
        with pytest.raises(kind, match="POST /planner/tasks: sign-in: no"):
            await graph.request("POST", "/planner/tasks", json={"planId": PLAN})

    assert server.requests == []


async def test_a_refresh_that_fails_after_a_401_is_the_error() -> None:
    answers: list[Any] = [
        {"access_token": "token-1", "expires_in": 3600},
        NotSent("sign-in: unreachable"),
    ]

    async def acquire() -> dict[str, Any]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    async with (
        RawServer(only_for("none")).running() as server,
        graph_at(server.url, tokens=MsalTokens(acquire)) as graph,
    ):
        with pytest.raises(NotSent, match="unreachable"):
            await graph.request("POST", "/planner/tasks", json={"planId": PLAN})


# -- what may be sent ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "path", "json"),
    [
        pytest.param("GET", "/planner/plans/foreign/tasks", None, id="listing"),
        pytest.param(
            "GET", "/planner/plans('foreign')/tasks", None, id="listing, key in parentheses"
        ),
        pytest.param("PATCH", "/planner/plans/foreign/details", {}, id="labels"),
        pytest.param(
            "POST", "/planner/tasks", {"planId": "foreign", "title": "a"}, id="a new card"
        ),
        pytest.param(
            "POST", "/planner/buckets", {"planId": "foreign", "name": "a"}, id="a new bucket"
        ),
        pytest.param("GET", "/planner/tasks?$filter=planId eq 'foreign'", None, id="a filter"),
        pytest.param(
            "GET",
            "/planner/tasks?$filter=planid%20eq%20%27foreign%27",
            None,
            id="a filter, encoded",
        ),
        pytest.param(
            "POST",
            "/planner/tasks",
            {"PlanId": "foreign", "title": "a"},
            id="a name in other letters",
        ),
        pytest.param("POST", "/planner/tasks", {"a": [{"planId": "foreign"}]}, id="deep in a body"),
        pytest.param("GET", f"/planner/plans/{PLAN}/../foreign/tasks", None, id="a way round"),
        pytest.param(
            "GET", f"/planner/plans/{PLAN}/%2e%2e/foreign/tasks", None, id="a way round, encoded"
        ),
        pytest.param("GET", "/../beta/planner/tasks/a", None, id="out of the version"),
        pytest.param(
            "GET", f"/planner/plans/{PLAN.upper()}/tasks", None, id="ids are case-sensitive"
        ),
    ],
)
async def test_no_request_leaves_that_names_a_foreign_plan(
    method: Any, path: str, json: Any
) -> None:
    async with (
        RawServer(lambda _: reply(200, ITEM)).running() as server,
        graph_at(f"{server.url}/v1.0") as graph,
    ):
        with pytest.raises(Rejected):
            await graph.request(method, path, json=json)

    assert server.requests == []


@pytest.mark.parametrize("etag", ['W/"a\r\nX: y"', 'W/"ä"'])
async def test_an_etag_that_cannot_be_a_header_is_rejected(etag: str) -> None:
    async with RawServer(reset).running() as server, graph_at(server.url) as graph:
        with pytest.raises(Rejected, match="etag"):
            await graph.request("DELETE", "/planner/tasks/a", etag=etag)

    assert server.requests == []


TOKEN = "a-token-that-is-long-enough"


def echo_in_item(asked: Received) -> bytes:
    headers = {"request-id": TOKEN}
    body = {"error": {"code": TOKEN, "message": asked.headers["authorization"]}}
    items = [
        {"id": item["id"], "status": 400, "headers": headers, "body": body}
        for item in asked.json["requests"]
    ]
    return reply(200, {"responses": items})


ECHOES = [
    pytest.param(
        lambda asked: graph_error(400, "x", f"bad header {asked.headers['authorization']}"),
        id="message",
    ),
    pytest.param(lambda asked: graph_error(400, TOKEN), id="code"),
    pytest.param(
        lambda asked: graph_error(400, "x", request_id=asked.headers["authorization"]),
        id="request id",
    ),
    pytest.param(
        lambda asked: reply(200, request_id=asked.headers["authorization"]),
        id="an answer that is none",
    ),
    pytest.param(
        lambda asked: graph_error(302, "x", asked.headers["authorization"]), id="redirect"
    ),
    pytest.param(echo_in_item, id="item of a batch"),
]


@pytest.mark.parametrize("echo", ECHOES)
async def test_an_answer_that_echoes_the_token_does_not_keep_it(echo: Any) -> None:
    async with (
        RawServer(echo).running() as server,
        graph_at(server.url, tokens=ReadyToken(TOKEN)) as graph,
    ):
        asked = (
            graph.request("GET", f"/planner/tasks/{n}") for n in range(1 + (echo is echo_in_item))
        )
        errors = await asyncio.gather(*asked, return_exceptions=True)

    assert {isinstance(error, GraphError) for error in errors} == {True}
    kept = [
        f"{error} {error.code} {error.request_id}"
        for error in errors
        if isinstance(error, GraphError)
    ]
    assert TOKEN not in str(kept)
    assert "***" in kept[0]


async def test_what_is_on_a_card_is_never_changed_for_a_token() -> None:
    card = {"id": "a", "title": f"my {TOKEN}"}
    done = RawServer(lambda _: reply(200, card))
    async with done.running() as server, graph_at(server.url, tokens=ReadyToken(TOKEN)) as graph:
        assert (await graph.request("GET", "/planner/tasks/a")).json == card


# -- secrets ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer", [pytest.param(lambda _: reply(200, ITEM), id="done"), *FAULTS[:8]]
)
async def test_no_token_and_no_address_is_in_a_log_line_or_a_message(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    address = "ann@contoso.example"

    with caplog.at_level(logging.DEBUG):
        async with (
            RawServer(answer).running() as server,
            graph_at(server.url, deadline=0.25) as graph,
        ):
            try:
                await graph.request("GET", f"/users/{address}?$select=id")
            except GraphError as error:
                logging.getLogger("test").exception("failed: %s", error)

    assert "the-token" not in caplog.text
    assert address not in caplog.text
