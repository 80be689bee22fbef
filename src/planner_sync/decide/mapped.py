"""The decision: what is the next step for one task? One pure function of everything that a look has
seen so far.

    document      card               what happens
    any           create intent open   the next complete listing tells whether the card was made; nobody guesses
    any           intent open          only a card that was read after the lease tells what of the intent was written
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

from planner_sync.decide import deletion, endings, notices
from planner_sync.decide.interpret import Interpretation
from planner_sync.decide.merge import Merged, merge
from planner_sync.decide.observation import GONE, Observation
from planner_sync.decide.preconditions import accepted, check, read, resolve, with_uploads
from planner_sync.decide.recreation import without_stale_values
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
from planner_sync.model.state import SyncState, token
from planner_sync.model.task import (
    Document,
    Value,
)


def decide(seen: Observation) -> Step:
    """The next step. Raises Refusal when the document cannot be done as it stands."""
    if seen.state and _is_foreign(seen, seen.state):
        return _decide_foreign(seen, seen.state)
    creating = next((intent for intent in seen.intents if intent.kind == "create"), None)
    if creating and seen.state is None:
        return resolve_create(seen, creating)
    if seen.dropped and (due_ms := stays_refused(seen)) is not None:
        return Finish(endings.retry_later(seen, due_ms))
    if seen.state and seen.intents:
        if not seen.fresh:
            return ReadCard(seen.state.planner_id)
        if seen.names is None:
            return (
                ReadNames()
            )  # the agents are told of what has reached Planner by the names of its fields
        if seen.card == GONE and any(intent.kind == "delete" for intent in seen.intents):
            return Finish(
                deletion.own_delete_confirmed(judge_intents(seen), seen.state, seen.names)
            )
        seen = judge_intents(seen)
    if seen.document is None and seen.refusal is None:
        return _decide_missing(seen)
    if seen.state is None:
        return decide_new(seen)
    return _decide_known(seen, seen.state)


def judge_intents(seen: Observation) -> Observation:
    """Whatever of any open intent equals the card is agreed, and was uploaded; the rest was not
    written."""
    state, card = seen.state, seen.card
    if state is None:
        return seen
    if isinstance(card, Card):
        intents, atoms = seen.intents, card.atoms
        agreed = {
            atom: value
            for intent in intents
            for atom, value in intent.atoms.items()
            if atoms.get(atom) == value
        }
        news = {atom: value for atom, value in agreed.items() if state.base.get(atom) != value}
        owed = {
            a: said
            for intent in intents
            for a, said in intent.unsent_messages
            if a in news and intent.atoms[a] == news[a]
        }
        state = replace(
            with_uploads(seen, state, news),
            unsent_messages=(*state.unsent_messages, *owed.values()),
        ).agree(agreed)
    return replace(
        seen,
        state=state,
        intents=(),
        done_intents=(*seen.done_intents, *(intent.nonce for intent in seen.intents)),
    )


# -- document and card -----------------------------------------------------------------------------
def _decide_known(seen: Observation, state: SyncState) -> Step:
    if isinstance(seen.card, Card) and seen.card.plan_id != state.plan_id:
        return _follow(seen, state, seen.card)
    if seen.names is None:
        return ReadNames()
    if seen.card == GONE:
        return _decide_gone(seen, state, seen.names)
    never_read = seen.card is None and not state.etag
    if never_read or (seen.lease.reason in ("recheck", "restore") and not seen.fresh):
        return ReadCard(state.planner_id)
    document = accepted(seen)
    plan_id = document.fields.get("planId")
    if plan_id not in (None, state.plan_id) and not _carries_old_plan(seen, state, plan_id):
        raise Refusal(
            "plan_changed",
            f"planId: the card is in plan {state.plan_id}; it cannot move to {plan_id}",
            "planId",
        )
    reading, merged = _merge(seen, state, document, seen.names)
    if step := resolve(seen, reading, merged, merged.to_card):
        return step
    details = {atom: value for atom, value in merged.to_card.items() if is_of_details(atom)}
    task = {atom: value for atom, value in merged.to_card.items() if atom not in details}
    if merged.to_card:
        check(merged.result)
    if details and not _details_known(seen, state):
        return (
            ReadDetails(state.planner_id)
            if isinstance(seen.card, Card)
            else ReadCard(state.planner_id)
        )
    unsent_messages = tuple(
        (conflict.atom, notices.conflict_message(seen, conflict, merged.result, seen.names))
        for conflict in merged.conflicts
        if conflict.atom in merged.to_card
    )
    if task:
        return PatchTask(
            task, tuple((atom, message) for atom, message in unsent_messages if atom in task)
        )
    if details:
        return PatchDetails(
            details, tuple((atom, message) for atom, message in unsent_messages if atom in details)
        )
    if _unknown_ids(merged.result, seen.names) and not seen.names_fresh:
        return ReadNames(fresh=True)
    return Finish(endings.settled(seen, state, merged, reading, seen.names))


def _merge(
    seen: Observation, state: SyncState, document: Document, names: Names
) -> tuple[Interpretation, Merged]:
    card = card_atoms(seen, state)
    reading = read(seen, document, names, planner_id=state.planner_id, atoms={**state.base, **card})
    return reading, merge(state, reading.document_atoms, seen.rev, card, seen.policy.winner)


def card_atoms(seen: Observation, state: SyncState) -> Mapping[str, Value]:
    """The card as far as it was read, else as it was when both sides last agreed."""
    if not isinstance(seen.card, Card):
        return state.base
    if seen.card.details_etag is not None:
        return seen.card.atoms
    return {
        **{atom: value for atom, value in state.base.items() if is_of_details(atom)},
        **seen.card.atoms,
    }


def _follow(seen: Observation, state: SyncState, card: Card) -> Step:
    """A human moved the card to another plan: go along where we may, stop where we may not."""
    if card.plan_id not in seen.policy.plan_ids:
        raise Refusal(
            "unknown_plan",
            f"planId: the card was moved to plan {card.plan_id}, which is not ours",
            "planId",
        )
    return TakeCard(replace(state.leave(state.plan_id, state.rev + 1), plan_id=card.plan_id))


def _carries_old_plan(seen: Observation, state: SyncState, plan_id: str) -> bool:
    """Does the document only say where the card was when it was read?"""
    history = state.history("planId")
    as_settled = seen.last is not None and seen.last.fields.get("planId") == plan_id
    return as_settled or (
        seen.rev < history.last_human_rev and token(plan_id) in history.past_values
    )


def _decide_gone(seen: Observation, state: SyncState, names: Names) -> Step:
    document = seen.document
    if document is None and seen.restoring:
        return Finish(deletion.recreate_card(seen, state, names))
    if document is None:
        return BuryCard(deletion.card_deleted(seen, state, names, "planner"))
    if seen.likely_card:
        return Finish(deletion.await_recreated_card(seen, state, names))
    reading, merged = _merge(replace(seen, card=None), state, document, names)
    right = replace(seen, document=without_stale_values(document, reading, merged, names))
    edited = bool(merged.changed_by_agent or reading.unresolved_people)
    told = notices.conflicts(seen, merged, names)
    if seen.restoring:
        return Finish(deletion.recreate_card(right, state, names, told))
    if edited and seen.policy.winner == "agents":
        lost = notices.conflict_on_delete(seen, kept=False, lost=True, winner="agents")
        return Finish(deletion.recreate_card(right, state, names, [lost, *told]))
    return BuryCard(deletion.card_deleted(right, state, names, "planner", edited=edited))


# -- a card in a plan that is not ours any more ----------------------------------------------------
def _is_foreign(seen: Observation, state: SyncState) -> bool:
    """Is the card in a plan that was taken off the list? It may have been moved back to one of
    ours."""
    shown = seen.card.plan_id if isinstance(seen.card, Card) else state.plan_id
    return seen.policy.plan_ids.isdisjoint({shown, state.plan_id})


def _decide_foreign(seen: Observation, state: SyncState) -> Step:
    if seen.document is not None or seen.refusal:
        reason = f"planId: the card is in plan {state.plan_id}, which is not one of the plans of this service"
        raise Refusal("unknown_plan", reason, "planId")
    announced = seen.lease.announced == "deleted" or seen.lease.reason == "confirmed_missing"
    return Finish(deletion.unlink(seen, state) if announced else endings.waiting(seen))


# -- no document -----------------------------------------------------------------------------------
def _decide_missing(seen: Observation) -> Step:
    state = seen.state
    if state is None:
        if not isinstance(seen.card, Card):
            return Finish(endings.forgotten(seen))
        if seen.names is None:
            return ReadNames()
        if _unknown_ids(seen.card.atoms, seen.names) and not seen.names_fresh:
            return ReadNames(fresh=True)
        return Finish(endings.imported(seen, seen.card, seen.names))
    if seen.card == GONE:
        by: Literal["agent", "planner"] = (
            "agent" if seen.lease.announced == "deleted" else "planner"
        )
        if seen.names is None:
            return ReadNames()
        return Finish(deletion.card_deleted(seen, state, seen.names, by))
    announced = seen.lease.announced == "deleted" or seen.lease.reason == "confirmed_missing"
    if not (announced or seen.recovering or seen.restoring):
        return Finish(endings.waiting(seen))
    if seen.names is None:
        return ReadNames()
    if not seen.fresh or not isinstance(seen.card, Card):
        return ReadCard(state.planner_id)
    brought_back = seen.restoring or (seen.recovering and seen.lease.announced != "deleted")
    if seen.card.plan_id != state.plan_id:
        if seen.card.plan_id in seen.policy.plan_ids:
            return _follow(seen, state, seen.card)
        if not brought_back:
            return Finish(deletion.unlink(seen, state))
    last = seen.last or _blank(state)
    _, merged = _merge(
        seen, state, replace(last, fields={}), seen.names
    )  # no opinions: what differs, humans changed
    unseen = bool(
        merged.changed_by_people or state.unreported_edits
    )  # also what an earlier look found, when the document was gone already
    if not unseen and not brought_back:
        return DeleteCard(state.planner_id)
    restored = replace(seen, document=last)
    reading = read(restored, last, seen.names, planner_id=state.planner_id, atoms=state.base)
    return Finish(endings.restored(restored, state, merged, reading, seen.names, conflict=unseen))


def _blank(state: SyncState) -> Document:
    return Document({}, "snake_case" if state.dialect == "snake_case" else "camelCase", {})


def _unknown_ids(want: Mapping[str, Value], names: Names) -> bool:
    """Does the card refer to a bucket that is not among the names? It was made since they were
    read."""
    bucket = want.get("bucketId")
    return bucket is not None and bucket not in dict(names.buckets)


def _details_known(seen: Observation, state: SyncState) -> bool:
    if isinstance(seen.card, Card) and seen.card.details_etag is not None:
        return True
    return bool(state.details_etag)
