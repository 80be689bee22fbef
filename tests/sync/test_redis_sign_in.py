"""Redis takes tokens as passwords, and tokens end: open connections sign in again before, the
subscription too, and nothing is interrupted. On a real server, whose users and passwords stand for
tokens, or are tokens of an authority."""

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from planner_sync.errors import NotSent
from planner_sync.settings import Settings
from planner_sync.store.server.connection import connect, for_namespace
from planner_sync.sync.run.service import Ports, Service, build
from planner_sync.web.routes import Backing, answer_health
from tests.emulator_process import TOKEN
from tests.graph.h2_server import self_signed
from tests.identity.authority import SECRET, Authority, environment, jwt
from tests.redis_process import redis_process
from tests.store.cluster_process import cluster_process
from tests.sync.world import World, world_of

RIGHTS = ("~*", "&*", "+@all")


class Door:
    """What the server takes, and what we say: the user and the password that are good now."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.operator = Redis.from_url(url)
        self.now = ("", "")
        self._numbers = itertools.count(1)

    async def credentials(self) -> tuple[str, str]:
        return self.now

    async def another_user(self) -> str:
        """A new user and password from here on; gives the old one, who still is let in."""
        before, n = self.now[0], next(self._numbers)
        await self.operator.execute_command(
            "ACL", "SETUSER", f"sync{n}", "on", f">token-{n}", *RIGHTS
        )
        self.now = f"sync{n}", f"token-{n}"
        return before

    async def connections(self, user: str, idle: int = 1_000_000) -> set[str]:
        """Those of a user that were used within so many seconds."""
        rows = await self.operator.client_list()
        return {row["id"] for row in rows if row["user"] == user and int(row["idle"]) < idle}

    async def subscriptions(self) -> set[str]:
        rows = await self.operator.client_list()
        return {row["id"] for row in rows if int(row["sub"]) and row["user"] != "default"}


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    with redis_process() as url:
        made = Door(url)
        await made.another_user()
        yield made
        await made.operator.aclose()


@asynccontextmanager
async def serving(door: Door, namespace: str) -> AsyncIterator[tuple[World, Service]]:
    """A world with a running service that comes through the door."""
    async with world_of(door.url, namespace, {}) as world:
        ports = Ports(connect=lambda url, _: connect(url, door.credentials))
        service = build(Settings.from_env(world.env), ports)
        running = asyncio.create_task(service.run())
        try:
            await world.until(lambda: _some(door.subscriptions()), "the subscription")
            yield world, service
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await service.aclose()


async def _some(found: Any) -> bool:
    return bool(await found)


# -- one connection --------------------------------------------------------------------------------
async def test_a_connection_signs_in_again_before_it_is_used(door: Door) -> None:
    client = connect(door.url, door.credentials)
    await client.ping()
    (before,) = await door.connections("sync1")
    await door.another_user()
    await client.ping()
    assert await door.connections("sync2") == {before}
    await client.aclose()


async def test_a_password_that_has_not_changed_is_said_once(door: Door) -> None:
    client = connect(door.url, door.credentials)
    for _ in range(3):
        await client.ping()
    assert (await door.operator.info("commandstats"))["cmdstat_hello"][
        "calls"
    ] == 2  # the operator's and this
    assert "cmdstat_auth" not in await door.operator.info("commandstats")
    await client.aclose()


async def test_a_wrong_password_is_refused_and_the_right_one_taken_on_the_same_client(
    door: Door,
) -> None:
    client = connect(door.url, door.credentials)
    await client.ping()
    good, door.now = door.now, ("sync1", "wrong")
    with pytest.raises(AuthenticationError):
        await client.ping()
    door.now = good
    assert await client.ping()
    await client.aclose()


async def test_whoever_waits_for_redis_gets_redis_errors_from_a_failed_sign_in(door: Door) -> None:
    async def unreachable() -> tuple[str, str]:
        raise NotSent("sign-in: authority_unreachable: nobody answers")

    client = connect(door.url, unreachable)
    with pytest.raises(AuthenticationError, match="authority_unreachable"):
        await client.ping()
    await client.aclose()


async def test_a_subscription_signs_in_again_and_hears_everything(door: Door) -> None:
    client = connect(door.url, door.credentials)
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    await pubsub.subscribe("news")
    (before,) = await door.subscriptions()
    heard: list[bytes] = []

    async def listen() -> None:
        while len(heard) < 100:
            message = await pubsub.get_message(timeout=0.01)
            if message and message["type"] == "message":
                heard.append(message["data"])

    listening = asyncio.create_task(listen())
    for n in range(100):
        await door.operator.publish("news", str(n))
        if n % 25 == 10:
            await door.another_user()
    await asyncio.wait_for(listening, 20)
    assert heard == [str(n).encode() for n in range(100)]
    assert await door.subscriptions() == {before}
    assert before in await door.connections(door.now[0])
    await pubsub.aclose()
    await client.aclose()


async def test_on_a_cluster_connections_whose_token_has_ended_are_opened_again() -> None:
    with cluster_process() as urls:
        operators = [Redis.from_url(url) for url in urls]
        now = ("sync1", "token-1")

        async def credentials() -> tuple[str, str]:
            return now

        for operator in operators:
            for n in (1, 2):
                await operator.execute_command(
                    "ACL", "SETUSER", f"sync{n}", "on", f">token-{n}", *RIGHTS
                )
        first = connect(urls[0], credentials)
        cluster = await for_namespace(first, urls[0], "{annika}", credentials)
        await cluster.set("{annika}:a", "1")
        now = ("sync2", "token-2")
        for operator in operators:
            await operator.execute_command("ACL", "DELUSER", "sync1")

        assert await cluster.get("{annika}:a") == b"1"
        assert await first.ping()
        for client in (cluster, first, *operators):
            await client.aclose()


# -- the service -----------------------------------------------------------------------------------
async def test_under_an_open_subscription_the_password_changes_and_nothing_is_interrupted(
    door: Door, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each old user is taken away, with which the server ends the connections that nobody has used
    since."""
    async with serving(door, namespace) as (world, _):
        (subscription,) = await door.subscriptions()
        for n in range(3):
            old = await door.another_user()
            await world.until(
                lambda: _is_in(subscription, door), "the subscription to sign in again"
            )
            await world.until(
                lambda user=old: _none(door.connections(user, idle=1)), "everybody to sign in again"
            )
            await door.operator.execute_command("ACL", "DELUSER", old)
            await world.write(f"t{n}", "created", title=f"Task {n}")
            await world.until_uploaded(f"t{n}")
        assert await door.subscriptions() == {subscription}
    assert "Redis" not in caplog.text
    assert "the subscription has ended" not in caplog.text


