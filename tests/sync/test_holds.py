"""An operator ends a hold: the deletes are carried out, or what is missing comes back."""

from typing import Any

import pytest

from planner_sync.store.holds import Holds
from planner_sync.sync.run.service import Service
from tests.store.shelf import Shelf
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
    await world.until(
        lambda: [m["code"] for m in world.said("failed")] == ["held"] * DELETED, "the hold"
    )
    return world, service


def holds(world: World) -> Holds:
    """What an operator has, in a process that knows Redis alone."""
    shelf = Shelf(world.redis, world.keys.namespace)
    return Holds(shelf.deletes, shelf.plans, shelf.mapper, shelf.repository, shelf.pending)


async def all_is_back(world: World) -> bool:
    cards = world.cards()
    found = [await world.find(f"t{n}") for n in range(TASKS)]
    return len(cards) == TASKS and all(
        document and document.get("plannerId") in cards for document in found
    )


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
    assert (await service.telemetry.snapshot()).holds == {}


@pytest.mark.contract("§7 POST /api/plans/{id}/release, POST /api/plans/{id}/restore")
@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_a_restore_brings_back_what_is_missing(make_world: Any, side: str) -> None:
    world, service = await held(make_world, side)
    assert await service.restore(world.emulator.plan_id) == DELETED
    await world.until(lambda: all_is_back(world), "documents and cards")
    titles = sorted(card["title"] for card in world.cards().values())
    assert titles == [f"Task {n}" for n in range(TASKS)]
    assert [(await world.document(f"t{n}"))["private"] for n in range(TASKS)] == list(range(TASKS))


async def test_where_nothing_is_held_there_is_nothing_to_end(world: World) -> None:
    service = world.service()
    assert await service.release(world.emulator.plan_id) is None
    assert await service.restore(world.emulator.plan_id) is None


@pytest.mark.contract("§6 The process is killed at any instant")
@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_a_restore_that_is_killed_in_the_middle_is_finished_by_the_next_process(
    make_world: Any, side: str
) -> None:
    world, _ = await held(make_world, side)
    await world.stop()
    await holds(world).restore(world.emulator.plan_id)
    await Shelf(world.redis, world.keys.namespace).pending.lease(
        DELETED
    )  # by a process that ends with it
    await world.forget_claims()
    await world.start()
    await world.until(lambda: all_is_back(world), "documents and cards")
    assert world.said("deleted") == []


async def test_a_restore_waits_for_a_plan_that_cannot_be_read(make_world: Any) -> None:
    world, service = await held(make_world, "agents")
    world.human.unreadable(plan_id=world.emulator.plan_id)
    await service.restore(world.emulator.plan_id)

    async def looked() -> bool:
        refusals = await Shelf(world.redis, world.keys.namespace).repository.refusals()
        return len([refused for refused in refusals.values() if refused.code != "held"]) == DELETED

    await world.until(looked, "a look at each")
    world.human.readable(plan_id=world.emulator.plan_id)
    await Shelf(world.redis, world.keys.namespace).pending.enqueue(
        [f"t{n}" for n in range(DELETED)]
    )
    await world.until(lambda: all_is_back(world), "documents and cards")


async def test_a_restore_brings_back_a_card_of_whose_task_something_else_was_said_since(
    make_world: Any,
) -> None:
    world, service = await held(make_world, "planner")
    world.human.unreadable(plan_id=world.emulator.plan_id)
    await world.change("t0", percentComplete=50)
    await world.publish("updated", "t0")
    await world.until(
        lambda: [m for m in world.said("failed", "t0") if m["code"] == "unauthorized"],
        "the trouble",
    )
    assert await service.restore(world.emulator.plan_id) == DELETED
    world.human.readable(plan_id=world.emulator.plan_id)
    await Shelf(world.redis, world.keys.namespace).pending.enqueue(
        [f"t{n}" for n in range(DELETED)]
    )
    await world.until(lambda: all_is_back(world), "documents and cards")
    assert world.said("deleted") == []


async def test_a_restore_brings_back_what_no_look_has_found_missing_yet(make_world: Any) -> None:
    world, _ = await held(make_world, "agents")
    await world.stop()
    await world.redis.delete(world.keys.document("t7"))
    assert await holds(world).restore(world.emulator.plan_id) == DELETED + 1


async def test_a_restored_card_comes_back_in_its_bucket_when_that_is_gone_too(
    make_world: Any,
) -> None:
    world = await make_world(
        MAX_DELETE_COUNT="0", MAX_DELETE_RATIO="0", bucket_delete="delete_tasks"
    )
    service = await world.start()
    bucket = world.human.create_bucket(plan_id=world.emulator.plan_id, name="Ideas")["id"]
    card = world.human.create(title="Task 0", bucketId=bucket)
    task_id = f"planner-{card['id']}"
    await world.until(lambda: world.find(task_id), "the document")
    world.human.delete_bucket(bucket_id=bucket)
    await world.until(lambda: world.said("failed", task_id), "the hold")
    await service.restore(world.emulator.plan_id)
    await world.until(lambda: world.cards(), "the card")
    assert world.card("Task 0")["bucketId"] == world.emulator.bucket_ids()["Ideas"]
