"""Notes: written before a request, only under a claim, and for creates and deletes only where the
plan is known."""

import pytest

from planner_sync.store.pending import SEND_MS
from planner_sync.store.plan_state import Epoch
from tests.store.shelf import PLAN, Shelf

pytestmark = pytest.mark.cluster


async def test_a_note_is_kept_until_a_settle_names_it(shelf: Shelf) -> None:
    claim = await shelf.marked()
    assert await shelf.intent(claim, nonce="n1") == "recorded"
    assert await shelf.intent(claim, nonce="n2") == "recorded"
    stored = await shelf.repository.read("t1")
    assert [(intent.nonce, intent.body) for intent in stored.intents] == [
        ("n1", '{"x":1}'),
        ("n2", '{"x":1}'),
    ]
    await shelf.postpone(claim, intents_done=("n1",))
    assert [intent.nonce for intent in (await shelf.repository.read("t1")).intents] == ["n2"]


async def test_a_note_renews_the_claim(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.redis.zadd(shelf.keys.private("pending"), {"t1": claim.now + 10})
    await shelf.intent(claim)
    assert await shelf.redis.zscore(shelf.keys.private("pending"), "t1") >= claim.now + SEND_MS


async def test_whoever_lost_the_claim_may_not_send(shelf: Shelf) -> None:
    old = await shelf.marked()
    await shelf.expire()
    await shelf.claim()
    assert await shelf.intent(old) == "overtaken"
    assert (await shelf.repository.read("t1")).intents == ()


async def test_after_the_settle_nobody_may_send(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.postpone(claim)
    assert await shelf.intent(claim) == "overtaken"


@pytest.mark.parametrize("kind", ["create", "delete"])
@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
async def test_a_redis_that_does_not_know_the_plan_lets_nobody_create_or_delete(
    shelf: Shelf, kind: str
) -> None:
    claim = await shelf.marked()
    assert await shelf.intent(claim, kind) == "recovering"
    await shelf.plans.set_epoch(PLAN, None, Epoch("another-run", 7))
    assert await shelf.intent(claim, kind) == "recovering"
    assert (await shelf.repository.read("t1")).intents == ()
    assert (await shelf.plans.read(PLAN)).creates == {}
    await shelf.know_plan()
    assert await shelf.intent(claim, kind) == "recorded"


async def test_an_open_create_note_shows_in_its_plan_until_it_is_done(shelf: Shelf) -> None:
    await shelf.know_plan()
    claim = await shelf.marked()
    await shelf.intent(claim, "create", "n1")
    (intent,) = (await shelf.repository.read("t1")).intents
    assert (await shelf.plans.read(PLAN)).creates == {"t1": intent.at}
    await shelf.record(claim, intents_done=("n1",))
    assert (await shelf.plans.read(PLAN)).creates == {}


async def test_an_update_shows_nowhere_but_with_its_task(shelf: Shelf) -> None:
    await shelf.intent(await shelf.marked())
    assert (await shelf.plans.read(PLAN)).creates == {}


async def test_the_epoch_is_what_was_set(shelf: Shelf) -> None:
    assert await shelf.plans.epoch(PLAN) is None
    await shelf.plans.set_epoch(PLAN, None, Epoch("run", 3))
    assert await shelf.plans.epoch(PLAN) == Epoch("run", 3)


async def test_an_epoch_that_was_lost_in_between_is_not_set(shelf: Shelf) -> None:
    before = Epoch("run", 3)
    await shelf.plans.set_epoch(PLAN, None, before)
    await shelf.redis.delete(shelf.keys.private("epochs"))
    assert not await shelf.plans.set_epoch(PLAN, before, Epoch("run", 4))
    assert await shelf.plans.epoch(PLAN) is None
