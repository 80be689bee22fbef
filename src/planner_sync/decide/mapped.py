"""The decision: what is the next step for one task? One pure function of everything that a look has
seen so far.

    document      card               what happens
    any           create note open   the next complete listing tells whether the card was made; nobody guesses
    any           note open          only a card that was read after the claim tells what of the note was written
    new           none               names resolved, limits checked, created
    names a card  that nobody has    adopted; a card that a human deleted makes the document a stale copy, refused
    there         there              merged (merge.py): what the card lacks is sent, then the document is settled
    any           in no plan of ours nothing is sent; a document that is deleted lets its card go
    there         gone               a human's delete: document to the trash; an agent's edit is a conflict over it
    missing       there              said, or twice unseen: deleted, unless a human changed the card since
    missing       gone, none         forgotten
    refused       there              nothing is sent, the document stays untouched

A refusal is raised as `Refusal` and ends the look. No I/O, no clock, no randomness in here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from planner_sync.decide import deletion as burial
from planner_sync.decide import endings as outcome
from planner_sync.decide import notices as telling
from planner_sync.decide.interpret import Reading
from planner_sync.decide.merge import Merged, merge
from planner_sync.decide.observation import GONE, Seen
from planner_sync.decide.preconditions import accepted, check, read, resolve, uploaded
from planner_sync.decide.recreation import put_right
from planner_sync.decide.steps import (
    BuryCard,
    DeleteCard,
    Finish,
    PatchDetails,
    PatchTask,
    ReadCard,
    ReadDetails,
    ReadNames,
    Step,
    TakeCard,
)
from planner_sync.decide.unmapped import decide_new, resolve_create, stays_refused
from planner_sync.errors import Refusal
from planner_sync.model.card import Card, Names, is_of_details
from planner_sync.model.state import Belief, token
from planner_sync.model.task import (
    Document,
    Value,
)


def decide(seen: Seen) -> Step:
    """The next step. Raises Refusal when the document cannot be done as it stands."""
    if seen.belief and _is_foreign(seen, seen.belief):
        return _decide_foreign(seen, seen.belief)
    creating = next((note for note in seen.notes if note.kind == "create"), None)
    if creating and seen.belief is None:
        return resolve_create(seen, creating)
    if seen.dropped and (due_ms := stays_refused(seen)) is not None:
        return Finish(outcome.later(seen, due_ms))
    if seen.belief and seen.notes:
        if not seen.fresh:
            return ReadCard(seen.belief.planner_id)
        if seen.names is None:
            return (
                ReadNames()
            )  # the agents are told of what has reached Planner by the names of its fields
        if seen.card == GONE and any(note.kind == "delete" for note in seen.notes):
            return Finish(burial.deleted_unanswered(judge_notes(seen), seen.belief, seen.names))
        seen = judge_notes(seen)
    if seen.document is None and seen.refusal is None:
        return _decide_missing(seen)
    if seen.belief is None:
        return decide_new(seen)
    return _decide_known(seen, seen.belief)


def judge_notes(seen: Seen) -> Seen:
    """Whatever of any open note equals the card is agreed, and was uploaded; the rest was not
    written."""
    belief, card = seen.belief, seen.card
    if belief is None:
        return seen
    if isinstance(card, Card):
        notes, atoms = seen.notes, card.atoms
        agreed = {
            atom: value
            for note in notes
            for atom, value in note.atoms.items()
            if atoms.get(atom) == value
        }
        news = {atom: value for atom, value in agreed.items() if belief.base.get(atom) != value}
        owed = {
            a: said
            for note in notes
            for a, said in note.unsaid
            if a in news and note.atoms[a] == news[a]
        }
        belief = replace(
            uploaded(seen, belief, news), unsaid=(*belief.unsaid, *owed.values())
        ).agree(agreed)
    return replace(
        seen,
        belief=belief,
        notes=(),
        done_notes=(*seen.done_notes, *(note.nonce for note in seen.notes)),
    )


# -- document and card -----------------------------------------------------------------------------
def _decide_known(seen: Seen, belief: Belief) -> Step:
    if isinstance(seen.card, Card) and seen.card.plan_id != belief.plan_id:
        return _follow(seen, belief, seen.card)
    if seen.names is None:
        return ReadNames()
    if seen.card == GONE:
        return _decide_gone(seen, belief, seen.names)
    never_read = seen.card is None and not belief.etag
    if never_read or (seen.claim.look in ("read", "restore") and not seen.fresh):
        return ReadCard(belief.planner_id)
    document = accepted(seen)
    plan_id = document.fields.get("planId")
    if plan_id not in (None, belief.plan_id) and not _carries_old_plan(seen, belief, plan_id):
        raise Refusal(
            "plan_changed",
            f"planId: the card is in plan {belief.plan_id}; it cannot move to {plan_id}",
            "planId",
        )
    reading, merged = _merge(seen, belief, document, seen.names)
    if step := resolve(seen, reading, merged, merged.send):
        return step
    details = {atom: value for atom, value in merged.send.items() if is_of_details(atom)}
    task = {atom: value for atom, value in merged.send.items() if atom not in details}
    if merged.send:
        check(merged.want)
    if details and not _details_known(seen, belief):
        return (
            ReadDetails(belief.planner_id)
            if isinstance(seen.card, Card)
            else ReadCard(belief.planner_id)
        )
    unsaid = tuple(
        (conflict.atom, telling.conflict_message(seen, conflict, merged.want, seen.names))
        for conflict in merged.conflicts
        if conflict.atom in merged.send
    )
    if task:
        return PatchTask(task, tuple((atom, message) for atom, message in unsaid if atom in task))
    if details:
        return PatchDetails(
            details, tuple((atom, message) for atom, message in unsaid if atom in details)
        )
    if _unknown_ids(merged.want, seen.names) and not seen.names_fresh:
        return ReadNames(fresh=True)
    return Finish(outcome.settled(seen, belief, merged, reading, seen.names))


def _merge(seen: Seen, belief: Belief, document: Document, names: Names) -> tuple[Reading, Merged]:
    card = card_atoms(seen, belief)
    reading = read(
        seen, document, names, planner_id=belief.planner_id, atoms={**belief.base, **card}
    )
    return reading, merge(belief, reading.meaning, seen.rev, card, seen.policy.winner)


def card_atoms(seen: Seen, belief: Belief) -> Mapping[str, Value]:
    """The card as far as it was read, else as it was when both sides last agreed."""
    if not isinstance(seen.card, Card):
        return belief.base
    if seen.card.details_etag is not None:
        return seen.card.atoms
    return {
        **{atom: value for atom, value in belief.base.items() if is_of_details(atom)},
        **seen.card.atoms,
    }


def _follow(seen: Seen, belief: Belief, card: Card) -> Step:
    """A human moved the card to another plan: go along where we may, stop where we may not."""
    if card.plan_id not in seen.policy.plan_ids:
        raise Refusal(
            "unknown_plan",
            f"planId: the card was moved to plan {card.plan_id}, which is not ours",
            "planId",
        )
    return TakeCard(replace(belief.leave(belief.plan_id, belief.rev + 1), plan_id=card.plan_id))


def _carries_old_plan(seen: Seen, belief: Belief, plan_id: str) -> bool:
    """Does the document only say where the card was when it was read?"""
    trail = belief.trail("planId")
    as_settled = seen.last is not None and seen.last.fields.get("planId") == plan_id
    return as_settled or (seen.rev < trail.human and token(plan_id) in trail.past)


def _decide_gone(seen: Seen, belief: Belief, names: Names) -> Step:
    document = seen.document
    if document is None and seen.restoring:
        return Finish(burial.made_anew(seen, belief, names))
    if document is None:
        return BuryCard(burial.buried(seen, belief, names, "planner"))
    if seen.twin:
        return Finish(burial.widowed(seen, belief, names))
    reading, merged = _merge(replace(seen, card=None), belief, document, names)
    right = replace(seen, document=put_right(document, reading, merged, names))
    edited = bool(merged.meant or reading.strangers)
    told = telling.conflicts(seen, merged, names)
    if seen.restoring:
        return Finish(burial.made_anew(right, belief, names, told))
    if edited and seen.policy.winner == "agents":
        lost = telling.delete_conflict(seen, kept=False, lost=True, winner="agents")
        return Finish(burial.made_anew(right, belief, names, [lost, *told]))
    return BuryCard(burial.buried(right, belief, names, "planner", edited=edited))


# -- a card in a plan that is not ours any more ----------------------------------------------------
def _is_foreign(seen: Seen, belief: Belief) -> bool:
    """Is the card in a plan that was taken off the list? It may have been moved back to one of
    ours."""
    shown = seen.card.plan_id if isinstance(seen.card, Card) else belief.plan_id
    return seen.policy.plan_ids.isdisjoint({shown, belief.plan_id})


def _decide_foreign(seen: Seen, belief: Belief) -> Step:
    if seen.document is not None or seen.refusal:
        reason = f"planId: the card is in plan {belief.plan_id}, which is not one of the plans of this service"
        raise Refusal("unknown_plan", reason, "planId")
    said = seen.claim.said == "deleted" or seen.claim.look == "missing"
    return Finish(burial.let_go(seen, belief) if said else outcome.waiting(seen))


# -- no document -----------------------------------------------------------------------------------
def _decide_missing(seen: Seen) -> Step:
    belief = seen.belief
    if belief is None:
        if not isinstance(seen.card, Card):
            return Finish(outcome.forgotten(seen))
        if seen.names is None:
            return ReadNames()
        if _unknown_ids(seen.card.atoms, seen.names) and not seen.names_fresh:
            return ReadNames(fresh=True)
        return Finish(outcome.imported(seen, seen.card, seen.names))
    if seen.card == GONE:
        by: Literal["agent", "planner"] = "agent" if seen.claim.said == "deleted" else "planner"
        if seen.names is None:
            return ReadNames()
        return Finish(burial.buried(seen, belief, seen.names, by))
    said = seen.claim.said == "deleted" or seen.claim.look == "missing"
    if not (said or seen.recovering or seen.restoring):
        return Finish(outcome.waiting(seen))
    if seen.names is None:
        return ReadNames()
    if not seen.fresh or not isinstance(seen.card, Card):
        return ReadCard(belief.planner_id)
    brought_back = seen.restoring or (seen.recovering and seen.claim.said != "deleted")
    if seen.card.plan_id != belief.plan_id:
        if seen.card.plan_id in seen.policy.plan_ids:
            return _follow(seen, belief, seen.card)
        if not brought_back:
            return Finish(burial.let_go(seen, belief))
    last = seen.last or _blank(belief)
    _, merged = _merge(
        seen, belief, replace(last, fields={}), seen.names
    )  # no opinions: what differs, humans changed
    unseen = bool(
        merged.human or belief.untold
    )  # also what an earlier look found, when the document was gone already
    if not unseen and not brought_back:
        return DeleteCard(belief.planner_id)
    restored = replace(seen, document=last)
    reading = read(restored, last, seen.names, planner_id=belief.planner_id, atoms=belief.base)
    return Finish(outcome.restored(restored, belief, merged, reading, seen.names, conflict=unseen))


def _blank(belief: Belief) -> Document:
    return Document({}, "snake_case" if belief.dialect == "snake_case" else "camelCase", {})


def _unknown_ids(want: Mapping[str, Value], names: Names) -> bool:
    """Does the card refer to a bucket that is not among the names? It was made since they were
    read."""
    bucket = want.get("bucketId")
    return bucket is not None and bucket not in dict(names.buckets)


def _details_known(seen: Seen, belief: Belief) -> bool:
    if isinstance(seen.card, Card) and seen.card.details_etag is not None:
        return True
    return bool(belief.details_etag)
