"""An operator ends a hold: the deletes are carried out, or what is missing comes back."""

from typing import Any

import pytest

from planner_sync.sync.service import Service
from tests.sync.world import World

TASKS, DELETED = 8, 6


async def held(make_world: Any, side: str) -> tuple[World, Service]:
    """A world in which most tasks were deleted at once on one side, and the deletes are held."""
    world = await make_world(MAX_DELETE_COUNT="3", POLL_SECONDS="1")
    service = await world.start()
    for n in range(TASKS):
        await world.write(f"t{n}", "created", title=f"Task {n}", private=n)
    ids = [await world.until_uploaded(f"t{n}") for n in range(TASKS)]
    if side == "planner":
        for planner_id in ids[:DELETED]:
            world.human.delete(planner_id)
    else:
        await world.redis.delete(*(world.keys.document(f"t{n}") for n in range(DELETED)))
        for n in range(DELETED):
            await world.publish("deleted", f"t{n}")
    await world.until(lambda: [m["code"] for m in world.said("failed")] == ["held"] * DELETED, "the hold")
    return world, service


async def documents(world: World) -> int:
    return len([n for n in range(TASKS) if await world.find(f"t{n}")])


@pytest.mark.contract("§7 POST /api/plans/{id}/release, POST /api/plans/{id}/restore")
@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_a_release_carries_the_deletes_out(make_world: Any, side: str) -> None:
    world, service = await held(make_world, side)
    assert await service.release(world.emulator.plan_id) == DELETED

    async def gone() -> bool:
        return await documents(world) == len(world.cards()) == TASKS - DELETED

    await world.until(gone, "the deletes")
    assert (await service.vitals.snapshot()).holds == {}


@pytest.mark.contract("§7 POST /api/plans/{id}/release, POST /api/plans/{id}/restore")
@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_a_restore_brings_back_what_is_missing(make_world: Any, side: str) -> None:
    world, service = await held(make_world, side)
    assert await service.restore(world.emulator.plan_id) == DELETED

    async def back() -> bool:
        return await documents(world) == len(world.cards()) == TASKS

    await world.until(back, "documents and cards")
    titles = sorted(card["title"] for card in world.cards().values())
    assert titles == [f"Task {n}" for n in range(TASKS)]
    for n in range(TASKS):
        document = await world.document(f"t{n}")
        assert (document["private"], document["plannerId"] in world.cards()) == (n, True)


async def test_where_nothing_is_held_there_is_nothing_to_end(world: World) -> None:
    service = world.service()
    assert await service.release(world.emulator.plan_id) is None
    assert await service.restore(world.emulator.plan_id) is None