async def test_a_password_that_is_gone_is_told_by_log_and_health_and_ends_by_itself(
    door: Door, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(door, namespace) as (world, service):
        await door.operator.execute_command("ACL", "SETUSER", "sync1", "resetpass", ">rotated")
        await door.operator.client_kill_filter(user="sync1")
        backing = Backing(Settings.from_env(world.env), service.telemetry, service)

        async def health() -> dict[str, Any]:
            found: dict[str, Any] = json.loads((await answer_health(backing, {})).body)
            return found

        async def is_down() -> bool:
            return (await health())["checks"]["redis"] == "down"

        async def is_well() -> bool:
            return (await health())["status"] == "healthy"

        await world.until(is_down, "health to say it")
        await world.until(
            lambda: "it refuses our user or password" in caplog.text, "the log to say it"
        )
        await world.set("t", title="Meanwhile")
        door.now = "sync1", "rotated"
        await world.until_uploaded("t")
        await world.until(is_well, "health")
    assert "token-1" not in caplog.text
    assert "rotated" not in caplog.text


# -- tokens ----------------------------------------------------------------------------------------
async def test_tokens_of_the_authority_are_the_passwords_and_each_is_followed_by_the_next(
    door: Door, namespace: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The whole way: a secret, MSAL, tokens for Redis that live for seconds, a server that takes
    the newest two."""
    caplog.set_level(logging.INFO)
    scopes: list[str] = []
    tokens: list[str] = []
    authority = Authority(self_signed(tmp_path / "authority.pem"))
    authority.lifetime = 4

    async def grant(asked: dict[str, str]) -> str:
        scopes.append(asked["scope"])
        if "redis" not in asked["scope"]:
            return TOKEN
        tokens.append(jwt(oid="the-object-id", n=len(tokens)))
        good = [f">{token}" for token in tokens[-2:]]
        await door.operator.execute_command(
            "ACL", "SETUSER", "the-object-id", "on", "resetpass", *good, *RIGHTS
        )
        return tokens[-1]

    authority.grant = grant
    env = {
        "PLANNER_SYNC_REDIS_AUTH": "entra",
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
        "AZURE_CLIENT_SECRET": SECRET,
    }
    async with authority.server.running(), world_of(door.url, namespace, env) as world:
        with environment(SSL_CERT_FILE=str(authority.server.certificate)):
            world.env["AZURE_AUTHORITY_HOST"] = authority.login
            await world.start()
            (subscription,) = await door.subscriptions()
            await world.until(lambda: len(tokens) >= 4, "the fourth token")
            await world.write("t", "created", title="Task")
            await world.until_uploaded("t")
            assert await door.subscriptions() == {subscription}
    assert {scope for scope in scopes if "redis" in scope} == {"https://redis.azure.com/.default"}
    assert "the subscription has ended" not in caplog.text
    assert not [token for token in tokens if token in caplog.text]


async def _is_in(connection: str, door: Door) -> bool:
    return connection in await door.connections(door.now[0])


async def _none(found: Any) -> bool:
    return not await found
