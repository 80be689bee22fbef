"""Tests the harness itself: each run goes without one mechanism of the service and must turn red.

    python -m tests.simulation.runs.ablation [--seeds N]

A mechanism is replaced here, in this process. The product has no switch for it.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from planner_sync.decide import mapped as decide
from planner_sync.decide import unmapped as decide_new
from planner_sync.decide.merge import DocumentAtoms, merge
from planner_sync.decide.observation import Mapped
from planner_sync.graph.planner import Planner
from planner_sync.model.card import Card
from planner_sync.model.orders import DocumentSeen
from planner_sync.model.state import SyncState
from planner_sync.store import scripts
from planner_sync.store.leases import ServerClock
from planner_sync.store.plan_state import Epoch, PlanState
from planner_sync.store.task_repository import TaskRepository
from planner_sync.sync.plan.epochs import Begun, Epochs
from planner_sync.sync.plan.listing import PlanReader
from planner_sync.sync.run.scheduler import Scheduler
from planner_sync.sync.task import reconcile
from tests.simulation.runs.runs import with_fixed_hashes
from tests.simulation.runs.story import play
from tests.simulation.script.maker import of_seed
from tests.simulation.script.script import Script

SEEDS = 300


@contextmanager
def swapped(*swaps: tuple[Any, str, Any]) -> Iterator[None]:
    """Replace these names of these owners for a while."""
    before = [getattr(owner, name) for owner, name, _ in swaps]
    for owner, name, value in swaps:
        setattr(owner, name, value)
    try:
        yield
    finally:
        for (owner, name, _), value in zip(swaps, before, strict=True):
            setattr(owner, name, value)


def no_sweep() -> AbstractContextManager[None]:
    """Documents whose message was lost are never found."""

    async def nothing(rounds: Scheduler, min_gap_ms: int = 0) -> None:
        """No sweep."""

    return swapped((Scheduler, "sweep_once", nothing))


def no_intents() -> AbstractContextManager[None]:
    """Nothing is written down before it is sent; the claim is renewed all the same."""
    write = TaskRepository.record_intent

    async def unnoted(repository: TaskRepository, claim: Any, nonce: str, *rest: Any) -> str:
        answer = await write(repository, claim, nonce, *rest)
        keys, redis = repository._keys, repository._redis
        await redis.hdel(keys.task(claim.task_id), f"intent {nonce}")
        await redis.hdel(keys.private("creating", rest[1]), claim.task_id)
        return answer

    return swapped((TaskRepository, "record_intent", unnoted))


def no_fields_in_intents() -> AbstractContextManager[None]:
    """A intent says that something was sent, and not what: our own lost write looks like a
    person's."""

    def forgotten(seen: Mapped[Any], card: Card) -> SyncState:
        return seen.state

    return swapped((decide, "judge_intents", forgotten))


def no_revisions() -> AbstractContextManager[None]:
    """Whatever a document says, its writer had seen everything."""

    def trusting(
        state: Any, document_atoms: DocumentAtoms, rev: int, card: Any, winner: Any
    ) -> Any:
        return merge(state, document_atoms, 10**12, card, winner)

    return swapped((decide, "merge", trusting))


def no_three_way_merge() -> AbstractContextManager[None]:
    """The document as a whole overwrites the card wherever it says anything else."""

    def overwriting(
        state: Any, document_atoms: DocumentAtoms, rev: int, card: Any, winner: Any
    ) -> Any:
        merged = merge(
            replace(state, base=dict(card), histories={}), document_atoms, 10**12, card, winner
        )
        return replace(merged, changed_by_people=frozenset(card) - merged.changed_by_agent)

    return swapped((decide, "merge", overwriting))


def no_epoch() -> AbstractContextManager[None]:
    """A Redis that has forgotten everything is mapped_state to know every plan."""
    write = TaskRepository.record_intent

    async def known(plans: PlanState, plan_id: str) -> Epoch:
        return Epoch((await plans.server_clock()).run_id, 10**9)

    async def begun(epochs: Epochs, plan_id: str, clock: ServerClock) -> Begun:
        epoch = await epochs.plans.epoch(plan_id)
        await epochs.plans._redis.hset(epochs.plans._keys.private("epochs"), plan_id, str(epoch))
        return Begun(clock, epoch, trusted=True)

    async def ended(epochs: Epochs, plan_id: str, begun: Begun) -> bool:
        return True

    async def trusted(
        repository: TaskRepository, claim: Any, nonce: str, body: str, plan_id: str, kind: Any
    ) -> str:
        _, run = await repository._scripts["read_server_clock"](repository._keys, [])
        await repository._redis.hset(
            repository._keys.private("epochs"), plan_id, f"{run.decode()} {10**9}"
        )
        return await write(repository, claim, nonce, body, plan_id, kind)

    passes = ((Epochs, "begin", begun), (Epochs, "end", ended))
    # What the public mapping still says is asked as well, and would hide some of it.
    mapping = (decide_new, "_named_by_mapping", lambda seen: None)
    return swapped(
        (PlanState, "epoch", known), *passes, mapping, (TaskRepository, "record_intent", trusted)
    )


