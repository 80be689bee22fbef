"""Several instances share one Redis: what one of them has found out counts for all."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from planner_sync.sync.run.service import Service
from tests.sync.world import World


async def test_a_renamed_label_reaches_an_instance_that_did_not_pass(world: World) -> None:
    worker, passing = world.service(), world.service()
    await world.set("t", title="Task", labels=["Blocked"])
    for _ in range(2):
        await world.settle(worker)
    (card,) = world.cards().values()
    (slot,) = card["appliedCategories"]
    world.human.rename_label(plan_id=world.emulator.plan_id, category=slot, name="Waiting")
    await world.poll(passing)
    await worker.drain_once()
    assert (await world.document("t"))["labels"] == ["Waiting"]


async def test_a_plan_is_passed_over_by_one_instance_in_an_interval(world: World) -> None:
    """Whoever passes keeps its turn; the other one finds that it is not its turn."""
    one, two = world.service(), world.service()
    listings = f"/planner/plans/{world.emulator.plan_id}/tasks"
    told = []
    for service in (one, two, two, one):
        await service.poll_once(min_gap_ms=60_000)
        told.append(
            len([call for call in world.emulator.requests() if call["path"].startswith(listings)])
        )
    assert told == [1, 1, 1, 2]


async def test_when_the_passing_instance_is_gone_another_passes(make_world: Any) -> None:
    world: World = await make_world(POLL_SECONDS="1")
    first = asyncio.create_task(world.service().run())
    await world.write("t", "created", title="Task")
    await world.until_uploaded("t")
    await world.start()
    first.cancel()
    card = world.human.create(title="From a human")
    await world.until(lambda: world.find(f"planner-{card['id']}"))


@pytest.mark.contract("§6 Two or more instances run")
@pytest.mark.parametrize(
    "touched", [False, True], ids=["as it was made", "with what people have set"]
)
async def test_the_second_card_of_a_thawed_instance_goes_unless_people_have_touched_it(
    world: World, service: Service, touched: bool
) -> None:
    await world.uploaded(service)
    atoms = {"title": "Task", "bucketId": world.emulator.bucket_ids()["To do"]}
    body = {**atoms, "planId": world.emulator.plan_id}
    async with httpx.AsyncClient(headers=world.emulator.headers) as client:
        second = (await client.post(f"{world.emulator.url}/planner/tasks", json=body)).json()["id"]
    posted = {
        "taskId": "t",
        "at": (await service.telemetry.snapshot()).now,
        "atoms": atoms,
    }
    await world.redis.hset(
        world.keys.private("orphans", world.emulator.plan_id), second, json.dumps(posted)
    )
    if touched:
        world.human.edit(second, fields={"dueDateTime": "2026-03-01T10:00:00Z"})
    for _ in range(4):
        await world.settle(service)
    assert (second in world.cards()) is touched
    assert (await world.find(f"planner-{second}") is not None) is touched
