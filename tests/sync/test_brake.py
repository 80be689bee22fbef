"""The mass-delete brake: what counts as vanished at once, and what does not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from planner_sync.sync.task.brake import Brake
from tests.store.shelf import PLAN, Shelf
from tests.sync.test_holds import held
from tests.sync.world import World

pytestmark = pytest.mark.contract("§6 More than `MAX_DELETE_RATIO` … vanish at once")
TASKS = 10
MINUTE_MS = 60_000


@pytest.fixture
async def shelf(redis_url: str, namespace: str) -> AsyncIterator[Shelf]:
    """A plan of ten tasks, each with document and card."""
    async with Redis.from_url(redis_url) as redis:
        shelf = Shelf(redis, namespace)
        for n in range(TASKS):
            await shelf.set(f"t{n}", b"{}")
            await shelf.map(f"t{n}", f"card-{n}")
        yield shelf


def brake(shelf: Shelf, ratio: float = 0.3, count: int = 3) -> Brake:
    return Brake(shelf.plans, shelf.mapper, shelf.repository, ratio, count, MINUTE_MS)


def tasks(first: int, end: int) -> list[str]:
    return [f"t{n}" for n in range(first, end)]


async def lose_documents(shelf: Shelf, count: int) -> None:
    await shelf.redis.delete(*(shelf.keys.document(task_id) for task_id in tasks(0, count)))


async def bury(shelf: Shelf, n: int, **order: Any) -> None:
    await shelf.redis.delete(shelf.keys.document(f"t{n}"))
    burial = {"planner_id": f"card-{n}", "bury": True, "forget": True, **order}
    await shelf.settle(await shelf.marked(f"t{n}"), **burial)


@pytest.mark.parametrize(
    ("ratio", "count", "lost", "stops"),
    [
        pytest.param(0.3, 3, 4, True, id="more than both"),
        pytest.param(0.3, 3, 3, False, id="not more than the count"),
        pytest.param(0.3, 1, 3, False, id="not more than the share"),
        pytest.param(0.5, 3, 4, False, id="more than the count alone"),
        pytest.param(0.3, 10, 10, False, id="a small plan may vanish as a whole"),
        pytest.param(0, 0, 1, True, id="nothing at all may vanish"),
    ],
)
@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_both_limits_count(
    shelf: Shelf, side: Any, ratio: float, count: int, lost: int, stops: bool
) -> None:
    if side == "agents":
        await lose_documents(shelf, lost)
    gone = tasks(0, lost) if side == "planner" else ()
    assert await brake(shelf, ratio, count).stops(PLAN, side, gone) == stops


async def test_a_hold_says_what_vanished(shelf: Shelf) -> None:
    await lose_documents(shelf, 4)
    assert await brake(shelf).stops(PLAN, "agents")
    hold = await shelf.plans.hold(PLAN)
    assert hold is not None
    assert (hold["side"], hold["vanished"], hold["of"]) == ("agents", 4, TASKS)


async def test_deletes_that_come_one_by_one_count_together(shelf: Shelf) -> None:
    for n in range(3):
        assert not await brake(shelf).stops(PLAN, "agents")
        await bury(shelf, n)
    await shelf.redis.delete(shelf.keys.document("t3"))
    assert await brake(shelf).stops(PLAN, "agents")


async def test_the_share_is_of_the_tasks_that_there_were_before(shelf: Shelf) -> None:
    for n in range(2):
        await bury(shelf, n)
    await shelf.redis.delete(shelf.keys.document("t2"))
    assert not await brake(shelf, 0.3, 2).stops(PLAN, "agents")


async def test_cards_that_are_found_gone_one_by_one_count_together(shelf: Shelf) -> None:
    stopped = [await brake(shelf).stops(PLAN, "planner", [f"t{n}"]) for n in range(5)]
    assert stopped == [False, False, False, True, True]


async def test_a_delete_that_is_missing_first_and_carried_out_then_counts_once(
    shelf: Shelf,
) -> None:
    await lose_documents(shelf, 3)
    await shelf.plans.note_deletes(PLAN, tasks(0, 3))
    assert not await brake(shelf).stops(PLAN, "agents")


async def test_deletes_older_than_the_window_do_not_count(shelf: Shelf) -> None:
    for n in range(3):
        await bury(shelf, n)
    await shelf.redis.zadd(shelf.keys.private("deletes", PLAN), dict.fromkeys(tasks(0, 3), 1))
    await shelf.redis.delete(shelf.keys.document("t3"))
    assert not await brake(shelf).stops(PLAN, "agents")


async def test_a_card_that_is_made_anew_is_no_delete(shelf: Shelf) -> None:
    for n in range(3):
        await bury(shelf, n, uncounted=True)
    assert await shelf.plans.recent_deletes(PLAN, MINUTE_MS) == set()


@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_what_an_operator_wants_back_has_not_vanished(shelf: Shelf, side: Any) -> None:
    await lose_documents(shelf, 5)
    await shelf.pending.mark(tasks(0, 4), look="restore")
    assert not await brake(shelf).stops(PLAN, side, tasks(0, 5) if side == "planner" else ())


@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_a_hold_stops_both_sides(shelf: Shelf, side: Any) -> None:
    await shelf.plans.set_hold(PLAN, {})
    assert await brake(shelf).stops(PLAN, side, ["t1"] if side == "planner" else ())


async def test_another_plan_is_not_held(shelf: Shelf) -> None:
    await shelf.plans.set_hold(PLAN, {})
    assert not await brake(shelf).stops("plan-2", "agents")


async def test_a_release_lets_through_for_a_while(shelf: Shelf) -> None:
    await lose_documents(shelf, 6)
    await shelf.plans.end_hold(PLAN, MINUTE_MS)
    assert not await brake(shelf).stops(PLAN, "agents")
    await shelf.plans.end_hold(PLAN, 0)
    assert await brake(shelf).stops(PLAN, "agents")


async def test_documents_that_vanish_without_a_message_are_held(make_world: Any) -> None:
    world = await make_world(MAX_DELETE_COUNT="3", POLL_SECONDS="1")
    await world.start()
    for n in range(6):
        await world.write(f"t{n}", "created", title=f"Task {n}")
    for n in range(6):
        await world.until_uploaded(f"t{n}")
    await world.redis.delete(*(world.keys.document(f"t{n}") for n in range(5)))
    await world.until(lambda: [m["code"] for m in world.said("failed")] == ["held"] * 5, "the hold")
    assert len(world.cards()) == 6


@pytest.mark.contract("§6 Human deletes the card")
async def test_edits_of_many_deleted_cards_do_not_slip_past_the_brake(make_world: Any) -> None:
    """Each look finds its own card gone, long before a pass could count them."""
    world = await make_world(MAX_DELETE_COUNT="3", POLL_SECONDS="3600")
    service = world.service()
    ids = [world.human.create(title=f"Task {n}")["id"] for n in range(12)]
    await world.settle(service)
    for planner_id in ids:
        world.human.delete(planner_id)
        await world.change(f"planner-{planner_id}", percentComplete=50)
    await world.upload(service)
    assert len((await service.vitals.snapshot()).holds) == 1
    assert len([planner_id for planner_id in ids if await world.find(f"planner-{planner_id}")]) >= 9


async def test_edits_go_on_while_deletes_are_held(make_world: Any) -> None:
    world, _ = await held(make_world, "agents")
    kept: World = world
    await kept.change("t7", percentComplete=50)
    await kept.until(lambda: kept.card("Task 7")["percentComplete"] == 50, "the edit")
    await kept.write("new", "created", title="New")
    await kept.until_uploaded("new")


async def test_the_other_side_is_held_too(make_world: Any) -> None:
    world, _ = await held(make_world, "agents")
    kept: World = world
    kept.human.delete(kept.card("Task 7")["id"])
    await kept.until(lambda: len(kept.said("failed", "t7")) == 1, "the refusal")
    assert kept.said("failed", "t7")[0]["code"] == "held"
    assert await kept.find("t7")
