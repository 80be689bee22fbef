"""How often one reconciliation asks Redis: counted at the connection; and the statistics that no
round trip is made for."""

from typing import Any

from redis.asyncio import Connection

from planner_sync.agents.client import AgentClient
from planner_sync.settings import Settings
from planner_sync.store.scripts import script_names
from planner_sync.store.server.connection import connect
from planner_sync.sync.run.service import Ports, build
from tests.sync.world import World

MOST = 7


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


async def test_a_clients_update_asks_redis_seven_times_at_most_from_lease_to_settle(
    world: World,
) -> None:
    sent: list[str] = []
    service = build(Settings.from_env(world.env), counting(sent))
    await world.uploaded(service, title="Before")
    parts = await service._opened()
    names = {parts.scheduler.scripts[name].run.sha: name for name in script_names()}
    async with AgentClient.connect(world.url, world.keys.namespace) as tasks:
        await tasks.update("t", {"title": "After"})
    sent.clear()
    await parts.workers.drain(20)
    await service.aclose()
    asked = [names.get(what, what) for what in sent]
    asked = asked[asked.index("lease_tasks") : asked.index("settle_task") + 1]
    assert [name for name in asked if name.startswith("record_")] == [
        "record_intent",
        "record_answer",
    ]
    assert len(asked) <= MOST, asked
    assert world.card("After")


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
