"""Throttled answers and batches: which outcome each caller gets, and how often anything is sent."""

import asyncio
from typing import Any

import pytest

from planner_sync.errors import AnswerLost, GraphError, Rejected, Throttled, Unauthorized
from planner_sync.graph.gate import Gate
from tests.graph.connect import PLAN, graph_at, numbered_tokens
from tests.graph.raw_server import RawServer, Received, Reset, graph_error, reply

LISTING = f"/planner/plans/{PLAN}/tasks"
ITEM = {"id": "a", "@odata.etag": 'W/"1"'}


def reset(_: Received) -> bytes:
    raise Reset


# -- throttling ------------------------------------------------------------------------------------
async def test_a_429_pauses_everybody_and_is_published() -> None:
    published = []

    async def publish(milliseconds: float) -> None:
        published.append(milliseconds)

    throttle = graph_error(429, "TooManyRequests", retry_after="30")
    async with (
        RawServer(lambda _: throttle).running() as server,
        graph_at(server.url, gate=Gate(publish_pause=publish)) as graph,
    ):
        with pytest.raises(Throttled) as first:
            await graph.request("GET", "/planner/tasks/a")
        with pytest.raises(Throttled) as second:
            await graph.request("GET", "/planner/tasks/b")

    assert len(server.requests) == 1
    assert 29 < second.value.retry_after <= first.value.retry_after <= 30
    assert published == [30_000]


async def test_a_whole_batch_of_429_is_one_pause_the_longest() -> None:
    published = []

    async def publish(milliseconds: float) -> None:
        published.append(milliseconds)

    def item(n: str, seconds: str) -> dict[str, Any]:
        return {"id": n, "status": 429, "headers": {"Retry-After": seconds}, "body": {"error": {}}}

    reply_to_both = batch_answer(item("1", "10"), item("2", "30"))
    results, _ = await outcomes(lambda _: reply_to_both, gate=Gate(publish_pause=publish))

    assert [type(result) for result in results] == [Throttled, Throttled]
    assert published == [30_000]


async def test_what_a_pause_holds_back_is_named() -> None:
    gate = Gate()
    gate.pause_for(60)

    async with RawServer(reset).running() as server, graph_at(server.url, gate=gate) as graph:
        with pytest.raises(
            Throttled, match=r"^GET /planner/tasks/a: not sent: Graph is paused for .* s$"
        ):
            await graph.request("GET", "/planner/tasks/a?$select=id")

    assert server.requests == []


async def test_a_503_pauses_everybody_but_may_have_happened() -> None:
    async with (
        RawServer(lambda _: graph_error(503, retry_after="30")).running() as server,
        graph_at(server.url) as graph,
    ):
        with pytest.raises(AnswerLost) as lost:
            await graph.request("POST", "/planner/tasks", json={"planId": PLAN})
        with pytest.raises(Throttled):
            await graph.request("GET", "/planner/tasks/a")

    assert 29 < lost.value.retry_after <= 30


async def test_a_429_with_a_date_counts_from_the_servers_own_clock() -> None:
    throttle = graph_error(
        429, retry_after="Sat, 22 Aug 2020 10:00:30 GMT", date="Sat, 22 Aug 2020 10:00:00 GMT"
    )
    async with RawServer(lambda _: throttle).running() as server, graph_at(server.url) as graph:
        with pytest.raises(Throttled) as throttled:
            await graph.request("GET", "/planner/tasks/a")

    assert 29 < throttled.value.retry_after <= 30


# -- $batch ----------------------------------------------------------------------------------------
def batch_answer(*items: dict[str, Any]) -> bytes:
    return reply(200, {"responses": list(items)})


async def both(graph: Any, method: Any = "POST") -> list[Any]:
    """Two requests at once; what each gave."""
    calls = (graph.request(method, f"/planner/tasks/{name}", json={"title": name}) for name in "ab")
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def outcomes(
    answer: Any, method: Any = "POST", **options: Any
) -> tuple[list[Any], list[Received]]:
    async with RawServer(answer).running() as server, graph_at(server.url, **options) as graph:
        return await both(graph, method), server.requests


