"""Made-up observations: for tests of the decision and of what it says."""

import json
from dataclasses import replace
from typing import Any

from planner_sync.decide.mapped import decide
from planner_sync.decide.observation import (
    CardOwner,
    CardView,
    CreateCandidates,
    Facts,
    Fresh,
    Listed,
    Mapped,
    MaybeNames,
    Observation,
    OpenIntent,
    Policy,
    observed,
)
from planner_sync.decide.steps import BuryCard, CloseIntents, Finish, Step
from planner_sync.decide.transitions import intents_closed
from planner_sync.errors import Refusal
from planner_sync.model import dialects
from planner_sync.model.card import Card, Names
from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import DocumentSeen, Stored
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

NOW = 1_700_000_000_000
POLICY = Policy(frozenset({"plan", "plan-2"}), "plan", "planner")
NAMES = Names(
    (("todo", "Todo"), ("doing", "Doing")),
    {f"category{n}": "Red" if n == 1 else None for n in range(1, 26)},
    "",
)
ATOMS: dict[str, Value] = {"title": "T", "percentComplete": 0, "priority": 5, "bucketId": "todo"}
STATE = SyncState("card", "plan", "e1", "d1", base=ATOMS, rev=5, shown=("title",))
LEASE = TaskLease("t1", "1", "", 1, "", "", NOW, NOW)
IMPORT_ID = "planner-" + "c" * 28


def seen(
    members: dict[str, Any] | None = None,
    *,
    claim: Any = None,
    stored: Any = None,
    refusal: Refusal | None = None,
    state: SyncState | None = None,
    create_candidates: CreateCandidates | None = None,
    owner: CardOwner | None = None,
    dropped: bool = False,
    **more: Any,
) -> Observation:
    """What was observed of a document with these members (None: there is none)."""
    text = None if members is None else json.dumps(members).encode()
    document = refusal or (None if text is None else dialects.parse(text))
    given = {"policy": POLICY, "last": None, "intents": (), "names": None, **more}
    leased = replace(LEASE, **(claim or {}))
    kept = Stored(**{"document": DocumentSeen(text), **(stored or {})})
    facts: Facts[MaybeNames] = Facts(lease=leased, stored=kept, document=document, **given)
    found = observed(facts, state, create_candidates)
    if isinstance(found, Mapped):
        return found
    return replace(found, owner=owner, dropped=dropped)


def known(members: dict[str, Any] | None = None, **more: Any) -> Any:
    """The same, of a task that has a card, and whose names were read."""
    if members is not None:
        members = {"title": "T", "plannerId": "card", "_rev": 5, **members}
    return seen(members, **{"state": STATE, "names": NAMES, **more})


def listed(**more: Any) -> CardView:
    """The card as a listing shows it."""
    return Listed(card(**more))


def fresh(**more: Any) -> CardView:
    """The card as it was read after the lease."""
    return Fresh(card(**more))


def card(details: bool = True, **more: Any) -> Card:
    given: dict[str, Any] = {
        "id": "card",
        "plan_id": "plan",
        "atoms": ATOMS,
        "created_by_app": "app",
        **more,
    }
    rest = {"order": (), "created_by_user": None, "created_at": ""}
    return Card(**{"etag": "e2", "details_etag": "d2" if details else None, **rest, **given})


def intent(
    kind: Any = "create", at: int = NOW, nonce: str = "n1", **atoms: Value | None
) -> OpenIntent:
    return OpenIntent(nonce, at, kind, "plan", atoms or {"title": "T"})


def found(
    *candidates: Card,
    began: int = NOW,
    sure: bool = True,
    last: bool = True,
    own: Card | None = None,
) -> CreateCandidates:
    return CreateCandidates(candidates, began, sure, last, own)


def after_intents(seen: Observation) -> Observation:
    """The same, once the fresh card has told what of the open intents was written."""
    step = decide(seen)
    assert isinstance(step, CloseIntents)
    return intents_closed(seen, step.state)


def order_of(step: Step) -> Any:
    assert isinstance(step, (Finish, BuryCard))
    return step.order
