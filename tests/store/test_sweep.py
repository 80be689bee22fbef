"""The sweep: finds what changed without a message, and takes nothing that it did not see for
missing."""

import time

import pytest

from planner_sync.model.orders import Postpone
from planner_sync.store.sweep import SCAN_COUNT, Sweep
from tests.store.shelf import LIMIT, PLAN, Shelf

pytestmark = pytest.mark.cluster


def sweep(shelf: Shelf) -> Sweep:
    return Sweep(shelf.redis, shelf.keys, LIMIT, time.monotonic)


async def look_at(shelf: Shelf, task_id: str) -> None:
    """Settle the document as it is."""
    stored = await shelf.repository.read(task_id)
    order = Postpone(PLAN, stored.document)
    assert await shelf.repository.settle(await shelf.marked(task_id), order) == "settled"


@pytest.mark.contract("§4 id")
async def test_a_new_document_is_found_until_it_was_looked_at(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    assert (await sweep(shelf).run((), 5)).changed == ("t1",)
    await look_at(shelf, "t1")
    swept = await sweep(shelf).run((), 5)
    assert (swept.changed, swept.present, swept.complete) == ((), {"t1"}, True)


async def test_a_changed_document_is_found(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    await look_at(shelf, "t1")
    await shelf.set("t1", b"B")
    assert (await sweep(shelf).run((), 5)).changed == ("t1",)


async def test_a_change_behind_the_size_limit_is_found_by_the_length(shelf: Shelf) -> None:
    await shelf.set("t1", b"x" * (LIMIT + 5))
    await look_at(shelf, "t1")
    assert (await sweep(shelf).run((), 5)).changed == ()
    await shelf.set("t1", b"x" * (LIMIT + 6))
    assert (await sweep(shelf).run((), 5)).changed == ("t1",)


async def test_a_key_of_another_type_is_found_once(shelf: Shelf) -> None:
    await shelf.redis.lpush(shelf.keys.document("t1"), "x")
    assert (await sweep(shelf).run((), 5)).changed == ("t1",)
    await look_at(shelf, "t1")
    assert (await sweep(shelf).run((), 5)).changed == ()


async def test_a_mapped_task_without_a_document_is_missing(shelf: Shelf) -> None:
    await shelf.set("there", b"A")
    await shelf.redis.lpush(shelf.keys.document("list"), "x")
    swept = await sweep(shelf).run({"there", "list", "gone"}, 5)
    assert swept.missing == ("gone",)


@pytest.mark.contract("§6 Key vanishes without a `deleted` message")
async def test_only_what_was_missing_an_interval_ago_is_confirmed(shelf: Shelf) -> None:
    once = sweep(shelf)
    swept = await once.run({"gone"}, 5)
    assert await once.confirm_missing(swept, 1_000, 500) == ()
    assert await once.confirm_missing(swept, 1_400, 500) == ()
    assert await once.confirm_missing(swept, 1_500, 500) == ("gone",)


async def test_a_document_that_came_back_is_missing_from_then_on(shelf: Shelf) -> None:
    once = sweep(shelf)
    await once.confirm_missing(await once.run({"t1"}, 5), 1_000, 500)
    await shelf.set("t1", b"A")
    await once.confirm_missing(await once.run({"t1"}, 5), 2_000, 500)
    await shelf.redis.delete(shelf.keys.document("t1"))
    assert await once.confirm_missing(await once.run({"t1"}, 5), 3_000, 500) == ()


async def test_a_document_whose_card_is_gone_by_now_is_not_missing_any_more(shelf: Shelf) -> None:
    once = sweep(shelf)
    await once.confirm_missing(await once.run({"t1"}, 5), 1_000, 500)
    await once.confirm_missing(await once.run((), 5), 2_000, 500)
    assert await shelf.redis.hgetall(shelf.keys.private("missing")) == {}


async def test_a_sweep_that_was_cut_calls_nothing_missing(shelf: Shelf) -> None:
    await shelf.redis.mset({shelf.keys.document(f"t{n}"): b"A" for n in range(3 * SCAN_COUNT)})
    swept = await sweep(shelf).run({"gone"}, -1)
    assert (swept.complete, swept.missing) == (False, ())
    assert SCAN_COUNT <= len(swept.present) < 3 * SCAN_COUNT


async def test_a_namespace_is_no_pattern(redis_url: str, shelf: Shelf) -> None:
    starred = Shelf(shelf.redis, f"[{shelf.namespace}]*")
    await shelf.set("t1", b"A")
    await starred.set("t2", b"A")
    assert (await sweep(starred).run((), 5)).present == {"t2"}
