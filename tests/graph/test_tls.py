"""The connection to Graph: HTTP/2 where the server offers it, and TLS that checks certificates."""

import asyncio
import logging
import ssl
from pathlib import Path

import pytest

from planner_sync.errors import NotSent
from tests.graph.connect import graph_at
from tests.graph.h2_server import H2Server, self_signed


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


async def test_http_2_is_used_where_it_is_offered(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "server.pem")
    async with (
        H2Server(certificate).running() as server,
        graph_at(f"{server.url}/v1.0", verify=trusting(certificate)) as graph,
    ):
        calls = (graph.request("GET", f"/planner/tasks/{n}", batchable=False) for n in range(8))
        answers = await asyncio.gather(*calls)

    assert [answer.json for answer in answers] == [{"id": "a"}] * 8
    assert {request[":path"] for request in server.requests} == {
        f"/v1.0/planner/tasks/{n}" for n in range(8)
    }
    assert server.connections == 1


async def test_no_token_is_in_the_log_of_http_2(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate = self_signed(tmp_path / "server.pem")
    with caplog.at_level(logging.DEBUG):
        async with (
            H2Server(certificate).running() as server,
            graph_at(server.url, verify=trusting(certificate)) as graph,
        ):
            await graph.request("GET", "/planner/tasks/a")

    assert server.requests[0]["authorization"] == "Bearer the-token"
    assert "the-token" not in caplog.text
    assert "hpack" not in caplog.text


@pytest.mark.parametrize(
    ("host", "days", "is_trusted"),
    [
        pytest.param("127.0.0.1", 1, False, id="signed by nobody we trust"),
        pytest.param("127.0.0.1", -1, True, id="expired"),
        pytest.param("127.0.0.2", 1, True, id="of another host"),
    ],
)
async def test_a_certificate_that_is_not_in_order_is_told_nothing(
    tmp_path: Path, host: str, days: int, is_trusted: bool
) -> None:
    certificate = self_signed(tmp_path / "server.pem", host, days=days)
    trust = trusting(certificate) if is_trusted else True

    async with (
        H2Server(certificate).running() as server,
        graph_at(server.url, verify=trust) as graph,
    ):
        with pytest.raises(NotSent, match="ConnectError"):
            await graph.request("POST", "/planner/tasks", json={})

    assert server.requests == []
