"""One pass over one plan: what it costs, and a card that cannot be read."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from planner_sync.settings import Settings
from planner_sync.sync.run.service import Service, build
from tests.sync.test_round_trips import counting
from tests.sync.world import World

TASKS = r"/planner/plans/[^/]+/tasks"
QUIET_ROUND_TRIPS = 9
CHANGE_ROUND_TRIPS = 12


@pytest.fixture
def redis_kind() -> str:
    """Round trips are counted on one server: a cluster's client has connections of its own."""
    return "server"


# -- what it costs ---------------------------------------------------------------------------------
@pytest.fixture
async def sent() -> list[str]:
    """What the service has sent to Redis: one entry for each round trip."""
    return []


@pytest.fixture
async def counted(world: World, sent: list[str]) -> AsyncIterator[Service]:
    """A service that does nothing by itself, and whose round trips are counted."""
    service = build(Settings.from_env(world.env), counting(sent))
    yield service
    await service.aclose()


async def test_a_quiet_pass_takes_few_round_trips(
    world: World, counted: Service, sent: list[str]
) -> None:
    for n in range(3):
        await world.uploaded(counted, f"t{n}")
    await world.settle(counted)

    for _ in range(10):  # names are read again in one of them
        sent.clear()
        await counted.poll_once()
        assert len(sent) <= QUIET_ROUND_TRIPS, sent


async def test_a_persons_change_takes_few_round_trips(
    world: World, counted: Service, sent: list[str]
) -> None:
    planner_id = await world.uploaded(counted)
    await world.settle(counted)
    world.human.edit(planner_id, fields={"title": "Changed by people"})

    sent.clear()
    await counted.poll_once()
    assert len(sent) <= CHANGE_ROUND_TRIPS, sent
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
