"""What a look has seen, made up: for tests of the decision and of what it says."""

import json
from dataclasses import replace
from typing import Any

from planner_sync.decide.observation import CreateCandidates, Observation, OpenIntent, Policy
from planner_sync.decide.steps import BuryCard, Finish, Step
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
BELIEF = SyncState("card", "plan", "e1", "d1", base=ATOMS, rev=5, shown=("title",))
CLAIM = TaskLease("t1", "1", "", 1, "", "", NOW, NOW)
IMPORT_ID = "planner-" + "c" * 28


def seen(
    members: dict[str, Any] | None = None, *, claim: Any = None, stored: Any = None, **more: Any
) -> Observation:
    """What a look has seen of a document with these members (None: there is none)."""
    text = None if members is None else json.dumps(members).encode()
    document = None if text is None else dialects.parse(text)
    given = {"policy": POLICY, "refusal": None, "last": None, "state": None, "intents": (), **more}
    claimed, kept = (
        replace(CLAIM, **(claim or {})),
        {"document": DocumentSeen(text), **(stored or {})},
    )
    return Observation(lease=claimed, stored=Stored(**kept), document=document, **given)


def known(members: dict[str, Any] | None = None, **more: Any) -> Observation:
    """The same, of a task that has a card."""
    if members is not None:
        members = {"title": "T", "plannerId": "card", "_rev": 5, **members}
    return seen(members, **{"state": BELIEF, "names": NAMES, **more})


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


def order_of(step: Step) -> Any:
    assert isinstance(step, (Finish, BuryCard))
    return step.order
