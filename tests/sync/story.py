"""One task in memory: a card, a document and looks at them by the real decision. Only reading and
writing are played.

A request can fail, be carried out without an answer, or end with the process; an agent can write
while a look is on its way. Planner is played as it is: a PATCH with an old etag is accepted when
nobody has changed what it changes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

from planner_sync.decide import endings
from planner_sync.decide.mapped import card_atoms, decide
from planner_sync.decide.merge import Winner
from planner_sync.decide.observation import Observation, OpenIntent, Policy
from planner_sync.decide.preconditions import with_uploads
from planner_sync.decide.steps import (
    Finish,
    PatchDetails,
    PatchTask,
    ReadCard,
    ReadDetails,
    ReadNames,
)
from planner_sync.model import dialects
from planner_sync.model.card import Card, Names
from planner_sync.model.fields import DETAILS_FIELDS
from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import DocumentSeen, End, Intent, Postpone, Settle, Stored
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value
from tests.sync.atoms import Atoms, put

PLAN, PLANNER_ID, TASK_ID = "plan", "card-1", "t1"
NAMES = Names((("todo", "Todo"),), {f"category{n}": None for n in range(1, 26)}, "")
Fate = Literal[
    "answered",
    "refused",
    "lost before",
    "lost after",
    "killed before",
    "killed after",
    "killed settling",
]
ROUNDS = 5


class Killed(Exception):
    """The process is gone; nothing more of this look happens."""


class Story:
    """`card` is what Planner holds, `document` what Redis holds; `sent` and `said` are all requests
    and messages."""

    def __init__(self, card: Atoms, winner: Winner = "planner") -> None:
        self.card = {"percentComplete": 0, "priority": 5, "bucketId": "todo", **card}
        self.versions = {"task": 1, "details": 1}
        self.touched: dict[str, int] = {}
        self.policy = Policy(frozenset({PLAN}), PLAN, winner)
        self.document: bytes | None = None
        self.state: str | None = None
        self.last: bytes | None = None
        self.intents: dict[str, Intent] = {}
        self.now = 1_700_000_000_000
        self.sent: list[tuple[Atoms, Mapping[str, Value | None]]] = []
        self.said: list[dict[str, Any]] = []
        self._settle(endings.imported(self._observe(), self._full_card(), NAMES))

    def edit(self, atoms: Mapping[str, Value | None]) -> None:
        """Somebody changes the card."""
        for resource in {_resource(atom) for atom in atoms}:
            self.versions[resource] += 1
        for atom, value in atoms.items():
            put(self.card, atom, value)
            self.touched[_group(atom)] = self.versions[_resource(atom)]

    def look(
        self, *, listed: bool, fate: Fate = "answered", race: Callable[[], None] = lambda: None
    ) -> None:
        """One look at the task: woken by a pass that has just `listed` the card, or by the document
        alone."""
        self.now += 1000
        seen, rounds = self._observe(), 0
        if listed:
            seen = replace(seen, card=self._full_card())
        try:
            for _ in range(60):
                step = decide(seen)
                match step:
                    case Finish(order):
                        race()
                        if fate != "killed settling":
                            self._settle(order)
                        return
                    case ReadNames():
                        seen = replace(seen, names=NAMES, names_fresh=True)
                    case ReadCard():
                        seen = replace(seen, card=self._full_card(), fresh=True)
                    case ReadDetails():
                        seen = replace(seen, card=self._full_card())
                    case PatchTask() | PatchDetails():
                        answer, fate = (
                            self._patch(seen, step, fate),
                            "answered" if fate == "refused" else fate,
                        )
                        if answer is None:
                            return
                        if isinstance(answer, Observation):
                            seen = answer
                        elif (rounds := rounds + 1) <= ROUNDS:
                            seen = replace(
                                seen,
                                card=None,
                                fresh=False,
                                lease=replace(seen.lease, reason="recheck"),
                            )
                    case _:
                        raise AssertionError(f"no step for a card that is there: {step}")
            raise AssertionError("no end")
        except Killed:
            return

    def fields(self) -> dict[str, Any]:
        """The document's members."""
        found: dict[str, Any] = json.loads(self.document or b"null")
        return found

    def write(self, members: Mapping[str, Any]) -> None:
        """An agent SETs the document."""
        self.document = json.dumps(members).encode()

    # -- observe -----------------------------------------------------------------------------------
    def _observe(self) -> Observation:
        state = SyncState.load(self.state) if self.state else None
        return Observation(
            lease=TaskLease(TASK_ID, "1", "", 1, "", "", self.now, self.now),
            policy=self.policy,
            stored=Stored(DocumentSeen(self.document), state=self.state, last=self.last),
            document=dialects.parse(self.document) if self.document else None,
            refusal=None,
            last=dialects.parse(self.last) if self.last else None,
            state=state,
            intents=tuple(OpenIntent.read(intent) for intent in self.intents.values()),
        )

    def _full_card(self) -> Card:
        items = [
            atom.split(" ")[1]
            for atom in self.card
            if atom.count(" ") == 1 and _resource(atom) == "details"
        ]
        etags = (f"task {self.versions['task']}", f"details {self.versions['details']}")
        return Card(PLANNER_ID, PLAN, *etags, dict(self.card), tuple(items), "human", None, "")

    # -- act ---------------------------------------------------------------------------------------
    def _patch(
        self, seen: Observation, step: PatchTask | PatchDetails, fate: Fate
    ) -> Observation | Literal["changed"] | None:
        """The seen after the request; "changed" when its etag is too old; None when the look ends
        with it."""
        state, resource = seen.state, "task" if isinstance(step, PatchTask) else "details"
        assert state is not None
        nonce = f"n{len(self.sent)}-{self.now}"
        body = {
            "kind": "update",
            "plan": PLAN,
            "atoms": dict(step.changes),
            "unsent_messages": list(step.unsent_messages),
        }
        self.intents[nonce] = Intent(nonce, self.now, json.dumps(body))
        if fate == "killed before":
            raise Killed
        if fate in ("refused", "lost before"):
            done = (nonce,) if fate == "refused" else ()
            self._settle(
                endings.retry_later(
                    replace(seen, done_intents=(*seen.done_intents, *done)), 2000, "unreachable", ""
                )
            )
            return None
        etag = _etag(seen, state, resource)
        if any(self.touched.get(_group(atom), 0) > etag for atom in step.changes):
            del self.intents[nonce]
            return "changed"
        self.sent.append((dict(self.card), step.changes))
        self.edit(step.changes)
        if fate == "killed after":
            raise Killed
        if fate == "lost after":
            self._settle(endings.retry_later(seen, 2000, "unreachable", ""))
            return None
        return self._record(seen, state, step, nonce)

    def _record(
        self, seen: Observation, state: SyncState, step: PatchTask | PatchDetails, nonce: str
    ) -> Observation:
        owed = tuple(message for _, message in step.unsent_messages)
        news = {
            atom: value for atom, value in step.changes.items() if state.base.get(atom) != value
        }
        state = replace(
            with_uploads(seen, state, news), unsent_messages=(*state.unsent_messages, *owed)
        ).agree(step.changes)
        full, known = self._full_card(), card_atoms(seen, state)
        resource = "task" if isinstance(step, PatchTask) else "details"
        other = {atom: value for atom, value in known.items() if _resource(atom) != resource}
        atoms = {
            **{atom: value for atom, value in self.card.items() if _resource(atom) == resource},
            **other,
        }
        old = seen.card if isinstance(seen.card, Card) else None
        if resource == "task":
            card = replace(full, atoms=atoms, details_etag=old.details_etag if old else None)
            if not card.details_etag:
                card = replace(
                    card, atoms={atom: v for atom, v in atoms.items() if _resource(atom) == "task"}
                )
        else:
            card = replace(full, atoms=atoms, etag=old.etag if old else state.etag)
        state = replace(state, etag=card.etag, details_etag=card.details_etag or state.details_etag)
        self.state = state.dump()
        self.intents.pop(nonce)
        return replace(seen, state=state, card=card)

    def _settle(self, order: End) -> None:
        """What `settle_task.lua` does, for one task that nobody else looks at."""
        assert isinstance(order, Settle | Postpone)
        same = self.document == order.document.text
        for nonce in order.intents_done:
            self.intents.pop(nonce, None)
        self.state = order.card.state if order.card else self.state
        self.said += [json.loads(text) for _, text in order.messages]
        if isinstance(order, Settle):
            self._write(order, same)

    def _write(self, order: Settle, same: bool) -> None:
        if not same:
            self.state = order.state_moved
            return
        self.document = self.last = order.new or self.document
        self.said += [json.loads(text) for _, text in order.document_messages]


def _etag(seen: Observation, state: SyncState, resource: str) -> int:
    card = seen.card if isinstance(seen.card, Card) else None
    if resource == "task":
        etag = card.etag if card else state.etag
    else:
        etag = (card.details_etag if card else None) or state.details_etag
    return int(etag.split(" ")[1])


def _resource(atom: str) -> str:
    return "details" if atom.split(" ")[0] in DETAILS_FIELDS else "task"


def _group(atom: str) -> str:
    return " ".join(atom.split(" ")[:2])
