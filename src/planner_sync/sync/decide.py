"""The decision: what is the next step for one task? One pure function of everything that a look has seen so far.

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

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from planner_sync.errors import Refusal
from planner_sync.graph.cards import Card, Names, is_of_details
from planner_sync.store.task_repository import document_hash
from planner_sync.sync import outcome
from planner_sync.sync.belief import Belief
from planner_sync.sync.meaning import PERCENT_DEFAULT, UNKNOWN, Context, Reading, read_meaning, unknown_name
from planner_sync.sync.merge import Merged, adopt, agree, merge
from planner_sync.sync.rendering import fields_of
from planner_sync.sync.seen import GONE, OpenNote, Seen
from planner_sync.sync.steps import (
    AskOwner,
    BuryCard,
    CreateCard,
    DeleteCard,
    DropNote,
    FindPeople,
    Finish,
    MakeName,
    PatchDetails,
    PatchTask,
    ReadCard,
    ReadDetails,
    ReadNames,
    Step,
    TakeCard,
)
from planner_sync.task import (
    ASSIGNEES_MAX,
    CHECKLIST_MAX,
    PRIORITY_DEFAULT,
    REFERENCES_MAX,
    Document,
    Value,
    check_dates,
)

GRACE_MS = 60_000  # the request's own deadline, and as long again for a listing that lags
IMPORT_ID = "planner-"
PLANNER_ID_LENGTH = 28


def decide(seen: Seen) -> Step:
    """The next step. Raises Refusal when the document cannot be done as it stands."""
    if seen.belief and _is_foreign(seen, seen.belief):
        return _decide_foreign(seen, seen.belief)
    creating = next((note for note in seen.notes if note.kind == "create"), None)
    if creating and seen.belief is None:
        return _resolve_create(seen, creating)
    if seen.dropped and _stays_refused(seen):
        return Finish(outcome.later(seen, -1))
    if seen.belief and seen.notes:
        if not seen.fresh:
            return ReadCard(seen.belief.planner_id)
        if seen.card == GONE and any(note.kind == "delete" for note in seen.notes):
            if seen.names is None:
                return ReadNames()
            return Finish(outcome.deleted_unanswered(judge_notes(seen), seen.belief, seen.names))
        seen = judge_notes(seen)
    if seen.document is None and seen.refusal is None:
        return _decide_missing(seen)
    if seen.belief is None:
        return _decide_new(seen)
    return _decide_known(seen, seen.belief)


def judge_notes(seen: Seen) -> Seen:
    """Whatever of any open note equals the card is agreed, and was uploaded; the rest was not written."""
    belief, card = seen.belief, seen.card
    if belief is None:
        return seen
    if isinstance(card, Card):
        notes, atoms = seen.notes, card.atoms
        agreed = {atom: value for note in notes for atom, value in note.atoms.items() if atoms.get(atom) == value}
        news = {atom: value for atom, value in agreed.items() if belief.base.get(atom) != value}
        owed = {a: said for note in notes for a, said in note.unsaid if a in news and note.atoms[a] == news[a]}
        belief = replace(uploaded(seen, belief, news), unsaid=(*belief.unsaid, *owed.values())).agree(agreed)
    return replace(seen, belief=belief, notes=(), done_notes=(*seen.done_notes, *(note.nonce for note in seen.notes)))


def uploaded(seen: Seen, belief: Belief, atoms: Mapping[str, Value | None]) -> Belief:
    """These atoms have reached Planner: the agents will be told of their fields, and the document is to show them,
    also when its writer has left them out since."""
    fields = fields_of(frozenset(atoms), seen.names) if seen.names else []
    ways = {"bucket", "bucketId"} & {*belief.shown, *(seen.document.fields if seen.document else ())} or {"bucket"}
    shown = {way for name in fields for way in (ways if name == "bucketId" else {name})}
    return replace(
        belief,
        uploaded=tuple(dict.fromkeys((*belief.uploaded, *fields))),
        shown=tuple(sorted({*belief.shown, *shown})),
    )


# -- no card yet -----------------------------------------------------------------------------------------------------
def _resolve_create(seen: Seen, note: OpenNote) -> Step:
    found = seen.found
    if found is None:
        return Finish(outcome.later(seen, GRACE_MS))
    card = _made_by(note, seen)
    if card and seen.names is None:
        return ReadNames()
    if card:
        return TakeCard(created_belief(seen, card, note.atoms))
    if not found.last:
        return Finish(outcome.later(seen, GRACE_MS))
    if found.began < note.at + GRACE_MS:
        return Finish(outcome.later(seen, note.at + GRACE_MS - found.began))
    return DropNote(note.nonce, note.plan_id)


def _stays_refused(seen: Seen) -> bool:
    """Has Planner said no to this very document, as it seems now without a card?"""
    before = json.loads(seen.stored.refusal) if seen.stored.refusal else {}
    same = before.get("hash") and before["hash"] == document_hash(seen.stored.text or b"")
    return bool(same and not before["retrying"])


def _made_by(note: OpenNote, seen: Seen) -> Card | None:
    """The card that the lost request made: one that equals it, that has its title, or that has its place in time."""
    found = seen.found
    if found is None:
        return None
    posted = {atom: value for atom, value in note.atoms.items() if value is not None}
    equal = [card for card in found.candidates if all(card.atoms.get(atom) == value for atom, value in posted.items())]
    same_title = [card for card in found.candidates if card.atoms.get("title") == posted.get("title")]
    if not equal and found.sure and len(same_title) == 1:
        return same_title[0]  # edited since, but not beyond recognition
    return min(equal, key=lambda card: (card.created_at, card.id), default=found.own if found.sure else None)


def created_belief(seen: Seen, card: Card, posted: Mapping[str, Value | None]) -> Belief:
    """What we believe of a card that we made: its base is what was posted, not what it says by now."""
    defaults: dict[str, Value] = {"percentComplete": PERCENT_DEFAULT, "priority": PRIORITY_DEFAULT}
    base = {**defaults, **{atom: value for atom, value in posted.items() if value is not None}}
    named = seen.document is not None and not {"bucket", "bucketId"}.isdisjoint(seen.document.fields)
    meant = {atom: value for atom, value in posted.items() if named or atom != "bucketId"}
    return uploaded(seen, Belief(card.id, card.plan_id, card.etag, "", base=base, created=True), meant)


def _decide_new(seen: Seen) -> Step:
    document = _accepted(seen)
    if isinstance(seen.card, Card) and seen.owner is None:
        return _adopt(seen, document, seen.card)  # a pass has found out that they belong together
    named = document.planner_id or _named_by_id(seen.task_id)
    if named and (seen.owner is None or seen.owner.planner_id != named):
        return AskOwner(named)
    owner = seen.owner
    if owner and owner.task_id in (None, seen.task_id):
        if owner.buried and document.planner_id and _grave_of_human(seen, owner.planner_id):
            raise _stale(f"plannerId: the card {owner.planner_id} was deleted in Planner")
        if not owner.buried:
            if seen.card is None:
                return ReadCard(owner.planner_id)
            if isinstance(seen.card, Card) and seen.card.plan_id in seen.policy.plan_ids:
                return _adopt(seen, document, seen.card)
            if document.planner_id:
                raise _stale(f"plannerId: our plans have no card {owner.planner_id}")
    _check_grave(seen, document)
    plan_id = document.fields.get("planId") or seen.policy.default_plan_id
    if plan_id not in seen.policy.plan_ids:
        raise Refusal("unknown_plan", f"planId: {plan_id} is not one of the plans of this service", "planId")
    if seen.names is None:
        return ReadNames()
    reading = _read(seen, document, seen.names, planner_id="", atoms={})
    if seen.twin and not reading.strangers and _equals(reading, seen.twin):
        return _adopt(seen, document, seen.twin)
    first = [bucket for bucket, _ in seen.names.buckets[:1]]
    merged = merge(Belief("", str(plan_id), ""), reading.meaning, 0, {}, seen.policy.winner)
    atoms = {"bucketId": first[0], **merged.want} if first else dict(merged.want)
    if step := _resolve(seen, reading, merged, atoms):
        return step
    _check(atoms)
    return CreateCard(str(plan_id), {atom: value for atom, value in atoms.items() if not is_of_details(atom)})


def _equals(reading: Reading, card: Card) -> bool:
    """Is everything that the document says on the card?"""
    return all(agree(mine, card.atoms.get(atom)) for atom, mine in reading.meaning.atoms.items())


def _named_by_id(task_id: str) -> str | None:
    planner_id = task_id.removeprefix(IMPORT_ID)
    return planner_id if task_id.startswith(IMPORT_ID) and len(planner_id) == PLANNER_ID_LENGTH else None


def _grave_of_human(seen: Seen, planner_id: str) -> bool:
    grave = seen.grave
    return grave is None or grave["planner_id"] != planner_id or grave["by"] == "planner"


def _check_grave(seen: Seen, document: Document) -> None:
    """An object of an agent's own that says again what a human has deleted is no new task."""
    grave = seen.grave
    if grave is None or grave["by"] != "planner" or seen.claim.said == "created" or document.planner_id:
        return
    if grave["title"] == document.fields["title"]:
        raise _stale("title: the card of this task was deleted in Planner")


