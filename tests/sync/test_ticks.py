"""A timer that fires twice, late or not at all, and a part that has died: the next tick puts it
right."""

import asyncio
from typing import Any

import pytest

from tests.sync.world import World


@pytest.mark.contract("§6 Two or more instances run")
@pytest.mark.parametrize("instances", [1, 2], ids=["one instance", "two instances"])
async def test_two_ticks_at_the_same_time_do_everything_once(
    make_world: Any, instances: int
) -> None:
    world: World = await make_world(LISTENER="off")
    services = [world.service() for _ in range(instances)]
    human = world.human.create(title="By a human")
    for n in range(10):
        await world.set(f"t{n}", title=f"Task {n}")
    await asyncio.gather(services[0].tick(), services[-1].tick())

    async def uploaded() -> bool:
        await services[0].tick()
        return len(world.said("uploaded")) >= 10

    await world.until(uploaded, "what waited in the other instance for the plan to be known")
    assert len(world.cards()) == 11
    assert len(world.said("uploaded")) == 10
    assert [message["taskId"] for message in world.said("created")] == [f"planner-{human['id']}"]


async def test_a_late_tick_does_what_the_missed_ones_would_have(make_world: Any) -> None:
    world: World = await make_world(LISTENER="off")
    service = world.service()
    await world.set("t", title="Task")
    await service.tick()
    planner_id = (await world.document("t"))["plannerId"]
    for percent in (10, 20, 30):
        world.human.edit(planner_id, fields={"percentComplete": percent})
        await world.change("t", title=f"At {percent}")
    await world.set("new", title="New")
    await service.tick()
    assert world.cards()[planner_id]["title"] == "At 30"
    assert (await world.document("t"))["percentComplete"] == 30
    assert (await world.document("new"))["plannerId"] in world.cards()


def _is_of_the_service(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "planner_sync" in code.co_filename


async def test_a_listener_that_has_died_is_started_again_by_the_next_tick(make_world: Any) -> None:
    world: World = await make_world(POLL_SECONDS="60")
    service = world.service()
    before = asyncio.all_tasks()
    await service.tick()
    died = [task for task in asyncio.all_tasks() - before if _is_of_the_service(task)]
    for task in died:
        task.cancel()
    assert await asyncio.gather(*died, return_exceptions=True)
    last_heard = (await service.telemetry.snapshot()).listeners
    await service.tick()

    async def listens() -> bool:
        return (await service.telemetry.snapshot()).listeners != last_heard

    await world.until(listens, "the listener")
    await world.write("t", "created", title="Task")
    await world.until_uploaded("t")
