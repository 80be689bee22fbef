"""Leases, holds, names and the other small things that are known of a plan."""

import pytest

from planner_sync.model.records import Hold, Orphan, TrashEntry
from planner_sync.store.leases import Leases
from planner_sync.store.plan_state import PlanSnapshot
from tests.store.shelf import PLAN, Shelf

pytestmark = pytest.mark.cluster


def other(shelf: Shelf) -> Leases:
    return Leases(shelf.scripts, shelf.keys, "two")


async def test_a_lease_is_one_instances_until_it_gives_it_back(shelf: Shelf) -> None:
    assert await shelf.leases.take(PLAN)
    assert await shelf.leases.take(PLAN)
    assert not await other(shelf).take(PLAN)
    await shelf.leases.give_back(PLAN)
    assert await other(shelf).take(PLAN)


async def test_a_lease_that_ran_out_is_free(shelf: Shelf) -> None:
    assert await shelf.leases.take(PLAN, 1)
    started = (await shelf.plans.server_clock()).now
    while (await shelf.plans.server_clock()).now < started + 2:
        pass
    assert await other(shelf).take(PLAN)
    assert not await shelf.leases.take(PLAN)


async def test_nobody_gives_back_the_lease_of_another(shelf: Shelf) -> None:
    await shelf.leases.take(PLAN)
    await other(shelf).give_back(PLAN)
    assert not await other(shelf).take(PLAN)


async def test_a_lease_from_before_the_clock_was_put_back_binds_nobody(shelf: Shelf) -> None:
    later = (await shelf.plans.server_clock()).now + 3_600_000
    for till in (later + 15_000, 0):
        await shelf.redis.hset(shelf.keys.private("leases"), PLAN, f"dead {till} {later}")
        assert await shelf.leases.take(PLAN, min_gap_ms=60_000)


async def test_what_another_has_just_begun_is_not_begun_again(shelf: Shelf) -> None:
    await shelf.leases.take(PLAN)
    await shelf.leases.give_back(PLAN)
    assert not await other(shelf).take(PLAN, min_gap_ms=60_000)
    assert await other(shelf).take(PLAN, min_gap_ms=0)


async def test_who_began_may_begin_again(shelf: Shelf) -> None:
    await shelf.leases.take(PLAN, min_gap_ms=60_000)
    await shelf.leases.give_back(PLAN)
    assert await shelf.leases.take(PLAN, min_gap_ms=60_000)


async def test_a_renewal_is_no_new_beginning(shelf: Shelf) -> None:
    await shelf.leases.take(PLAN)
    began = await shelf.private("leases", PLAN)
    await shelf.leases.take(PLAN)
    renewed = await shelf.private("leases", PLAN)
    assert began is not None
    assert renewed is not None
    assert began.split()[2] == renewed.split()[2]


async def test_leases_of_different_names_are_independent(shelf: Shelf) -> None:
    assert await shelf.leases.take("sweep")
    assert await other(shelf).take(PLAN)


async def test_the_first_reason_of_a_hold_stays(shelf: Shelf) -> None:
    assert await shelf.deletes.hold(PLAN) is None
    first = Hold("agents", 12, 20, 1)
    assert await shelf.deletes.set_hold(PLAN, first)
    assert not await shelf.deletes.set_hold(PLAN, Hold("planner"))
    assert await shelf.deletes.hold(PLAN) == first


async def test_deletes_are_counted_within_the_window_only(shelf: Shelf) -> None:
    for n in (1, 2):
        await shelf.map(f"t{n}", f"card-{n}")
        entry = TrashEntry(f"t{n}", f"card-{n}", PLAN, "agent", 1, "{}")
        await shelf.bury(await shelf.marked(f"t{n}"), f"card-{n}", trash=entry)
    await shelf.redis.zadd(shelf.keys.private("deletes", PLAN), {"t1": 1})
    assert await shelf.deletes.recent(PLAN, 60_000) == {"t2"}