def _stale(reason: str) -> Refusal:
    return Refusal("stale_copy", f"{reason}; to make it anew leave plannerId out and publish action created", None)


def _adopt(seen: Seen, document: Document, card: Card) -> Step:
    if seen.names is None:
        return ReadNames()
    if card.details_etag is None:
        return ReadDetails(card.id)
    belief = Belief(card.id, card.plan_id, card.etag, card.details_etag, base=dict(card.atoms))
    reading = _read(seen, document, seen.names, planner_id=card.id, atoms=card.atoms)
    if reading.strangers:
        return _find_people(seen, reading)
    belief, conflicts = adopt(belief, reading.meaning, seen.rev, seen.policy.winner)
    here = replace(seen, belief=belief)
    unsaid = tuple(outcome.conflict_message(here, conflict, card.atoms, seen.names) for conflict in conflicts)
    by_name = "bucket" in document.fields and "bucketId" not in document.fields
    shown = [name for name in fields_of(frozenset(card.atoms), seen.names) if not (by_name and name == "bucketId")]
    return TakeCard(replace(belief, unsaid=unsaid, shown=tuple(shown)))


# -- document and card -----------------------------------------------------------------------------------------------
def _decide_known(seen: Seen, belief: Belief) -> Step:
    if isinstance(seen.card, Card) and seen.card.plan_id != belief.plan_id:
        return _follow(seen, belief, seen.card)
    if seen.names is None:
        return ReadNames()
    if seen.card == GONE:
        return _decide_gone(seen, belief, seen.names)
    if seen.claim.look in ("read", "restore") and not seen.fresh:
        return ReadCard(belief.planner_id)
    document = _accepted(seen)
    plan_id = document.fields.get("planId")
    if plan_id not in (None, belief.plan_id) and not (seen.last and seen.last.fields.get("planId") == plan_id):
        raise Refusal(
            "plan_changed", f"planId: the card is in plan {belief.plan_id}; it cannot move to {plan_id}", "planId"
        )
    reading, merged = _merge(seen, belief, document, seen.names)
    if step := _resolve(seen, reading, merged, merged.send):
        return step
    details = {atom: value for atom, value in merged.send.items() if is_of_details(atom)}
    task = {atom: value for atom, value in merged.send.items() if atom not in details}
    if merged.send:
        _check(merged.want)
    if details and not _details_known(seen, belief):
        return ReadDetails(belief.planner_id) if isinstance(seen.card, Card) else ReadCard(belief.planner_id)
    unsaid = tuple(
        (conflict.atom, outcome.conflict_message(seen, conflict, merged.want, seen.names))
        for conflict in merged.conflicts
        if conflict.atom in merged.send
    )
    if task:
        return PatchTask(task, tuple((atom, message) for atom, message in unsaid if atom in task))
    if details:
        return PatchDetails(details, tuple((atom, message) for atom, message in unsaid if atom in details))
    if _unknown_ids(merged.want, seen.names) and not seen.names_fresh:
        return ReadNames(fresh=True)
    return Finish(outcome.settled(seen, belief, merged, reading, seen.names))


