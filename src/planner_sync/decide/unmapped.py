"""The decision about a document that has no card yet: created, adopted, refused, or waited for.
Pure.

A create whose answer was lost is never guessed at: only a complete listing tells whether the card
was made.
"""

from collections.abc import Mapping
from dataclasses import replace

from planner_sync.decide import endings, notices
from planner_sync.decide.interpret import Interpretation
from planner_sync.decide.merge import adopt, agree, merge
from planner_sync.decide.observation import Observation, OpenIntent
from planner_sync.decide.preconditions import (
    accepted,
    check,
    find_people,
    read,
    resolve,
    with_uploads,
)
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
from planner_sync.errors import Refusal
from planner_sync.model.card import Card, is_of_details
from planner_sync.model.fields import DEFAULTS
from planner_sync.model.orders import document_hash
from planner_sync.model.state import SyncState
from planner_sync.model.task import PLANNER_ID, Document, Value

GRACE_MS = 60_000  # the request's own deadline, and as long again for a listing that lags
IMPORT_ID = "planner-"
PLANNER_ID_LENGTH = 28


def resolve_create(seen: Observation, intent: OpenIntent) -> Step:
    """The next step for a create whose answer was lost."""
    found = seen.create_candidates
    if found is None:
        if intent.plan_id not in seen.policy.plan_ids and (seen.document or seen.refusal):
            reason = f"planId: plan {intent.plan_id}, which may hold its card, is not one of the plans of this service"
            raise Refusal("unknown_plan", reason, "planId")
        return Finish(endings.retry_later(seen, GRACE_MS))
    card = _made_by(intent, seen)
    if card and seen.names is None:
        return ReadNames()
    if card:
        # Without an etag: the card may have been changed since it was made, and that is to be
        # merged first.
        return TakeCard(replace(state_of_created_card(seen, card, intent.atoms), etag=""))
    if not found.last:
        return Finish(endings.retry_later(seen, GRACE_MS))
    if found.began < intent.at + GRACE_MS:
        return Finish(endings.retry_later(seen, intent.at + GRACE_MS - found.began))
    return DropIntent(intent.nonce, intent.plan_id)


def stays_refused(seen: Observation) -> int | None:
    """Has Planner said no to this very document, as it seems now without a card? Then until when
    (ms): -1 for ever."""
    before = seen.stored.refusal
    if before is None or before.hash != document_hash(seen.stored.text or b""):
        return None
    return max(before.at + endings.HOUR_MS - seen.lease.now, 0) if before.retrying else -1


def _made_by(intent: OpenIntent, seen: Observation) -> Card | None:
    """The card that the lost request made: one that equals it, that has its title, or that has its
    place in time."""
    found = seen.create_candidates
    if found is None:
        return None
    posted = {atom: value for atom, value in intent.atoms.items() if value is not None}
    equal = [
        card
        for card in found.candidates
        if all(card.atoms.get(atom) == value for atom, value in posted.items())
    ]
    same_title = [
        card for card in found.candidates if card.atoms.get("title") == posted.get("title")
    ]
    if not equal and found.sure and len(same_title) == 1:
        return same_title[0]  # edited since, but not beyond recognition
    return min(
        equal,
        key=lambda card: (card.created_at, card.id),
        default=found.own if found.sure else None,
    )


def state_of_created_card(
    seen: Observation, card: Card, posted: Mapping[str, Value | None]
) -> SyncState:
    """What we believe of a card that we made: its base is what was posted, not what it says by
    now."""
    base = {**DEFAULTS, **{atom: value for atom, value in posted.items() if value is not None}}
    named = seen.document is not None and not {"bucket", "bucketId"}.isdisjoint(
        seen.document.fields
    )
    meant = {atom: value for atom, value in posted.items() if named or atom != "bucketId"}
    state = SyncState(card.id, card.plan_id, card.etag, "", base=base, created=True)
    if before := _before(seen):  # who changed what counts for this one too
        state = replace(state, rev=before.rev, histories=before.histories, adopted=before.adopted)
    return with_uploads(seen, state, meant)


def _before(seen: Observation) -> SyncState | None:
    """What was mapped_state of the card that is made anew."""
    if seen.deleted_card is None or seen.deleted_card.state is None:
        return None
    return SyncState.load(seen.deleted_card.state)