def no_absence_guards() -> AbstractContextManager[None]:
    """A card that is missing from a listing is gone."""

    async def gone(reader: PlanReader, planner_id: str) -> str:
        return "gone"

    return swapped((PlanReader, "ask", gone), (reconcile, "is_usable", lambda *_, **__: True))


def no_if_match() -> AbstractContextManager[None]:
    """Writes name whatever etag the card has at that moment, not the one that was merged."""
    task, details = Planner.update_task, Planner.update_details

    async def update_task(
        planner: Planner, planner_id: str, body: Any, etag: str, *, before: Any
    ) -> Any:
        now = await planner.read_task(planner_id)
        return await task(planner, planner_id, body, now["@odata.etag"], before=before)

    async def update_details(
        planner: Planner, planner_id: str, body: Any, etag: str, *, before: Any
    ) -> Any:
        now = await planner.read_details(planner_id)
        return await details(planner, planner_id, body, now["@odata.etag"], before=before)

    return swapped(
        (Planner, "update_task", update_task), (Planner, "update_details", update_details)
    )


def no_compare_and_set() -> AbstractContextManager[None]:
    """Documents are written over whatever stands there by now."""
    settle = TaskRepository.settle

    async def blind(repository: TaskRepository, claim: Any, order: Any, listed_at: int = 0) -> Any:
        if getattr(order, "new", None) is not None:
            there = await repository._redis.get(repository._keys.document(claim.task_id))
            order = replace(order, document=DocumentSeen(there))
        return await settle(repository, claim, order, listed_at)

    return swapped((TaskRepository, "settle", blind))


def no_leases() -> AbstractContextManager[None]:
    """Nobody's claim or lease keeps anybody out, and an overtaken token counts like the newest
    one."""
    edits = {
        "return due ~= false and tonumber(due) > now": "return false",
        "if lease ~= o.token then": "if false then",
        "if redis.call('HGET', task_leases, id) ~= token then return 'overtaken' end": "",
        "if ms == 0 or held or rests then return {0, now, run_id()} end": "",
    }

    texts = {name: scripts.script_text(name) for name in scripts.script_names()}
    for old, new in edits.items():
        assert any(old in text for text in texts.values()), old
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return swapped((scripts, "script_text", texts.__getitem__))


MECHANISMS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "sweep": no_sweep,
    "intent": no_intents,
    "fields in intents": no_fields_in_intents,
    "_rev": no_revisions,
    "three-way merge": no_three_way_merge,
    "epoch": no_epoch,
    "absence guards": no_absence_guards,
    "If-Match": no_if_match,
    "compare-and-set on download": no_compare_and_set,
    "leases": no_leases,
}


def without(name: str, script: Script) -> list[str]:
    """What does not hold in a run without this mechanism. A service that fell over has proved
    nothing."""
    with MECHANISMS[name]():
        wrong = play(script).wrong
    if fallen := [sentence for sentence in wrong if "ended by itself" in sentence]:
        raise AssertionError(f"without {name}: {fallen[0]}")
    return wrong


def _try(name: str, seed: int) -> tuple[int, list[str]]:
    return seed, without(name, of_seed(seed))


def first_red(name: str, seeds: range) -> tuple[int, int, str] | None:
    """The first seed in time that turns red, how many were played by then, and what it said."""
    workers = os.cpu_count() or 1
    waiting = iter(seeds)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        while batch := list(islice(waiting, workers * 4)):
            for played, (seed, wrong) in enumerate(
                pool.map(_try, [name] * len(batch), batch), batch[0] - seeds[0] + 1
            ):
                if wrong:
                    return seed, played, wrong[0]
    return None


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.simulation.runs.ablation")
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, help="how many at most for each mechanism"
    )
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    parser.add_argument("--only", choices=sorted(MECHANISMS), default=None)
    wishes = parser.parse_args()
    print(f"{'taken out':28} {'seed':>8} {'played':>7} {'s':>5}  the first thing that did not hold")
    green = []
    for name in [wishes.only] if wishes.only else MECHANISMS:
        began = time.monotonic()
        red = first_red(name, range(wishes.first, wishes.first + wishes.seeds))
        seed, played, said = red or ("none", wishes.seeds, "everything held")
        if red is None:
            green.append(name)
        print(
            f"{name:28} {seed:>8} {played:>7} {time.monotonic() - began:>5.0f}  {said[:110]}",
            flush=True,
        )
    print(
        f"{len(green)} of {len(MECHANISMS)} stayed green"
        + (f": {', '.join(green)}" if green else "")
    )
    return 1 if green else 0


if __name__ == "__main__":
    with_fixed_hashes("tests.simulation.runs.ablation")
    sys.exit(main())
