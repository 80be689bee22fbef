"""The endings of a task whose card is gone, or is in no plan of ours any more. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from planner_sync.decide import notices
from planner_sync.decide.notices import Notice, conflict_on_delete, unsent_messages
from planner_sync.decide.observation import Mapped, MaybeNames
from planner_sync.decide.recreation import document_for_new_card
from planner_sync.model.card import Names
from planner_sync.model.orders import Bury, DocumentSeen
from planner_sync.model.records import DeletedBy, DeletedCard, TrashEntry
from planner_sync.model.task import Document


def card_deleted(seen: Mapped[Names], by: DeletedBy, *, edited: bool = False) -> Bury:
    """The card is gone: document and card go to the trash, and the mapping ends.

    The card is remembered as deleted. `edited`: an agent changed the document meanwhile.
    """
    messages = [*unsent_messages(seen.state), notices.deleted(seen, by)]
    if edited:
        messages.append(conflict_on_delete(seen, kept=True, lost=False, winner="planner"))
    order = Bury(
        plan_id=seen.plan_id,
        document=seen.stored.document,
        planner_id=seen.planner_id,
        deleted_card=_deleted(seen, by),
        trash=_thrown_away(seen, by),
        messages=tuple(messages),
    )
    return _delete_document(seen, order) if by == "planner" else order


def _deleted(seen: Mapped[MaybeNames], by: DeletedBy) -> DeletedCard:
    title = seen.state.base.get("title")
    return DeletedCard(seen.planner_id, by, title=title, at=seen.lease.now)


def _thrown_away(seen: Mapped[Names], by: DeletedBy) -> TrashEntry:
    last = seen.stored.text if seen.stored.text is not None else seen.stored.last
    return TrashEntry(
        task_id=seen.task_id,
        planner_id=seen.planner_id,
        plan_id=seen.plan_id,
        by=by,
        at=seen.lease.now,
        renewed=document_for_new_card(seen),
        document=(last or b"").decode("utf-8", "replace"),
        card=dict(seen.state.base),
    )


def _delete_document(seen: Mapped[Names], order: Bury) -> Bury:
    """A person's delete ends the document too, as it was seen."""
    # a document that was not read whole stays: the trash has only its beginning
    if seen.stored.document.is_cut:
        return replace(order, only_same=True)
    return replace(
        order,
        only_same=True,
        new=None if seen.stored.text is None else b"",
        document_messages=(notices.document_deleted(seen),),
    )


def own_delete_confirmed(seen: Mapped[Names]) -> Bury:
    """Our own delete, whose answer was lost, was carried out.

    A document that was written since gets a new card.
    """
    missing = replace(seen.stored, document=DocumentSeen(None))
    gone = replace(seen, document=None, stored=missing)
    return replace(card_deleted(gone, "agent"), document=seen.stored.document)


def recreate_card(seen: Mapped[Names], messages: Iterable[Notice] = ()) -> Bury:
    """A person deleted the card, and the document gets a new one.

    Either an agent was editing and agents win, or an operator restores it.
    """
    new = None
    if isinstance(seen.document, Document):
        new = document_for_new_card(seen).encode()
    return Bury(
        plan_id=seen.plan_id,
        document=seen.stored.document,
        planner_id=seen.planner_id,
        deleted_card=replace(_deleted(seen, "agent"), state=seen.state.dump()),
        new=new,
        messages=(*unsent_messages(seen.state), *messages),
    )


def await_recreated_card(seen: Mapped[Names]) -> Bury:
    """The card was recreated but its mapping was lost.

    Unlink the old card; a later reconciliation links the new one.
    """
    return recreate_card(replace(seen, document=None))


def unlink(seen: Mapped[MaybeNames]) -> Bury:
    """The document is gone, and its card is in a plan that is not ours: the card stays, without a
    task."""
    return Bury(plan_id=seen.plan_id, document=seen.stored.document, planner_id=seen.planner_id)
