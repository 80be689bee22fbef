"""What happens, and what never happens: the table of the contract's §6, row by row, one service
driven by hand."""

import json
from typing import Any

import pytest

from planner_sync.sync.run.service import Service
from tests.sync.world import World


@pytest.mark.contract("§6 Agent writes 100 times in a burst")
async def test_a_burst_is_coalesced(world: World, service: Service) -> None:
    planner_id = await world.uploaded(service)
    world.emulator.forget_requests()
    for n in range(100):
        await world.change("t", percentComplete=n)
    await world.settle(service)
    assert world.cards()[planner_id]["percentComplete"] == 99
    writes = [call for call in world.emulator.requests() if call["method"] == "PATCH"]
    assert len(writes) == 1
    assert writes[0]["body"] == {"percentComplete": 99}


@pytest.mark.contract("§6 Both change the same field")
@pytest.mark.parametrize(
    ("winner", "stays", "lost"), [("planner", "human", "agent"), ("agents", "agent", "human")]
)
async def test_the_winners_value_stays_and_the_other_is_told(
    make_world: Any, winner: str, stays: str, lost: str
) -> None:
    world = await make_world(CONFLICT_WINNER=winner)
    service = world.service()
    planner_id = await world.uploaded(service)
    world.human.edit(planner_id, fields={"title": "human"})
    await world.change("t", title="agent")
    await world.settle(service)
    await world.settle(service)
    assert world.cards()[planner_id]["title"] == stays
    assert (await world.document("t"))["title"] == stays
    (message,) = world.said("conflict")
    assert {name: message[name] for name in ("field", "kept", "lost", "winner")} == {
        "field": "title",
        "kept": stays,
        "lost": lost,
        "winner": winner,
    }


@pytest.mark.contract("§6 Sets and lists")
async def test_sets_are_merged_item_by_item(world: World, service: Service) -> None:
    planner_id = await world.uploaded(service, labels=["category1", "category2"])
    world.human.relabel(planner_id, add=["category3"], remove=["category1"])
    await world.change("t", labels=["category1", "category2", "category4"])
    await world.settle(service)
    await world.settle(service)
    assert sorted(world.cards()[planner_id]["appliedCategories"]) == [
        "category2",
        "category3",
        "category4",
    ]
    assert sorted((await world.document("t"))["labels"]) == ["category2", "category3", "category4"]


async def test_a_delete_comes_back_when_a_human_changed_the_card(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, private="kept")
    world.human.edit(planner_id, fields={"title": "Still needed"})
    await world.redis.delete(
        world.keys.document("t")
    )  # before anybody could show the edit to the agent
    await world.start()
    await world.publish("deleted", "t")
    await world.until(lambda: world.find("t"))
    document = await world.document("t")
    assert document["title"] == "Still needed"
    assert document["private"] == "kept"
    (message,) = world.said("conflict")
    assert (message["field"], message["kept"], message["lost"]) == ("deleted", False, True)
    await world.settle(service)
    assert planner_id in world.cards()


@pytest.mark.parametrize(
    "with_planner_id", [True, False], ids=["with plannerId", "without plannerId"]
)
async def test_a_stale_copy_does_not_bring_a_card_back(
    world: World, service: Service, with_planner_id: bool
) -> None:
    planner_id = await world.uploaded(service)
    copy = await world.document("t")
    world.human.delete(planner_id)
    await world.settle(service)
    assert await world.find("t") is None
    if not with_planner_id:
        copy = {"id": "t", "title": copy["title"], "percentComplete": 50}
    await world.redis.set(world.keys.document("t"), json.dumps(copy))
    await world.publish("updated", "t")
    await world.settle(service)
    assert world.cards() == {}
    (message,) = world.said("failed", "t")
    assert message["code"] == "stale_copy"
    assert await world.document("t") == copy


async def test_a_task_that_was_deleted_can_be_created_again(world: World, service: Service) -> None:
    planner_id = await world.uploaded(service)
    world.human.delete(planner_id)
    await world.settle(service)
    await world.start()
    await world.write("t", "created", title="Task")
    await world.until(lambda: len(world.cards()) == 1)


