"""Tokens through real MSAL, from an authority and an identity endpoint on this machine."""

import asyncio
import base64
import datetime
import itertools
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.graph.auth import MsalTokens, ReadyToken, Tokens, build_tokens
from tests.graph.raw_server import RawServer, Received, reply

GRAPH = "https://graph.microsoft.com"
SECRET = "the-secret-of-the-application"
LOGIN = "https://login.local"


class ToLocal(httpx.BaseTransport):
    """Carries what MSAL sends to https://login.local to a server on this machine."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._transport = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        return self._transport.handle_request(request)


class Authority:
    """Says who is known, as Entra ID does; `answer` may be replaced for a fault."""

    def __init__(self) -> None:
        self.server = RawServer(self._answer)
        self.numbers = itertools.count(1)
        self.token_answer: bytes | None = None

    def _answer(self, request: Received) -> bytes:
        if "openid-configuration" in request.path:
            endpoints = {name: f"{LOGIN}/tenant/{name}" for name in ("authorization_endpoint", "token_endpoint")}
            return reply(200, endpoints)
        if self.token_answer is not None:
            return self.token_answer
        return reply(200, {"access_token": f"token-{next(self.numbers)}", "expires_in": 3600, "token_type": "Bearer"})

    @property
    def token_requests(self) -> list[Received]:
        return [request for request in self.server.requests if request.method == "POST"]

    def tokens(self, **arguments: str) -> Tokens:
        credential = arguments or {"client_secret": SECRET}
        http = httpx.Client(transport=ToLocal(self.server.url))
        return build_tokens(
            tenant_id="tenant",
            client_id="client",
            authority_host=LOGIN,
            graph_origin=GRAPH,
            http_client=http,
            **credential,
        )


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    authority = Authority()
    async with authority.server.running():
        yield authority


def sent(request: Received) -> dict[str, str]:
    fields = request.body.decode() or urlsplit(request.target).query
    return {name: values[0] for name, values in parse_qs(fields).items()}


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


# -- certificate -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate() -> tuple[bytes, x509.Certificate]:
    """A PEM with a key and its certificate, and the certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "planner-sync")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    return pem, made


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
        pytest.param(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", id="no key in it"),
        pytest.param(b"\xff\xfe", id="not text"),
    ],
)
async def test_an_unusable_certificate_is_unauthorized(
    authority: Authority, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "app.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Unauthorized, match="check tenant, client, authority and certificate"):
        await authority.tokens(certificate_path=str(path)).token()


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# -- managed identity --------------------------------------------------------------------------------------------------
@contextmanager
def environment(**names: str) -> Iterator[None]:
    """MSAL finds the identity's endpoint in the environment."""
    before = dict(os.environ)
    os.environ.update(names)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.parametrize(
    ("client_id", "asked"),
    [
        pytest.param(None, {}, id="system-assigned"),
        pytest.param("user-id", {"client_id": "user-id"}, id="user-assigned"),
    ],
)
async def test_a_managed_identity_gets_a_token_from_its_endpoint(client_id: str | None, asked: dict[str, str]) -> None:
    expires = str(int(time.time()) + 3600)
    identity = RawServer(lambda _: reply(200, {"access_token": "from-identity", "expires_on": expires}))

    async with identity.running():
        with environment(
            IDENTITY_ENDPOINT=f"{identity.url}/msi/token", IDENTITY_HEADER="knock", HTTP_PROXY="http://x:1"
        ):
            assert await build_tokens(client_id=client_id, graph_origin=GRAPH).token() == "from-identity"

    [request] = identity.requests
    assert request.headers["x-identity-header"] == "knock"
    assert sent(request) == {"api-version": "2019-08-01", "resource": GRAPH} | asked


# -- one request, renewal, drop ----------------------------------------------------------------------------------------
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


def counting(*answers: object) -> MsalTokens:
    """Tokens from a list of answers; an exception in it is raised."""
    left = iter(answers)

    def acquire() -> dict[str, object]:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return {"access_token": answer, "expires_in": 3600}

    return MsalTokens(acquire, Clock())


def pass_time(tokens: MsalTokens, seconds: float) -> None:
    clock = tokens._clock
    assert isinstance(clock, Clock)
    clock.now += seconds


async def test_a_token_is_renewed_five_minutes_before_it_expires() -> None:
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
    """Many requests come back refused; the first has the token renewed, the others must not."""
    tokens = counting("first", "second")
    first = await tokens.token()
    tokens.drop(first)
    assert await tokens.token() == "second"

    tokens.drop(first)

    assert await tokens.token() == "second"


# -- refused or unreachable --------------------------------------------------------------------------------------------
REFUSED = {
    "error": "invalid_client",
    "error_description": f"AADSTS7000215: Invalid client secret {SECRET}. Trace ID: 1",
}


async def test_a_wrong_secret_is_unauthorized_with_the_code_of_entra(authority: Authority) -> None:
    authority.token_answer = reply(401, REFUSED)

    with pytest.raises(Unauthorized, match=r"^sign-in was refused: invalid_client AADSTS7000215$"):
        await authority.tokens().token()


async def test_an_unknown_tenant_is_unauthorized() -> None:
    server = RawServer(lambda _: reply(400, {"error": "invalid_tenant", "error_description": "AADSTS90002: no"}))
    authority = Authority()
    authority.server = server

    async with server.running():
        with pytest.raises(Unauthorized):
            await authority.tokens().token()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(500, {"error": "server_error"}), id="500"),
        pytest.param(reply(503, b"<html>busy</html>", kind="text/html"), id="503 with HTML"),
        pytest.param(reply(429, {"error": "throttled"}), id="429"),
        pytest.param(reply(400, {"error": "temporarily_unavailable"}), id="temporarily unavailable"),
        pytest.param(reply(200, b"<html>sign in to the hotel</html>", kind="text/html"), id="captive portal"),
        pytest.param(reply(200, b'{"access_token": "eyJ-cut'), id="truncated JSON"),
        pytest.param(reply(200, b"[1]"), id="no object"),
        pytest.param(reply(302, None, location="https://elsewhere.example/"), id="redirect"),
        pytest.param(b"", id="connection closed"),
        pytest.param(b"HTTP/1.1 200 x\r\ncontent-length: 2000000\r\n\r\n" + b" " * 1_500_000, id="endless body"),
    ],
)
async def test_an_ill_authority_is_told_apart_from_a_wrong_secret(authority: Authority, answer: bytes) -> None:
    """The request for which the token was needed never left: NotSent."""
    authority.token_answer = answer

    with pytest.raises(NotSent):
        await authority.tokens().token()


