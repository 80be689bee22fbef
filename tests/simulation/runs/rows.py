"""Which rows of three decision tables a run has reached: stale copies, merge, proof of deletes.

It watches the two pure functions and the result of the run, and changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from planner_sync.decide import mapped as deciding
from planner_sync.decide.merge import DocumentAtoms, Merged, agree
from planner_sync.decide.observation import Mapped, Observation
from planner_sync.decide.steps import BuryCard, DeleteCard, Finish, Step
from planner_sync.errors import Refusal
from planner_sync.model.state import SyncState, token
from planner_sync.model.task import Day, Instant, Word
from planner_sync.sync.task import reconcile as reconciling
from tests.simulation.machine.world import World

ROWS = {
    "3 changed": "the writer had seen the last human change: the agent's change",
    "3 stale": "an old copy with a value that the field had before: never meant",
    "3 apart": "an old copy with a new value: changed on both sides",
    "3 insists": "an old copy with a new value, told before: the agent's change",
    "6 nothing": "neither side changed",
    "6 send": "the document changed",
    "6 write": "the card changed",
    "6 agreed": "both changed alike",
    "6 conflict": "both changed apart",
    "8 gone": "a card is missing from a listing, and its id answers 404 while the plan can be read",
    "8 forbidden": "a card is missing or asked for, and answers 403",
    "8 left out": "a card is missing from a listing, and still answers",
    "8 unreadable": "a plan answers 403 or 404, or a page fails",
    "8 wrong type": "a document's key holds no string",
    "8 said": "a document is missing, deleted was said, nobody changed the card",
    "8 said, changed": "a document is missing, deleted was said, somebody changed the card",
    "8 unsaid": "a document is missing for the second time, nothing was said",
    "8 epoch": "this Redis does not know the plan: adopted",
    "8 brake": "too much vanished at once: held",
    "8 stale copy": "a document names a card that a human deleted",
    "8 stale object": "a document without a card's id says again what a human deleted",
    "8 other card": "a document with a card names another one",
    "8 copy": "a document names the card of another document",
}


@contextmanager
def observed(rows: Counter[str]) -> Iterator[None]:
    """Count rows within this context."""
    decide, merge = reconciling.decide, deciding.merge
    reconciling.decide = _deciding(decide, rows)
    deciding.merge = _merging(merge, rows)
    try:
        yield
    finally:
        reconciling.decide, deciding.merge = decide, merge


def afterwards(world: World) -> Counter[str]:
    """The rows that show in messages, log lines and requests."""
    rows: Counter[str] = Counter()
    rows["8 brake"] = sum(message["code"] == "held" for message in world.said("failed"))
    for line in world.lines:
        text = line.partition("log: plan ")[2]
        rows["8 left out"] += "the listing left out" in text
        rows["8 unreadable"] += (
            bool(text) and "the listing left out" not in text and "deletes are held" not in text
        )
    rows["8 forbidden"] = sum(
        row["status"] == 403
        and row["method"] == "GET"
        and row["path"].startswith("/planner/tasks/")
        for row in world.planner.journal.rows()
    )
    return rows


def _deciding(
    decide: Callable[[Observation], Step], rows: Counter[str]
) -> Callable[[Observation], Step]:
    def watched(seen: Observation) -> Step:
        rows.update(_of_seen(seen))
        try:
            step = decide(seen)
        except Refusal as refusal:
            if refusal.code == "stale_copy":
                rows[
                    "8 stale copy" if refusal.reason.startswith("plannerId") else "8 stale object"
                ] += 1
            raise
        rows.update(_of_step(seen, step))
        return step

    return watched


def _of_seen(seen: Observation) -> Iterator[str]:
    if seen.recovering:
        yield "8 epoch"
    if seen.stored.document.wrong_type:
        yield "8 wrong type"
    named = seen.readable.planner_id if seen.readable else None
    if isinstance(seen, Mapped):
        if named and named != seen.planner_id:
            yield "8 other card"
    elif named and seen.owner and seen.owner.task_id not in (None, seen.task_id):
        yield "8 copy"


def _of_step(seen: Observation, step: Step) -> Iterator[str]:
    said = seen.lease.announced == "deleted"
    if isinstance(step, BuryCard):
        yield "8 gone"
    elif isinstance(step, DeleteCard):
        yield "8 said" if said else "8 unsaid"
    elif (
        isinstance(step, Finish)
        and said
        and seen.document is None
        and isinstance(seen, Mapped)
        and seen.card
    ):
        yield "8 said, changed"


def _merging(merge: Callable[..., Merged], rows: Counter[str]) -> Callable[..., Merged]:
    def watched(
        state: SyncState,
        document_atoms: DocumentAtoms,
        rev: int,
        card: Mapping[str, Any],
        winner: Any,
    ) -> Merged:
        for atom in sorted({*state.base, *card, *document_atoms.atoms}):
            if " " not in atom:
                rows.update(_of_atom(state, document_atoms, rev, card, atom))
        return merge(state, document_atoms, rev, card, winner)

    return watched


def _of_atom(
    state: SyncState, document_atoms: DocumentAtoms, rev: int, card: Mapping[str, Any], atom: str
) -> Iterator[str]:
    was, now, mine = state.base.get(atom), card.get(atom), document_atoms.atoms.get(atom)
    kind = "same"
    if document_atoms.speaks_of(atom) and not agree(mine, was):
        kind = _kind(state, rev, mine, atom)
        yield f"3 {kind}"
    if kind in ("same", "stale"):
        yield "6 nothing" if now == was else "6 write"
    elif now == was:
        yield "6 send" if kind != "apart" else "6 conflict"
    else:
        yield "6 agreed" if agree(mine, now) else "6 conflict"


def _kind(state: SyncState, rev: int, mine: Any, atom: str) -> str:
    history = state.history(atom)
    if rev >= history.last_human_rev:
        return "changed"
    if any(_says(mine, past) for past in history.past_values):
        return "stale"
    return "insists" if rev in history.notified_revs else "apart"


def _says(mine: Any, past: str) -> bool:
    """Is this a value of the past? A day is every instant of it, a word its whole range."""
    match mine:
        case Day():
            return past.startswith(f'"{mine.date}')
        case Instant():
            return past == token(mine.at)
        case Word():
            return past.isdigit() and mine.low <= int(past) <= mine.high
    return past == token(mine)