@pytest.mark.parametrize("winner", ["planner", "agents"])
async def test_a_human_deletes_while_an_agent_edits(make_world: Any, winner: str) -> None:
    world = await make_world(CONFLICT_WINNER=winner)
    service = world.service()
    planner_id = await world.uploaded(service)
    world.human.delete(planner_id)
    await world.change("t", percentComplete=70)
    await world.settle(service)
    await world.settle(service)
    (message,) = world.said("conflict")
    assert message["field"] == "deleted"
    assert message["winner"] == winner
    if winner == "planner":
        assert await world.find("t") is None
        assert world.cards() == {}
    else:
        (card,) = world.cards().values()
        assert card["percentComplete"] == 70
        assert (await world.document("t"))["plannerId"] == card["id"] != planner_id


@pytest.mark.contract("§6 An agent writes back a copy that it read")
@pytest.mark.parametrize(
    ("title", "stays", "told"), [("Task", "human", []), ("agent", "agent", ["title"])]
)
async def test_a_card_that_is_made_anew_undoes_no_human(
    make_world: Any, title: str, stays: str, told: Any
) -> None:
    """The agent never reads: it sets its object as it was, or with a title that it has thought of
    since."""
    world = await make_world(CONFLICT_WINNER="agents")
    service = world.service()
    planner_id = await world.uploaded(service, title="Task")
    world.human.edit(planner_id, fields={"title": "human"})
    await world.settle(service)
    world.human.delete(planner_id)
    await world.set("t", title=title, percentComplete=70)
    await world.settle(service)
    await world.settle(service)
    (card,) = world.cards().values()
    assert (card["title"], card["percentComplete"]) == (stays, 70)
    assert (await world.document("t"))["title"] == stays
    assert [message["field"] for message in world.said("conflict")] == ["deleted", *told]


async def test_a_card_that_is_made_anew_gets_the_names_that_its_document_was_the_first_to_use(
    make_world: Any,
) -> None:
    world = await make_world(CONFLICT_WINNER="agents")
    service = world.service()
    planner_id = await world.uploaded(service, title="Task", labels=["Old"])
    world.human.delete(planner_id)
    await world.change(
        "t", labels=["Old", "New"], bucket="Fresh", assignedTo=["mira.novak@example.com", "scout"]
    )
    await world.settle(service)
    await world.settle(service)
    document = await world.document("t")
    assert (document["labels"], document["bucket"]) == (["Old", "New"], "Fresh")
    assert sorted(document["assignedTo"]) == ["mira.novak@example.com", "scout"]


async def test_an_old_copy_comes_out_of_the_trash_with_what_the_human_wrote(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, title="Task")
    world.human.edit(planner_id, fields={"title": "human"})
    await world.settle(service)
    world.human.delete(planner_id)
    await world.set("t", title="Task", percentComplete=70)
    await world.settle(service)
    (entry,) = await world.redis.hvals(world.keys.private("trash", "entries"))
    renewed = json.loads(json.loads(entry)["renewed"])
    assert (renewed["title"], renewed["percentComplete"]) == ("human", 70)


async def test_a_deleted_document_is_in_the_trash(world: World, service: Service) -> None:
    planner_id = await world.uploaded(service, private="kept")
    text = (await world.redis.get(world.keys.document("t"))).decode()
    world.human.delete(planner_id)
    await world.settle(service)
    (entry,) = await world.redis.hvals(world.keys.private("trash", "entries"))
    assert json.loads(entry)["document"] == text


@pytest.mark.contract("§6 `deleted` message, but the key is there")
async def test_the_key_is_the_truth(world: World, service: Service) -> None:
    await world.uploaded(service)
    await world.start()
    await world.publish("deleted", "t")
    await world.change("t", percentComplete=10)
    await world.until(lambda: next(iter(world.cards().values()))["percentComplete"] == 10)


