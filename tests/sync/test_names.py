"""Two buckets or labels of one name, in one plan or in two: a document means the one that its card
has.

And what a document says of plan and bucket that is not so any more."""

from typing import Any

import pytest

from planner_sync.decide.rendering import Wanted, bindings_as_written
from planner_sync.model.card import Names
from planner_sync.sync.run.service import Service
from tests.sync.world import World

PLAN, OTHER_PLAN = "A" * 28, "B" * 28


@pytest.mark.contract("§6 Human edits, completes, moves, relabels, reassigns")
async def test_a_card_that_people_move_to_another_plan_stays_in_its_bucket_there(
    make_world: Any,
) -> None:
    world: World = await make_world(plans=(PLAN, OTHER_PLAN))
    service = world.service()
    planner_id = await world.uploaded(service, bucket="Doing")
    there = world.transfer(planner_id, OTHER_PLAN, "Doing")
    await world.settle(service)
    await world.settle(service)
    await world.change("t", percentComplete=50)
    await world.settle(service)
    card = world.emulator.cards(OTHER_PLAN)[planner_id]
    assert world.said("failed") == []
    assert (card["percentComplete"], card["bucketId"]) == (50, there)


@pytest.mark.contract("§6 Human edits, completes, moves, relabels, reassigns")
async def test_a_card_that_people_move_to_a_bucket_of_the_same_name_stays_there(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, bucket="Doing")
    likely_card = world.human.create_bucket(plan_id=world.emulator.plan_id, name="Doing")["id"]
    world.human.move(planner_id, bucket_id=likely_card)
    await world.settle(service)
    await world.change("t", percentComplete=50)
    await world.settle(service)
    card = world.cards()[planner_id]
    assert (card["percentComplete"], card["bucketId"]) == (50, likely_card)


async def test_a_new_card_keeps_the_second_of_two_labels_of_one_name(
    world: World, service: Service
) -> None:
    for slot in ("category1", "category7"):
        world.human.rename_label(plan_id=world.emulator.plan_id, category=slot, name="Red")
    card = world.human.create(title="By people", appliedCategories={"category7": True})
    await world.settle(service)
    await world.change(f"planner-{card['id']}", percentComplete=50)
    await world.settle(service)
    now = world.cards()[card["id"]]
    assert (now["percentComplete"], list(now["appliedCategories"])) == (50, ["category7"])


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        pytest.param([], ["category1", "category7"], id="beside it"),
        pytest.param(["category1"], ["category7"], id="in its place"),
    ],
)
async def test_a_second_label_of_the_same_name_stays_where_people_put_it(
    world: World, service: Service, taken: list[str], left: list[str]
) -> None:
    for slot in ("category1", "category7"):
        world.human.rename_label(plan_id=world.emulator.plan_id, category=slot, name="Red")
    planner_id = await world.uploaded(service, labels=["Red"])
    world.human.relabel(planner_id, add=["category7"], remove=taken)
    await world.settle(service)
    await world.change("t", percentComplete=50)
    await world.settle(service)
    card = world.cards()[planner_id]
    assert (card["percentComplete"], sorted(card["appliedCategories"])) == (50, left)


@pytest.mark.contract("§4 bucket or bucketId")
@pytest.mark.parametrize(
    "remade", [False, True], ids=["which is made anew", "which people have made anew"]
)
async def test_the_name_of_a_deleted_bucket_means_a_new_one(
    world: World, service: Service, remade: bool
) -> None:
    planner_id = await world.uploaded(service, bucket="Doing")
    world.human.delete_bucket(bucket_id=world.emulator.bucket_ids()["Doing"])
    await world.settle(service)
    if remade:
        world.human.create_bucket(plan_id=world.emulator.plan_id, name="Doing")
    await world.change("t", bucket="Doing")
    await world.settle(service)
    assert world.said("failed") == []
    assert world.cards()[planner_id]["bucketId"] == world.emulator.bucket_ids()["Doing"]


