"""Redis over TLS: nothing is sent to a server with a bad certificate, and the log says why."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError, TimeoutError

from planner_sync.store.server.connection import connect, describe
from tests.host.service_process import PLAN, eventually, running
from tests.operators.console import run
from tests.redis_process import free_port, redis_process
from tests.security.certificates import Authority
from tests.security.tls_front import TlsFront, tls_front
from tests.sync.world import world_of

PASSWORD = "pass-word-of-redis"
# The certificate, the host in the URL, and what the log says.
WRONG = [
    pytest.param(
        "wrong authority",
        "127.0.0.1",
        "unable to get local issuer certificate: add the PEM file",
        id="wrong CA",
    ),
    pytest.param(
        "other host",
        "localhost",
        "Hostname mismatch.*'localhost': REDIS_URL must use",
        id="wrong host name",
    ),
    pytest.param(
        "other host", "127.0.0.1", "IP address mismatch.*: REDIS_URL must use", id="wrong address"
    ),
    pytest.param("expired", "127.0.0.1", "certificate has expired: renew it", id="expired"),
    pytest.param(
        "early", "127.0.0.1", "certificate is not yet valid: check the clock", id="not yet valid"
    ),
]


class Door:
    """A Redis behind a TLS front, and everything that it may be shown."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.redis_url = redis_url
        self.authority = Authority(folder)
        self._certificates = {
            "right": self.authority.certificate("127.0.0.1"),
            "wrong authority": Authority(folder, "other").certificate("127.0.0.1"),
            "other host": self.authority.certificate("redis.example"),
            "expired": self.authority.certificate("127.0.0.1", until=-1),
            "early": self.authority.certificate("127.0.0.1", since=1, until=2),
        }

    @contextlib.contextmanager
    def showing(self, name: str) -> Iterator[TlsFront]:
        with tls_front(self.redis_url, self._certificates[name]) as front:
            yield front

    def show(self, front: TlsFront, name: str) -> None:
        front.show(self._certificates[name])

    def url(self, port: int, host: str = "127.0.0.1", **options: object) -> str:
        asked = {"ssl_ca_certs": self.authority.file, **options}
        query = "&".join(f"{option}={value}" for option, value in asked.items())
        return f"rediss://:{PASSWORD}@{host}:{port}/0?{query}"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with redis_process() as url:
        with Redis.from_url(url) as operator:
            operator.config_set("requirepass", PASSWORD)
        yield Door(tmp_path_factory.mktemp("tls"), url.replace("//", f"//:{PASSWORD}@"))


async def refusal(url: str, credentials: Any = None) -> str:
    client = connect(url, credentials)
    try:
        with pytest.raises((ConnectionError, TimeoutError)) as refused:
            await client.ping()
    finally:
        await client.aclose()
    return describe(refused.value)


# -- the connection --------------------------------------------------------------------------------
@pytest.mark.parametrize(("shown", "host", "said"), WRONG)
async def test_a_server_with_a_wrong_certificate_is_told_nothing(
    door: Door, shown: str, host: str, said: str
) -> None:
    with door.showing(shown) as front:
        reason = await refusal(door.url(front.port, host))

        assert front.carried == 0
    assert re.fullmatch(rf"{host}:{front.port}: its certificate is not trusted: {said}.*", reason)


async def test_an_authority_that_is_not_named_is_not_trusted(door: Door) -> None:
    with door.showing("right") as front:
        reason = await refusal(f"rediss://:{PASSWORD}@127.0.0.1:{front.port}/0")

        assert front.carried == 0
    assert "?ssl_ca_certs=" in reason


async def test_a_token_is_not_told_to_a_server_with_a_wrong_certificate(door: Door) -> None:
    async def token() -> tuple[str, str]:
        return "default", PASSWORD

    with door.showing("expired") as front:
        reason = await refusal(door.url(front.port).replace(f":{PASSWORD}@", ""), token)

        assert front.carried == 0
    assert "certificate has expired" in reason


