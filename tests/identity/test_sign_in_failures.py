"""A sign-in that is refused, one that gets no answer, and secrets that neither may show."""

import logging
from pathlib import Path

import pytest
from cryptography import x509

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.identity.tokens import ReadyToken
from tests.graph.raw_server import RawServer, reply
from tests.identity.authority import SECRET, Authority, sent

REFUSED = {
    "error": "invalid_client",
    "error_description": f"AADSTS7000215: Invalid client secret {SECRET}. Trace ID: 1",
}


async def test_a_wrong_secret_is_unauthorized_with_the_code_of_entra(authority: Authority) -> None:
    authority.token_answer = reply(401, REFUSED)

    with pytest.raises(
        Unauthorized, match=r"^sign-in: secret_wrong: .* \(invalid_client AADSTS7000215\)$"
    ):
        await authority.tokens().token()


async def test_an_unknown_tenant_is_unauthorized() -> None:
    server = RawServer(
        lambda _: reply(400, {"error": "invalid_tenant", "error_description": "AADSTS90002: no"})
    )
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
        pytest.param(
            reply(400, {"error": "temporarily_unavailable"}), id="temporarily unavailable"
        ),
        pytest.param(
            reply(200, b"<html>sign in to the hotel</html>", kind="text/html"), id="captive portal"
        ),
        pytest.param(reply(200, b'{"access_token": "eyJ-cut'), id="truncated JSON"),
        pytest.param(reply(200, b"[1]"), id="no object"),
        pytest.param(reply(302, None, location="https://elsewhere.example/"), id="redirect"),
        pytest.param(b"", id="connection closed"),
        pytest.param(
            b"HTTP/1.1 200 x\r\ncontent-length: 2000000\r\n\r\n" + b" " * 1_500_000,
            id="endless body",
        ),
    ],
)
async def test_an_unavailable_authority_is_told_apart_from_a_wrong_secret(
    authority: Authority, answer: bytes
) -> None:
    """The request that needed the token was not sent: NotSent."""
    authority.token_answer = answer

    with pytest.raises(NotSent):
        await authority.tokens().token()


async def test_an_authority_that_does_not_answer_is_unreachable() -> None:
    authority = Authority()
    async with authority.server.running():
        tokens = authority.tokens()

    with pytest.raises(NotSent, match="authority_unreachable"):
        await tokens.token()


# -- secrets ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="granted"),
        pytest.param(reply(401, REFUSED), id="refused"),
        pytest.param(reply(200, b'{"access_token": "token-cut'), id="truncated"),
        pytest.param(reply(500, {"access_token": "token-500"}), id="500"),
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
    authority: Authority,
    certificate: tuple[bytes, x509.Certificate],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "app.pem"
    path.write_bytes(certificate[0])

    with caplog.at_level(logging.DEBUG):
        await authority.tokens(certificate_path=str(path)).token()

    assert sent(authority.token_requests[0])["client_assertion"] not in caplog.text
    assert "eyJ" not in caplog.text


async def test_a_ready_token_does_not_show_in_its_repr() -> None:
    assert "ready" not in repr(ReadyToken("ready"))
