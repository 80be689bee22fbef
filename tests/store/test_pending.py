"""Pending and claims: work that is neither lost nor done by two at once."""

import pytest

from planner_sync.store.pending import MAX_ATTEMPTS, PARK_MS, TASK_LEASE_MS, Pending
from tests.store.shelf import Shelf

pytestmark = pytest.mark.cluster


async def test_many_marks_of_one_task_are_one_piece_of_work(shelf: Shelf) -> None:
    for _ in range(5):
        await shelf.pending.enqueue(["t1"])
    batch = await shelf.pending.lease(10)
    assert [claim.task_id for claim in batch.leases] == ["t1"]
    assert (await shelf.pending.lease(10)).leases == ()


async def test_two_workers_never_hold_the_same_task(shelf: Shelf) -> None:
    await shelf.pending.enqueue([f"t{n}" for n in range(10)])
    other = Pending(shelf.scripts, shelf.keys, "two")
    one, two = await shelf.pending.lease(6), await other.lease(6)
    ids = [claim.task_id for claim in (*one.leases, *two.leases)]
    assert len(ids) == len(set(ids)) == 10


async def test_a_task_that_somebody_holds_cannot_be_claimed_by_name(shelf: Shelf) -> None:
    await shelf.marked("t1")
    assert (await shelf.pending.lease(1, ["t1"])).leases == ()


async def test_a_task_that_is_not_due_can_be_claimed_by_name(shelf: Shelf) -> None:
    """A pass that has found a changed card looks at its task at once."""
    assert [claim.task_id for claim in (await shelf.pending.lease(1, ["t1"])).leases] == ["t1"]


