"""The decision for a task that has no card: created, adopted, imported, refused or waited for.
Pure.

A create whose answer was lost is never guessed at: only a complete listing tells whether the card
was made.
"""

from dataclasses import replace

from planner_sync.decide import endings, notices
from planner_sync.decide.interpret import Context, Interpretation, interpret
from planner_sync.decide.merge import adopt, agree, merge
from planner_sync.decide.observation import (
    Cardless,
    CreateCandidates,
    MaybeNames,
    Missing,
    OpenIntent,
    Unmapped,
    Unread,
    named,
)
from planner_sync.decide.preconditions import check, find_people, is_unknown_bucket, resolve
from planner_sync.decide.rendering import fields_of
from planner_sync.decide.steps import (
    AskOwner,
    CreateCard,
    DropIntent,
    Finish,
    ReadCard,
    ReadDetails,
    ReadNames,
    Step,
    TakeCard,
)
from planner_sync.decide.transitions import state_of_created_card, state_of_deleted_card
from planner_sync.errors import Refusal
from planner_sync.model import timing
from planner_sync.model.card import Card, Names, is_of_details
from planner_sync.model.state import SyncState
from planner_sync.model.task import PLANNER_ID, Document

# Until a create that no listing shows is posted again.
GRACE_MS = timing.REQUEST_DEADLINE_MS + timing.NEW_CARD_LISTED_MS
IMPORT_ID = "planner-"
PLANNER_ID_LENGTH = 28


def decide_without_card(seen: Unmapped[MaybeNames] | Missing[MaybeNames]) -> Step:
    """The next step. Raises Refusal."""
    # any | create intent open
    for intent in seen.intents:
        if intent.kind == "create":
            return _resolve_create(seen, intent)
    # any | an earlier create made no card
    if seen.dropped and (due_ms := _refused_for_ms(seen)) is not None:
        return Finish(endings.retry_later(seen, due_ms))
    # none | none
    if isinstance(seen, Missing):
        return _import(seen)
    # refused | none
    if isinstance(seen.document, Refusal):
        raise seen.document
    # new | none
    return _decide_new(seen, seen.document)


# -- a create whose answer was lost ----------------------------------------------------------------
def _resolve_create(seen: Unmapped[MaybeNames] | Missing[MaybeNames], intent: OpenIntent) -> Step:
    found = seen.create_candidates
    if found is None:
        return _wait_for_listing(seen, intent)
    if card := _made_by(intent, found):
        if not named(seen):
            return ReadNames()
        # Without an etag: the card may have been changed since it was made, and that is to be
        # merged first.
        return TakeCard(replace(state_of_created_card(seen, card, intent.atoms), etag=""))
    if not found.last:
        return Finish(endings.retry_later(seen, GRACE_MS))
    if found.began < intent.at + GRACE_MS:
        return Finish(endings.retry_later(seen, intent.at + GRACE_MS - found.began))
    return DropIntent(intent.nonce, intent.plan_id)


def _wait_for_listing(seen: Unmapped[MaybeNames] | Missing[MaybeNames], intent: OpenIntent) -> Step:
    if intent.plan_id not in seen.policy.plan_ids and seen.document is not None:
        reason = (
            f"planId: plan {intent.plan_id}, which may hold its card, "
            "is not one of the plans of this service"
        )
        raise Refusal("unknown_plan", reason, "planId")
    return Finish(endings.retry_later(seen, GRACE_MS))


def _made_by(intent: OpenIntent, found: CreateCandidates) -> Card | None:
    """The card that the lost request made: it equals the request, or has its title or its time."""
    posted = {atom: value for atom, value in intent.atoms.items() if value is not None}
    equal = [card for card in found.candidates if posted.items() <= card.atoms.items()]
    if equal:
        return min(equal, key=lambda card: (card.created_at, card.id))
    if not found.sure:
        return None
    title = posted.get("title")
    same_title = [card for card in found.candidates if card.atoms.get("title") == title]
    if len(same_title) == 1:
        return same_title[0]  # edited since, but not beyond recognition
    return found.own


def _refused_for_ms(seen: Cardless[MaybeNames]) -> int | None:
    """How long Planner's refusal of this very document still holds (ms).

    -1: for ever, None: it was not refused.
    """
    before = seen.stored.refusal
    if before is None or not before.hash or before.hash != seen.stored.document.hash:
        return None
    if not before.retrying:
        return -1
    return max(before.at + endings.HOUR_MS - seen.lease.now, 0)


# -- neither document nor card ---------------------------------------------------------------------
def _import(seen: Missing[MaybeNames]) -> Step:
    """A new card of a person's gets its document."""
    if seen.card is None:
        return Finish(endings.forgotten(seen))
    if not named(seen):
        return ReadNames()
    if is_unknown_bucket(seen.card.atoms, seen.names) and not seen.names_fresh:
        return ReadNames(fresh=True)
    return Finish(endings.imported(seen, seen.card))


# -- a new document --------------------------------------------------------------------------------
def _decide_new(seen: Unmapped[MaybeNames], document: Document) -> Step:
    # a pass has found out that card and document belong together
    if seen.card and seen.owner is None:
        return _adopt(seen, document, seen.card)
    # the document names a card
    if step := _named_card(seen, document):
        return step
    _refuse_stale_object(seen, document)
    plan_id = document.fields.get("planId") or seen.policy.default_plan_id
    if plan_id not in seen.policy.plan_ids:
        reason = f"planId: {plan_id} is not one of the plans of this service"
        raise Refusal("unknown_plan", reason, "planId")
    if not named(seen):
        return ReadNames()
    # after a loss of Redis: a card that may be this document's
    if seen.likely_card and (step := _likely_card(seen, document, seen.likely_card)):
        return step
    return _create(seen, document, str(plan_id))


