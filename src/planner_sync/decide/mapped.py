"""The decision: the next step for one task, as a pure function of what was observed so far.

    document  card                what happens
    any       create intent open  the next complete listing tells whether it was made; no guess
    none      none                forgotten; a new card of a person's gets its document
    new       none                names resolved, limits checked, created
    names a card without a task   adopted; if a person deleted it, the document is a stale copy
    any       in no plan of ours  nothing is sent; a document that is deleted unlinks its card
    any       intent open         a card read after the lease tells what was written
    missing   gone                both are forgotten
    missing   there               announced, or missing twice: deleted, unless a person changed it
    any       moved by a person   followed into the other plan, if that is ours
    there     gone                a person's delete: document to the trash; an edit is a conflict
    refused   gone                a person's delete
    refused   there               nothing is sent, the document stays as it is
    there     there               merged (merge.py): what the card lacks is sent, then settled

The first four rows are in `unmapped.py`. A refusal is raised as `Refusal` and ends the
reconciliation. No I/O, no clock and no randomness in here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from planner_sync.decide import deletion, endings, notices
from planner_sync.decide.interpret import Context, Interpretation, interpret
from planner_sync.decide.merge import Merged, merge
from planner_sync.decide.observation import (
    Fresh,
    Gone,
    Listed,
    Mapped,
    MaybeNames,
    Observation,
    Unread,
    named,
)
from planner_sync.decide.preconditions import check, is_unknown_bucket, resolve
from planner_sync.decide.recreation import without_stale_values
from planner_sync.decide.steps import (
    BuryCard,
    CloseIntents,
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
from planner_sync.decide.transitions import judge_intents
from planner_sync.decide.unmapped import decide_without_card
from planner_sync.errors import Refusal
from planner_sync.model.card import Card, Names, is_of_details
from planner_sync.model.state import token
from planner_sync.model.task import Document, Value


def decide(seen: Observation) -> Step:
    """The next step. Raises Refusal when the document cannot be done as it stands."""
    if not isinstance(seen, Mapped):
        return decide_without_card(seen)
    # any | in no plan of ours
    if _is_foreign(seen):
        return _foreign(seen)
    # any | intent open
    if seen.intents and (step := _open_intents(seen)):
        return step
    # missing | gone, there
    if seen.document is None:
        return _card_gone_too(seen) if isinstance(seen.view, Gone) else _document_missing(seen)
    # any | moved by a person
    if seen.card and seen.card.plan_id != seen.plan_id:
        return _follow(seen, seen.card)
    if not named(seen):
        return ReadNames()
    # there, refused | gone
    if isinstance(seen.view, Gone):
        return _card_gone(seen)
    if _must_be_read(seen):
        return ReadCard(seen.planner_id)
    # refused | there
    if isinstance(seen.document, Refusal):
        raise seen.document
    # there | there
    return _merge_both(seen, seen.document)


# -- any | in no plan of ours ----------------------------------------------------------------------
def _is_foreign(seen: Mapped[MaybeNames]) -> bool:
    """Was the plan of the card taken off the list? The card may have been moved back since."""
    shown = seen.card.plan_id if seen.card else seen.plan_id
    return seen.policy.plan_ids.isdisjoint({shown, seen.plan_id})


def _foreign(seen: Mapped[MaybeNames]) -> Step:
    if seen.document is not None:
        reason = (
            f"planId: the card is in plan {seen.plan_id}, "
            "which is not one of the plans of this service"
        )
        raise Refusal("unknown_plan", reason, "planId")
    return Finish(deletion.unlink(seen) if _is_delete(seen) else endings.waiting(seen))


# -- any | intent open -----------------------------------------------------------------------------
def _open_intents(seen: Mapped[MaybeNames]) -> Step | None:
    """What was sent before, and may have been written. None: the other rows decide."""
    if isinstance(seen.view, (Unread, Listed)):
        return ReadCard(seen.planner_id)
    if not named(seen):
        return ReadNames()
    if isinstance(seen.view, Fresh):
        return CloseIntents(judge_intents(seen, seen.view.card))
    # The card is gone. If we asked for that, it was our delete, not a person's.
    if any(intent.kind == "delete" for intent in seen.intents):
        return Finish(deletion.own_delete_confirmed(seen))
    return None


# -- missing ---------------------------------------------------------------------------------------
def _card_gone_too(seen: Mapped[MaybeNames]) -> Step:
    if not named(seen):
        return ReadNames()
    by: Literal["agent", "planner"] = "planner"
    if seen.lease.announced == "deleted":
        by = "agent"
    return Finish(deletion.card_deleted(seen, by))


def _document_missing(seen: Mapped[MaybeNames]) -> Step:
    if not (_is_delete(seen) or seen.recovering or seen.restoring):
        return Finish(endings.waiting(seen))
    if not named(seen):
        return ReadNames()
    if not isinstance(seen.view, Fresh):
        return ReadCard(seen.planner_id)
    card = seen.view.card
    brought_back = seen.restoring or (seen.recovering and seen.lease.announced != "deleted")
    if card.plan_id != seen.plan_id:
        if card.plan_id in seen.policy.plan_ids:
            return _follow(seen, card)
        if not brought_back:
            return Finish(deletion.unlink(seen))
    return _delete_or_restore(seen, brought_back)


def _delete_or_restore(seen: Mapped[Names], brought_back: bool) -> Step:
    last = seen.last or _blank(seen)
    # A document without fields has no opinion: whatever differs, a person changed.
    _, merged = _merge(seen, replace(last, fields={}))
    # Also what an earlier reconciliation found when the document was gone already.
    unseen = bool(merged.changed_by_people or seen.state.unreported_edits)
    if not unseen and not brought_back:
        return DeleteCard(seen.planner_id)
    restored = replace(seen, document=last)
    reading = interpret(last, _context(restored, seen.state.base))
    return Finish(endings.restored(restored, last, merged, reading, conflict=unseen))


def _blank(seen: Mapped[Names]) -> Document:
    snake_case = seen.state.dialect == "snake_case"
    return Document({}, "snake_case" if snake_case else "camelCase", {})


def _is_delete(seen: Mapped[MaybeNames]) -> bool:
    """Was the document deleted: was it said, or seen twice?"""
    return seen.lease.announced == "deleted" or seen.lease.reason == "confirmed_missing"


# -- any | moved by a person -----------------------------------------------------------------------
def _follow(seen: Mapped[MaybeNames], card: Card) -> Step:
    """Go along to the other plan where we may, stop where we may not."""
    if card.plan_id not in seen.policy.plan_ids:
        raise Refusal(
            "unknown_plan",
            f"planId: the card was moved to plan {card.plan_id}, which is not ours",
            "planId",
        )
    left = seen.state.leave(seen.plan_id, seen.state.rev + 1)
    return TakeCard(replace(left, plan_id=card.plan_id))


# -- there, refused | gone -------------------------------------------------------------------------
def _card_gone(seen: Mapped[Names]) -> Step:
    if not isinstance(seen.document, Document):
        return _card_of_refused_gone(seen)
    if seen.likely_card:
        return Finish(deletion.await_recreated_card(seen))
    document = seen.document
    reading, merged = _merge(replace(seen, view=Unread()), document)
    right = replace(seen, document=without_stale_values(document, reading, merged, seen.names))
    edited = bool(merged.changed_by_agent or reading.unresolved_people)
    told = notices.conflicts(seen, merged)
    if seen.restoring:
        return Finish(deletion.recreate_card(right, told))
    if edited and seen.policy.winner == "agents":
        lost = notices.conflict_on_delete(seen, kept=False, lost=True, winner="agents")
        return Finish(deletion.recreate_card(right, [lost, *told]))
    return BuryCard(deletion.card_deleted(right, "planner", edited=edited))


def _card_of_refused_gone(seen: Mapped[Names]) -> Step:
    if seen.restoring:
        return Finish(deletion.recreate_card(seen))
    return BuryCard(deletion.card_deleted(seen, "planner"))


# -- there | there ---------------------------------------------------------------------------------
def _must_be_read(seen: Mapped[Names]) -> bool:
    """Nothing was ever read of the card, or someone asks for a fresh look at it."""
    never_read = isinstance(seen.view, Unread) and not seen.state.etag
    asked = seen.lease.reason in ("recheck", "restore") and not isinstance(seen.view, Fresh)
    return never_read or asked


def _merge_both(seen: Mapped[Names], document: Document) -> Step:
    plan_id = document.fields.get("planId")
    if plan_id not in (None, seen.plan_id) and not _carries_old_plan(seen, plan_id):
        raise Refusal(
            "plan_changed",
            f"planId: the card is in plan {seen.plan_id}; it cannot move to {plan_id}",
            "planId",
        )
    reading, merged = _merge(seen, document)
    if step := resolve(seen, reading, merged.to_card):
        return step
    if merged.to_card:
        check(merged.result)
        return _send(seen, merged)
    # A bucket that is not among the names was made since they were read.
    if is_unknown_bucket(merged.result, seen.names) and not seen.names_fresh:
        return ReadNames(fresh=True)
    return Finish(endings.settled(seen, document, merged, reading))


def _carries_old_plan(seen: Mapped[Names], plan_id: str) -> bool:
    """Does the document only say where the card was when it was read?"""
    if seen.last is not None and seen.last.fields.get("planId") == plan_id:
        return True
    history = seen.state.history("planId")
    return seen.rev < history.last_human_rev and token(plan_id) in history.past_values


def _merge(seen: Mapped[Names], document: Document) -> tuple[Interpretation, Merged]:
    card = seen.card_atoms
    reading = interpret(document, _context(seen, {**seen.state.base, **card}))
    merged = merge(seen.state, reading.document_atoms, seen.rev, card, seen.policy.winner)
    return reading, merged


def _context(seen: Mapped[Names], atoms: Mapping[str, Value]) -> Context:
    return Context(seen.names, seen.people, seen.state, seen.last, seen.planner_id, atoms)


def _send(seen: Mapped[Names], merged: Merged) -> Step:
    """What the card lacks: the task first, then the details."""
    task: dict[str, Value | None] = {}
    details: dict[str, Value | None] = {}
    for atom, value in merged.to_card.items():
        (details if is_of_details(atom) else task)[atom] = value
    if details and not seen.details_etag:
        return ReadDetails(seen.planner_id) if seen.card else ReadCard(seen.planner_id)
    changes = task or details
    unsent_messages = tuple(
        (conflict.atom, notices.conflict_message(seen, conflict, merged.result))
        for conflict in merged.conflicts
        if conflict.atom in changes
    )
    if task:
        return PatchTask(task, unsent_messages)
    return PatchDetails(details, unsent_messages)
