"""What one reconciliation of a task has found out so far, as a value.

`decide` reads it, `transitions.py` changes it. It has three kinds, by what is on record:

    Mapped    the task has a card; its document may be there, refused or missing
    Unmapped  there is a document, or a refused one, and no card
    Missing   there is neither

Each is generic in `names`: `Mapped[MaybeNames]` may not have read the names of its plan yet,
`Mapped[Names]` has. `named` tells the two apart.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeGuard, TypeVar, overload

from planner_sync.decide.merge import Winner
from planner_sync.decide.steps import UnsentMessages
from planner_sync.errors import Refusal
from planner_sync.model.card import Card, Names, is_of_details
from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import Intent, IntentKind, Stored
from planner_sync.model.records import DeletedCard
from planner_sync.model.state import SyncState
from planner_sync.model.task import Document, Value

MaybeNames = Names | None
NamesT = TypeVar("NamesT", bound=MaybeNames, covariant=True)


# -- the card --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Unread:
    """The card was not read. It is what the sync state says, or nothing is known of it."""


@dataclass(frozen=True)
class Listed:
    """The card as a listing shows it, or the answer to a change of ours. It may be out of date."""

    card: Card


@dataclass(frozen=True)
class Fresh:
    """The card as it was read after the task was leased."""

    card: Card


@dataclass(frozen=True)
class Gone:
    """Planner has no such card, and said so while the plan could be read.

    `planner_id` is the card that a pass asked for; it is empty for the task's own card.
    """

    planner_id: str = ""


CardView = Unread | Listed | Fresh | Gone


# -- what else was found out -----------------------------------------------------------------------
@dataclass(frozen=True)
class Policy:
    """What the settings say about decisions."""

    plan_ids: frozenset[str]
    default_plan_id: str
    winner: Winner


@dataclass(frozen=True)
class OpenIntent:
    """A request that may or may not have reached Planner.

    `atoms` is what was sent, `at` when (server's time, ms).
    """

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
    """What a complete listing shows for an open create intent: unmapped cards of our application.

    `began` is the server's time at which the listing began (ms). `sure` means that the application
    id is known, so that every candidate is ours. Candidates are offered in two rounds. Round one
    matches by content. Round two (`last`) may also assign `own`, the candidate with the closest
    creation time, or conclude that no card was made.
    """

    candidates: Sequence[Card]
    began: int
    sure: bool
    last: bool = True
    own: Card | None = None


@dataclass(frozen=True)
class CardOwner:
    """The task that has the card which a document names; `task_id` is None when there is none.

    `deleted`: the card is known to be deleted. `by_agent`: an agent deleted it, not a person; this
    may have been under another task id.
    """

    planner_id: str
    task_id: str | None
    deleted: bool
    by_agent: bool = False


# -- the three kinds -------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Facts(Generic[NamesT]):
    """What every kind has.

    `document` is the Refusal when it cannot be read, and None when there is none. `last` is the
    document as it was last settled. `names_fresh`: the names were read from Planner since the
    lease. `likely_card` is a card without a task that may be this document's, after a loss of
    Redis. `epoch` is that of the pass which found that no task has the card. `done_intents` end
    when the task is settled. `not_created`: a create of this reconciliation provably made no card.
    """

    lease: TaskLease
    policy: Policy
    stored: Stored
    document: Document | Refusal | None
    last: Document | None
    intents: tuple[OpenIntent, ...]
    names: NamesT
    names_fresh: bool = False
    people: Mapping[str, str] = field(default_factory=dict)
    view: CardView = Unread()
    likely_card: Card | None = None
    recovering: bool = False
    epoch: str = ""
    done_intents: tuple[str, ...] = ()
    not_created: bool = False

    @property
    def task_id(self) -> str:
        return self.lease.task_id

    @property
    def planner_id(self) -> str | None:
        """The card of this task; None when it has none."""
        return None

    @property
    def plan_id(self) -> str:
        """The plan that this task is about."""
        if self.card:
            return self.card.plan_id
        for intent in self.intents:
            return intent.plan_id
        wanted: Any = self.readable.fields.get("planId") if self.readable else None
        return wanted or self.policy.default_plan_id

    @property
    def card(self) -> Card | None:
        """The card, if it was read and is there."""
        return self.view.card if isinstance(self.view, (Listed, Fresh)) else None

    @property
    def readable(self) -> Document | None:
        """The document, if it is there and was not refused."""
        return self.document if isinstance(self.document, Document) else None

    @property
    def document_fields(self) -> Collection[str]:
        """The fields that the document has, by the contract's names."""
        return self.readable.fields if self.readable else ()

    @property
    def rev(self) -> int:
        """The revision that the document carries; none counts as 0."""
        return (self.readable.rev or 0) if self.readable else 0

    @property
    def restoring(self) -> bool:
        """Has an operator asked for what is missing?"""
        return self.lease.reason == "restore"

    @property
    def deleted_card(self) -> DeletedCard | None:
        """The card of this task that was deleted."""
        return self.stored.deleted_card

    def with_state(self, state: SyncState) -> "Mapped[NamesT]":
        """The same task, now with this state."""
        return Mapped(**_facts(self), state=state)


@dataclass(frozen=True, kw_only=True)
class Mapped(Facts[NamesT]):
    """A task that has a card.

    `written` are the intents of requests that were answered; they end once the card that came back
    is merged.
    """

    state: SyncState
    written: tuple[str, ...] = ()

    @property
    def planner_id(self) -> str:
        return self.state.planner_id

    @property
    def plan_id(self) -> str:
        return self.state.plan_id

    @property
    def task_etag(self) -> str:
        return self.card.etag if self.card else self.state.etag

    @property
    def details_etag(self) -> str:
        """Empty while the details were never read."""
        read = self.card.details_etag if self.card else None
        return read or self.state.details_etag

    @property
    def card_atoms(self) -> Mapping[str, Value]:
        """The card as far as it was read, the rest as both sides last agreed."""
        if self.card is None:
            return self.state.base
        if self.card.details_etag is not None:
            return self.card.atoms
        details = {atom: value for atom, value in self.state.base.items() if is_of_details(atom)}
        return {**details, **self.card.atoms}

    def with_state(self, state: SyncState) -> "Mapped[NamesT]":
        return replace(self, state=state)


@dataclass(frozen=True, kw_only=True)
class Cardless(Facts[NamesT]):
    """A task that has no card: `Unmapped` or `Missing`.

    `owner` is the answer to `AskOwner`. `dropped`: an earlier create turned out to have made no
    card.
    """

    create_candidates: CreateCandidates | None = None
    owner: CardOwner | None = None
    dropped: bool = False


@dataclass(frozen=True, kw_only=True)
class Unmapped(Cardless[NamesT]):
    """A document, or a refused one, that has no card."""

    document: Document | Refusal


@dataclass(frozen=True, kw_only=True)
class Missing(Cardless[NamesT]):
    """Neither a document nor a card on record: a new card of a person's, or nothing at all."""

    document: None = None


AnyFacts = Facts[MaybeNames]
Observation = Mapped[MaybeNames] | Unmapped[MaybeNames] | Missing[MaybeNames]


def observed(
    facts: AnyFacts,
    state: SyncState | None = None,
    create_candidates: CreateCandidates | None = None,
) -> Observation:
    """These facts as the kind that they are of."""
    if state:
        return facts.with_state(state)
    if facts.document is None:
        return Missing(**_facts(facts), create_candidates=create_candidates)
    return Unmapped(**_facts(facts), create_candidates=create_candidates)


@overload
def named(seen: Mapped[MaybeNames]) -> TypeGuard[Mapped[Names]]: ...
@overload
def named(seen: Unmapped[MaybeNames]) -> TypeGuard[Unmapped[Names]]: ...
@overload
def named(seen: Missing[MaybeNames]) -> TypeGuard[Missing[Names]]: ...
@overload
def named(seen: Cardless[MaybeNames]) -> TypeGuard[Cardless[Names]]: ...
def named(seen: AnyFacts) -> bool:
    """Were the names of the plan read?"""
    return seen.names is not None


def _facts(seen: AnyFacts) -> dict[str, Any]:
    return {each.name: getattr(seen, each.name) for each in fields(Facts)}
