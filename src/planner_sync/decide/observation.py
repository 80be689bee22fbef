"""What one look at a task has found out so far: a value. The decision reads it, the reconciler
fills it in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from planner_sync.decide.merge import Winner
from planner_sync.decide.steps import UnsentMessages
from planner_sync.errors import Refusal
from planner_sync.model.card import Card, Names
from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import Intent, IntentKind, Stored
from planner_sync.model.records import DeletedCard
from planner_sync.model.state import SyncState
from planner_sync.model.task import Document, Value

GONE: Final = "gone"  # Planner has no such card, and has said so while the plan could be read


@dataclass(frozen=True)
class Policy:
    """What the settings say about decisions."""

    plan_ids: frozenset[str]
    default_plan_id: str
    winner: Winner


@dataclass(frozen=True)
class OpenIntent:
    """A request that may or may not have reached Planner: what was sent, when (server's time,
    ms)."""

    nonce: str
    at: int
    kind: IntentKind
    plan_id: str
    atoms: Mapping[str, Value | None]
    unsent_messages: UnsentMessages = ()

    @classmethod
    def read(cls, intent: Intent) -> "OpenIntent":
        """The intent as it was stored."""
        body = json.loads(intent.body)
        unsent_messages = tuple((atom, message) for atom, message in body["unsent_messages"])
        return cls(
            intent.nonce, intent.at, body["kind"], body["plan"], body["atoms"], unsent_messages
        )


@dataclass(frozen=True)
class CreateCandidates:
    """What a complete listing shows for an open create intent: cards that nobody has, made by our own
    application.

    `began` is the server's time at which the listing began (ms); `sure` that the application id is
    known, so that every candidate is really ours. Every intent is asked twice: first whether it knows
    its card by what that says; what is left is `last`, when it may be told that there is none, or
    that `own` is the card at its place, oldest first, where there are as many cards as intents.
    """

    candidates: Sequence[Card]
    began: int
    sure: bool
    last: bool = True
    own: Card | None = None


@dataclass(frozen=True)
class CardOwner:
    """Who has the card that a document names: a task, or nobody.

    `deleted`: the card is known to be deleted, `by_agent`: not by a human, maybe under another task
    id.
    """

    planner_id: str
    task_id: str | None
    deleted: bool
    by_agent: bool = False


@dataclass(frozen=True)
class Observation:
    """Everything known at this moment of a look.

    `card` is the card (GONE, or None while it was not read), `fresh` says that task and details
    were read after the lease. `likely_card` is a card without a task that may be the one of this document,
    after Redis was lost. `epoch` is that of the pass that found that nobody has the card.
    `done_intents` end with the look, `written` (of what this look has sent) only when the card that
    came back is merged; `not_created` says that a create of this look has provably made no card,
    `dropped` that an older one turned out to have made none.
    """

    lease: TaskLease
    policy: Policy
    stored: Stored
    document: Document | None
    refusal: Refusal | None
    last: Document | None
    state: SyncState | None
    intents: tuple[OpenIntent, ...]
    names: Names | None = None
    names_fresh: bool = False
    people: Mapping[str, str] = field(default_factory=dict)
    card: Card | Literal["gone"] | None = None
    fresh: bool = False
    create_candidates: CreateCandidates | None = None
    likely_card: Card | None = None
    owner: CardOwner | None = None
    recovering: bool = False
    epoch: str = ""
    done_intents: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    not_created: bool = False
    dropped: bool = False

    @property
    def task_id(self) -> str:
        return self.lease.task_id

    @property
    def restoring(self) -> bool:
        """Does an operator want back what is missing?"""
        return self.lease.reason == "restore"

    @property
    def deleted_card(self) -> DeletedCard | None:
        """The card of this task that was deleted."""
        return self.stored.deleted_card

    @property
    def mapped_state(self) -> SyncState:
        """The state of a task that has a card. Raises ValueError for one that has none."""
        if self.state is None:
            raise ValueError(f"task {self.task_id}: there is no card to change")
        return self.state

    @property
    def rev(self) -> int:
        """The revision that the document carries; none counts as 0."""
        return (self.document.rev or 0) if self.document else 0

    @property
    def plan_id(self) -> str:
        """The plan that this task is about."""
        if self.state:
            return self.state.plan_id
        if isinstance(self.card, Card):
            return self.card.plan_id
        for intent in self.intents:
            return intent.plan_id
        wanted: Any = self.document.fields.get("planId") if self.document else None
        return wanted or self.policy.default_plan_id