async def test_a_claim_by_no_name_takes_nothing(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    assert (await shelf.pending.lease(5, [])).leases == ()
    assert await shelf.due() == ["t1"]


async def test_every_claim_has_a_greater_token(shelf: Shelf) -> None:
    tokens = []
    for _ in range(3):
        claim = await shelf.marked()
        tokens.append(int(claim.token))
        await shelf.settle(claim)
    assert tokens == sorted(set(tokens))


async def test_the_task_of_a_dead_worker_comes_due_again(shelf: Shelf) -> None:
    dead = await shelf.marked()
    score = await shelf.redis.zscore(shelf.keys.private("pending"), "t1")
    assert score == dead.now + TASK_LEASE_MS
    await shelf.expire()
    assert (await shelf.pending.lease(1)).leases[0].task_id == "t1"


async def test_a_claim_is_held_as_long_as_its_look_goes_on(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.redis.zadd(shelf.keys.private("pending"), {"t1": claim.now + 1})
    assert await shelf.pending.renew(claim)
    assert (
        await shelf.redis.zscore(shelf.keys.private("pending"), "t1") >= claim.now + TASK_LEASE_MS
    )


async def test_renewing_makes_no_claim_shorter(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.redis.zadd(shelf.keys.private("pending"), {"t1": claim.now + 10 * TASK_LEASE_MS})
    assert await shelf.pending.renew(claim)
    assert (
        await shelf.redis.zscore(shelf.keys.private("pending"), "t1")
        == claim.now + 10 * TASK_LEASE_MS
    )


async def test_a_claim_that_is_lost_or_has_ended_is_not_taken_back(shelf: Shelf) -> None:
    lost = await shelf.marked()
    await shelf.expire()
    ended = await shelf.claim()
    assert not await shelf.pending.renew(lost)
    await shelf.settle(ended)
    assert not await shelf.pending.renew(ended)
    assert await shelf.due() == []


async def test_a_claim_says_since_when_the_task_was_due(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    score = await shelf.redis.zscore(shelf.keys.private("pending"), "t1")
    assert (await shelf.claim()).due == score


async def test_a_mark_during_a_claim_moves_nothing_but_keeps_the_task_due(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.pending.enqueue(["t1"])
    assert await shelf.due() == []
    assert await shelf.settle(claim) == "moved"
    assert await shelf.due() == ["t1"]


async def test_a_mark_makes_a_task_in_back_off_due(shelf: Shelf) -> None:
    await shelf.postpone(await shelf.marked(), due_ms=3_600_000)
    assert await shelf.due() == []
    await shelf.pending.enqueue(["t1"])
    assert await shelf.due() == ["t1"]


async def test_a_mark_does_not_make_an_old_task_young(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    before = await shelf.redis.zscore(shelf.keys.private("pending"), "t1")
    await shelf.pending.enqueue(["t1"])
    assert await shelf.redis.zscore(shelf.keys.private("pending"), "t1") == before


async def test_a_settle_without_news_ends_the_work(shelf: Shelf) -> None:
    assert await shelf.settle(await shelf.marked()) == "settled"
    assert await shelf.redis.zcard(shelf.keys.private("pending")) == 0


async def test_a_settle_can_ask_for_a_later_look(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.postpone(claim, due_ms=60_000)
    score = await shelf.redis.zscore(shelf.keys.private("pending"), "t1")
    assert claim.now + 60_000 <= score <= (await shelf.plans.server_clock()).now + 60_000


async def test_claims_without_a_settle_are_counted_and_the_task_is_parked(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert (await shelf.claim()).attempts == attempt
        await shelf.expire()
    batch = await shelf.pending.lease(1)
    assert batch.leases == ()
    assert [claim.task_id for claim in batch.parked] == ["t1"]
    assert await shelf.redis.zscore(shelf.keys.private("pending"), "t1") == batch.now + PARK_MS


async def test_a_parked_task_is_tried_again_but_once_before_the_next_rest(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    for _ in range(MAX_ATTEMPTS):
        await shelf.claim()
        await shelf.expire()
    assert (await shelf.pending.lease(1)).parked
    await shelf.expire()
    assert (await shelf.pending.lease(1)).leases
    await shelf.expire()
    assert (await shelf.pending.lease(1)).parked


async def test_a_settle_gives_the_attempts_back(shelf: Shelf) -> None:
    for _ in range(MAX_ATTEMPTS + 2):
        claim = await shelf.marked()
        assert claim.attempts == 1
        await shelf.postpone(claim, due_ms=1)


async def test_a_pause_stops_every_claim(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    await shelf.pending.extend_pause(60_000)
    batch = await shelf.pending.lease(1)
    assert batch.leases == ()
    assert 59_000 < batch.pause_ms <= 60_000


async def test_a_shorter_pause_does_not_end_a_longer_one(shelf: Shelf) -> None:
    await shelf.pending.extend_pause(60_000)
    await shelf.pending.extend_pause(10)
    assert (await shelf.pending.lease(1)).pause_ms > 59_000


async def test_a_claim_says_when_something_is_due_next(shelf: Shelf) -> None:
    assert (await shelf.pending.lease(1)).next_ms == -1
    await shelf.postpone(await shelf.marked(), due_ms=60_000)
    assert 59_000 < (await shelf.pending.lease(1)).next_ms <= 60_000


@pytest.mark.parametrize(
    ("first", "second", "look"),
    [
        pytest.param("recheck", "confirmed_missing", "confirmed_missing", id="missing counts more"),
        pytest.param(
            "confirmed_missing", "recheck", "confirmed_missing", id="recheck takes nothing back"
        ),
        pytest.param("recheck", "", "recheck", id="a plain mark takes nothing back"),
        pytest.param("confirmed_missing", "restore", "restore", id="a restore counts most"),
        pytest.param("restore", "confirmed_missing", "restore", id="nothing takes a restore back"),
    ],
)
async def test_how_to_look_is_kept_until_the_task_settles(
    shelf: Shelf, first: str, second: str, look: str
) -> None:
    await shelf.pending.enqueue(["t1"], reason=first)  # type: ignore[arg-type]
    await shelf.pending.enqueue(["t1"], reason=second)  # type: ignore[arg-type]
    claim = await shelf.claim()
    assert claim.reason == look
    await shelf.settle(claim)
    assert (await shelf.marked()).reason == ""


async def test_what_was_said_is_kept_while_the_settle_was_overtaken_by_a_mark(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"], announced="deleted")
    claim = await shelf.claim()
    await shelf.pending.enqueue(["t1"])
    await shelf.settle(claim)
    claim = await shelf.claim()
    assert claim.announced == "deleted"
    await shelf.settle(claim)
    assert (await shelf.marked()).announced == ""


async def test_what_was_said_waits_for_a_key_that_is_still_missing(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"], announced="deleted")
    await shelf.postpone(await shelf.claim())
    assert (await shelf.marked()).announced == "deleted"


@pytest.mark.contract("§6 `deleted` message, but the key is there")
async def test_a_key_that_is_there_takes_back_that_it_was_deleted(shelf: Shelf) -> None:
    await shelf.set("t1", b"{}")
    await shelf.pending.enqueue(["t1"], announced="deleted")
    await shelf.postpone(await shelf.claim(), b"{}", unfinished=True)
    assert (await shelf.marked()).announced == ""


async def test_a_parked_task_is_freed_with_all_its_attempts_before_it(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    for _ in range(MAX_ATTEMPTS):
        await shelf.claim()
        await shelf.expire()
    assert len((await shelf.pending.lease(1)).parked) == 1
    await shelf.pending.free(["t1"])
    for _ in range(MAX_ATTEMPTS):
        await shelf.claim()
        await shelf.expire()
