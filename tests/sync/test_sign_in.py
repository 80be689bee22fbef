"""The sign-in fails, each time for another cause: status and log name it and say what to do, and
once it is mended the service goes on by itself. Through real MSAL, from an authority over TLS on
this machine."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from planner_sync.identity.causes import ADVICE
from planner_sync.settings import Settings
from planner_sync.sync.run.service import Ports, Service, build
from planner_sync.web.routes import Backing, answer_status
from tests.emulator_process import TOKEN
from tests.graph.h2_server import self_signed
from tests.graph.raw_server import RawServer, reply
from tests.identity.authority import (
    SECRET,
    Authority,
    certificate_of_an_application,
    environment,
    jwt,
    refused,
)
from tests.redis_process import free_port
from tests.sync.world import World

APPLICATION = {
    "AZURE_TENANT_ID": "tenant",
    "AZURE_CLIENT_ID": "client",
    "AZURE_CLIENT_SECRET": SECRET,
}
GOOD = jwt(roles=["Tasks.ReadWrite.All", "User.ReadBasic.All"])


class Clock:
    """Real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class SignedIn:
    """A world whose service signs in, looked at by hand."""

    def __init__(self, world: World, env: dict[str, str], *, device_code: bool = False) -> None:
        self.world = world
        self.settings = Settings.from_env(
            {
                name: value
                for name, value in {**world.env, **env}.items()
                if name != "PLANNER_SYNC_GRAPH_TOKEN"
            },
            device_code=device_code,
        )
        self.clock = Clock()
        self.service: Service = build(self.settings, Ports(clock=self.clock))

    async def look(self) -> None:
        await self.world.forget_claims()
        await self.world.settle(self.service)

    async def status(self) -> dict[str, Any]:
        answer = await answer_status(
            Backing(self.settings, self.service.telemetry, self.service), {}
        )
        found: dict[str, Any] = json.loads(answer.body)
        return found

    async def fails_with(
        self, code: str, cause: str, log: pytest.LogCaptureFixture, number: str = ""
    ) -> None:
        """A document waits, and status and log say why."""
        await self.world.set("t", title="Task")
        for _ in range(2):  # the second one tells what came of the first one's writes
            await self.look()
        graph = (await self.status())["graph"]
        assert (graph["code"], graph["cause"], graph["advice"]) == (code, cause, ADVICE[cause])
        assert f"{cause}: {ADVICE[cause]}" in log.text
        assert number in log.text
        assert self.world.cards() == {}

    async def goes_on(self) -> None:
        """The same service, with the same settings, does the work that waited."""
        self.clock.ahead += 61

        async def done() -> bool:
            await self.look()
            return bool(self.world.cards())

        await self.world.until(done, "the card")
        graph = (await self.status())["graph"]
        assert (graph["cause"], graph["advice"]) == (None, None)
        assert graph["okAt"] > (graph["failedAt"] or "")


@pytest.fixture
async def signed_in(world: World) -> AsyncIterator[Callable[..., SignedIn]]:
    async with AsyncExitStack() as stack:

        def make(env: dict[str, str], **options: Any) -> SignedIn:
            made = SignedIn(world, env, **options)
            stack.push_async_callback(made.service.aclose)
            return made

        yield make


@pytest.fixture
async def authority(tmp_path: Path) -> AsyncIterator[Authority]:
    async with running(Authority(self_signed(tmp_path / "authority.pem"))) as made:
        yield made


@asynccontextmanager
async def running(authority: Authority) -> AsyncIterator[Authority]:
    with environment(SSL_CERT_FILE=str(authority.server.certificate)):
        authority.grant = lambda _: TOKEN
        async with authority.server.running():
            yield authority


BUSY = reply(503, b"<html>busy</html>", kind="text/html")
REFUSALS: list[Any] = [
    pytest.param(
        refused("7000222"), "unauthorized", "secret_expired", "AADSTS7000222", id="expired secret"
    ),
    pytest.param(
        refused("7000215"), "unauthorized", "secret_wrong", "AADSTS7000215", id="wrong secret"
    ),
    pytest.param(
        refused("700016", "unauthorized_client", 400),
        "unauthorized",
        "client_unknown",
        "AADSTS700016",
        id="client",
    ),
    pytest.param(
        refused("700027"), "unauthorized", "certificate_unknown", "AADSTS700027", id="certificate"
    ),
    pytest.param(
        refused("65001", "invalid_grant", 400),
        "unauthorized",
        "consent_missing",
        "AADSTS65001",
        id="revoked consent",
    ),
    pytest.param(
        refused("7000112"),
        "unauthorized",
        "client_disabled",
        "AADSTS7000112",
        id="application is off",
    ),
    pytest.param(
        refused("53003", "access_denied"),
        "unauthorized",
        "access_blocked",
        "AADSTS53003",
        id="policy",
    ),
    pytest.param(refused("99"), "unauthorized", "sign_in_refused", "AADSTS99", id="anything else"),
    pytest.param(BUSY, "unreachable", "authority_busy", "answered 503", id="503"),
    pytest.param(
        reply(429, {"error": "throttled"}),
        "unreachable",
        "authority_busy",
        "answered 429",
        id="429",
    ),
    pytest.param(b"", "unreachable", "authority_unreachable", "RemoteProtocolError", id="cut off"),
]


@pytest.mark.parametrize(("answer", "code", "cause", "number"), REFUSALS)
async def test_a_refused_sign_in_names_its_cause_and_ends_by_itself(
    signed_in: Any,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    answer: bytes,
    code: str,
    cause: str,
    number: str,
) -> None:
    service = signed_in({**APPLICATION, "AZURE_AUTHORITY_HOST": authority.login})
    authority.token_answer = answer
    await service.fails_with(code, cause, caplog, number)
    authority.token_answer = None
    await service.goes_on()
    assert SECRET not in caplog.text
    assert TOKEN not in caplog.text