def _merge(seen: Seen, belief: Belief, document: Document, names: Names) -> tuple[Reading, Merged]:
    card = card_atoms(seen, belief)
    reading = _read(seen, document, names, planner_id=belief.planner_id, atoms={**belief.base, **card})
    return reading, merge(belief, reading.meaning, seen.rev, card, seen.policy.winner)


def card_atoms(seen: Seen, belief: Belief) -> Mapping[str, Value]:
    """The card as far as it was read, else as it was when both sides last agreed."""
    if not isinstance(seen.card, Card):
        return belief.base
    if seen.card.details_etag is not None:
        return seen.card.atoms
    return {**{atom: value for atom, value in belief.base.items() if is_of_details(atom)}, **seen.card.atoms}


def _follow(seen: Seen, belief: Belief, card: Card) -> Step:
    """A human moved the card to another plan: go along where we may, stop where we may not."""
    if card.plan_id not in seen.policy.plan_ids:
        raise Refusal("unknown_plan", f"planId: the card was moved to plan {card.plan_id}, which is not ours", "planId")
    return TakeCard(replace(belief, plan_id=card.plan_id))


def _decide_gone(seen: Seen, belief: Belief, names: Names) -> Step:
    if seen.restoring:
        return Finish(outcome.made_anew(seen, belief, names, conflict=False))
    document = seen.document
    if document is None:
        return BuryCard(outcome.buried(seen, belief, names, "planner"))
    reading, merged = _merge(replace(seen, card=None), belief, document, names)
    edited = bool(merged.meant or reading.strangers)
    if edited and seen.policy.winner == "agents":
        return Finish(outcome.made_anew(seen, belief, names, conflict=True))
    return BuryCard(outcome.buried(seen, belief, names, "planner", edited=edited))