def decide_new(seen: Observation) -> Step:
    """The next step for a document without a card. Raises Refusal."""
    document = accepted(seen)
    if isinstance(seen.card, Card) and seen.owner is None:
        return _adopt(seen, document, seen.card)  # a pass has found out that they belong together
    named = document.planner_id or _named_by_id(seen.task_id) or _named_by_mapping(seen)
    if named and (seen.owner is None or seen.owner.planner_id != named):
        return AskOwner(named)
    owner = seen.owner
    if owner and owner.task_id in (None, seen.task_id):
        if owner.deleted and document.planner_id and not owner.by_agent:
            raise _stale(f"plannerId: the card {owner.planner_id} was deleted in Planner")
        if not owner.deleted:
            if seen.card is None:
                return ReadCard(owner.planner_id)
            if isinstance(seen.card, Card) and seen.card.plan_id in seen.policy.plan_ids:
                return _adopt(seen, document, seen.card)
            if document.planner_id:
                raise _stale(f"plannerId: our plans have no card {owner.planner_id}")
    _check_grave(seen, document)
    plan_id = document.fields.get("planId") or seen.policy.default_plan_id
    if plan_id not in seen.policy.plan_ids:
        raise Refusal(
            "unknown_plan", f"planId: {plan_id} is not one of the plans of this service", "planId"
        )
    if seen.names is None:
        return ReadNames()
    if seen.likely_card and (before := _before(seen)):
        here = replace(
            before,
            planner_id=seen.likely_card.id,
            plan_id=seen.likely_card.plan_id,
            etag="",
            details_etag="",
        )
        return TakeCard(
            here
        )  # what the lost seconds have put on the card counts as a human's change
    reading = read(seen, document, seen.names, planner_id="", atoms={})
    if seen.likely_card and not reading.unresolved_people and _equals(reading, seen.likely_card):
        return _adopt(seen, document, seen.likely_card)
    first = [bucket for bucket, _ in seen.names.buckets[:1]]
    merged = merge(
        SyncState("", str(plan_id), ""), reading.document_atoms, 0, {}, seen.policy.winner
    )
    atoms = {"bucketId": first[0], **merged.result} if first else dict(merged.result)
    if step := resolve(seen, reading, merged, atoms):
        return step
    check(atoms)
    return CreateCard(
        str(plan_id), {atom: value for atom, value in atoms.items() if not is_of_details(atom)}
    )


def _equals(reading: Interpretation, card: Card) -> bool:
    """Is everything that the document says on the card?"""
    return all(
        agree(mine, card.atoms.get(atom)) for atom, mine in reading.document_atoms.atoms.items()
    )


def _named_by_id(task_id: str) -> str | None:
    planner_id = task_id.removeprefix(IMPORT_ID)
    return (
        planner_id
        if task_id.startswith(IMPORT_ID) and len(planner_id) == PLANNER_ID_LENGTH
        else None
    )


def _named_by_mapping(seen: Observation) -> str | None:
    """What is left of a card that we have forgotten, for a document that does not name it; it may
    be in any plan."""
    planner_id = seen.stored.public_planner_id
    return planner_id if planner_id and PLANNER_ID.fullmatch(planner_id) else None


def _check_grave(seen: Observation, document: Document) -> None:
    """An object of an agent's own that says again what a human has deleted is no new task."""
    deleted_card = seen.deleted_card
    if (
        deleted_card is None
        or deleted_card.by != "planner"
        or seen.lease.announced == "created"
        or document.planner_id
    ):
        return
    if deleted_card.title == document.fields["title"]:
        raise _stale("title: the card of this task was deleted in Planner")


def _stale(reason: str) -> Refusal:
    return Refusal(
        "stale_copy",
        f"{reason}; to make it anew leave plannerId out and publish action created",
        None,
    )


def _adopt(seen: Observation, document: Document, card: Card) -> Step:
    if seen.names is None:
        return ReadNames()
    if card.details_etag is None:
        return ReadDetails(card.id)
    state = SyncState(card.id, card.plan_id, card.etag, card.details_etag, base=dict(card.atoms))
    reading = read(seen, document, seen.names, planner_id=card.id, atoms=card.atoms)
    if reading.unresolved_people:
        return find_people(seen, reading)
    plan_id = str(document.fields.get("planId") or "")
    void = (
        ("bucketId",) if plan_id not in ("", card.plan_id) else ()
    )  # people moved the card: its bucket is not there
    state, conflicts = adopt(state, reading.document_atoms, seen.rev, seen.policy.winner, void)
    if plan_id:
        state = state.leave(plan_id, state.rev)  # the card may be elsewhere by now
    here = replace(seen, state=state)
    unsent_messages = tuple(
        notices.conflict_message(here, conflict, card.atoms, seen.names) for conflict in conflicts
    )
    by_name = "bucket" in document.fields and "bucketId" not in document.fields
    shown = [
        name
        for name in fields_of(frozenset(card.atoms), seen.names)
        if not (by_name and name == "bucketId")
    ]
    return TakeCard(replace(state, unsent_messages=unsent_messages, shown=tuple(shown)))