@pytest.mark.parametrize("winner", ["planner", "agents"])
async def test_an_old_copy_with_the_name_of_a_deleted_bucket_does_not_make_it_anew(
    make_world: Any, winner: str
) -> None:
    world: World = await make_world(CONFLICT_WINNER=winner)
    service = world.service()
    planner_id = await world.uploaded(service, bucket="Doing")
    old = await world.document("t")
    world.human.delete_bucket(bucket_id=world.emulator.bucket_ids()["Doing"])
    await world.settle(service)
    await world.set("t", **{**old, "percentComplete": 50})
    await world.settle(service)
    card = world.cards()[planner_id]
    assert (card["percentComplete"], card["bucketId"]) == (50, None)
    assert "Doing" not in world.emulator.bucket_ids()


@pytest.mark.contract("§4 labels")
@pytest.mark.parametrize("name", ["Next\u00a0week", "Next week", "100% done", "a%20b", "?"])
async def test_a_new_label_may_have_any_characters(
    world: World, service: Service, name: str
) -> None:
    planner_id = await world.uploaded(service, labels=[name])
    (slot,) = world.cards()[planner_id]["appliedCategories"]
    assert world.emulator.state()["plans"][0]["labels"][slot] == name
    assert (await world.document("t"))["labels"] == [name]


@pytest.mark.contract("§6 An agent writes back a copy that it read")
@pytest.mark.parametrize(
    "with_rev", [True, False], ids=["a copy that was read", "an object of its own"]
)
async def test_an_old_copy_that_names_the_plan_from_before_a_move_is_no_attempt_to_move_the_card(
    make_world: Any, with_rev: bool
) -> None:
    before, now = PLAN, OTHER_PLAN
    world: World = await make_world(plans=(before, now))
    service = world.service()
    planner_id = await world.uploaded(service, planId=before, bucket="Doing")
    old = (
        await world.document("t")
        if with_rev
        else {"title": "Task", "planId": before, "bucket": "Doing"}
    )
    there = world.transfer(planner_id, now, "Done")
    await world.settle(service)
    await world.settle(service)
    await world.set("t", **{**old, "percentComplete": 50})
    await world.settle(service)
    card, document = world.emulator.cards(now)[planner_id], await world.document("t")
    assert world.said("failed") == []
    assert (card["percentComplete"], card["bucketId"]) == (50, there)
    assert (document["planId"], document["bucket"]) == (now, "Done")


async def test_a_document_from_before_a_move_is_put_right_after_a_loss_of_redis(
    make_world: Any,
) -> None:
    before, now = PLAN, OTHER_PLAN
    world: World = await make_world(plans=(before, now))
    service = world.service()
    planner_id = await world.uploaded(service, planId=before)
    old = await world.document("t")
    async for key in world.redis.scan_iter(match=f"{world.keys.namespace}:*"):
        await world.redis.delete(key)
    world.transfer(planner_id, now, "Done")
    await world.set("t", **old)
    for _ in range(2):
        await world.settle(service)
    assert world.said("failed") == []
    assert (await world.document("t"))["planId"] == now


async def test_a_new_label_takes_no_colour_that_people_use(world: World, service: Service) -> None:
    card = world.human.create(
        title="By people", appliedCategories={"category25": True, "category23": True}
    )
    await world.settle(service)
    planner_id = await world.uploaded(service, labels=["Blue", "Green"])
    assert sorted(world.cards()[planner_id]["appliedCategories"]) == ["category22", "category24"]
    assert (await world.document(f"planner-{card['id']}"))["labels"] == ["category23", "category25"]


def test_a_label_that_stands_by_its_slot_for_want_of_a_name_is_shown_by_it_later() -> None:
    """Another instance may have named it: this one had old names when it wrote the document."""
    wanted = Wanted(
        {"labels category7": True}, (), Names((), {"category7": None}, ""), frozenset(), frozenset()
    )
    assert bindings_as_written({}, wanted, ()) == {"label category7": "category7"}
