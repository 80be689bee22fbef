"""The double answers our scripts as a real server does: the same calls on both, answers and
contents compared."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from planner_sync.model.orders import (
    Bury,
    DocumentSeen,
    Forget,
    LinkedCard,
    Postpone,
    Record,
    Settle,
)
from planner_sync.model.records import DeletedCard, Orphan, Refused, TrashEntry
from planner_sync.store.keys import Keys
from planner_sync.store.leases import Leases
from planner_sync.store.pending import Pending
from planner_sync.store.plan_state import Epoch, PlanState
from planner_sync.store.scripts import Scripts
from planner_sync.store.server.connection import connect
from planner_sync.store.task_repository import TaskRepository
from tests.simulation.machine import redis_double
from tests.simulation.machine.world import OpenGate

KEYS = Keys("double")


async def claim_and_settle(redis: Any) -> list[Any]:
    """A task's life: marked, claimed, noted, settled over and beside its document, buried,
    forgotten."""
    scripts = Scripts(redis)
    pending, plans = Pending(scripts, KEYS, "w"), PlanState(redis, scripts, KEYS)
    repository = TaskRepository(redis, scripts, KEYS, 1000)
    said: list[Any] = []
    await redis.set(KEYS.document("a"), b'{"title":"A"}')
    await pending.enqueue(["a", "b"], announced="created")
    await pending.enqueue(["b"], reason="confirmed_missing")
    batch = await pending.lease(10)
    said.append([(c.task_id, c.attempts, c.announced, c.reason) for c in batch.leases])
    first, second = batch.leases
    said.append(await repository.record_intent(first, "n1", "{}", "p", "create"))
    await plans.set_epoch("p", None, Epoch((await plans.server_clock()).run_id, 1))
    said.append(await repository.record_intent(first, "n1", '{"kind": "create"}', "p", "create"))
    said.append(sorted((await plans.read("p")).creates))
    card = LinkedCard("C1", "e d", "{}")
    made = DocumentSeen(b'{"title":"A"}')
    posted = Orphan("a")
    created = Record("p", made, card, intents_done=("n1",), posted=posted, counted="created")
    said.append(await repository.settle(first, created))
    done = Settle(
        plan_id="p",
        document=made,
        card=replace(card, state='{"s":1}'),
        state_moved='{"s":2}',
        new=b'{"title":"A","plannerId":"C1"}',
        messages=(("sync", "{}"),),
        document_messages=(("updates", "{}"),),
    )
    said.append(await repository.settle(first, done, listed_at=1))
    said.append(await repository.settle(first, done, listed_at=1))
    stolen = Record("p", DocumentSeen(None), card, posted=posted)
    said.append(await repository.settle(second, stolen))
    said.append(await plans.read("p", ["C1", "C2"]))
    await pending.enqueue(["a"], announced="deleted")
    (again,) = (await pending.lease(1, ["a"])).leases
    later = Postpone("p", made, card, refusal=Refused("limit"), due_ms=5)
    said.append(await repository.settle(again, later))
    (again,) = (await pending.lease(1, ["a"])).leases
    bury = Bury(
        plan_id="p",
        document=DocumentSeen(b"other"),
        planner_id="C1",
        deleted_card=DeletedCard("C1", "planner"),
        trash=TrashEntry("a", "C1", "p", "planner", 1, "{}"),
        only_same=True,
        new=b"",
    )
    said.append(await repository.settle(again, bury))
    (again,) = (await pending.lease(1, ["a"])).leases
    said.append(await repository.settle(again, replace(bury, document=DocumentSeen(done.new))))
    await pending.enqueue(["a"])
    (again,) = (await pending.lease(1, ["a"])).leases
    said.append(await repository.settle(again, Forget("p", DocumentSeen(None))))
    return said


async def leases_and_pauses(redis: Any) -> list[Any]:
    """Leases between two owners, a pause, a claim that finds nobody."""
    scripts = Scripts(redis)
    mine, yours = Leases(scripts, KEYS, "me"), Leases(scripts, KEYS, "you")
    pending = Pending(scripts, KEYS, "w")
    taken = [await mine.take("p"), await yours.take("p"), await mine.take("p")]
    await mine.give_back("p")
    taken.append(await yours.take("p"))
    said = [
        [clock is not None for clock in taken],
        await pending.lease(5, []),
        (await pending.lease(5)).leases,
    ]
    await pending.enqueue(["a"])
    await pending.extend_pause(60_000)
    return [*said, (await pending.lease(5)).leases, await redis.hkeys(KEYS.private("leases"))]


@pytest.mark.parametrize(
    "calls", [claim_and_settle, leases_and_pauses], ids=lambda calls: calls.__name__
)
async def test_the_double_answers_as_a_real_server(
    redis_url: str, calls: Callable[[Any], Any]
) -> None:
    real = connect(redis_url)
    double = redis_double.client(redis_double.Server(), OpenGate())
    try:
        await real.delete(*[key async for key in real.scan_iter("double:*")] or ["none"])
        assert await calls(double) == await calls(real)
        assert await contents(double) == await contents(real)
    finally:
        await real.aclose()


async def contents(redis: Any) -> dict[str, Any]:
    """Everything under our keys, with times and random ids taken out."""
    found: dict[str, Any] = {}
    async for key in redis.scan_iter("double:*"):
        match (await redis.type(key)).decode():
            case "hash":
                value: Any = {
                    name.decode(): text.decode()
                    for name, text in (await redis.hgetall(key)).items()
                }
            case "list":  # lags: each took as long as it took
                value = await redis.llen(key)
            case "zset":
                value = sorted(await redis.zrange(key, 0, -1))
            case _:
                value = await redis.get(key)
        found[key.decode()] = value
    found.pop(KEYS.private("batches"), None)
    text = json.dumps(found, sort_keys=True, default=bytes.decode)
    plain: dict[str, Any] = json.loads(re.sub(r"[0-9a-f]{32,40}|\d{12,}", "#", text))
    return plain