@pytest.mark.contract("§6 Key vanishes without a `deleted` message")
async def test_a_vanished_key_counts_after_two_polls(make_world: Any) -> None:
    world = await make_world(POLL_SECONDS="1")
    service = world.service()
    planner_id = await world.uploaded(service)
    await world.redis.delete(world.keys.document("t"))
    await world.settle(service)
    assert planner_id in world.cards()

    async def deleted() -> bool:
        await world.settle(service)
        return world.cards() == {}

    await world.until(deleted)


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
async def test_a_lost_redis_deletes_nothing_and_cards_are_adopted(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, dueDate="2026-05-01", labels=["category1"])
    await world.uploaded(service, "other", title="Other")
    copy = await world.document("t")
    await world.stop()
    keys = [key async for key in world.redis.scan_iter(match=world.keys.namespace + ":*")]
    await world.redis.delete(*keys)
    await world.redis.set(world.keys.document("t"), json.dumps({**copy, "percentComplete": 30}))
    await world.set("other", title="Other")
    after = world.service()
    await world.settle(after)
    await world.settle(after)
    assert len(world.cards()) == 2
    assert (await world.document("t"))["plannerId"] == planner_id
    assert (await world.document("other")).get("plannerId") in world.cards()


@pytest.mark.contract("§6 A plan answers 403/404, a page fails")
async def test_an_unreadable_plan_deletes_nothing(world: World, service: Service) -> None:
    await world.uploaded(service)
    world.human.unreadable(plan_id=world.emulator.plan_id)
    await world.settle(service)
    await world.settle(service)
    assert await world.find("t") is not None
    snapshot = await service.telemetry.snapshot()
    assert snapshot.plans[world.emulator.plan_id].error
    world.human.readable(plan_id=world.emulator.plan_id)
    await world.settle(service)
    snapshot = await service.telemetry.snapshot()
    assert not snapshot.plans[world.emulator.plan_id].error


@pytest.mark.contract("§6 Cards are missing from a listing, all of them even")
async def test_a_card_that_a_listing_leaves_out_is_asked_for(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service)
    world.human.hide(planner_id)
    await world.settle(service)
    assert await world.find("t") is not None
    snapshot = await service.telemetry.snapshot()
    assert snapshot.plans[world.emulator.plan_id].left_out == 1


@pytest.mark.contract("§6 More than `MAX_DELETE_RATIO` … vanish at once")
@pytest.mark.parametrize("side", ["agents", "planner"])
async def test_a_mass_delete_is_held(make_world: Any, side: str) -> None:
    world = await make_world(MAX_DELETE_COUNT="3")
    service = world.service()
    for n in range(8):
        await world.set(f"t{n}", title=f"Task {n}")
    await world.settle(service)
    await world.settle(service)
    ids = {n: (await world.document(f"t{n}"))["plannerId"] for n in range(8)}
    if side == "planner":
        for n in range(6):
            world.human.delete(ids[n])
    else:
        await world.start()
        await world.redis.delete(*(world.keys.document(f"t{n}") for n in range(6)))
        for n in range(6):
            await world.publish("deleted", f"t{n}")
        await world.until(lambda: world.said("failed"))
    await world.settle(service)
    await world.settle(service)
    assert len(world.cards()) == (2 if side == "planner" else 8)
    if side == "planner":
        assert all([await world.find(f"t{n}") for n in range(8)])
    assert {message["code"] for message in world.said("failed")} == {"held"}
    assert world.emulator.plan_id in (await service.telemetry.snapshot()).holds
    await world.change("t7", percentComplete=50)
    await world.settle(service)
    assert world.cards()[ids[7]]["percentComplete"] == 50


@pytest.mark.contract("§6 Planner is down, slow, throttles")
@pytest.mark.parametrize(
    "retry_after", ["1", None], ids=["with Retry-After", "without Retry-After"]
)
async def test_a_throttled_update_arrives_afterwards(
    world: World, service: Service, retry_after: str | None
) -> None:
    planner_id = await world.uploaded(service)
    fault: dict[str, Any] = {"retry_after": retry_after} if retry_after else {}
    world.emulator.faults.add("status", status=429, method="PATCH", times=2, **fault)
    await world.start()
    await world.change("t", percentComplete=80)
    await world.until(lambda: world.cards()[planner_id]["percentComplete"] == 80)


