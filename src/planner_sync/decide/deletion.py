"""How a look ends when its card is gone, or not ours any more: each ending gives its order.
Pure."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from planner_sync.decide import notices
from planner_sync.decide.notices import conflict_on_delete, unsent_messages
from planner_sync.decide.observation import Observation
from planner_sync.decide.recreation import document_for_new_card
from planner_sync.model.card import Names
from planner_sync.model.messages import Channel
from planner_sync.model.orders import Order
from planner_sync.model.state import SyncState


def card_deleted(
    seen: Observation,
    state: SyncState,
    names: Names,
    by: Literal["agent", "planner"],
    *,
    edited: bool = False,
) -> Order:
    """The card is gone: document and card go to the trash, the mapping ends, the card is known to
    be deleted."""
    last = seen.stored.text if seen.stored.text is not None else seen.stored.last
    entry = {
        "taskId": seen.task_id,
        "plannerId": state.planner_id,
        "planId": state.plan_id,
        "document": (last or b"").decode("utf-8", "replace"),
        "card": dict(state.base),
        "renewed": document_for_new_card(seen, state, names),
        "by": by,
        "at": seen.lease.now,
    }
    deleted_card = {
        "planner_id": state.planner_id,
        "title": state.base.get("title"),
        "at": seen.lease.now,
        "by": by,
    }
    messages = [*unsent_messages(state), notices.deleted(seen, state.planner_id, by)]
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


def own_delete_confirmed(seen: Observation, state: SyncState, names: Names) -> Order:
    """Our own delete, whose answer was lost, was carried out; a document that is there by now gets
    a new card."""
    gone = replace(seen, document=None, stored=replace(seen.stored, text=None))
    order = card_deleted(gone, state, names, "agent")
    if seen.stored.text is not None:
        order.expected = seen.stored.text
        order.write, order.due_ms = "leave", 0
    return order


def recreate_card(
    seen: Observation, state: SyncState, names: Names, messages: Iterable[tuple[Channel, str]] = ()
) -> Order:
    """A human deleted the card, and an agent that was editing wins, or an operator: the document
    gets a new card."""
    order = card_deleted(seen, state, names, "agent")
    order.trash = None
    order.deleted_card = json.dumps(
        {**json.loads(order.deleted_card or "{}"), "state": state.dump()}
    )
    order.uncounted = True
    order.write, order.due_ms = "leave", 0
    if seen.document is not None:
        order.write, order.new = "set", document_for_new_card(seen, state, names).encode()
    order.messages = [*unsent_messages(state), *messages]
    return order


def await_recreated_card(seen: Observation, state: SyncState, names: Names) -> Order:
    """The card is gone, and one that was made anew is there, whose mapping is lost: the document
    waits for that."""
    return recreate_card(replace(seen, document=None), state, names)


def unlink(seen: Observation, state: SyncState) -> Order:
    """The document is gone, and its card is in a plan that is not ours: the card stays, and belongs
    to nobody."""
    return Order(
        plan_id=state.plan_id,
        planner_id=state.planner_id,
        bury=True,
        keep_card=True,
        uncounted=True,
        forget=True,
        expected=None,
    )
