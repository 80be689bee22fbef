"""The settle: what Graph told is kept whatever the document says, the document only over the bytes
that were merged."""

from typing import Any

import pytest

from planner_sync.model.orders import (
    WRONG_TYPE,
    Bury,
    DocumentSeen,
    Forget,
    LinkedCard,
    Postpone,
    document_hash,
)
from planner_sync.model.records import DeletedCard, Orphan, Refused, TrashEntry
from tests.store.shelf import LIMIT, PLAN, Shelf

pytestmark = pytest.mark.cluster

A, B, C = b'{"title":"A"}', b'{"title":"B"}', b'{"title":"C"}'
CARD = LinkedCard("card-1", "e d", "{}")
ENTRY = TrashEntry("t1", "card-1", PLAN, "planner", 1, "{}")
# A human has deleted the card of a document that says A.
BURIED: dict[str, Any] = {"seen": A, "only_same": True, "new": b"", "trash": ENTRY}


async def said_on(shelf: Shelf, claim: Any, seen: bytes, **order: Any) -> list[tuple[str, bytes]]:
    """The messages that this settle publishes."""
    async with shelf.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(shelf.keys.sync, shelf.keys.updates)
        await pubsub.get_message(timeout=1)
        await pubsub.get_message(timeout=1)
        await shelf.settle(claim, seen, **order)
        await shelf.redis.publish(shelf.keys.sync, "end")
        found = []
        while True:
            message = await pubsub.get_message(timeout=5)
            if message and message["data"] == b"end":
                return found
            if message:
                found.append((message["channel"].decode().rsplit(":", 1)[1], message["data"]))


# -- the document ----------------------------------------------------------------------------------
async def test_the_document_is_written_over_the_bytes_that_were_merged(shelf: Shelf) -> None:
    await shelf.set("t1", A)
    assert await shelf.settle(await shelf.marked(), A, new=B) == "settled"
    assert await shelf.get() == B
    stored = await shelf.repository.read("t1")
    assert (stored.text, stored.last) == (B, B)


@pytest.mark.parametrize("new", [B, b""])
@pytest.mark.parametrize(
    "there", [pytest.param(C, id="another one"), pytest.param(None, id="none")]
)
async def test_a_document_that_was_not_merged_is_never_touched(
    shelf: Shelf, new: bytes, there: bytes | None
) -> None:
    claim = await shelf.marked()
    if there:
        await shelf.set("t1", there)
    end = shelf.settle(claim, A, new=new) if new else shelf.bury(claim, "card-1", A, new=new)
    assert await end == "moved"
    assert await shelf.get() == there
    assert await shelf.due() == ["t1"]


async def test_an_empty_document_is_not_a_missing_one(shelf: Shelf) -> None:
    await shelf.set("t1", b"")
    assert await shelf.settle(await shelf.marked(), None, new=B) == "moved"
    assert await shelf.get() == b""


