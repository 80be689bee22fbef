"""The endings of a task whose card is gone, or is in no plan of ours any more. Pure."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from planner_sync.decide import notices
from planner_sync.decide.notices import Notice, conflict_on_delete, unsent_messages
from planner_sync.decide.observation import Mapped, MaybeNames
from planner_sync.decide.recreation import document_for_new_card
from planner_sync.model.card import Names
from planner_sync.model.orders import Order
from planner_sync.model.task import Document


def card_deleted(
    seen: Mapped[Names], by: Literal["agent", "planner"], *, edited: bool = False
) -> Order:
    """The card is gone: document and card go to the trash, and the mapping ends.

    The card is remembered as deleted. `edited`: an agent changed the document meanwhile.
    """
    state = seen.state
    last = seen.stored.text if seen.stored.text is not None else seen.stored.last
    entry = {
        "taskId": seen.task_id,
        "plannerId": state.planner_id,
        "planId": state.plan_id,
        "document": (last or b"").decode("utf-8", "replace"),
        "card": dict(state.base),
        "renewed": document_for_new_card(seen),
        "by": by,
        "at": seen.lease.now,
    }
    deleted_card = {
        "planner_id": state.planner_id,
        "title": state.base.get("title"),
        "at": seen.lease.now,
        "by": by,
    }
    messages = [*unsent_messages(state), notices.deleted(seen, by)]
    if edited:
        messages.append(conflict_on_delete(seen, kept=True, lost=False, winner="planner"))
    order = Order(
        plan_id=state.plan_id,
        planner_id=state.planner_id,
        bury=True,
        forget=True,
        deleted_card=json.dumps(deleted_card),
        trash=(f"{seen.task_id} {state.planner_id}", json.dumps(entry)),
        expected=seen.stored.text,
        messages=messages,
    )
    if by == "planner":
        order.only_same = True
        order.write = "delete" if seen.stored.text is not None else "keep"
        order.document_messages = [notices.document_deleted(seen)]
    return order


def own_delete_confirmed(seen: Mapped[Names]) -> Order:
    """Our own delete, whose answer was lost, was carried out.

    A document that was written since gets a new card.
    """
    gone = replace(seen, document=None, stored=replace(seen.stored, text=None))
    order = card_deleted(gone, "agent")
    if seen.stored.text is not None:
        order.expected = seen.stored.text
        order.write, order.due_ms = "leave", 0
    return order


def recreate_card(seen: Mapped[Names], messages: Iterable[Notice] = ()) -> Order:
    """A person deleted the card, and the document gets a new one.

    Either an agent was editing and agents win, or an operator restores it.
    """
    order = card_deleted(seen, "agent")
    order.trash = None
    deleted_card = json.loads(order.deleted_card or "{}")
    order.deleted_card = json.dumps({**deleted_card, "state": seen.state.dump()})
    order.uncounted = True
    order.write, order.due_ms = "leave", 0
    if isinstance(seen.document, Document):
        order.write, order.new = "set", document_for_new_card(seen).encode()
    order.messages = [*unsent_messages(seen.state), *messages]
    return order


def await_recreated_card(seen: Mapped[Names]) -> Order:
    """The card was recreated but its mapping was lost.

    Unlink the old card; a later reconciliation links the new one.
    """
    return recreate_card(replace(seen, document=None))


def unlink(seen: Mapped[MaybeNames]) -> Order:
    """The document is gone, and its card is in a plan that is not ours: the card stays, without a
    task."""
    return Order(
        plan_id=seen.plan_id,
        planner_id=seen.planner_id,
        bury=True,
        keep_card=True,
        uncounted=True,
        forget=True,
        expected=None,
    )
