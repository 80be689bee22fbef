"""Tokens through real MSAL, from an authority and an identity endpoint on this machine."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.identity.tokens import Acquire, MsalTokens, build_tokens
from tests.graph.raw_server import RawServer, reply
from tests.identity.authority import GRAPH, LOGIN, SECRET, Authority, ToLocal, environment, sent


async def test_a_ready_token_is_given_as_it_is() -> None:
    tokens = build_tokens(ready_token="ready", tenant_id="t", client_id="c", client_secret="s")

    tokens.drop("ready")

    assert await tokens.token() == "ready"


async def test_a_secret_gets_a_token_for_the_default_scope_of_graph(authority: Authority) -> None:
    assert await authority.tokens().token() == "token-1"
    assert sent(authority.token_requests[0]) | {"client_info": ""} == {
        "client_id": "client",
        "client_secret": SECRET,
        "grant_type": "client_credentials",
        "scope": f"{GRAPH}/.default",
        "client_info": "",
    }


# -- certificate -----------------------------------------------------------------------------------


async def test_a_certificate_signs_the_request_for_a_token(
    authority: Authority, certificate: tuple[bytes, x509.Certificate], tmp_path: Path
) -> None:
    pem, made = certificate
    path = tmp_path / "app.pem"
    path.write_bytes(pem)

    assert await authority.tokens(certificate_path=str(path)).token() == "token-1"

    head, body, signature = sent(authority.token_requests[0])["client_assertion"].split(".")
    assert unpadded(json.loads(unpadded(head))["x5t#S256"]) == made.fingerprint(hashes.SHA256())
    public = made.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    public.verify(unpadded(signature), f"{head}.{body}".encode(), pss, hashes.SHA256())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="no such file"),
        pytest.param(b"", id="empty"),
        pytest.param(
            b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="no key in it"
        ),
        pytest.param(b"\xff\xfe", id="not text"),
    ],
)
async def test_an_unusable_certificate_is_unauthorized(
    authority: Authority, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "app.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Unauthorized, match="sign-in: certificate_unusable: "):
        await authority.tokens(certificate_path=str(path)).token()


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# -- managed identity ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("client_id", "asked"),
    [
        pytest.param(None, {}, id="system-assigned"),
        pytest.param("user-id", {"client_id": "user-id"}, id="user-assigned"),
    ],
)
async def test_a_managed_identity_gets_a_token_from_its_endpoint(
    client_id: str | None, asked: dict[str, str]
) -> None:
    expires = str(int(time.time()) + 3600)
    identity = RawServer(
        lambda _: reply(200, {"access_token": "from-identity", "expires_on": expires})
    )

    async with identity.running():
        with environment(
            IDENTITY_ENDPOINT=f"{identity.url}/msi/token",
            IDENTITY_HEADER="knock",
            HTTP_PROXY="http://x:1",
        ):
            assert (
                await build_tokens(client_id=client_id, resource=GRAPH).token() == "from-identity"
            )

    [request] = identity.requests
    assert request.headers["x-identity-header"] == "knock"
    assert sent(request) == {"api-version": "2019-08-01", "resource": GRAPH} | asked


# -- one request, refresh, drop --------------------------------------------------------------------
async def test_fifty_waiters_make_one_request(authority: Authority) -> None:
    tokens = authority.tokens()

    assert set(await asyncio.gather(*(tokens.token() for _ in range(50)))) == {"token-1"}
    assert len(authority.token_requests) == 1


async def test_one_waiter_that_gives_up_does_not_stop_the_others(authority: Authority) -> None:
    tokens = authority.tokens()
    impatient, patient = (asyncio.create_task(tokens.token()) for _ in range(2))
    await asyncio.sleep(0)

    impatient.cancel()

    assert await patient == "token-1"
    assert impatient.cancelled()


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TimedTokens(MsalTokens):
    """Tokens on a clock that a test moves."""

    def __init__(self, acquire: Acquire, *missing: Callable[[str], str]) -> None:
        self.clock = Clock()
        super().__init__(acquire, self.clock, *missing)


def counting(*answers: object) -> TimedTokens:
    """Tokens from a list of answers; an exception in it is raised."""
    left = iter(answers)

    async def acquire() -> dict[str, object]:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return {"access_token": answer, "expires_in": 3600}

    return TimedTokens(acquire)


def pass_time(tokens: TimedTokens, seconds: float) -> None:
    tokens.clock.now += seconds


async def test_a_token_is_refreshed_five_minutes_before_it_expires() -> None:
    tokens = counting("first", "second")
    assert await tokens.token() == "first"

    pass_time(tokens, 3299)
    assert await tokens.token() == "first"
    pass_time(tokens, 1)
    assert await tokens.token() == "second"


async def test_a_token_that_has_not_expired_outlives_an_unreachable_authority() -> None:
    tokens = counting("first", NotSent("down"), NotSent("down"), "second")
    assert await tokens.token() == "first"

    pass_time(tokens, 3400)
    assert await tokens.token() == "first"
    pass_time(tokens, 200)
    with pytest.raises(NotSent):
        await tokens.token()
    pass_time(tokens, 5)
    assert await tokens.token() == "second"


async def test_a_failed_sign_in_is_not_repeated_within_five_seconds() -> None:
    tokens = counting(Unauthorized("wrong secret"), "second")
    for _ in range(3):
        with pytest.raises(Unauthorized, match="wrong secret"):
            await tokens.token()

    pass_time(tokens, 5)

    assert await tokens.token() == "second"


async def test_a_dropped_token_is_never_given_again(authority: Authority) -> None:
    tokens = authority.tokens()
    first = await tokens.token()

    tokens.drop(first)

    assert await tokens.token() == "token-2"


async def test_only_the_very_token_that_was_refused_is_dropped() -> None:
    """Many requests come back refused; the first has the token refreshed, the others must not."""
    tokens = counting("first", "second")
    first = await tokens.token()
    tokens.drop(first)
    assert await tokens.token() == "second"

    tokens.drop(first)

    assert await tokens.token() == "second"


async def test_a_good_token_waits_only_a_second_for_its_refresh() -> None:
    """An authority that hangs must not hold up callers while the token is good."""
    release = asyncio.Event()
    given = iter(["first", "second"])

    async def acquire() -> dict[str, object]:
        token = next(given)
        if token == "second":
            await release.wait()
        return {"access_token": token, "expires_in": 3600}

    tokens = TimedTokens(acquire)
    await tokens.token()
    pass_time(tokens, 3400)

    async with asyncio.timeout(20):
        assert [await tokens.token() for _ in range(50)] == ["first"] * 50
    release.set()
    await asyncio.sleep(0.01)
    assert await tokens.token() == "second"


async def test_a_token_that_has_not_expired_outlives_a_refusal() -> None:
    tokens = counting("first", Unauthorized("expired secret"), Unauthorized("expired secret"))
    assert await tokens.token() == "first"

    pass_time(tokens, 3400)
    assert await tokens.token() == "first"
    pass_time(tokens, 200)
    with pytest.raises(Unauthorized):
        await tokens.token()


async def test_a_token_that_lacks_a_right_is_refreshed_after_a_minute() -> None:
    given = iter(["poor", "rich", "later"])

    async def acquire() -> dict[str, object]:
        return {"access_token": next(given), "expires_in": 3600}

    tokens = TimedTokens(acquire, lambda token: "role_missing" if token == "poor" else "")

    assert (await tokens.token(), tokens.missing_right()) == ("poor", "role_missing")
    pass_time(tokens, 59)
    assert await tokens.token() == "poor"
    pass_time(tokens, 1)
    assert (await tokens.token(), tokens.missing_right()) == ("rich", "")
    pass_time(tokens, 60)
    assert await tokens.token() == "rich"


async def test_a_failure_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    tokens = counting(*[Unauthorized("sign-in: trouble")] * 3, "token")
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await tokens.token()
        pass_time(tokens, 5)
    await tokens.token()

    assert caplog.messages == ["sign-in: trouble", "sign-in works again"]


# -- clouds ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "graph",
    ["https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us"],
)
async def test_the_scope_is_that_of_the_cloud(authority: Authority, graph: str) -> None:
    http = httpx.Client(transport=ToLocal(authority.server.url))
    tokens = build_tokens(
        resource=graph,
        tenant_id="t",
        client_id="c",
        client_secret="s",
        authority_host=LOGIN,
        http_client=http,
    )
    await tokens.token()

    assert sent(authority.token_requests[0])["scope"] == f"{graph}/.default"