def _named_card(seen: Unmapped[MaybeNames], document: Document) -> Step | None:
    """The step for the card that the document names. None: the document gets a card of its own."""
    planner_id = document.planner_id or _named_by_id(seen) or _named_by_mapping(seen)
    if planner_id is None:
        return None
    owner = seen.owner
    if owner is None or owner.planner_id != planner_id:
        return AskOwner(planner_id)
    # another task has the card: this document is a copy
    if owner.task_id not in (None, seen.task_id):
        return None
    # the card was deleted
    if owner.deleted:
        if document.planner_id and not owner.by_agent:
            raise _stale(f"plannerId: the card {planner_id} was deleted in Planner")
        return None
    if isinstance(seen.view, Unread):
        return ReadCard(planner_id)
    # no task has the card
    if seen.card and seen.card.plan_id in seen.policy.plan_ids:
        return _adopt(seen, document, seen.card)
    if document.planner_id:
        raise _stale(f"plannerId: our plans have no card {planner_id}")
    return None


def _named_by_id(seen: Unmapped[MaybeNames]) -> str | None:
    if not seen.task_id.startswith(IMPORT_ID):
        return None
    planner_id = seen.task_id.removeprefix(IMPORT_ID)
    return planner_id if len(planner_id) == PLANNER_ID_LENGTH else None


def _named_by_mapping(seen: Unmapped[MaybeNames]) -> str | None:
    """The public mapping outlives a loss of our own keys. The card may be in any plan."""
    planner_id = seen.stored.public_planner_id
    return planner_id if planner_id and PLANNER_ID.fullmatch(planner_id) else None


def _refuse_stale_object(seen: Unmapped[MaybeNames], document: Document) -> None:
    """An agent's own object that says again what a person deleted is no new task."""
    deleted_card = seen.deleted_card
    if deleted_card is None or deleted_card.by != "planner":
        return
    if seen.lease.announced == "created" or document.planner_id:
        return
    if deleted_card.title == document.fields["title"]:
        raise _stale("title: the card of this task was deleted in Planner")


def _stale(reason: str) -> Refusal:
    advice = "to make it anew leave plannerId out and publish action created"
    return Refusal("stale_copy", f"{reason}; {advice}", None)


def _likely_card(seen: Unmapped[Names], document: Document, card: Card) -> Step | None:
    # The document got a new card, and the mapping to that was lost: this is the card. What was
    # written to it in the seconds that were lost counts as a person's change.
    if before := state_of_deleted_card(seen):
        here = replace(before, planner_id=card.id, plan_id=card.plan_id, etag="", details_etag="")
        return TakeCard(here)
    reading = interpret(document, _context(seen))
    if reading.unresolved_people or not _equals(reading, card):
        return None
    return _adopt(seen, document, card)


def _equals(reading: Interpretation, card: Card) -> bool:
    """Is everything that the document says on the card?"""
    meant = reading.document_atoms.atoms
    return all(agree(mine, card.atoms.get(atom)) for atom, mine in meant.items())


def _create(seen: Unmapped[Names], document: Document, plan_id: str) -> Step:
    reading = interpret(document, _context(seen))
    nothing = SyncState("", plan_id, "")
    merged = merge(nothing, reading.document_atoms, 0, {}, seen.policy.winner)
    atoms = dict(merged.result)
    if seen.names.buckets:
        first, _ = seen.names.buckets[0]
        atoms = {"bucketId": first, **atoms}
    if step := resolve(seen, reading, atoms):
        return step
    check(atoms)
    task = {atom: value for atom, value in atoms.items() if not is_of_details(atom)}
    return CreateCard(plan_id, task)


def _adopt(seen: Unmapped[MaybeNames], document: Document, card: Card) -> Step:
    """Document and card meet, and nothing is known of what happened to either before."""
    if not named(seen):
        return ReadNames()
    if card.details_etag is None:
        return ReadDetails(card.id)
    reading = interpret(document, _context(seen, card))
    if reading.unresolved_people:
        return find_people(reading)
    plan_id = str(document.fields.get("planId") or "")
    # A person moved the card to another plan, which does not have the document's bucket.
    void = ("bucketId",) if plan_id not in ("", card.plan_id) else ()
    state = SyncState(card.id, card.plan_id, card.etag, card.details_etag, base=dict(card.atoms))
    state, conflicts = adopt(state, reading.document_atoms, seen.rev, seen.policy.winner, void)
    if plan_id:
        state = state.leave(plan_id, state.rev)  # the card may be elsewhere by now
    here = seen.with_state(state)
    told = [notices.conflict_message(here, conflict, card.atoms) for conflict in conflicts]
    shown = fields_of(frozenset(card.atoms), seen.names)
    if "bucket" in document.fields and "bucketId" not in document.fields:
        shown = [name for name in shown if name != "bucketId"]
    return TakeCard(replace(state, unsent_messages=tuple(told), shown=tuple(shown)))


def _context(seen: Unmapped[Names], card: Card | None = None) -> Context:
    if card is None:
        return Context(seen.names, seen.people, None, seen.last, "", {})
    return Context(seen.names, seen.people, None, seen.last, card.id, card.atoms)