async def test_behind_the_right_certificate_commands_and_subscriptions_work(door: Door) -> None:
    with door.showing("right") as front:
        client = connect(door.url(front.port))
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        await pubsub.subscribe("news")
        await client.set("key", "value")
        await client.publish("news", "hello")
        async with asyncio.timeout(10):
            while (message := await pubsub.get_message(timeout=1)) is None:
                pass
        found = await client.get("key")
        await pubsub.aclose()
        await client.aclose()

    assert (found, message["data"]) == (b"value", b"hello")
    assert front.carried > 0


async def test_a_server_without_tls_is_told_so(door: Door) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-ERR this is no TLS\r\n")
        writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        reason = await refusal(door.url(port))

    assert reason.startswith(f"127.0.0.1:{port}: no TLS connection: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="missing"),
        pytest.param("nonsense", "is not valid PEM", id="nonsense"),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "is not valid PEM",
            id="broken",
        ),
    ],
)
async def test_a_file_of_an_authority_that_is_none_is_named(
    door: Door, tmp_path: Path, content: str | None, said: str
) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)

    reason = await refusal(door.url(1, ssl_ca_certs=file))

    assert reason.startswith("127.0.0.1:1: a file in REDIS_URL (ssl_ca_certs")
    assert reason.endswith(said)


async def test_a_refused_connection_is_no_trouble_of_tls(door: Door) -> None:
    assert await refusal(door.url(free_port())) == "ConnectionError"


# -- the service -----------------------------------------------------------------------------------
async def test_the_service_and_its_listener_work_over_tls(door: Door) -> None:
    with door.showing("right") as front:
        async with world_of(door.redis_url, "annika", {"REDIS_URL": door.url(front.port)}) as world:
            await world.start()
            await world.write("t", title="Task")
            await world.until_uploaded("t")


def settings(door: Door, front: TlsFront, host: str) -> dict[str, str]:
    return {
        "PLANNER_SYNC_PLAN_IDS": PLAN,
        "PLANNER_SYNC_GRAPH_TOKEN": "a-secret-token",
        "PLANNER_SYNC_GRAPH_URL": f"http://127.0.0.1:{free_port()}/v1.0",
        "REDIS_URL": door.url(front.port, host),
    }


@pytest.mark.parametrize(("shown", "host", "said"), [WRONG[0], WRONG[1], WRONG[3]])
def test_a_service_says_what_is_wrong_and_waits(
    door: Door, shown: str, host: str, said: str
) -> None:
    with door.showing(shown) as front, running(**settings(door, front, host)) as service:
        eventually(lambda: "waiting for Redis: " in service.log)
        status, health = service.health()
        log = service.log

        assert (status, health["checks"]["redis"]) == (503, "down")
        assert front.carried == 0
    line = rf"waiting for Redis: {host}:{front.port}: its certificate is not trusted: {said}"
    assert re.search(line, log)
    assert "Traceback" not in log
    assert PASSWORD not in log


def test_a_service_goes_on_without_a_restart_when_the_certificate_is_mended(door: Door) -> None:
    with door.showing("expired") as front, running(**settings(door, front, "127.0.0.1")) as service:
        eventually(lambda: "certificate has expired" in service.log)
        door.show(front, "right")

        eventually(lambda: service.health()[1]["checks"]["redis"] == "ok", 30)
        eventually(lambda: service.health()[1]["checks"]["listener"] == "ok", 30)


def test_the_command_line_says_what_is_wrong(door: Door) -> None:
    with door.showing("expired") as front:
        said = run("planner-sync status", REDIS_URL=door.url(front.port))

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(
        f"Redis does not answer (127.0.0.1:{front.port}: its certificate is not trusted: "
    )
    assert PASSWORD not in said.err


def test_a_machine_that_swallows_connections_is_no_trouble_of_tls(door: Door) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert (
            asyncio.run(refusal(door.url(silent.getsockname()[1], socket_connect_timeout="0.1")))
            == "TimeoutError"
        )
