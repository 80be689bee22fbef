"""How a look ends when its card is gone, or not ours any more: each ending gives its order.
Pure."""

from collections.abc import Iterable
from dataclasses import replace

from planner_sync.decide import notices
from planner_sync.decide.notices import conflict_on_delete, unsent_messages
from planner_sync.decide.observation import Observation
from planner_sync.decide.recreation import document_for_new_card
from planner_sync.model.card import Names
from planner_sync.model.messages import Channel
from planner_sync.model.orders import Bury, DocumentSeen
from planner_sync.model.records import DeletedBy, DeletedCard, TrashEntry
from planner_sync.model.state import SyncState


def card_deleted(
    seen: Observation,
    state: SyncState,
    names: Names,
    by: DeletedBy,
    *,
    edited: bool = False,
) -> Bury:
    """The card is gone: document and card go to the trash, the mapping ends, the card is known to
    be deleted."""
    messages = [*unsent_messages(state), notices.deleted(seen, state.planner_id, by)]
    if edited:
        messages.append(conflict_on_delete(seen, kept=True, lost=False, winner="planner"))
    order = Bury(
        plan_id=state.plan_id,
        document=seen.stored.document,
        planner_id=state.planner_id,
        deleted_card=_deleted(seen, state, by),
        trash=_thrown_away(seen, state, names, by),
        messages=tuple(messages),
    )
    return _delete_document(seen, order) if by == "planner" else order


def _deleted(seen: Observation, state: SyncState, by: DeletedBy) -> DeletedCard:
    return DeletedCard(state.planner_id, by, title=state.base.get("title"), at=seen.lease.now)


def _thrown_away(seen: Observation, state: SyncState, names: Names, by: DeletedBy) -> TrashEntry:
    last = seen.stored.text if seen.stored.text is not None else seen.stored.last
    return TrashEntry(
        task_id=seen.task_id,
        planner_id=state.planner_id,
        plan_id=state.plan_id,
        by=by,
        at=seen.lease.now,
        renewed=document_for_new_card(seen, state, names),
        document=(last or b"").decode("utf-8", "replace"),
        card=dict(state.base),
    )


def _delete_document(seen: Observation, order: Bury) -> Bury:
    """A human's delete ends the document too, as it was seen."""
    if seen.stored.document.is_cut:
        return replace(order, only_same=True)  # it stays: the trash has its beginning alone
    return replace(
        order,
        only_same=True,
        new=None if seen.stored.text is None else b"",
        document_messages=(notices.document_deleted(seen),),
    )


def own_delete_confirmed(seen: Observation, state: SyncState, names: Names) -> Bury:
    """Our own delete, whose answer was lost, was carried out; a document that is there by now gets
    a new card."""
    missing = replace(seen.stored, document=DocumentSeen(None))
    gone = replace(seen, document=None, stored=missing)
    return replace(card_deleted(gone, state, names, "agent"), document=seen.stored.document)


def recreate_card(
    seen: Observation, state: SyncState, names: Names, messages: Iterable[tuple[Channel, str]] = ()
) -> Bury:
    """A human deleted the card, and an agent that was editing wins, or an operator: the document
    gets a new card."""
    new = None
    if seen.document is not None:
        new = document_for_new_card(seen, state, names).encode()
    return Bury(
        plan_id=state.plan_id,
        document=seen.stored.document,
        planner_id=state.planner_id,
        deleted_card=replace(_deleted(seen, state, "agent"), state=state.dump()),
        new=new,
        messages=(*unsent_messages(state), *messages),
    )


def await_recreated_card(seen: Observation, state: SyncState, names: Names) -> Bury:
    """The card is gone, and one that was made anew is there, whose mapping is lost: the document
    waits for that."""
    return recreate_card(replace(seen, document=None), state, names)


def unlink(seen: Observation, state: SyncState) -> Bury:
    """The document is gone, and its card is in a plan that is not ours: the card stays, and belongs
    to nobody."""
    return Bury(plan_id=state.plan_id, document=seen.stored.document, planner_id=state.planner_id)
