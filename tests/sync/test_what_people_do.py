"""What people do on the board besides plain edits, and what becomes of it in the documents."""

import uuid
from typing import Any

import pytest

from planner_sync.sync.run.service import Service
from tests.sync.world import World


def writes(world: World) -> list[str]:
    return [call["method"] for call in world.emulator.requests() if call["method"] != "GET"]


@pytest.mark.contract("§6 A quiet system")
async def test_an_etag_that_moves_alone_writes_nothing(world: World, service: Service) -> None:
    """Planner computes the order of cards anew: nothing that people see has changed."""
    planner_id = await world.uploaded(service, percentComplete=10)
    text = await world.redis.get(world.keys.document("t"))
    world.emulator.forget_requests()
    world.messages.clear()
    for _ in range(3):
        world.human.rehint(planner_id)
        await world.settle(service)
    assert (writes(world), world.messages) == ([], [])
    assert await world.redis.get(world.keys.document("t")) == text


async def test_no_place_in_the_order_of_cards_is_ever_sent(world: World, service: Service) -> None:
    planner_id = await world.uploaded(
        service, assignedTo=["mira.novak@example.com"], checklist=[{"title": "one"}]
    )
    world.human.rehint(planner_id)
    await world.change("t", title="Changed", percentComplete=30)
    await world.settle(service)
    bodies = [
        call["body"]
        for call in world.emulator.requests()
        if "/planner/tasks" in call["path"] and call["body"]
    ]
    assert bodies
    assert [body for body in bodies if {"orderHint", "assigneePriority"} & body.keys()] == []
    checklists = [body["checklist"] for body in bodies if "checklist" in body]
    assert [item["orderHint"] for items in checklists for item in items.values()] == [
        " !"
    ]  # "at the end", no place


@pytest.mark.parametrize("how", ["orphan", "delete_tasks"])
async def test_a_bucket_that_people_delete(make_world: Any, how: str) -> None:
    """Its cards live on without one, or go with it, as Planner decides; the documents follow."""
    world = await make_world(bucket_delete=how)
    service = world.service()
    planner_id = await world.uploaded(service, bucket="Doing")
    await world.uploaded(service, "other", title="Other", bucket="Done")
    world.human.delete_bucket(bucket_id=world.emulator.bucket_ids()["Doing"])
    for _ in range(3):
        await world.settle(service)
    if how == "delete_tasks":
        assert await world.find("t") is None
        assert list(world.cards()) != [planner_id]
    else:
        assert world.cards()[planner_id]["bucketId"] is None
        assert not (await world.document("t"))["bucket"]
        world.emulator.forget_requests()
        await world.change("t", percentComplete=60)
        await world.settle(service)
        assert world.cards()[planner_id]["percentComplete"] == 60
        await world.change("t", bucket="Done")
        await world.settle(service)
        assert world.cards()[planner_id]["bucketId"] == world.emulator.bucket_ids()["Done"]
    assert (await world.document("other"))["bucket"] == "Done"
    assert world.said("failed") == []


async def test_somebody_who_left_stays_assigned_and_stops_no_other_field(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service)
    left = "00000000-0000-4000-8000-00000000dead"  # nobody in the directory
    world.human.assign(planner_id, add=[left])
    await world.settle(service)
    assert (await world.document("t"))["assignedTo"] == [left]
    await world.change("t", percentComplete=40)
    await world.settle(service)
    card = world.cards()[planner_id]
    assert (card["percentComplete"], list(card["assignments"])) == (40, [left])
    assert world.said("failed") == []


async def test_somebody_who_is_gone_from_the_directory_is_refused_as_a_new_assignee(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service)
    await world.change("t", percentComplete=40, assignedTo=["left@example.com"])
    await world.settle(service)
    (message,) = world.said("failed")
    assert (message["code"], message["retrying"]) == ("unknown_person", True)
    assert "left@example.com" in message["reason"]
    assert world.cards()[planner_id]["percentComplete"] == 0  # refused as a whole


async def test_a_renamed_label_changes_the_documents_and_no_card(
    world: World, service: Service
) -> None:
    world.human.rename_label(plan_id=world.emulator.plan_id, category="category1", name="Red")
    planner_id = await world.uploaded(service, labels=["Red"])
    world.human.rename_label(plan_id=world.emulator.plan_id, category="category1", name="Crimson")
    world.emulator.forget_requests()
    for _ in range(11):  # names are read again every tenth poll
        await world.settle(service)
    assert (await world.document("t"))["labels"] == ["Crimson"]
    assert [message["changed"] for message in world.said("updated", "t")] == [["labels"]]
    assert sorted(world.cards()[planner_id]["appliedCategories"]) == ["category1"]
    assert writes(world) == []


async def test_the_next_task_of_a_recurring_one_gets_one_document(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, dueDate="2026-05-01", description="text")
    following = world.human.complete_recurring(planner_id)
    for _ in range(4):
        await world.settle(service)
    keys = [key async for key in world.redis.scan_iter(match=world.keys.document("*"))]
    assert sorted(keys) == sorted(
        world.keys.document(name).encode() for name in ("t", f"planner-{following['id']}")
    )
    assert (await world.document("t"))["percentComplete"] == 100
    assert (await world.document(f"planner-{following['id']}"))["dueDate"].startswith("2026-05-08")
    assert len(world.cards()) == 2


async def test_of_several_changes_between_two_polls_the_last_state_counts(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service)
    for _ in range(3):
        world.human.complete(planner_id)
        world.human.reopen(planner_id)
    world.human.complete(planner_id)
    world.messages.clear()
    await world.settle(service)
    assert (await world.document("t"))["percentComplete"] == 100
    (message,) = world.said("updated", "t")
    assert message["changed"] == ["percentComplete"]
    assert world.said("conflict") == []


