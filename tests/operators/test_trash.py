"""A card that a human has deleted by mistake comes back, as a new card of the same task."""

import asyncio
from typing import Any

import pytest

from planner_sync.model.records import TrashEntry
from planner_sync.store.trash import Trash
from planner_sync.sync.run.service import Service
from tests.store.shelf import Shelf
from tests.sync.world import World


@pytest.fixture
async def service(world: World) -> Service:
    service = world.service()
    await world.settle(service)
    return service


def trash(world: World) -> Trash:
    shelf = Shelf(world.redis, world.keys.namespace)
    return Trash(world.redis, shelf.scripts, world.keys)


async def thrown_away(world: World, service: Service, task_id: str, planner_id: str) -> TrashEntry:
    """The entry of a card that a human has just deleted."""
    world.human.delete(planner_id)
    await world.settle(service)
    assert await world.find(task_id) is None
    return (await trash(world).entries())[0]


def shown(card: dict[str, Any], world: World) -> dict[str, Any]:
    """What people see of a card."""
    details, buckets = card["details"], {v: k for k, v in world.emulator.bucket_ids().items()}
    names = (
        "title",
        "percentComplete",
        "priority",
        "startDateTime",
        "dueDateTime",
        "appliedCategories",
    )
    checklist = sorted((item["title"], item["isChecked"]) for item in details["checklist"].values())
    references = {url: (link["alias"], link["type"]) for url, link in details["references"].items()}
    return {
        **{name: card[name] for name in names},
        "bucket": buckets.get(card["bucketId"]),
        "people": sorted(card["assignments"]),
        "description": details["description"],
        "checklist": checklist,
        "references": references,
    }


async def a_full_card(world: World, service: Service) -> tuple[str, dict[str, Any]]:
    """A card that a human made, with everything that is synced, and its task."""
    buckets, people = world.emulator.bucket_ids(), sorted(world.emulator.user_ids().values())
    made = world.human.create(
        title="By hand", bucketId=buckets["Doing"], priority=3, percentComplete=50
    )
    world.human.edit(
        made["id"],
        fields={
            "startDateTime": "2026-01-02T10:00:00Z",
            "dueDateTime": "2026-02-03T08:30:00Z",
            "description": "Many words",
            "assignments": dict.fromkeys(people[:2], True),
            "checklist": {
                "11111111-1111-4111-8111-111111111111": {"title": "First", "isChecked": True},
                "22222222-2222-4222-8222-222222222222": {"title": "Second", "isChecked": False},
            },
            "references": {"https://example.com/a.b": {"alias": "Page", "type": "Other"}},
        },
    )
    world.human.rename_label(
        plan_id=world.emulator.plan_id, category="category1", name="Urgent matter"
    )
    world.human.relabel(made["id"], add=["category1", "category3"])
    await world.settle(service)
    return f"planner-{made['id']}", world.cards()[made["id"]]


@pytest.mark.contract("§6 Human deletes the card")
async def test_a_deleted_card_comes_back_whole(world: World, service: Service) -> None:
    task_id, before = await a_full_card(world, service)
    await world.change(task_id, private={"kept": [1]})
    await world.settle(service)
    entry = await thrown_away(world, service, task_id, before["id"])

    assert await trash(world).restore(entry)
    await world.settle(service)
    (after,) = world.cards().values()
    document = await world.document(task_id)
    assert shown(after, world) == shown(before, world)
    assert after["id"] != before["id"]
    assert (document["plannerId"], document["private"]) == (after["id"], {"kept": [1]})
    assert await trash(world).entries() == []
    await world.settle(service)
    assert (list(world.cards()), world.said("failed"), world.said("conflict")) == (
        [after["id"]],
        [],
        [],
    )


async def test_what_only_the_card_had_comes_back_too(world: World, service: Service) -> None:
    """The agent had written a title alone, and again just before the delete: nothing else is in the
    document."""
    task_id, before = await a_full_card(world, service)
    await world.set(task_id, title="By hand")
    entry = await thrown_away(world, service, task_id, before["id"])
    await trash(world).restore(entry)
    await world.settle(service)
    (after,) = world.cards().values()
    assert shown(after, world) == shown(before, world)


