"""A person signs in with a device code, through real MSAL; the token stays in this process."""

import asyncio
import logging

import httpx
import pytest

from planner_sync.errors import GraphError, NotSent, Unauthorized
from planner_sync.identity.sign_in import DeviceCodeSignIn
from planner_sync.identity.tokens import MsalTokens
from tests.graph.raw_server import reply
from tests.identity.authority import DEVICE, GRAPH, REFRESH, Authority, ToLocal, refused, sent


def signing_in(authority: Authority) -> tuple[DeviceCodeSignIn, list[str]]:
    """The sign-in of a person, and the lines that the person is shown."""
    lines: list[str] = []
    http = httpx.Client(transport=ToLocal(authority.server.url))
    return DeviceCodeSignIn(f"{authority.login}/tenant", "client", GRAPH, http, lines.append), lines


async def entered(sign_in: DeviceCodeSignIn) -> str:
    """The token, once the service has noticed that the code was entered."""
    for _ in range(10):
        try:
            return str((await sign_in())["access_token"])
        except NotSent:
            continue
    raise AssertionError("no token")


async def failed(sign_in: DeviceCodeSignIn) -> GraphError:
    for _ in range(10):
        try:
            await sign_in()
        except Unauthorized as error:
            return error
        except NotSent:
            continue
    raise AssertionError("it did not fail")


async def test_a_code_is_shown_once_and_until_it_is_entered_there_is_no_token(
    authority: Authority,
) -> None:
    sign_in, lines = signing_in(authority)
    for _ in range(2):
        with pytest.raises(NotSent) as refusal:
            await sign_in()
        assert refusal.value.cause == "device_code_pending"
    authority.entered = True

    assert await entered(sign_in) == "token-1"
    assert lines == ["To sign in, open https://login.example/device and enter the code ABCD-EFGH"]


async def test_only_the_rights_that_planner_needs_are_asked_for(authority: Authority) -> None:
    authority.entered = True
    await entered(signing_in(authority)[0])

    [begun] = [
        each
        for each in authority.server.requests
        if each.path.endswith("device_authorization_endpoint")
    ]
    wanted = {f"{GRAPH}/Tasks.ReadWrite", f"{GRAPH}/User.ReadBasic.All"}
    assert {scope for scope in sent(begun)["scope"].split() if scope.startswith(GRAPH)} == wanted


async def test_the_token_is_refreshed_without_the_person(authority: Authority) -> None:
    sign_in, lines = signing_in(authority)
    authority.entered = True
    await entered(sign_in)

    assert (await sign_in())["access_token"] == "token-2"
    assert sent(authority.token_requests[-1])["refresh_token"] == REFRESH
    assert len(lines) == 1


async def test_after_consent_was_revoked_the_person_is_asked_again(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in, lines = signing_in(authority)
    authority.entered = True
    await entered(sign_in)
    authority.refresh_answer = refused("65001", "invalid_grant", 400)

    assert await entered(sign_in) == "token-2"
    assert len(lines) == 2
    assert "consent_missing" in caplog.text


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        pytest.param({"error": "expired_token"}, "device_code_expired", id="expired"),
        pytest.param({"error": "authorization_declined"}, "device_code_declined", id="declined"),
        pytest.param(
            {"error": "invalid_client", "error_description": "AADSTS7000218: no"},
            "device_code_forbidden",
            id="no public",
        ),
    ],
)
async def test_a_code_that_comes_to_nothing_is_followed_by_another(
    authority: Authority, answer: dict[str, str], cause: str
) -> None:
    sign_in, lines = signing_in(authority)
    authority.code_answer = reply(400, answer)
    assert (await failed(sign_in)).cause == cause
    authority.code_answer, authority.entered = None, True

    assert await entered(sign_in) == "token-1"
    assert len(lines) == 2


async def test_an_authority_that_is_away_for_a_moment_costs_no_code(authority: Authority) -> None:
    sign_in, lines = signing_in(authority)
    authority.code_answer = b""
    with pytest.raises(NotSent):
        await sign_in()
    authority.code_answer, authority.entered = None, True

    assert await entered(sign_in) == "token-1"
    assert len(lines) == 1


async def test_a_request_for_a_token_does_not_wait_for_the_person(authority: Authority) -> None:
    sign_in, _ = signing_in(authority)
    tokens = MsalTokens(sign_in)

    answers = await asyncio.wait_for(
        asyncio.gather(*(tokens.token() for _ in range(5)), return_exceptions=True), 20
    )

    assert {type(answer) for answer in answers} == {NotSent}


async def test_neither_code_nor_token_is_in_the_log(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sign_in, _ = signing_in(authority)
    authority.entered = True
    await entered(sign_in)
    await sign_in()

    secrets = (DEVICE["device_code"], DEVICE["user_code"], REFRESH, "token-1", "token-2")
    assert [secret for secret in secrets if str(secret) in caplog.text] == []