async def test_a_name_that_was_sent_is_remembered_for_a_while(shelf: Shelf) -> None:
    assert not await shelf.names.sent_within(PLAN, "bucket Doing", 60_000)
    await shelf.names.record_intent(PLAN, "bucket Doing")
    assert await shelf.names.sent_within(PLAN, "bucket Doing", 60_000)
    assert not await shelf.names.sent_within(PLAN, "bucket Doing", -1)
    await shelf.names.forget_intent(PLAN, "bucket Doing")
    assert not await shelf.names.sent_within(PLAN, "bucket Doing", 60_000)


async def test_young_cards_are_replaced_as_a_whole(shelf: Shelf) -> None:
    await shelf.plans.set_unmapped_passes(PLAN, {"a": 1, "b": 2})
    await shelf.plans.set_unmapped_passes(PLAN, {"b": 3})
    assert (await shelf.plans.read(PLAN)).unmapped_passes == {"b": 3}
    await shelf.plans.set_unmapped_passes(PLAN, {})
    assert (await shelf.plans.read(PLAN)).unmapped_passes == {}


async def test_people_are_remembered_by_their_address(shelf: Shelf) -> None:
    await shelf.directory.record("ann@example.org", "u1")
    assert await shelf.directory.find(["ann@example.org", "bob@example.org"]) == {
        "ann@example.org": "u1"
    }
    assert await shelf.directory.find([]) == {}


async def test_a_pass_reads_at_once_all_that_is_known_of_a_plan(shelf: Shelf) -> None:
    orphan = Orphan("t9", 1, {"title": "T"})
    for n in (1, 2):
        await shelf.map(f"t{n}", f"card-{n}")
    await shelf.redis.hset(shelf.keys.private("orphans", PLAN), "card-9", orphan.dump())
    await shelf.redis.zadd(shelf.keys.private("tombstones"), {"card-8": 1})
    await shelf.plans.set_application("app")
    await shelf.names.set_announced(PLAN, "names")

    snapshot = await shelf.plans.read(PLAN, ["card-1", "card-8", "card-9"])
    assert snapshot.cards == {"card-1": "e d", "card-2": "e d"}
    assert snapshot.owners == {"card-1": "t1", "card-2": "t2"}
    assert (snapshot.tombstones, snapshot.orphans) == (frozenset({"card-8"}), {"card-9": orphan})
    assert snapshot.mapped == {"t1", "t2"}
    assert (snapshot.application, snapshot.names) == ("app", "names")


async def test_of_a_plan_that_is_not_known_there_is_nothing(shelf: Shelf) -> None:
    snapshot = await shelf.plans.read(PLAN, ["card-1"])
    assert snapshot == PlanSnapshot({}, {}, frozenset(), {}, {}, {}, frozenset(), None, None)


async def test_a_card_that_lost_its_owner_shows_without_one(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    await shelf.redis.hdel(shelf.keys.private("owners"), "card-1")
    snapshot = await shelf.plans.read(PLAN)
    assert (snapshot.cards, snapshot.owners) == ({"card-1": "e d"}, {})


async def test_what_visits_change_is_read_again(shelf: Shelf) -> None:
    await shelf.know_plan()
    await shelf.map("t1", "card-1")
    await shelf.intent(await shelf.marked("t2"), "create")
    changes = await shelf.plans.read_again(PLAN, ["card-1", "card-2"])
    assert (changes.owners, list(changes.creates)) == ({"card-1": "t1"}, ["t2"])
    assert (await shelf.plans.read_again(PLAN, [])).owners == {}


async def test_the_public_mapping_counts_where_both_ways_agree(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    await shelf.redis.set(shelf.keys.redis_id("card-2"), "t1")
    await shelf.redis.rpush(shelf.keys.redis_id("card-3"), "no text")
    found = await shelf.mapper.public_task_ids(["card-1", "card-2", "card-3", "card-4"])
    assert found == {"card-1": "t1"}
    assert await shelf.mapper.public_task_ids([]) == {}