async def test_a_lost_answer_to_a_create_makes_no_second_card(
    world: World, service: Service
) -> None:
    await world.settle(service)
    world.emulator.faults.add("drop_after", method="POST", times=1)
    await world.set("t", title="Once")
    await world.settle(service)
    assert len(world.cards()) == 1
    await world.settle(service)
    assert len(world.cards()) == 1
    assert (await world.document("t"))["plannerId"] in world.cards()


async def test_a_lost_answer_to_an_update_is_found_out(world: World, service: Service) -> None:
    planner_id = await world.uploaded(service)
    world.emulator.faults.add("drop_after", method="PATCH", times=1)
    await world.start()
    await world.change("t", title="Twice")
    await world.until(lambda: world.said("uploaded", "t")[1:])
    assert world.cards()[planner_id]["title"] == "Twice"
    assert world.said("conflict") == []


@pytest.mark.contract("§6 An agent writes back a copy that it read")
async def test_a_copy_from_before_a_humans_change_does_not_undo_it(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, percentComplete=0)
    copy = await world.document("t")
    world.human.edit(planner_id, fields={"title": "By a human"})
    await world.settle(service)
    await world.redis.set(world.keys.document("t"), json.dumps({**copy, "percentComplete": 40}))
    await world.settle(service)
    assert world.cards()[planner_id]["title"] == "By a human"
    assert world.cards()[planner_id]["percentComplete"] == 40
    assert (await world.document("t"))["title"] == "By a human"


async def test_an_object_of_an_agents_own_does_not_undo_a_human(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service, percentComplete=0)
    world.human.edit(planner_id, fields={"title": "By a human"})
    await world.settle(service)
    await world.set("t", title="Task", percentComplete=40)
    await world.settle(service)
    assert world.cards()[planner_id]["title"] == "By a human"
    assert world.cards()[planner_id]["percentComplete"] == 40


@pytest.mark.contract("§6 A quiet system")
async def test_a_quiet_poll_is_one_listing_and_nothing_else(world: World, service: Service) -> None:
    await world.uploaded(service, description="text", checklist=[{"title": "One"}])
    await world.settle(service)
    await world.settle(service)
    text = await world.redis.get(world.keys.document("t"))
    world.emulator.forget_requests()
    before = len(world.messages)
    for _ in range(3):
        await world.settle(service)
    calls = world.emulator.requests()
    assert [call["method"] for call in calls] == ["GET"] * 3
    assert world.messages[before:] == []
    assert await world.redis.get(world.keys.document("t")) == text


@pytest.mark.contract("§6 Two or more instances run")
async def test_two_instances_make_one_card_each(world: World) -> None:
    await world.start()
    await world.start()
    for n in range(30):
        await world.write(f"t{n}", "created", title=f"Task {n}")
    await world.until(lambda: len(world.said("uploaded")) >= 30)
    assert len(world.cards()) == 30
    assert len(world.said("uploaded")) == 30


@pytest.mark.contract("§6 The process is killed at any instant")
async def test_a_create_that_was_under_way_at_the_kill_is_found_again(
    world: World, service: Service
) -> None:
    await world.settle(service)
    world.emulator.faults.add("slow", method="POST", delay_ms=400, times=1)
    await world.start()
    await world.write("t", "created", title="Half done")
    await world.until(
        lambda: (
            any(call["method"] == "POST" for call in world.emulator.requests())
            or len(world.cards())
        )
    )
    await world.stop()
    await world.until(lambda: len(world.cards()) == 1)
    after = world.service()
    await world.forget_claims()
    await world.settle(after)
    assert len(world.cards()) == 1
    assert (await world.document("t")).get("plannerId") in world.cards()
