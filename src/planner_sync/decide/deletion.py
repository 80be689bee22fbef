"""How a look ends when its card is gone, or not ours any more: each ending gives its order.
Pure."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from planner_sync.decide.notices import UPDATES, delete_conflict, on_sync, stamp, unsaid
from planner_sync.decide.observation import Seen
from planner_sync.decide.recreation import renewed
from planner_sync.model.card import Names
from planner_sync.model.orders import Channel, Order
from planner_sync.model.state import Belief


def buried(
    seen: Seen,
    belief: Belief,
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
        "plannerId": belief.planner_id,
        "planId": belief.plan_id,
        "document": (last or b"").decode("utf-8", "replace"),
        "card": dict(belief.base),
        "renewed": renewed(seen, belief, names),
        "by": by,
        "at": seen.claim.now,
    }
    grave = {
        "planner_id": belief.planner_id,
        "title": belief.base.get("title"),
        "at": seen.claim.now,
        "by": by,
    }
    messages = [*unsaid(belief), on_sync(seen, "deleted", belief.planner_id, by=by)]
    if edited:
        messages.append(delete_conflict(seen, kept=True, lost=False, winner="planner"))
    order = Order(
        plan_id=belief.plan_id,
        planner_id=belief.planner_id,
        bury=True,
        forget=True,
        grave=json.dumps(grave),
        trash=(f"{seen.task_id} {belief.planner_id}", json.dumps(entry)),
        expected=seen.stored.text,
        messages=messages,
    )
    if by == "planner":
        order.only_same = True
        order.write = "delete" if seen.stored.text is not None else "keep"
        body = {
            "action": "deleted",
            "taskId": seen.task_id,
            "source": "planner",
            "timestamp": stamp(seen.claim.now),
        }
        order.document_messages = [(UPDATES, json.dumps(body))]
    return order


def deleted_unanswered(seen: Seen, belief: Belief, names: Names) -> Order:
    """Our own delete, whose answer was lost, was carried out; a document that is there by now gets
    a new card."""
    gone = replace(seen, document=None, stored=replace(seen.stored, text=None))
    order = buried(gone, belief, names, "agent")
    if seen.stored.text is not None:
        order.expected = seen.stored.text
        order.write, order.due_ms = "leave", 0
    return order


def made_anew(
    seen: Seen, belief: Belief, names: Names, messages: Iterable[tuple[Channel, str]] = ()
) -> Order:
    """A human deleted the card, and an agent that was editing wins, or an operator: the document
    gets a new card."""
    order = buried(seen, belief, names, "agent")
    order.trash = None
    order.grave = json.dumps({**json.loads(order.grave or "{}"), "belief": belief.dump()})
    order.uncounted = True
    order.write, order.due_ms = "leave", 0
    if seen.document is not None:
        order.write, order.new = "set", renewed(seen, belief, names).encode()
    order.messages = [*unsaid(belief), *messages]
    return order


def widowed(seen: Seen, belief: Belief, names: Names) -> Order:
    """The card is gone, and one that was made anew is there, whose mapping is lost: the document
    waits for that."""
    return made_anew(replace(seen, document=None), belief, names)


def let_go(seen: Seen, belief: Belief) -> Order:
    """The document is gone, and its card is in a plan that is not ours: the card stays, and belongs
    to nobody."""
    return Order(
        plan_id=belief.plan_id,
        planner_id=belief.planner_id,
        bury=True,
        keep_card=True,
        uncounted=True,
        forget=True,
        expected=None,
    )