async def test_links_and_items_that_people_take_off_stay_off(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(
        service, references=[{"url": "https://example.com/a"}, {"url": "https://example.com/b"}]
    )
    world.human.edit(planner_id, fields={"references": {"https://example.com/a": None}})
    await world.settle(service)
    await world.change("t", percentComplete=20)
    await world.settle(service)
    (left,) = world.cards()[planner_id]["details"]["references"]
    assert "example%2Ecom/b" in left
    assert [link["url"] for link in (await world.document("t"))["references"]] == [
        "https://example.com/b"
    ]


async def test_a_start_after_the_due_date_from_two_sides_ends_as_the_winner_has_it(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, startDate="2026-05-01", dueDate="2026-05-20")
    world.human.edit(planner_id, fields={"dueDateTime": "2026-05-05T10:00:00Z"})
    await world.change("t", startDate="2026-05-10")
    for _ in range(3):
        await world.settle(service)
    card = world.cards()[planner_id]
    assert (card["startDateTime"][:10], card["dueDateTime"][:10]) == ("2026-05-01", "2026-05-05")
    document = await world.document("t")
    assert (document["startDate"][:10], document["dueDate"][:10]) == ("2026-05-01", "2026-05-05")
    assert world.said("conflict")
    assert (await service.telemetry.snapshot()).refusals == {}


@pytest.mark.contract("§6 Human edits, completes, moves, relabels, reassigns")
async def test_four_hundred_edits_between_two_polls_all_arrive(
    world: World, service: Service
) -> None:
    """More than a page of 400 cards."""
    cards = [world.human.create(title=f"Card {n}")["id"] for n in range(410)]
    await world.settle(service)
    for planner_id in cards[:400]:
        world.human.complete(planner_id)
    await world.settle(service)
    documents = [await world.document(f"planner-{planner_id}") for planner_id in cards]
    assert [document.get("percentComplete") for document in documents] == [100] * 400 + [None] * 10
    written = [call["path"] for call in world.emulator.requests() if call["method"] != "GET"]
    assert set(written) <= {"/$batch"}


@pytest.mark.contract("§2 Nothing outside it is ever read or written")
@pytest.mark.parametrize("bucket", ["Doing", None], ids=["in a bucket", "in none"])
async def test_a_card_that_people_moved_out_of_our_plans_stays_when_its_document_is_deleted(
    make_world: Any, bucket: str | None
) -> None:
    ours, theirs = "A" * 28, "B" * 28
    world: World = await make_world(plans=(ours, theirs), PLAN_IDS=ours)
    service = world.service()
    planner_id = await world.uploaded(service, bucket="Doing")
    world.human.edit(
        planner_id, fields={"bucketId": world.emulator.bucket_ids()["Doing"] if bucket else None}
    )
    await world.settle(service)
    world.transfer(planner_id, theirs, bucket)
    await world.delete("t")
    await world.pending.enqueue(["t"], announced="deleted")  # as the listener does
    await world.settle(service)
    assert planner_id in world.emulator.cards(theirs)
    assert await world.find("t") is None


async def test_a_document_whose_card_people_moved_to_another_plan_of_ours_comes_back(
    make_world: Any,
) -> None:
    ours, other = "A" * 28, "B" * 28
    world: World = await make_world(plans=(ours, other))
    service = world.service()
    planner_id = await world.uploaded(service, bucket="Doing", planId=ours)
    world.transfer(planner_id, other, "Done")
    await world.delete("t")
    await world.pending.enqueue(["t"], announced="deleted")  # as the listener does
    await world.settle(service)
    document = await world.document("t")
    assert (document["bucket"], document["planId"]) == ("Done", other)
    assert [m["field"] for m in world.said("conflict")] == ["deleted"]


ITEMS = {str(uuid.uuid4()): {"title": f"step {n}"} for n in range(25)}
GROWN: list[Any] = [
    pytest.param({"description": "z" * 30_000}, {}, id="more than a document may have"),
    pytest.param({"checklist": ITEMS}, {"x": 1}, id="too many items"),
]


async def _grown(
    make_world: Any, fields: dict[str, Any], private: dict[str, Any]
) -> tuple[World, Service, str]:
    world: World = await make_world(max_checklist_items=30)
    service = world.service()
    planner_id = await world.uploaded(service, **{"x": "y" * 255 * 1024, **private})
    world.human.edit(planner_id, fields=fields)
    await world.settle(service)
    return world, service, planner_id


@pytest.mark.parametrize(("fields", "private"), GROWN)
async def test_a_document_that_people_made_too_large_is_refused_and_its_task_goes_on(
    make_world: Any, fields: dict[str, Any], private: dict[str, Any]
) -> None:
    world, service, planner_id = await _grown(make_world, fields, private)
    await world.change("t", percentComplete=40)
    await world.settle(service)
    assert [message["code"] for message in world.said("failed")] == ["limit"]
    await world.change("t", x="little", checklist=None)
    await world.settle(service)
    assert world.cards()[planner_id]["percentComplete"] == 40


@pytest.mark.parametrize(("fields", "private"), GROWN)
async def test_a_document_that_people_made_too_large_is_deleted_like_any_other(
    make_world: Any, fields: dict[str, Any], private: dict[str, Any]
) -> None:
    world, service, planner_id = await _grown(make_world, fields, private)
    await world.delete("t")
    await world.pending.enqueue(["t"], announced="deleted")  # as the listener does
    await world.settle(service)
    assert planner_id not in world.cards()