async def test_each_caller_gets_the_answer_to_its_own_item() -> None:
    answer = batch_answer(
        {"id": "2", "status": 412, "body": {"error": {"code": "", "message": "etag"}}},
        {"id": "1", "status": 200, "body": {"id": "a"}, "headers": {"X": "y"}},
    )

    (first, second), requests = await outcomes(lambda _: answer, "PATCH")

    assert (first.json, first.headers["x"]) == ({"id": "a"}, "y")
    assert second.status == 412
    assert [request.path for request in requests] == ["/$batch"]


async def test_an_item_that_is_missing_in_the_reply_is_a_lost_answer() -> None:
    (first, second), _ = await outcomes(
        lambda _: batch_answer({"id": "1", "status": 201, "body": {"id": "a"}})
    )

    assert first.status == 201
    assert type(second) is AnswerLost


async def test_an_inner_429_throttles_its_own_item_and_pauses_the_gate() -> None:
    answer = batch_answer(
        {"id": "1", "status": 201, "body": {"id": "a"}},
        {
            "id": "2",
            "status": 429,
            "headers": {"Retry-After": "30"},
            "body": {"error": {"code": "TooManyRequests"}},
        },
    )
    async with RawServer(lambda _: answer).running() as server, graph_at(server.url) as graph:
        first, second = await both(graph)
        with pytest.raises(Throttled):
            await graph.request("GET", "/planner/tasks/c")

    assert first.status == 201
    assert isinstance(second, Throttled)
    assert 29 < second.retry_after <= 30


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(reset, AnswerLost, id="reset"),
        pytest.param(lambda _: reply(200, b'{"responses": [{"id"'), AnswerLost, id="truncated"),
        pytest.param(lambda _: reply(200, b"<html>", kind="text/html"), AnswerLost, id="HTML"),
        pytest.param(lambda _: graph_error(500), AnswerLost, id="500"),
        pytest.param(lambda _: graph_error(503, retry_after="9"), AnswerLost, id="503"),
        pytest.param(lambda _: graph_error(429, retry_after="9"), Throttled, id="429"),
        pytest.param(lambda _: graph_error(401), Unauthorized, id="401"),
        pytest.param(
            lambda _: reply(302, None, location="http://127.0.0.1:1/"), AnswerLost, id="redirect"
        ),
    ],
)
async def test_a_lost_batch_is_lost_for_everybody_and_sent_once(
    answer: Any, kind: type[GraphError]
) -> None:
    results, requests = await outcomes(answer)

    assert [type(result) for result in results] == [kind, kind]
    assert len(requests) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 413])
async def test_a_batch_that_is_refused_as_a_whole_goes_one_by_one(status: int) -> None:
    """None of it was done, and one bad request must not stop the others."""

    def answer(request: Received) -> bytes:
        match request.path:
            case "/$batch":
                return graph_error(status)
            case "/planner/tasks/a":
                return graph_error(400, "BadRequest")
            case _:
                return reply(201, ITEM)

    (first, second), requests = await outcomes(answer)

    assert type(first) is Rejected
    assert second.status == 201
    assert [request.path for request in requests] == [
        "/$batch",
        "/planner/tasks/a",
        "/planner/tasks/b",
    ]


async def test_an_item_refused_with_401_goes_again_alone_with_a_fresh_token() -> None:
    tokens, given = numbered_tokens()

    def answer(request: Received) -> bytes:
        if request.path == "/$batch":
            return batch_answer(
                {"id": "1", "status": 201, "body": {"id": "a"}}, {"id": "2", "status": 401}
            )
        return reply(201, {"id": "b"})

    (first, second), requests = await outcomes(answer, tokens=tokens)

    assert (first.json, second.json) == ({"id": "a"}, {"id": "b"})
    assert [request.path for request in requests] == ["/$batch", "/planner/tasks/b"]
    assert given == ["token-1", "token-2"]


async def test_a_batch_that_is_refused_with_401_goes_again_as_a_whole() -> None:
    tokens, _ = numbered_tokens()

    def answer(request: Received) -> bytes:
        if request.headers["authorization"] == "Bearer token-1":
            return graph_error(401)
        return batch_answer(*({"id": n, "status": 201, "body": {"id": n}} for n in "12"))

    results, requests = await outcomes(answer, tokens=tokens)

    assert [result.status for result in results] == [201, 201]
    assert len(requests) == 2
