"""A listing is complete or an error: pages, links and rows that must not be trusted."""

from typing import Any

import pytest

from planner_sync.errors import AnswerLost, Forbidden, GraphError, NotFound, Rejected
from tests.graph.connect import PLAN, graph_at
from tests.graph.raw_server import RawServer, Received, graph_error, reply

LISTING = f"/planner/plans/{PLAN}/tasks"
ITEM = {"id": "a", "@odata.etag": 'W/"1"'}


def page(*ids: str, then: object = None) -> dict[str, Any]:
    return {"value": [{"id": name} for name in ids]} | (
        {"@odata.nextLink": then} if then is not None else {}
    )


async def test_every_page_is_read_and_a_task_on_two_pages_counts_once() -> None:
    server = RawServer(lambda _: b"")
    links = iter(("?$skiptoken=a%2Bb", "?$skiptoken=c"))

    def answer(request: Received) -> bytes:
        link = next(links, None)
        then = f"{server.url}/v1.0{LISTING}{link}" if link else None
        return reply(200, page("a", f"n{len(server.requests)}", then=then))

    server.answer = answer
    async with server.running(), graph_at(f"{server.url}/v1.0") as graph:
        rows = await graph.collect(f"{LISTING}?$expand=details")

    assert [row["id"] for row in rows] == ["a", "n1", "n2", "n3"]
    assert [request.target for request in server.requests] == [
        f"/v1.0{LISTING}?$expand=details",
        f"/v1.0{LISTING}?$skiptoken=a%2Bb",
        f"/v1.0{LISTING}?$skiptoken=c",
    ]


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("http://169.254.169.254/metadata", id="the metadata of the machine"),
        pytest.param("http://localhost/v1.0/x", id="another host"),
        pytest.param("{url}@evil.example/v1.0/x", id="a host that looks like a user"),
        pytest.param("http://user@{host}/v1.0/x", id="a user"),
        pytest.param("https://{host}/v1.0/x", id="another scheme"),
        pytest.param("http://127.0.0.1:1/v1.0/x", id="another port"),
        pytest.param("//evil.example/v1.0/x", id="no scheme"),
        pytest.param("/v1.0/planner/x", id="no host"),
        pytest.param("{url}/beta/x", id="another version"),
        pytest.param("{url}/v1.0/../beta/x", id="a way out of the version"),
        pytest.param("{url}/v1.0evil/x", id="a prefix of a name"),
        pytest.param("http://[::1", id="no URL"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param(7, id="a number"),
        pytest.param({"href": "x"}, id="an object"),
        pytest.param("", id="empty"),
    ],
)
async def test_a_next_link_to_another_place_is_refused(link: Any) -> None:
    server = RawServer(lambda _: b"")

    def answer(_: Received) -> bytes:
        host = server.url.removeprefix("http://")
        there = link.format(url=server.url, host=host) if isinstance(link, str) else link
        return reply(200, page("a", then=there))

    server.answer = answer
    async with server.running(), graph_at(f"{server.url}/v1.0") as graph:
        with pytest.raises(AnswerLost, match="refused"):
            await graph.collect(LISTING)

    assert len(server.requests) == 1


async def test_a_next_link_to_a_plan_outside_the_allow_list_is_refused() -> None:
    server = RawServer(lambda _: b"")
    server.answer = lambda _: reply(
        200, page("a", then=f"{server.url}/v1.0/planner/plans/foreign/tasks?x=1")
    )

    async with server.running(), graph_at(f"{server.url}/v1.0") as graph:
        with pytest.raises(AnswerLost, match="not in the allow-list"):
            await graph.collect(LISTING)

    assert len(server.requests) == 1


async def test_a_listing_that_links_to_itself_ends() -> None:
    server = RawServer(lambda _: b"")
    server.answer = lambda _: reply(
        200, page("a", then=f"{server.url}/v1.0{LISTING}?x={len(server.requests) % 3}")
    )

    async with server.running(), graph_at(f"{server.url}/v1.0") as graph:
        with pytest.raises(AnswerLost, match="does not end"):
            await graph.collect(LISTING)

    assert len(server.requests) < 6


async def test_a_listing_with_ever_new_pages_ends() -> None:
    server = RawServer(lambda _: b"")
    server.answer = lambda _: reply(
        200, page("a", then=f"{server.url}/v1.0{LISTING}?x={len(server.requests)}")
    )

    async with server.running(), graph_at(f"{server.url}/v1.0") as graph:
        with pytest.raises(AnswerLost, match="does not end"):
            await graph.collect(LISTING)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(graph_error(400), id="400"),
        pytest.param(graph_error(403), id="403"),
        pytest.param(graph_error(404), id="404"),
        pytest.param(graph_error(410), id="410"),
        pytest.param(graph_error(500), id="500"),
        pytest.param(reply(200, b"<html>", kind="text/html"), id="HTML"),
        pytest.param(reply(200, b'{"value": [{"id"'), id="truncated"),
        pytest.param(reply(200, {}), id="no value"),
        pytest.param(b"", id="closed"),
    ],
)
async def test_a_listing_of_which_a_page_fails_is_no_listing(second: bytes) -> None:
    """It says nothing about the plan either: a 404 here is not a 404 of the plan."""
    server = RawServer(lambda _: b"")
    server.answer = lambda _: (
        reply(200, page("a", then=f"{server.url}/v1.0{LISTING}?x=1"))
        if len(server.requests) == 1
        else second
    )

    async with server.running(), graph_at(f"{server.url}/v1.0") as graph:
        with pytest.raises(AnswerLost):
            await graph.collect(LISTING)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(graph_error(403), Forbidden, id="403"),
        pytest.param(graph_error(404), NotFound, id="404"),
        pytest.param(graph_error(400), Rejected, id="400"),
        pytest.param(reply(200, {"value": {}}), AnswerLost, id="value is no list"),
        pytest.param(reply(200, {"value": ["a"]}), AnswerLost, id="a row is no object"),
        pytest.param(reply(200, {"value": [{"title": "a"}]}), AnswerLost, id="a row without an id"),
        pytest.param(reply(200, {"value": [{"id": 7}]}), AnswerLost, id="an id that is no text"),
    ],
)
async def test_the_first_page_speaks_of_the_collection_itself(
    answer: bytes, kind: type[GraphError]
) -> None:
    async with RawServer(lambda _: answer).running() as server, graph_at(server.url) as graph:
        with pytest.raises(GraphError) as error:
            await graph.collect(LISTING)

    assert type(error.value) is kind
