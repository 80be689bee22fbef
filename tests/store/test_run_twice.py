"""Every script gives the same result when it is run twice: redis-py repeats a command whose answer
was lost.

Each case is played in two namespaces, with the script in question run once in the one and twice in
the other. Then both must hold the same, must have published the same, and the second answer must be
the first.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from planner_sync.model.orders import LinkedCard
from planner_sync.model.records import Orphan, Refused, TrashEntry
from planner_sync.store.plan_state import Epoch
from planner_sync.store.scripts import NamedKeys, Scripts, script_names
from planner_sync.store.telemetry import Telemetry
from tests.store.shelf import PLAN, Shelf

pytestmark = pytest.mark.cluster

Case = Callable[[Shelf], Awaitable[Any]]
CASES: list[Any] = []
VARIES = re.compile(r"[0-9a-f]{32}|\b1[0-9]{12}(\.0)?\b")  # nonces and times
CARD = LinkedCard("card-1", "e d", "{}")
CREATED: dict[str, Any] = {"card": CARD, "posted": Orphan("t1")}


def case(script: str) -> Callable[[Case], Case]:
    """A case of this script; what the case does before `arm` is run once in any case."""

    def register(play: Case) -> Case:
        CASES.append(pytest.param(script, play, id=play.__name__))
        return play

    return register


class Repeating:
    """The scripts; once armed, `name` is run as often as asked, each time with the same
    arguments."""

    def __init__(self, scripts: Scripts, name: str, times: int) -> None:
        self.scripts, self.name, self.times = scripts, name, times
        self.armed = False
        self.answers: list[Any] = []

    def arm(self) -> None:
        self.armed = True

    def __getitem__(self, name: str) -> Any:
        return self.repeated if self.armed and name == self.name else self.scripts[name]

    async def repeated(self, keys: NamedKeys, args: list[Any]) -> Any:
        self.armed = False
        self.answers = [await self.scripts[self.name](keys, args) for _ in range(self.times)]
        return self.answers[0]


@case("enqueue_tasks")
async def a_mark(shelf: Shelf) -> None:
    shelf.scripts.arm()
    await shelf.pending.enqueue(["t1", "t2"], announced="deleted", reason="recheck")


@case("enqueue_tasks")
async def a_mark_during_a_claim(shelf: Shelf) -> None:
    await shelf.marked()
    shelf.scripts.arm()
    await shelf.pending.enqueue(["t1"])


@case("renew_task_lease")
async def a_claim_that_is_held_for_longer(shelf: Shelf) -> None:
    claim = await shelf.marked()
    shelf.scripts.arm()
    assert await shelf.pending.renew(claim)


@case("free_tasks")
async def a_retry(shelf: Shelf) -> None:
    await shelf.marked()
    await shelf.expire()
    shelf.scripts.arm()
    await shelf.pending.free(["t1"])


@case("lease_tasks")
async def a_claim_of_what_is_due(shelf: Shelf) -> None:
    await shelf.pending.enqueue([f"t{n}" for n in range(5)])
    shelf.scripts.arm()
    await shelf.pending.lease(2)


@case("lease_tasks")
async def a_claim_by_name(shelf: Shelf) -> None:
    shelf.scripts.arm()
    await shelf.pending.lease(1, ["t1"])


@case("lease_tasks")
async def a_claim_that_parks(shelf: Shelf) -> None:
    await shelf.pending.enqueue(["t1"])
    for _ in range(5):
        await shelf.claim()
        await shelf.expire()
    shelf.scripts.arm()
    await shelf.pending.lease(1)


@case("lease_tasks")
async def a_claim_of_nothing(shelf: Shelf) -> None:
    shelf.scripts.arm()
    await shelf.pending.lease(1)


@case("record_intent")
async def a_create_note(shelf: Shelf) -> None:
    await shelf.know_plan()
    claim = await shelf.marked()
    shelf.scripts.arm()
    assert await shelf.intent(claim, "create") == "recorded"


@case("set_epoch")
async def an_epoch(shelf: Shelf) -> None:
    shelf.scripts.arm()
    assert await shelf.plans.set_epoch(PLAN, None, Epoch("run", 1))


@case("record_intent")
async def a_note_that_is_not_allowed(shelf: Shelf) -> None:
    claim = await shelf.marked()
    shelf.scripts.arm()
    assert await shelf.intent(claim, "delete") == "recovering"


@case("settle_task")
async def a_settle_that_writes(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    claim = await shelf.marked()
    shelf.scripts.arm()
    messages = {"messages": (("sync", "a"),), "document_messages": (("updates", "b"),)}
    assert await shelf.settle(claim, b"A", card=CARD, new=b"B", **messages) == "settled"


@case("settle_task")
async def a_settle_of_a_document_that_moved(shelf: Shelf) -> None:
    await shelf.set("t1", b"C")
    claim = await shelf.marked()
    shelf.scripts.arm()
    order = {"new": b"B", "messages": (("sync", "a"),)}
    assert await shelf.settle(claim, b"A", card=CARD, **order) == "moved"


@case("settle_task")
async def a_task_that_is_postponed(shelf: Shelf) -> None:
    claim = await shelf.marked()
    shelf.scripts.arm()
    order = {"refusal": Refused("limit"), "due_ms": 10, "messages": (("sync", "a"),)}
    assert await shelf.postpone(claim, **order) == "settled"


@case("record_answer")
async def a_record_of_a_created_card(shelf: Shelf) -> None:
    claim = await shelf.marked()
    shelf.scripts.arm()
    assert await shelf.record(claim, **CREATED) == "settled"


@case("record_answer")
async def a_record_that_was_overtaken(shelf: Shelf) -> None:
    old = await shelf.marked()
    await shelf.expire()
    await shelf.claim()
    shelf.scripts.arm()
    assert await shelf.record(old, **CREATED) == "overtaken"


@case("record_answer")
async def a_record_of_a_card_of_another(shelf: Shelf) -> None:
    await shelf.map("t2", "card-1")
    claim = await shelf.marked()
    shelf.scripts.arm()
    assert await shelf.record(claim, **CREATED) == "taken"


@case("bury_task")
async def a_burial(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    await shelf.map("t1", "card-1")
    claim = await shelf.marked()
    shelf.scripts.arm()
    entry = TrashEntry("t1", "card-1", PLAN, "planner", 1, "{}")
    order = {"only_same": True, "trash": entry, "messages": (("sync", "deleted"),)}
    assert await shelf.bury(claim, "card-1", b"A", new=b"", **order) == "settled"


@case("save_document")
async def a_save(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    shelf.scripts.arm()
    assert await shelf.save("=A", "B") == [1]


@case("save_document")
async def a_save_that_came_too_late(shelf: Shelf) -> None:
    await shelf.set("t1", b"C")
    shelf.scripts.arm()
    assert await shelf.save("=A", "B") == [0, b"C"]


@case("save_document")
async def a_creation(shelf: Shelf) -> None:
    shelf.scripts.arm()
    assert await shelf.save("", "B", word="created") == [1]


@case("save_document")
async def a_deletion(shelf: Shelf) -> None:
    await shelf.set("t1", b"A")
    shelf.scripts.arm()
    assert await shelf.save("*", "", word="deleted") == [1]


@case("take_lease")
async def a_lease(shelf: Shelf) -> None:
    shelf.scripts.arm()
    assert await shelf.leases.take(PLAN)


@case("take_lease")
async def a_lease_given_back(shelf: Shelf) -> None:
    await shelf.leases.take(PLAN)
    shelf.scripts.arm()
    await shelf.leases.give_back(PLAN)


@case("extend_pause")
async def a_pause(shelf: Shelf) -> None:
    shelf.scripts.arm()
    await shelf.pending.extend_pause(60_000)


@case("read_server_clock")
async def the_time(shelf: Shelf) -> None:
    shelf.scripts.arm()
    await shelf.plans.server_clock()


@case("read_plan")
async def what_is_known_of_a_plan(shelf: Shelf) -> None:
    await shelf.map("t1", "card-1")
    shelf.scripts.arm()
    assert (await shelf.plans.read(PLAN, ["card-1"])).owners == {"card-1": "t1"}


@case("record_heartbeat")
async def a_sign_of_life(shelf: Shelf) -> None:
    telemetry = Telemetry(shelf.redis, shelf.scripts, shelf.keys)
    await telemetry.pass_failed(PLAN, "error")
    shelf.scripts.arm()
    await telemetry.pass_done(PLAN, took_ms=1, cards=1)


@case("read_telemetry")
async def the_signs_of_life(shelf: Shelf) -> None:
    telemetry = Telemetry(shelf.redis, shelf.scripts, shelf.keys)
    await telemetry.graph_ok()
    shelf.scripts.arm()
    await telemetry.snapshot()


@pytest.mark.contract("§6 Redis restarts or fails over")
@pytest.mark.parametrize(("script", "play"), CASES)
async def test_a_script_that_is_run_twice_does_what_it_does_once(
    shelf: Shelf, script: str, play: Case
) -> None:
    assert await played(shelf, script, play, 2) == await played(shelf, script, play, 1)


def test_every_script_has_a_case() -> None:
    assert {param.values[0] for param in CASES} == set(script_names())


async def played(shelf: Shelf, script: str, play: Case, times: int) -> tuple[str, list[str]]:
    """What the namespace holds and what was published, once the case was played; times and nonces
    aside."""
    here = Shelf(shelf.redis, f"{shelf.namespace}-{times}", Repeating(shelf.scripts, script, times))
    async with shelf.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(here.keys.sync, here.keys.updates)
        await play(here)
        messages = await _published(here, pubsub)
    assert len(here.scripts.answers) == times
    assert len({_still(answer) for answer in here.scripts.answers}) == 1
    holds = sorted(
        (key.decode().removeprefix(here.namespace), value)
        for key, value in (await here.dump()).items()
    )
    return _still(holds), messages


async def _published(shelf: Shelf, pubsub: Any) -> list[str]:
    await shelf.redis.publish(shelf.keys.sync, "end")
    found: list[str] = []
    while not found or found[-1] != "end":
        message = await pubsub.get_message(timeout=5)
        if message:
            found.append(message["data"].decode())
    return found


def _still(value: Any) -> str:
    return VARIES.sub("~", str(value))