async def test_a_task_that_an_agent_deleted_comes_back_too(world: World, service: Service) -> None:
    task_id, before = await a_full_card(world, service)
    await world.redis.delete(world.keys.document(task_id))
    shelf = Shelf(world.redis, world.keys.namespace)
    await shelf.pending.enqueue([task_id], announced="deleted")
    await world.settle(service)
    assert world.cards() == {}
    (entry,) = await trash(world).entries()
    await trash(world).restore(entry)
    await world.settle(service)
    (after,) = world.cards().values()
    assert (entry.by, shown(after, world)) == ("agent", shown(before, world))


async def test_a_document_that_was_refused_comes_back_as_it_was_before(
    world: World, service: Service
) -> None:
    task_id, before = await a_full_card(world, service)
    await world.change(task_id, percentComplete="half")
    await world.settle(service)
    assert [message["code"] for message in world.said("failed")] == ["bad_field"]
    entry = await thrown_away(world, service, task_id, before["id"])
    await trash(world).restore(entry)
    await world.settle(service)
    (after,) = world.cards().values()
    assert shown(after, world) == shown(before, world)


async def test_a_bucket_that_is_gone_is_made_again(make_world: Any) -> None:
    world: World = await make_world(bucket_delete="delete_tasks")
    bucket = world.human.create_bucket(plan_id=world.emulator.plan_id, name="Ideas")["id"]
    card = world.human.create(title="In a bucket", bucketId=bucket)
    service = world.service()
    await world.settle(service)
    world.human.delete_bucket(bucket_id=bucket)
    await world.settle(service)
    (entry,) = await trash(world).entries()
    await trash(world).restore(entry)
    await world.settle(service)
    assert world.card("In a bucket")["bucketId"] == world.emulator.bucket_ids()["Ideas"]
    assert world.card("In a bucket")["id"] != card["id"]


async def test_a_restore_waits_out_a_throttled_planner(world: World, service: Service) -> None:
    """That it was created on purpose must not be forgotten: the same title would be a stale
    copy."""
    card = world.human.create(title="By hand")
    await world.settle(service)
    entry = await thrown_away(world, service, f"planner-{card['id']}", card["id"])
    world.emulator.faults.add(
        "throttle", method="POST", path="/planner/tasks", retry_after="3", times=1
    )
    await trash(world).restore(entry)
    await world.start()
    await world.until(lambda: world.cards(), "the card")
    assert world.said("failed") == []


async def test_where_a_document_stands_nothing_is_restored(world: World, service: Service) -> None:
    card = world.human.create(title="By hand")
    await world.settle(service)
    task_id = f"planner-{card['id']}"
    entry = await thrown_away(world, service, task_id, card["id"])
    await world.set(task_id, title="Another")
    assert not await trash(world).restore(entry)
    assert ((await world.document(task_id))["title"], await trash(world).entries()) == (
        "Another",
        [entry],
    )


@pytest.mark.contract("§6 The process is killed at any instant")
async def test_a_restore_that_was_cut_off_is_finished_by_the_next(
    world: World, service: Service
) -> None:
    card = world.human.create(title="By hand")
    await world.settle(service)
    task_id = f"planner-{card['id']}"
    entry = await thrown_away(world, service, task_id, card["id"])
    kept = await world.redis.hgetall(world.keys.private("trash", "entries"))
    await trash(world).restore(entry)
    await world.redis.hset(
        world.keys.private("trash", "entries"), mapping=kept
    )  # as if it had ended before
    await world.settle(service)
    document = await world.document(task_id)
    assert await trash(world).restore(entry)
    await world.settle(service)
    assert (len(world.cards()), await world.document(task_id)) == (1, document)
    assert await trash(world).entries() == []


async def test_two_operators_at_once_bring_one_card_back(world: World, service: Service) -> None:
    card = world.human.create(title="By hand")
    await world.settle(service)
    entry = await thrown_away(world, service, f"planner-{card['id']}", card["id"])
    assert await asyncio.gather(trash(world).restore(entry), trash(world).restore(entry)) == [
        True,
        True,
    ]
    await world.settle(service)
    assert len(world.cards()) == 1