async def test_what_planner_told_is_kept_although_the_document_moved(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.intent(claim, nonce="n1")
    await shelf.set("t1", C)
    card = LinkedCard("card-1", "e d", "full")
    order = {"card": card, "state_moved": "moved", "intents_done": ("n1",)}
    assert await shelf.settle(claim, A, **order) == "moved"
    assert await shelf.mapper.task_ids(["card-1"]) == {"card-1": "t1"}
    assert await shelf.plans.cards(PLAN) == {"card-1": "e d"}
    stored = await shelf.repository.read("t1")
    assert (stored.state, stored.intents, stored.last) == ("moved", (), None)


async def test_messages_about_the_document_are_said_only_when_it_was_written(shelf: Shelf) -> None:
    await shelf.set("t1", C)
    order = {"messages": (("sync", "facts"),), "document_messages": (("updates", "document"),)}
    assert await said_on(shelf, await shelf.marked(), A, **order) == [("sync", b"facts")]
    settled = await said_on(shelf, await shelf.claim(), C, **order)
    assert sorted(settled) == [("sync", b"facts"), ("updates", b"document")]


async def test_a_record_in_the_middle_of_a_look_leaves_claim_and_document_alone(
    shelf: Shelf,
) -> None:
    await shelf.set("t1", A)
    claim = await shelf.marked()
    assert await shelf.record(claim, B, card=CARD) == "settled"
    assert await shelf.get() == A
    assert await shelf.due() == []
    assert await shelf.settle(claim, A, card=CARD) == "settled"


async def test_the_sweep_does_not_find_what_was_settled(shelf: Shelf) -> None:
    await shelf.set("t1", A)
    await shelf.settle(await shelf.marked(), A, card=CARD, new=B)
    assert await shelf.private("hashes", "t1") == document_hash(B)
    await shelf.bury(await shelf.marked(), "card-1", B, new=b"")
    assert await shelf.private("hashes", "t1") is None


async def test_a_document_that_is_too_large_is_known_by_its_beginning_and_length(
    shelf: Shelf,
) -> None:
    large = b"x" * (LIMIT + 10)
    await shelf.set("t1", large)
    document = (await shelf.repository.read("t1")).document
    assert (document.size, len(document.text or b"")) == (LIMIT + 10, LIMIT + 1)
    order = Postpone(PLAN, document)
    assert await shelf.repository.settle(await shelf.marked(), order) == "settled"
    await shelf.set("t1", large + b"x")
    assert await shelf.repository.settle(await shelf.marked(), order) == "moved"


async def test_a_key_of_another_type_is_left_alone(shelf: Shelf) -> None:
    await shelf.redis.lpush(shelf.keys.document("t1"), "x")
    document = (await shelf.repository.read("t1")).document
    assert document.wrong_type
    order = Postpone(PLAN, document)
    assert await shelf.repository.settle(await shelf.marked(), order) == "settled"
    assert await shelf.private("hashes", "t1") == WRONG_TYPE
    assert await shelf.redis.llen(shelf.keys.document("t1")) == 1


# -- the claim -------------------------------------------------------------------------------------
async def test_a_settle_that_was_overtaken_changes_nothing_and_marks_the_task_again(
    shelf: Shelf,
) -> None:
    await shelf.set("t1", A)
    old = await shelf.marked()
    await shelf.expire()
    new = await shelf.claim()
    assert await shelf.settle(old, A, card=CARD, new=B) == "overtaken"
    assert await shelf.get() == A
    assert await shelf.mapper.all_task_ids() == frozenset()
    assert await shelf.postpone(new, A) == "moved"
    assert await shelf.due() == ["t1"]


async def test_a_settle_long_after_its_successors_marks_the_task_again(shelf: Shelf) -> None:
    """The thawed worker may have written to Planner in the meantime."""
    old = await shelf.marked()
    await shelf.expire()
    assert await shelf.postpone(await shelf.claim()) == "settled"
    assert await shelf.postpone(old) == "overtaken"
    assert await shelf.due() == ["t1"]


async def test_an_order_for_the_same_document_only_is_given_up_as_a_whole(shelf: Shelf) -> None:
    """A human's delete is not carried out on a document that an agent has just written."""
    await shelf.set("t1", A)
    await shelf.map("t1", "card-1")
    claim = await shelf.marked()
    await shelf.set("t1", B)
    assert await shelf.bury(claim, "card-1", **BURIED) == "moved"
    assert await shelf.get() == B
    assert await shelf.mapper.task_ids(["card-1"]) == {"card-1": "t1"}
    assert (await shelf.claim()).reason == "recheck"


# -- the mapping -----------------------------------------------------------------------------------
async def test_the_mapping_is_written_both_ways(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    assert await shelf.redis.get(shelf.keys.planner_id("t1")) == b"card-1"
    assert await shelf.redis.get(shelf.keys.redis_id("card-1")) == b"t1"
    assert await shelf.mapper.public_task_id("card-1") == "t1"


async def test_a_card_that_another_task_has_is_not_taken(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    claim = await shelf.marked("t2")
    assert await shelf.settle(claim, card=CARD, new=B) == "taken"
    assert await shelf.mapper.task_ids(["card-1"]) == {"card-1": "t1"}
    assert await shelf.redis.get(shelf.keys.planner_id("t2")) is None
    assert await shelf.get("t2") is None
    assert await shelf.due() == ["t2"]


async def test_the_public_mapping_is_repaired_from_our_own(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    await shelf.redis.set(shelf.keys.redis_id("card-1"), "forged")
    assert await shelf.mapper.public_task_id("card-1") is None
    await shelf.map("t1", "card-1")
    assert await shelf.mapper.public_task_id("card-1") == "t1"


async def test_a_card_that_was_deleted_is_not_taken(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    await shelf.bury(await shelf.marked(), "card-1")
    assert await shelf.settle(await shelf.marked("t2"), card=CARD) == "taken"
    assert await shelf.mapper.all_task_ids() == frozenset()


async def test_a_card_that_moved_leaves_its_old_plan(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    card = LinkedCard("card-1", "e2 d", "{}", old_plan_id=PLAN)
    await shelf.settle(await shelf.marked(), plan_id="plan-2", card=card)
    assert (await shelf.plans.cards(PLAN), await shelf.plans.cards("plan-2")) == (
        {},
        {"card-1": "e2 d"},
    )


# -- orphans ---------------------------------------------------------------------------------------
POSTED = Orphan("t1", 1, {})
CREATED = {"card": CARD, "posted": POSTED}


async def test_a_created_card_whose_claim_was_lost_is_an_orphan(shelf: Shelf) -> None:
    old = await shelf.marked()
    await shelf.expire()
    await shelf.claim()
    assert await shelf.record(old, **CREATED) == "overtaken"
    assert (await shelf.plans.read(PLAN)).orphans == {"card-1": POSTED}


async def test_a_created_card_that_somebody_adopted_meanwhile_is_theirs(shelf: Shelf) -> None:
    await shelf.map("t2", "card-1")
    assert await shelf.record(await shelf.marked(), **CREATED) == "taken"
    assert await shelf.mapper.task_ids(["card-1"]) == {"card-1": "t2"}


async def test_a_created_card_of_this_very_task_is_no_orphan(shelf: Shelf) -> None:
    old = await shelf.marked()
    await shelf.record(old, **CREATED)
    await shelf.expire()
    await shelf.claim()
    assert await shelf.record(old, **CREATED) == "overtaken"
    assert (await shelf.plans.read(PLAN)).orphans == {}


async def test_an_orphan_that_finds_its_task_is_none_any_more(shelf: Shelf) -> None:
    old = await shelf.marked()
    await shelf.expire()
    new = await shelf.claim()
    await shelf.record(old, **CREATED)
    await shelf.settle(new, card=CARD)
    assert (await shelf.plans.read(PLAN)).orphans == {}


@pytest.mark.parametrize("keep", [True, False])
async def test_how_to_look_is_kept_until_a_look_comes_to_an_end(shelf: Shelf, keep: bool) -> None:
    await shelf.pending.enqueue(["t1"], reason="restore")
    await shelf.postpone(await shelf.claim(), due_ms=0, unfinished=keep)
    assert await shelf.private("reason", "t1") == ("restore" if keep else None)


async def test_a_burial_that_was_decided_before_a_restore_does_not_happen(shelf: Shelf) -> None:
    await shelf.set("t1", A)
    await shelf.map("t1", "card-1")
    claim = await shelf.marked()
    await shelf.pending.enqueue(["t1"], reason="restore")
    assert await shelf.bury(claim, "card-1", **BURIED) == "moved"
    assert await shelf.get() == A
    assert (await shelf.claim()).reason == "restore"


async def test_a_delete_that_was_decided_before_a_restore_is_not_sent(shelf: Shelf) -> None:
    await shelf.know_plan()
    claim = await shelf.marked()
    await shelf.pending.enqueue(["t1"], reason="restore")
    assert (await shelf.intent(claim, "delete"), await shelf.intent(claim)) == (
        "overtaken",
        "recorded",
    )


async def test_a_card_is_not_taken_on_what_redis_has_lost_since(shelf: Shelf) -> None:
    await shelf.know_plan()
    epoch = await shelf.epoch()
    await shelf.redis.delete(shelf.keys.private("epochs"))
    claim = await shelf.marked()
    assert await shelf.record(claim, card=CARD, epoch=epoch) == "moved"
    assert await shelf.mapper.task_ids(["card-1"]) == {}


async def test_a_card_is_not_taken_on_what_another_server_said(shelf: Shelf) -> None:
    """A replica that took over may have the plan's epoch, and not the last owners of its cards."""
    await shelf.know_plan()
    replaced = f"{40 * 'e'} {await shelf.plans.epoch(PLAN)}"
    assert await shelf.record(await shelf.marked(), card=CARD, epoch=replaced) == "moved"
    assert await shelf.mapper.task_ids(["card-1"]) == {}


async def test_a_card_is_taken_while_its_plan_is_known(shelf: Shelf) -> None:
    await shelf.know_plan()
    epoch = await shelf.epoch()
    assert await shelf.record(await shelf.marked(), card=CARD, epoch=epoch) == "settled"
    assert await shelf.mapper.task_ids(["card-1"]) == {"card-1": "t1"}


async def test_the_document_of_a_new_card_is_kept_before_it_is_settled(shelf: Shelf) -> None:
    """Who deletes it now, or has done so meanwhile, must find it again, with its private fields."""
    await shelf.set("t1", A)
    claim = await shelf.marked()
    assert await shelf.record(claim, A, **CREATED) == "settled"
    assert (await shelf.repository.read("t1")).last == A


async def test_the_document_of_a_new_card_is_kept_although_it_is_gone_by_now(shelf: Shelf) -> None:
    claim = await shelf.marked()
    assert await shelf.record(claim, A, **CREATED) == "settled"
    assert (await shelf.repository.read("t1")).last == A


# -- the end of a task -----------------------------------------------------------------------------
@pytest.mark.contract("§6 Human deletes the card")
async def test_a_burial_leaves_trash_grave_and_tombstone_and_nothing_else(shelf: Shelf) -> None:
    await shelf.set("t1", A)
    await shelf.map("t1", "card-1")
    deleted_card = DeletedCard("card-1", "planner", "A", at=1)
    await shelf.bury(await shelf.marked(), "card-1", **BURIED, deleted_card=deleted_card)
    assert await shelf.get() is None
    assert await shelf.mapper.tombstoned(["card-1", "card-2"]) == {"card-1"}
    assert (await shelf.repository.read("t1")).deleted_card == deleted_card
    kept = await shelf.redis.hgetall(shelf.keys.private("trash", "entries"))
    assert {name: TrashEntry.load(text) for name, text in kept.items()} == {b"t1 card-1": ENTRY}
    assert await shelf.deletes.recent(PLAN, 60_000) == {"t1"}
    gone = [shelf.keys.task("t1"), shelf.keys.planner_id("t1"), shelf.keys.redis_id("card-1")]
    assert await shelf.redis.exists(*gone) == 0
    assert (await shelf.mapper.all_task_ids(), await shelf.plans.cards(PLAN)) == (frozenset(), {})


async def test_what_is_buried_for_30_days_is_dropped(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    deleted_card = DeletedCard("card-1", "planner", at=1)
    await shelf.bury(await shelf.marked(), "card-1", deleted_card=deleted_card, trash=ENTRY)
    await shelf.redis.zadd(shelf.keys.private("tombstones"), {"card-1": 1})
    await shelf.redis.zadd(shelf.keys.private("trash"), {ENTRY.name: 1})
    await shelf.trash.prune()
    assert await shelf.mapper.tombstoned(["card-1"]) == frozenset()
    assert (await shelf.repository.read("t1")).deleted_card is None
    assert (
        await shelf.redis.exists(
            shelf.keys.private("trash"), shelf.keys.private("trash", "entries")
        )
        == 0
    )


async def test_a_fresh_burial_is_not_dropped(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    now = (await shelf.plans.server_clock()).now
    deleted_card = DeletedCard("card-1", "planner", at=now)
    await shelf.bury(await shelf.marked(), "card-1", deleted_card=deleted_card, trash=ENTRY)
    await shelf.trash.prune()
    assert await shelf.mapper.tombstoned(["card-1"]) == {"card-1"}
    assert await shelf.redis.hlen(shelf.keys.private("trash", "entries")) == 1


@pytest.mark.parametrize("size", [0, LIMIT + 10])
@pytest.mark.parametrize("new", [None, B])
async def test_what_remains_of_a_buried_document_is_due_at_once(
    shelf: Shelf, size: int, new: bytes | None
) -> None:
    """Also of one that is too large to be read whole."""
    await shelf.set("t1", A + b" " * size)
    claim = await shelf.marked()
    document = (await shelf.repository.read("t1")).document
    order = Bury(PLAN, document, "card-1", DeletedCard("card-1", "agent"), new=new)
    assert await shelf.repository.settle(claim, order) == "settled"
    assert await shelf.get() == (new or A + b" " * size)
    assert await shelf.due() == ["t1"]


async def test_a_key_of_another_type_is_looked_at_again_after_a_burial(shelf: Shelf) -> None:
    await shelf.redis.lpush(shelf.keys.document("t1"), "x")
    claim = await shelf.marked()
    document = (await shelf.repository.read("t1")).document
    order = Bury(PLAN, document, "card-1", DeletedCard("card-1", "planner"), only_same=True)
    assert await shelf.repository.settle(claim, order) == "settled"
    assert await shelf.due() == ["t1"]


async def test_nothing_of_a_task_that_is_forgotten_remains(shelf: Shelf) -> None:
    claim = await shelf.marked()
    await shelf.intent(claim)
    assert await shelf.repository.settle(claim, Forget(PLAN, DocumentSeen(None))) == "settled"
    assert (await shelf.due(), await shelf.redis.exists(shelf.keys.task("t1"))) == ([], 0)


# -- refusals --------------------------------------------------------------------------------------
OLD, NEW = Refused("limit", "old"), Refused("limit", "new")


@pytest.mark.parametrize(
    ("refusal", "kept"),
    [
        pytest.param(NEW, {"t1": NEW}, id="a new one replaces"),
        pytest.param(None, {"t1": OLD}, id="none leaves the old one"),
    ],
)
async def test_a_refusal_of_a_task_that_is_postponed(
    shelf: Shelf, refusal: Refused | None, kept: dict[str, Refused]
) -> None:
    await shelf.postpone(await shelf.marked(), refusal=OLD)
    await shelf.postpone(await shelf.marked(), refusal=refusal)
    assert await shelf.repository.refusals() == kept


@pytest.mark.parametrize("end", ["settled", "buried", "forgotten"])
async def test_a_refusal_ends_with_its_reason(shelf: Shelf, end: str) -> None:
    await shelf.postpone(await shelf.marked(), refusal=OLD)
    claim = await shelf.marked()
    if end == "settled":
        await shelf.settle(claim)
    elif end == "buried":
        await shelf.bury(claim, "card-1")
    else:
        await shelf.repository.settle(claim, Forget(PLAN, DocumentSeen(None)))
    assert await shelf.repository.refusals() == {}


async def test_a_card_that_is_let_go_can_be_taken_again(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    await shelf.bury(await shelf.marked(), "card-1", deleted_card=None)
    assert await shelf.mapper.task_ids(["card-1"]) == {}
    assert await shelf.mapper.tombstoned(["card-1"]) == frozenset()
    await shelf.map("t2", "card-1")