async def test_an_authority_that_nobody_answers_for_is_unreachable() -> None:
    authority = Authority()
    async with authority.server.running():
        tokens = authority.tokens()

    with pytest.raises(NotSent, match="cannot be reached"):
        await tokens.token()


# -- secrets -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="granted"),
        pytest.param(reply(401, REFUSED), id="refused"),
        pytest.param(reply(200, b'{"access_token": "token-cut'), id="truncated"),
        pytest.param(reply(500, {"access_token": "token-ill"}), id="ill"),
    ],
)
async def test_no_secret_and_no_token_is_in_a_log_line_or_a_message(
    authority: Authority, answer: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    authority.token_answer = answer

    with caplog.at_level(logging.DEBUG):
        try:
            await authority.tokens().token()
        except (Unauthorized, NotSent) as error:
            logging.getLogger("test").exception("sign-in failed: %s", error)

    assert SECRET not in caplog.text
    assert "token-" not in caplog.text


async def test_no_signed_assertion_is_in_the_log(
    authority: Authority, certificate: tuple[bytes, x509.Certificate], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "app.pem"
    path.write_bytes(certificate[0])

    with caplog.at_level(logging.DEBUG):
        await authority.tokens(certificate_path=str(path)).token()

    assert sent(authority.token_requests[0])["client_assertion"] not in caplog.text
    assert "eyJ" not in caplog.text


async def test_a_ready_token_does_not_show_in_its_repr() -> None:
    assert "ready" not in repr(ReadyToken("ready"))
