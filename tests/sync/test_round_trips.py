"""How often one reconciliation asks Redis: counted at the connection; and the statistics that no
round trip is made for."""

import asyncio
from hashlib import sha1
from typing import Any

import pytest
from redis.asyncio import Connection

from planner_sync.agents.client import AgentClient
from planner_sync.settings import Settings
from planner_sync.store.scripts import script_names, script_text
from planner_sync.store.server.connection import connect
from planner_sync.sync.run.service import Ports, build
from tests.sync.world import World

MOST = 7
UPDATES = 60


@pytest.fixture
def redis_kind() -> str:
    """Round trips are counted on one server: a cluster's client has connections of its own."""
    return "server"


class Counting(Connection):
    """A connection that keeps what it sends: one entry for each round trip, the hash of a script or
    the command."""

    def __init__(self, *, sent: list[str], **kwargs: Any) -> None:
        self._sent = sent
        super().__init__(**kwargs)

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        packed = command if isinstance(command, bytes) else b"".join(command)
        words = packed.split(b"\r\n", 5)
        is_script = words[2] == b"EVALSHA"
        self._sent.append(words[4 if is_script else 2].decode())
        await super().send_packed_command(command, check_health)


def counting(sent: list[str]) -> Ports:
    """The product's way to Redis, over connections that count."""

    def counted(url: str, credentials: Any) -> Any:
        client = connect(url, credentials)
        pool = client.connection_pool
        pool.connection_class = Counting
        pool.connection_kwargs["sent"] = sent
        return client

    return Ports(connect=counted)


def named(sent: list[str]) -> list[str]:
    """The commands, scripts by their names."""
    names = {sha1(script_text(name).encode()).hexdigest(): name for name in script_names()}
    return [names.get(what, what) for what in sent]


async def test_a_clients_update_asks_redis_seven_times_at_most_from_lease_to_settle(
    world: World,
) -> None:
    sent: list[str] = []
    service = build(Settings.from_env(world.env), counting(sent))
    await world.uploaded(service, title="Before")
    async with AgentClient.connect(world.url, world.keys.namespace) as tasks:
        await tasks.update("t", {"title": "After"})
    sent.clear()
    await service.drain_once()
    await service.aclose()
    asked = named(sent)
    asked = asked[asked.index("lease_tasks") : asked.index("settle_task") + 1]
    assert [name for name in asked if name.startswith("record_")] == [
        "record_intent",
        "record_answer",
    ]
    assert len(asked) <= MOST, asked
    assert world.card("After")


async def test_every_update_by_the_client_is_reconciled_once(world: World) -> None:
    """The message about a save does not enqueue the task again."""
    sent: list[str] = []
    service = build(Settings.from_env(world.env), counting(sent))
    planner_id = await world.uploaded(service)
    running = asyncio.create_task(service.run())
    await world.until(lambda: "SUBSCRIBE" in sent, "the listener")
    async with AgentClient.connect(world.url, world.keys.namespace) as tasks:
        await tasks.get("t")
        sent.clear()
        for number in range(UPDATES):
            await tasks.update("t", {"title": f"Title {number}"})
            await world.until(
                lambda before=number: named(sent).count("settle_task") > before, "the settle"
            )
        await asyncio.sleep(0.5)  # for one that should not come
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await service.aclose()
    ends = [name for name in named(sent) if name in ("settle_task", "bury_task")]
    assert ends == ["settle_task"] * UPDATES
    assert world.cards()[planner_id]["title"] == f"Title {UPDATES - 1}"


async def test_a_change_is_counted_with_its_delay_by_the_script_that_records_it(
    world: World,
) -> None:
    service = world.service()
    await world.uploaded(service)
    before = await service.telemetry.snapshot()
    await world.change("t", title="After")
    await world.settle(service)
    after = await service.telemetry.snapshot()
    assert (before.counters["created"], after.counters["patched"]) == (1, 1)
    assert len(after.lags["upload"]) == len(before.lags["upload"]) + 1


async def test_a_persons_change_is_counted_when_the_document_shows_it(world: World) -> None:
    service = world.service()
    card = await world.uploaded(service)
    before = await service.telemetry.snapshot()
    world.human.edit(card, fields={"title": "Human's"})
    await world.settle(service)
    after = await service.telemetry.snapshot()
    assert len(after.lags["download"]) == len(before.lags["download"]) + 1
    assert all(0 <= lag < 60_000 for lag in after.lags["download"])


async def test_only_the_newest_thousand_delays_are_kept(world: World) -> None:
    service = world.service()
    await world.uploaded(service)
    await world.redis.lpush(world.keys["upload_lags"], *range(2_000))
    await world.change("t", title="After")
    await world.settle(service)
    assert await world.redis.llen(world.keys["upload_lags"]) == 1_000


async def test_a_delete_that_planner_has_carried_out_is_counted(world: World) -> None:
    service = world.service()
    await world.uploaded(service)
    async with AgentClient.connect(world.url, world.keys.namespace) as tasks:
        await tasks.delete("t")
    await world.settle(service)
    assert (await service.telemetry.snapshot()).counters["deleted"] == 1