async def test_a_wrong_tenant_names_its_cause_and_ends_by_itself(
    signed_in: Any, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    service = signed_in({**APPLICATION, "AZURE_AUTHORITY_HOST": authority.login})
    authority.tenant_answer = refused("90002", "invalid_tenant", 400)
    await service.fails_with("unauthorized", "tenant_unknown", caplog, "AADSTS90002")
    authority.tenant_answer = None
    await service.goes_on()


async def test_an_authority_that_is_not_there_names_its_cause_and_ends_by_itself(
    signed_in: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    service = signed_in({**APPLICATION, "AZURE_AUTHORITY_HOST": f"https://127.0.0.1:{port}"})
    await service.fails_with("unreachable", "authority_unreachable", caplog, "ConnectError")
    async with running(Authority(self_signed(tmp_path / "authority.pem"), port)):
        await service.goes_on()


async def test_a_certificate_file_that_is_mended_is_read_again(
    signed_in: Any, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "application.pem"
    path.write_text("no certificate")
    env = {
        **APPLICATION,
        "AZURE_CLIENT_CERTIFICATE_PATH": str(path),
        "AZURE_AUTHORITY_HOST": authority.login,
    }
    service = signed_in(env)
    await service.fails_with("unauthorized", "certificate_unusable", caplog)
    path.write_bytes(certificate_of_an_application()[0])
    await service.goes_on()


# -- rights ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("token", "method", "cause"),
    [
        pytest.param(
            jwt(aud="graph"),
            ".*",
            "consent_missing",
            id="consent was revoked: a token without roles",
        ),
        pytest.param(
            jwt(roles=["User.ReadBasic.All"]), ".*", "role_missing", id="the role is missing"
        ),
        pytest.param(
            jwt(roles=["Tasks.Read.All"]), "POST", "role_missing", id="only the role to read"
        ),
        pytest.param(
            jwt(scp="User.Read"), ".*", "role_missing", id="the person's right is missing"
        ),
    ],
)
async def test_a_missing_right_names_its_cause_and_ends_by_itself(
    signed_in: Any,
    world: World,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    token: str,
    method: str,
    cause: str,
) -> None:
    service = signed_in({**APPLICATION, "AZURE_AUTHORITY_HOST": authority.login})
    authority.grant = lambda _: token
    world.emulator.accept_token(token)
    world.emulator.faults.add(
        "status", status=403, code="Authorization_RequestDenied", method=method, times=1000
    )
    await service.fails_with("unauthorized", cause, caplog)
    authority.grant = lambda _: GOOD
    world.emulator.accept_token(GOOD)
    world.emulator.faults.clear()
    await service.goes_on()
    assert token not in caplog.text


async def test_a_plan_that_is_closed_to_an_application_with_all_roles_is_no_sign_in_failure(
    signed_in: Any, world: World, authority: Authority
) -> None:
    service = signed_in({**APPLICATION, "AZURE_AUTHORITY_HOST": authority.login})
    authority.grant = lambda _: GOOD
    world.emulator.accept_token(GOOD)
    world.human.unreadable(plan_id=world.emulator.plan_id)
    await service.look()
    status = await service.status()
    assert status["graph"]["cause"] is None
    assert "403" in status["plans"][world.emulator.plan_id]["error"]


async def test_a_graph_that_takes_none_of_our_tokens_names_its_cause_and_ends_by_itself(
    signed_in: Any, world: World, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    service = signed_in({**APPLICATION, "AZURE_AUTHORITY_HOST": authority.login})
    world.emulator.accept_token("another")
    await service.fails_with("unauthorized", "token_refused", caplog, "401")
    world.emulator.accept_token(TOKEN)
    await service.goes_on()


# -- managed identity ------------------------------------------------------------------------------
async def test_a_managed_identity_that_is_not_there_names_its_cause_and_ends_by_itself(
    signed_in: Any, caplog: pytest.LogCaptureFixture
) -> None:
    identity = RawServer(lambda _: granted_identity(), port=free_port())
    endpoint = f"http://127.0.0.1:{identity.port}/msi/token"
    service = signed_in({"IDENTITY_ENDPOINT": endpoint})
    with environment(IDENTITY_ENDPOINT=endpoint, IDENTITY_HEADER="knock"):
        await service.fails_with("unreachable", "identity_unreachable", caplog, "ConnectError")
        async with identity.running():
            await service.goes_on()


async def test_a_managed_identity_that_is_refused_names_its_cause_and_ends_by_itself(
    signed_in: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As App Service says it of an identity that is not assigned to the app."""
    refusal = reply(
        400,
        {
            "statusCode": 400,
            "message": "No User Assigned Managed Identity found",
            "correlationId": "1",
        },
    )
    answers = [refusal]
    identity = RawServer(lambda _: answers[0] if answers else granted_identity())
    async with identity.running():
        env = {"IDENTITY_ENDPOINT": f"{identity.url}/msi/token", "IDENTITY_HEADER": "knock"}
        service = signed_in({**env, "AZURE_CLIENT_ID": "user-id"})
        with environment(**env):
            await service.fails_with("unauthorized", "identity_refused", caplog)
            answers.clear()
            await service.goes_on()


def granted_identity() -> bytes:
    return reply(200, {"access_token": TOKEN, "expires_on": str(int(time.time()) + 3600)})
