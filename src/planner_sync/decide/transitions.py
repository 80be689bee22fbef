"""What an answer makes of an observation: the next observation, or the next sync state. Pure.

`decide` chooses a step, `act` carries it out, and these say what is known afterwards.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from planner_sync.decide.observation import (
    CardView,
    Facts,
    Fresh,
    Gone,
    Listed,
    Mapped,
    MaybeNames,
    Observation,
    OpenIntent,
    Unmapped,
    Unread,
)
from planner_sync.decide.rendering import fields_of
from planner_sync.decide.steps import PatchDetails, PatchTask
from planner_sync.model import timing
from planner_sync.model.card import Card, Names, is_of_details, newer
from planner_sync.model.fields import DEFAULTS
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

READ_LAG_MS = (
    timing.READ_LAG_MS
)  # for so long after a change of ours Planner may still show the card before it
NEW_CARD_MS = timing.NEW_CARD_404_MS  # for so long after a create a 404 may mean "not yet"


# -- may what Planner shows be believed? -----------------------------------------------------------
def is_usable(view: CardView, state: SyncState, began: int, *, was_listed: bool) -> bool:
    """Does what a listing shows of this card count?

    Not if it is another card, or the listing `began` (server's time, ms) before the task was last
    settled, shows an older card, or lacks one that is too new for it. `was_listed`: an earlier
    listing had the card.
    """
    match view:
        case Listed(card):
            own = card.id == state.planner_id
            return own and state.settled_at < began and not _is_older(card, state)
        case Gone(planner_id):
            own = planner_id in ("", state.planner_id)
            shows = was_listed or state.born + NEW_CARD_MS < began
            return own and state.settled_at < began and shows
    return True


def may_not_show_yet(seen: Observation) -> bool:
    """Did we make the card so recently that a 404 does not prove a delete?"""
    if not isinstance(seen, Mapped):
        return False
    age = seen.lease.now - seen.state.born
    # Below zero: it was made by this very reconciliation.
    return -READ_LAG_MS < age < NEW_CARD_MS


def is_behind(seen: Observation, card: Card) -> bool:
    """Is this card from before an answer that we already had? Planner's servers may differ."""
    if not isinstance(seen, Mapped):
        return False
    recent = abs(seen.lease.now - seen.state.settled_at) < READ_LAG_MS
    return recent and _is_older(card, seen.state)


def _is_older(card: Card, state: SyncState) -> bool:
    return newer(state.etag, card.etag) or newer(state.details_etag, card.details_etag or "")


# -- after a step ----------------------------------------------------------------------------------
def with_details(seen: Observation, details: Card) -> Observation:
    """The details of the card were read, after its task."""
    if seen.card is None:
        return seen
    return replace(seen, view=_showing(seen.view, _details_replaced(seen.card, details)))


def created(
    seen: Unmapped[Names], card: Card, posted: Mapping[str, Value | None], born: int
) -> Mapped[Names]:
    """The card was made from these atoms; `born` is the server's time (ms)."""
    state = replace(state_of_created_card(seen, card, posted), born=born)
    return replace(seen.with_state(state), view=_showing(seen.view, card))


def task_patched(seen: Mapped[Names], step: PatchTask, card: Card, nonce: str) -> Mapped[Names]:
    """The task of the card was changed. `card` is the answer: it has no details."""
    old = seen.card
    if old and old.details_etag is not None:
        details = {atom: value for atom, value in old.atoms.items() if is_of_details(atom)}
        card = replace(
            card,
            atoms={**card.atoms, **details},
            details_etag=old.details_etag,
            order=old.order,
        )
    return _patched(seen, step, card, nonce)


def details_patched(
    seen: Mapped[Names], step: PatchDetails, details: Card, nonce: str
) -> Mapped[Names]:
    """The details of the card were changed. `details` is the answer: it has nothing else.

    A task that was not read is taken as both sides last agreed.
    """
    agreed = replace(details, plan_id=seen.plan_id, etag=seen.state.etag, atoms=seen.state.base)
    return _patched(seen, step, _details_replaced(seen.card or agreed, details), nonce)


def card_taken(seen: Observation, state: SyncState) -> Mapped[MaybeNames]:
    """A card that exists is this task's own now, or was followed into another plan."""
    followed = isinstance(seen, Mapped) and seen.plan_id != state.plan_id
    creating = creates(seen)
    return replace(
        seen.with_state(state),
        names=None if followed else seen.names,
        view=seen.view if seen.card else Unread(),
        likely_card=None,
        intents=tuple(intent for intent in seen.intents if intent not in creating),
    )


def creates(seen: Observation) -> tuple[OpenIntent, ...]:
    """The open intents that were to make a card."""
    return tuple(intent for intent in seen.intents if intent.kind == "create")


def create_dropped(seen: Observation, nonce: str) -> Observation:
    """The create of this intent made no card."""
    left = tuple(intent for intent in seen.intents if intent.nonce != nonce)
    seen = replace(seen, intents=left)
    if isinstance(seen, Mapped):
        return seen
    return replace(seen, create_candidates=None, dropped=True)


def deleted(seen: Observation) -> Observation:
    """We have deleted the card, for an agent."""
    return replace(seen, view=Gone(), lease=replace(seen.lease, announced="deleted"))


def not_written(seen: Observation, nonce: str, *, creating: bool = False) -> Observation:
    """What this intent says was provably not done."""
    done = (*seen.done_intents, nonce)
    return replace(seen, done_intents=done, not_created=seen.not_created or creating)


def intents_closed(seen: Observation, state: SyncState) -> Observation:
    """The card has told what of the open intents was written."""
    done = (*seen.done_intents, *(intent.nonce for intent in seen.intents))
    return replace(seen.with_state(state), intents=(), done_intents=done)


def to_read_again(seen: Observation) -> Observation:
    """Someone changed the card, or the names of the plan, since they were read."""
    seen = replace(seen, names_fresh=False)
    if isinstance(seen, Mapped):
        return replace(seen, view=Unread(), lease=seen.lease.to_recheck())
    return seen


def _patched(
    seen: Mapped[Names], step: PatchTask | PatchDetails, card: Card, nonce: str
) -> Mapped[Names]:
    """The intent stays open until the card is merged.

    The new etag hides from every pass whatever else the answer shows.
    """
    state = _sent(seen, step.changes, [message for _, message in step.unsent_messages])
    state = replace(
        state,
        etag=card.etag,
        details_etag=card.details_etag or state.details_etag,
        settled_at=seen.lease.now,
    )
    written = (*seen.written, nonce)
    return replace(seen, state=state, view=_showing(seen.view, card), written=written)


def _details_replaced(card: Card, details: Card) -> Card:
    task = {atom: value for atom, value in card.atoms.items() if not is_of_details(atom)}
    own = {atom: value for atom, value in details.atoms.items() if is_of_details(atom)}
    return replace(
        card,
        atoms={**task, **own},
        details_etag=details.details_etag,
        order=details.order,
    )


def _showing(view: CardView, card: Card) -> CardView:
    """The view after an answer that showed a part of the card: no fresher than before."""
    return Fresh(card) if isinstance(view, (Fresh, Gone)) else Listed(card)


# -- the sync state --------------------------------------------------------------------------------
def judge_intents(seen: Mapped[Names], card: Card) -> SyncState:
    """What a fresh card says of the open intents.

    Each value of them that is on the card was written, so it is agreed, and was uploaded. The rest
    was not.
    """
    written: dict[str, Value | None] = {}
    for intent in seen.intents:
        for atom, value in intent.atoms.items():
            if card.atoms.get(atom) == value:
                written[atom] = value
    news = _news(seen.state, written)
    owed = {}
    for intent in seen.intents:
        for atom, message in intent.unsent_messages:
            if atom in news and intent.atoms[atom] == news[atom]:
                owed[atom] = message
    return _sent(seen, written, owed.values())


def state_of_created_card(
    seen: Facts[Names], card: Card, posted: Mapping[str, Value | None]
) -> SyncState:
    """The state of a card that we made. Its base is what was posted, not what the card says now."""
    given = {atom: value for atom, value in posted.items() if value is not None}
    state = SyncState(card.id, card.plan_id, card.etag, base={**DEFAULTS, **given}, created=True)
    # A card that replaces another one takes over who changed what.
    if before := state_of_deleted_card(seen):
        state = replace(state, rev=before.rev, histories=before.histories, adopted=before.adopted)
    # A bucket that we chose ourselves is no news.
    chosen = {"bucket", "bucketId"}.isdisjoint(seen.document_fields)
    news = {atom for atom in posted if atom != "bucketId" or not chosen}
    return _with_uploads(seen, state, news)


# Needed by tests/simulation/regress/65838142.json.
def state_of_deleted_card(seen: Facts[MaybeNames]) -> SyncState | None:
    """What was known of the card that this document had before; None unless it gets a new one."""
    deleted_card = seen.deleted_card
    if deleted_card is None or deleted_card.state is None:
        return None
    return SyncState.load(deleted_card.state)


def _sent(
    seen: Mapped[Names],
    changes: Mapping[str, Value | None],
    owed: Iterable[Mapping[str, Any]],
) -> SyncState:
    """These changes are on the card; the messages that they owe are still to be sent."""
    state = _with_uploads(seen, seen.state, _news(seen.state, changes))
    state = replace(state, unsent_messages=(*state.unsent_messages, *owed))
    return state.agree(changes)


def _news(state: SyncState, changes: Mapping[str, Value | None]) -> Mapping[str, Value | None]:
    return {atom: value for atom, value in changes.items() if state.base.get(atom) != value}


def _with_uploads(seen: Facts[Names], state: SyncState, atoms: Iterable[str]) -> SyncState:
    return state.with_uploads(fields_of(frozenset(atoms), seen.names), seen.document_fields)
