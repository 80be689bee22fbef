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

from planner_sync.decide import endings, transitions
from planner_sync.decide.mapped import decide
from planner_sync.decide.merge import Winner
from planner_sync.decide.observation import (
    Facts,
    Fresh,
    Listed,
    Mapped,
    MaybeNames,
    Missing,
    Observation,
    OpenIntent,
    Policy,
    named,
    observed,
)
from planner_sync.decide.steps import (
    CloseIntents,
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
        new = replace(self._observe(), names=NAMES)
        assert isinstance(new, Missing)
        assert named(new)
        self._settle(endings.imported(new, self._full_card()))

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
            seen = replace(seen, view=Listed(self._full_card()))
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
                        seen = replace(seen, view=Fresh(self._full_card()))
                    case ReadDetails():
                        seen = transitions.with_details(seen, self._full_card())
                    case CloseIntents(state):
                        seen = transitions.intents_closed(seen, state)
                    case PatchTask() | PatchDetails():
                        assert isinstance(seen, Mapped)
                        assert named(seen)
                        answer = self._patch(seen, step, fate)
                        fate = "answered" if fate == "refused" else fate
                        if answer is None:
                            return
                        if isinstance(answer, Mapped):
                            seen = answer
                        elif (rounds := rounds + 1) <= ROUNDS:
                            seen = transitions.to_read_again(seen)
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
        facts = Facts[MaybeNames](
            lease=TaskLease(TASK_ID, "1", "", 1, "", "", self.now, self.now),
            policy=self.policy,
            stored=Stored(DocumentSeen(self.document), state=self.state, last=self.last),
            document=dialects.parse(self.document) if self.document else None,
            last=dialects.parse(self.last) if self.last else None,
            intents=tuple(OpenIntent.read(intent) for intent in self.intents.values()),
            names=None,
        )
        return observed(facts, SyncState.load(self.state) if self.state else None)

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
        self, seen: Mapped[Names], step: PatchTask | PatchDetails, fate: Fate
    ) -> Mapped[Names] | Literal["changed"] | None:
        """What is known after the request.

        "changed" when its etag is too old; None when it is not answered.
        """
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
            left = transitions.not_written(seen, nonce) if fate == "refused" else seen
            self._settle(endings.retry_later(left, 2000, "unreachable", ""))
            return None
        text = seen.task_etag if isinstance(step, PatchTask) else seen.details_etag
        etag = int(text.split(" ")[1])
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
        return self._record(seen, step, nonce)

    def _record(
        self, seen: Mapped[Names], step: PatchTask | PatchDetails, nonce: str
    ) -> Mapped[Names]:
        full = self._full_card()
        if isinstance(step, PatchTask):
            atoms = {atom: v for atom, v in self.card.items() if _resource(atom) == "task"}
            task = replace(full, atoms=atoms, details_etag=None)
            seen = transitions.task_patched(seen, step, task, nonce)
        else:
            seen = transitions.details_patched(seen, step, full, nonce)
        self.state = seen.state.dump()
        self.intents.pop(nonce)
        return seen

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


def _resource(atom: str) -> str:
    return "details" if atom.split(" ")[0] in DETAILS_FIELDS else "task"


def _group(atom: str) -> str:
    return " ".join(atom.split(" ")[:2])