# -- a card in a plan that is not ours any more ------------------------------------------------------------------------
def _is_foreign(seen: Seen, belief: Belief) -> bool:
    """Is the card in a plan that was taken off the list? It may have been moved back to one of ours."""
    shown = seen.card.plan_id if isinstance(seen.card, Card) else belief.plan_id
    return seen.policy.plan_ids.isdisjoint({shown, belief.plan_id})


def _decide_foreign(seen: Seen, belief: Belief) -> Step:
    if seen.document is not None or seen.refusal:
        reason = f"planId: the card is in plan {belief.plan_id}, which is not one of the plans of this service"
        raise Refusal("unknown_plan", reason, "planId")
    said = seen.claim.said == "deleted" or seen.claim.look == "missing"
    return Finish(outcome.let_go(seen, belief) if said else outcome.waiting(seen))


# -- no document -----------------------------------------------------------------------------------------------------
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
        return Finish(outcome.buried(seen, belief, seen.names, by))
    said = seen.claim.said == "deleted" or seen.claim.look == "missing"
    if not (said or seen.recovering or seen.restoring):
        return Finish(outcome.waiting(seen))
    if seen.names is None:
        return ReadNames()
    if not seen.fresh or not isinstance(seen.card, Card):
        return ReadCard(belief.planner_id)
    last = seen.last or _blank(belief)
    _, merged = _merge(seen, belief, replace(last, fields={}), seen.names)  # no opinions: what differs, humans changed
    brought_back = seen.restoring or (seen.recovering and seen.claim.said != "deleted")
    if not merged.human and not brought_back:
        return DeleteCard(belief.planner_id)
    restored = replace(seen, document=last)
    reading = _read(restored, last, seen.names, planner_id=belief.planner_id, atoms=belief.base)
    return Finish(outcome.restored(restored, belief, merged, reading, seen.names, conflict=bool(merged.human)))


def _blank(belief: Belief) -> Document:
    return Document({}, "snake_case" if belief.dialect == "snake_case" else "camelCase", {})


# -- what a document needs before anything is sent -------------------------------------------------------------------
def _accepted(seen: Seen) -> Document:
    if seen.refusal:
        raise seen.refusal
    if seen.document is None:
        raise ValueError(f"task {seen.task_id}: there is no document")
    return seen.document


def _read(seen: Seen, document: Document, names: Names, *, planner_id: str, atoms: Mapping[str, Value]) -> Reading:
    return read_meaning(document, Context(names, seen.people, seen.belief, seen.last, planner_id, atoms))


def _find_people(seen: Seen, reading: Reading) -> Step:
    return FindPeople(tuple(dict.fromkeys(reading.strangers)))


def _resolve(seen: Seen, reading: Reading, merged: Merged, sent: Mapping[str, Value | None]) -> Step | None:
    """People to look up, buckets and labels to make, ids to check: whatever must be known before anything is sent."""
    if reading.strangers:
        return _find_people(seen, reading)
    names = seen.names
    bucket = sent.get("bucketId")
    wanted = [atom for atom, value in sent.items() if atom.startswith(f"labels {UNKNOWN}") and value]
    unknown = isinstance(bucket, str) and bucket not in dict(names.buckets if names else ())
    if (wanted or unknown) and not seen.names_fresh:
        return ReadNames(fresh=True)
    if isinstance(bucket, str) and bucket.startswith(UNKNOWN):
        return MakeName("bucket", bucket.removeprefix(UNKNOWN))
    if unknown:
        raise Refusal("unknown_bucket", f"bucketId: the plan has no bucket {bucket}", "bucketId")
    return MakeName("label", unknown_name(wanted[0])) if wanted else None


def _check(want: Mapping[str, Value]) -> None:
    """Planner's limits, which what is on the card already counts towards."""
    check_dates(_text(want, "startDate"), _text(want, "dueDate"))
    for name, most in (("assignedTo", ASSIGNEES_MAX), ("checklist", CHECKLIST_MAX), ("references", REFERENCES_MAX)):
        count = sum(atom.startswith(f"{name} ") and atom.count(" ") == 1 for atom in want)
        if count > most:
            raise Refusal("limit", f"{name}: {count} with what the card has; Planner takes {most}", name)


def _text(want: Mapping[str, Value], atom: str) -> str | None:
    value = want.get(atom)
    return None if value is None else str(value)


def _unknown_ids(want: Mapping[str, Value], names: Names) -> bool:
    """Does the card refer to a bucket that is not among the names? It was made since they were read."""
    bucket = want.get("bucketId")
    return bucket is not None and bucket not in dict(names.buckets)


def _details_known(seen: Seen, belief: Belief) -> bool:
    if isinstance(seen.card, Card) and seen.card.details_etag is not None:
        return True
    return bool(belief.details_etag)
