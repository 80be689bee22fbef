"""Nobody is asked but Graph and the sign-in: neither whom an answer points to, nor whom a card or a
document names."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from planner_sync.errors import GraphError, Unauthorized
from planner_sync.identity.tokens import Tokens, build_tokens
from planner_sync.urls import is_of_authority
from tests.graph.connect import PLAN, graph_at
from tests.graph.h2_server import self_signed
from tests.graph.raw_server import RawServer, Received, reply
from tests.host.service_process import running
from tests.identity.authority import SECRET, Authority, environment
from tests.redis_process import redis_process
from tests.security.canary import Canary, listening_canary
from tests.sync.world import World, world_of

REDIRECTS = [300, 301, 302, 303, 307, 308]


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    async with listening_canary() as canary:
        yield canary


async def test_the_canary_hears_whoever_comes(canary: Canary) -> None:
    async with httpx.AsyncClient() as http:
        await http.get(f"{canary.origin}/x")

    assert [visit.partition(b"\r\n")[0] for visit in canary.visits] == [b"GET /x HTTP/1.1"]


# -- where an answer points to ---------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_of_graph_is_not_followed(
    canary: Canary, status: int, method: Any
) -> None:
    away = reply(status, None, location=f"{canary.origin}/v1.0/planner/tasks/a")
    async with RawServer(lambda _: away).running() as server, graph_at(server.url) as graph:
        with pytest.raises(GraphError):
            await graph.request(
                method, "/planner/tasks/a", json=None if method == "GET" else {"title": "b"}
            )

    assert (canary.visits, len(server.requests)) == ([], 1)


POINTERS = ["location", "content-location", "refresh", "link", "alt-svc"]


@pytest.mark.parametrize("name", POINTERS)
async def test_no_header_of_a_good_answer_leads_anywhere(canary: Canary, name: str) -> None:
    there = f"{canary.origin}/x" if name != "alt-svc" else f'h2="127.0.0.1:{canary.port}"'
    good = reply(200, {"id": "a"}, **{name: there})
    async with RawServer(lambda _: good).running() as server, graph_at(server.url) as graph:
        for _ in range(2):
            await graph.request("GET", "/planner/tasks/a")

    assert canary.visits == []


@pytest.mark.parametrize(
    "link", ["{canary}/v1.0/planner/x", "http://{graph}@127.0.0.1:{port}/v1.0/x", "//{host}/v1.0/x"]
)
async def test_no_page_is_asked_of_another_server(canary: Canary, link: str) -> None:
    """Every other kind of such a link is in tests/graph/test_listings.py."""
    server = RawServer(lambda _: b"")
    host = f"127.0.0.1:{canary.port}"

    def answer(_: Received) -> bytes:
        graph = server.url.removeprefix("http://")
        there = link.format(canary=canary.origin, graph=graph, port=canary.port, host=host)
        return reply(200, {"value": [{"id": "a"}], "@odata.nextLink": there})

    server.answer = answer
    async with server.running(), graph_at(f"{server.url}/v1.0") as graph:
        with pytest.raises(GraphError, match="refused"):
            await graph.collect(f"/planner/plans/{PLAN}/tasks")

    assert (canary.visits, len(server.requests)) == ([], 1)


@asynccontextmanager
async def tokens_of(
    authority: Authority, way: dict[str, Any] | None = None
) -> AsyncIterator[Tokens]:
    """Tokens of an authority that is trusted, as the service asks for them; `way` is how we sign
    in."""
    async with authority.server.running():
        with environment(SSL_CERT_FILE=str(authority.server.certificate)):
            yield build_tokens(
                resource="https://graph.example",
                tenant_id="tenant",
                client_id="client",
                authority_host=authority.login,
                **(way or {"client_secret": SECRET}),
            )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(self_signed(tmp_path / "authority.pem"))


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("of", ["tenant", "token"])
async def test_a_redirect_of_the_authority_is_not_followed(
    canary: Canary, authority: Authority, of: str, status: int
) -> None:
    setattr(authority, f"{of}_answer", reply(status, None, location=f"{canary.origin}/x"))
    async with tokens_of(authority) as tokens:
        with pytest.raises(GraphError):
            await tokens.token()

    assert authority.server.requests != []
    assert canary.visits == []


@pytest.mark.parametrize(
    "way", [{"client_secret": SECRET}, {"device_code": True}], ids=["a secret", "a person"]
)
async def test_no_secret_goes_to_an_endpoint_that_the_authority_has_elsewhere(
    authority: Authority, way: dict[str, Any]
) -> None:
    elsewhere = Authority(authority.server.certificate)  # as good a server as any, and trusted
    endpoints = ("authorization_endpoint", "token_endpoint", "device_authorization_endpoint")
    async with elsewhere.server.running(), tokens_of(authority, way) as tokens:
        named = {name: f"{elsewhere.login}/tenant/{name}" for name in endpoints}
        authority.tenant_answer = reply(200, {**named, "issuer": f"{authority.login}/tenant/v2.0"})
        with pytest.raises(Unauthorized, match="the authority names an endpoint at another host"):
            await tokens.token()

    assert elsewhere.server.requests == []


async def test_a_token_comes_from_an_endpoint_of_the_authoritys_own(authority: Authority) -> None:
    async with tokens_of(authority) as tokens:
        assert await tokens.token() == "token-1"


@pytest.mark.parametrize(
    ("url", "authority_url", "is_own"),
    [
        (
            "https://login.microsoftonline.com/t/oauth2/v2.0/token",
            "https://login.microsoftonline.com/t",
            True,
        ),
        ("https://login.microsoftonline.com/t/token", "https://login.windows.net/t", True),
        (
            "https://login.partner.microsoftonline.cn/t/token",
            "https://login.chinacloudapi.cn/t",
            True,
        ),
        ("https://login.example:8443/token", "https://login.example:8443/t", True),
        ("https://login.example/token", "https://login.example:443/t", True),
        ("https://login.microsoftonline.us/t/token", "https://login.microsoftonline.com/t", False),
        ("http://login.microsoftonline.com/t/token", "https://login.microsoftonline.com/t", False),
        (
            "https://login.microsoftonline.com:8443/t/token",
            "https://login.microsoftonline.com/t",
            False,
        ),
        (
            "https://login.microsoftonline.com@evil.example/token",
            "https://login.microsoftonline.com/t",
            False,
        ),
        (
            "https://evil@login.microsoftonline.com/token",
            "https://login.microsoftonline.com/t",
            False,
        ),
        (
            "https://login.microsoftonline.com.evil.example/token",
            "https://login.microsoftonline.com/t",
            False,
        ),
        ("https://login.microsoftonline.com/token", "https://login.example/t", False),
        ("https://[::1", "https://login.example/t", False),
    ],
)
def test_an_authority_has_its_endpoints_at_home_or_in_its_cloud(
    url: str, authority_url: str, is_own: bool
) -> None:
    assert is_of_authority(url, authority_url) == is_own


# -- what stands on a card -------------------------------------------------------------------------
async def test_nothing_that_stands_on_a_card_or_in_a_document_is_ever_opened(
    canary: Canary,
) -> None:
    """The service is a process of its own, so that nothing in it can go unseen."""
    url = f"{canary.origin}/secret.docx"
    with redis_process() as redis_url:
        async with world_of(redis_url, "annika", {}) as world:
            human = world.human
            card = human.create(title=f"See {url}")
            human.edit(card["id"], fields={"description": f"{url}\n![x]({url})\n<img src={url}>"})
            human.edit(card["id"], fields={"checklist": {str(uuid.uuid4()): {"title": url}}})
            human.edit(
                card["id"], fields={"references": {url: {"alias": "Minutes", "type": "Word"}}}
            )
            with running(**world.env):
                await _both_ways(world, card["id"], url)

    assert canary.visits == []


async def _both_ways(world: World, planner_id: str, url: str) -> None:
    """The card becomes a document with all of it; then a document with as much becomes a card."""

    async def arrived() -> bool:
        document = await world.find(f"planner-{planner_id}")
        return bool(document and document.get("references"))

    await world.until(arrived)
    found = await world.document(f"planner-{planner_id}")
    await world.write(
        "t",
        title=url,
        description=url,
        references=[{"url": url, "alias": "x", "type": "Word"}],
        checklist=[{"title": url}],
        labels=[url],
        assignedTo=["an-agent"],
        attachments=[url],
        callback=url,
        webhook={"url": url},
    )
    card = await world.until_uploaded("t")
    await world.until(lambda: world.cards()[card]["details"]["references"])
    await world.publish("updated", url)
    assert (found["references"][0]["url"], url in found["description"]) == (url, True)
