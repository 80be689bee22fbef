"""Leases, holds, names and the other small things that are known of a plan."""

import pytest

from planner_sync.model.records import Hold, TrashEntry
from planner_sync.store.plans import Plans
from tests.store.shelf import PLAN, Shelf

pytestmark = pytest.mark.cluster


def other(shelf: Shelf) -> Plans:
    return Plans(shelf.redis, shelf.scripts, shelf.keys, "two")


async def test_a_lease_is_one_instances_until_it_gives_it_back(shelf: Shelf) -> None:
    assert await shelf.plans.take_lease(PLAN)
    assert await shelf.plans.take_lease(PLAN)
    assert not await other(shelf).take_lease(PLAN)
    await shelf.plans.give_back(PLAN)
    assert await other(shelf).take_lease(PLAN)


async def test_a_lease_that_ran_out_is_free(shelf: Shelf) -> None:
    assert await shelf.plans.take_lease(PLAN, 1)
    started = (await shelf.plans.server_clock()).now
    while (await shelf.plans.server_clock()).now < started + 2:
        pass
    assert await other(shelf).take_lease(PLAN)
    assert not await shelf.plans.take_lease(PLAN)


async def test_nobody_gives_back_the_lease_of_another(shelf: Shelf) -> None:
    await shelf.plans.take_lease(PLAN)
    await other(shelf).give_back(PLAN)
    assert not await other(shelf).take_lease(PLAN)


async def test_a_lease_from_before_the_clock_was_put_back_binds_nobody(shelf: Shelf) -> None:
    later = (await shelf.plans.server_clock()).now + 3_600_000
    for till in (later + 15_000, 0):
        await shelf.redis.hset(shelf.keys.private("leases"), PLAN, f"dead {till} {later}")
        assert await shelf.plans.take_lease(PLAN, min_gap_ms=60_000)


async def test_what_another_has_just_begun_is_not_begun_again(shelf: Shelf) -> None:
    await shelf.plans.take_lease(PLAN)
    await shelf.plans.give_back(PLAN)
    assert not await other(shelf).take_lease(PLAN, min_gap_ms=60_000)
    assert await other(shelf).take_lease(PLAN, min_gap_ms=0)


async def test_who_began_may_begin_again(shelf: Shelf) -> None:
    await shelf.plans.take_lease(PLAN, min_gap_ms=60_000)
    await shelf.plans.give_back(PLAN)
    assert await shelf.plans.take_lease(PLAN, min_gap_ms=60_000)


async def test_a_renewal_is_no_new_beginning(shelf: Shelf) -> None:
    await shelf.plans.take_lease(PLAN)
    began = await shelf.private("leases", PLAN)
    await shelf.plans.take_lease(PLAN)
    renewed = await shelf.private("leases", PLAN)
    assert began is not None
    assert renewed is not None
    assert began.split()[2] == renewed.split()[2]


async def test_leases_of_different_names_are_independent(shelf: Shelf) -> None:
    assert await shelf.plans.take_lease("sweep")
    assert await other(shelf).take_lease(PLAN)


async def test_the_first_reason_of_a_hold_stays(shelf: Shelf) -> None:
    assert await shelf.plans.hold(PLAN) is None
    first = Hold("agents", 12, 20, 1)
    assert await shelf.plans.set_hold(PLAN, first)
    assert not await shelf.plans.set_hold(PLAN, Hold("planner"))
    assert await shelf.plans.hold(PLAN) == first


async def test_deletes_are_counted_within_the_window_only(shelf: Shelf) -> None:
    for n in (1, 2):
        await shelf.map(f"t{n}", f"card-{n}")
        entry = TrashEntry(f"t{n}", f"card-{n}", PLAN, "agent", 1, "{}")
        await shelf.bury(await shelf.marked(f"t{n}"), f"card-{n}", trash=entry)
    await shelf.redis.zadd(shelf.keys.private("deletes", PLAN), {"t1": 1})
    assert await shelf.plans.recent_deletes(PLAN, 60_000) == {"t2"}


async def test_a_name_that_was_sent_is_remembered_for_a_while(shelf: Shelf) -> None:
    assert not await shelf.plans.name_intent_within(PLAN, "bucket Doing", 60_000)
    await shelf.plans.record_name_intent(PLAN, "bucket Doing")
    assert await shelf.plans.name_intent_within(PLAN, "bucket Doing", 60_000)
    assert not await shelf.plans.name_intent_within(PLAN, "bucket Doing", -1)
    await shelf.plans.forget_name_intent(PLAN, "bucket Doing")
    assert not await shelf.plans.name_intent_within(PLAN, "bucket Doing", 60_000)


async def test_young_cards_are_replaced_as_a_whole(shelf: Shelf) -> None:
    await shelf.plans.set_unmapped_passes(PLAN, {"a": 1, "b": 2})
    await shelf.plans.set_unmapped_passes(PLAN, {"b": 3})
    assert await shelf.plans.unmapped_passes(PLAN) == {"b": 3}
    await shelf.plans.set_unmapped_passes(PLAN, {})
    assert await shelf.plans.unmapped_passes(PLAN) == {}


async def test_people_are_remembered_by_their_address(shelf: Shelf) -> None:
    await shelf.plans.set_person("ann@example.org", "u1")
    assert await shelf.plans.people(["ann@example.org", "bob@example.org"]) == {
        "ann@example.org": "u1"
    }
    assert await shelf.plans.people([]) == {}
