"""The agents' save: only over the bytes that were read, with mark and message in one step."""

from typing import Any

import pytest

from tests.store.shelf import Shelf

pytestmark = pytest.mark.cluster


async def test_a_new_document_is_saved_marked_and_said(shelf: Shelf) -> None:
    async with shelf.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(shelf.keys.updates)
        await pubsub.get_message(timeout=1)
        assert await shelf.save("", "{}", word="created") == [1]
        assert (await pubsub.get_message(timeout=5))["data"] == b"{}"
    assert await shelf.get() == b"{}"
    assert (await shelf.claim()).announced == "created"


@pytest.mark.parametrize(
    ("there", "expected", "answer"),
    [
        pytest.param(b"A", "=B", [0, b"A"], id="another one is there"),
        pytest.param(b"A", "", [0, b"A"], id="one is there and none was expected"),
        pytest.param(b"", "", [0, b""], id="an empty one is there"),
        pytest.param(None, "=A", [0], id="none is there"),
        pytest.param(None, "*", [0], id="none is there to be deleted"),
    ],
)
async def test_a_save_over_other_bytes_changes_nothing(
    shelf: Shelf, there: bytes | None, expected: str, answer: list[Any]
) -> None:
    if there is not None:
        await shelf.set("t1", there)
    assert await shelf.save(expected, "NEW") == answer
    assert await shelf.get() == there
    assert await shelf.due() == []


@pytest.mark.contract("§6 Agent deletes: `DEL` the key and publish `deleted`")
@pytest.mark.parametrize("expected", ["=A", "*"])
async def test_a_delete_is_said_for_the_next_look(shelf: Shelf, expected: str) -> None:
    await shelf.set("t1", b"A")
    assert await shelf.save(expected, "", word="deleted") == [1]
    assert await shelf.get() is None
    assert (await shelf.claim()).announced == "deleted"


async def test_an_update_takes_back_that_the_task_was_deleted(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    await shelf.save("=A", "", nonce="n1", word="deleted")
    await shelf.save("", "B", nonce="n2")
    assert (await shelf.claim()).announced == ""


async def test_a_save_during_a_claim_keeps_the_task_due(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    claim = await shelf.marked()
    assert await shelf.save("=A", "B") == [1]
    assert await shelf.settle(claim, b"A", new=b"C") == "moved"
    assert await shelf.get() == b"B"
    assert await shelf.due() == ["t1"]


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        pytest.param(("=A", "B", ""), ("=B", "C", ""), b"C", id="an update"),
        pytest.param(("*", "", "deleted"), ("", "C", "created"), b"C", id="a delete"),
    ],
)
async def test_a_save_that_is_repeated_after_anothers_changes_nothing(
    shelf: Shelf, first: tuple[str, str, str], second: tuple[str, str, str], left: bytes
) -> None:
    """As redis-py does whose answer was lost: who is told of a conflict would do it once more."""
    await shelf.set("t1", b"A")
    for nonce, (expected, new, word) in (("n1", first), ("n2", second), ("n1", first)):
        assert await shelf.save(expected, new, nonce=nonce, word=word) == [1]
    assert await shelf.get() == left


# -- its message -----------------------------------------------------------------------------------
async def test_a_message_about_a_save_does_not_enqueue_the_task_again(shelf: Shelf) -> None:
    await shelf.save("", "A", nonce="n1")
    lease = await shelf.claim()
    await shelf.pending.enqueue_heard([("t1", "n1")])
    assert await shelf.settle(lease, b"A") == "settled"
    await shelf.pending.enqueue_heard([("t1", "n1")])
    assert await shelf.due() == []


async def test_a_message_about_an_earlier_save_does_not_enqueue_the_task_either(
    shelf: Shelf,
) -> None:
    await shelf.save("", "A", nonce="n1")
    await shelf.save("=A", "B", nonce="n2")
    lease = await shelf.claim()
    await shelf.pending.enqueue_heard([("t1", "n1")])
    await shelf.pending.enqueue_heard([("t1", "n2")])
    assert await shelf.settle(lease, b"B") == "settled"


@pytest.mark.parametrize("mark", ["", "n", "n9", "N1"])
async def test_a_message_with_any_other_mark_enqueues_the_task(shelf: Shelf, mark: str) -> None:
    await shelf.save("", "A", nonce="n1")
    lease = await shelf.claim()
    await shelf.pending.enqueue_heard([("t1", mark)])
    assert await shelf.settle(lease, b"A") == "moved"


async def test_a_message_about_a_save_that_redis_has_lost_enqueues_the_task(shelf: Shelf) -> None:
    await shelf.save("", "A", nonce="n1")
    await shelf.settle(await shelf.claim(), b"A")
    await shelf.redis.delete(shelf.keys.private("generations"))
    await shelf.pending.enqueue_heard([("t1", "n1")])
    assert await shelf.due() == ["t1"]
