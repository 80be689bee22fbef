"""One pass over one plan: what it costs, and a card that cannot be read."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from redis.asyncio import Connection

from planner_sync.settings import Settings
from planner_sync.store.server.connection import connect
from planner_sync.sync.run.service import Ports, Service, build
from tests.sync.world import World

TASKS = r"/planner/plans/[^/]+/tasks"
QUIET_ROUND_TRIPS = 9
CHANGE_ROUND_TRIPS = 14


# -- what it costs ---------------------------------------------------------------------------------
@dataclass
class Counted:
    """A service, and how many times it has sent something to Redis and waited."""

    service: Service
    round_trips: int = 0

    async def poll(self) -> int:
        """One pass; returns its round trips, reconciliations included."""
        before = self.round_trips
        await (await self.service._opened()).scheduler.poll()
        return self.round_trips - before


@pytest.fixture
async def counted(world: World) -> AsyncIterator[Counted]:
    """A service that does nothing by itself; a command or a pipeline is one round trip."""

    class Counting(Connection):
        async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
            counted.round_trips += 1
            await super().send_packed_command(*args, **kwargs)

    def counting(url: str, credentials: Any = None) -> Any:
        client = connect(url, credentials)
        client.connection_pool.connection_class = Counting
        return client

    counted = Counted(build(Settings.from_env(world.env), Ports(connect=counting)))
    yield counted
    await counted.service.aclose()


async def test_a_quiet_pass_takes_few_round_trips(world: World, counted: Counted) -> None:
    for n in range(3):
        await world.uploaded(counted.service, f"t{n}")
    await world.settle(counted.service)

    # Names are read again in one pass of ten.
    assert max([await counted.poll() for _ in range(10)]) <= QUIET_ROUND_TRIPS


async def test_a_persons_change_takes_few_round_trips(world: World, counted: Counted) -> None:
    planner_id = await world.uploaded(counted.service)
    await world.settle(counted.service)
    world.human.edit(planner_id, fields={"title": "Changed by people"})

    assert await counted.poll() <= CHANGE_ROUND_TRIPS
    assert (await world.document("t"))["title"] == "Changed by people"


# -- a card that cannot be read --------------------------------------------------------------------
@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"title": 5, "@odata.etag": 'W/"later"'}, id="a title that is a number"),
        pytest.param({"@odata.etag": None}, id="no etag"),
        pytest.param({"details": {"checklist": ["x"]}}, id="a checklist that is none"),
    ],
)
async def test_a_card_that_cannot_be_read_stops_no_other(
    world: World, service: Service, spoilt: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = [await world.uploaded(service, each, title=each) for each in ("t1", "t2")]
    world.human.create(title="A new one")
    world.human.edit(second, fields={"title": "Changed by people"})
    page = await listing(world)
    for task in page["value"]:
        if task["id"] == first:
            task |= spoilt
    world.emulator.faults.add("body", path=TASKS, body=page)

    await world.poll(service)
    assert (await world.document("t2"))["title"] == "Changed by people"
    assert (await world.document("t1"))["title"] == "t1"
    assert await world.redis.exists(world.keys.document(f"planner-{world.card('A new one')['id']}"))
    assert caplog.text.count(f"card {first} cannot be read") == 1
    plan = (await service.telemetry.snapshot()).plans[world.emulator.plan_id]
    assert (plan.error, plan.left_out) == (None, 0)


async def listing(world: World) -> dict[str, Any]:
    """The plan as Planner lists it, with details."""
    url = f"{world.emulator.url}/planner/plans/{world.emulator.plan_id}/tasks?$expand=details"
    async with httpx.AsyncClient(headers=world.emulator.headers) as client:
        page: dict[str, Any] = (await client.get(url)).json()
    return page
