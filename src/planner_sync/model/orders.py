"""Orders and what is stored, as values."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from planner_sync.model.messages import Channel
from planner_sync.model.records import DeletedCard, Orphan, Refused, TrashEntry
from planner_sync.model.state import SyncState

Result = Literal["settled", "moved", "overtaken", "taken"]


IntentKind = Literal["create", "update", "delete"]


WRONG_TYPE = "wrong type"

Messages = tuple[tuple[Channel, str], ...]


# Counts for people only. docs/operations.md explains each.
Counter = Literal["created", "patched", "deleted", "messages ignored"]


@dataclass(frozen=True)
class Intent:
    """What was about to be sent to Planner: `at` is the server's time (ms), `body` JSON of the
    engine's own."""

    nonce: str
    at: int
    body: str


@dataclass(frozen=True)
class DocumentSeen:
    """A document as a reconciliation has read it: `text` is None where there is none.

    `wrong_type`: its key holds something that is no string. A document over the limit is cut there,
    and `size` has its true length (bytes).
    """

    text: bytes | None
    size: int | None = None
    wrong_type: bool = False

    @property
    def is_cut(self) -> bool:
        return self.size is not None

    @property
    def hash(self) -> str:
        """By which the sweep knows it; nothing where there is none."""
        if self.wrong_type:
            return WRONG_TYPE
        return "" if self.text is None else document_hash(self.text, self.size)


@dataclass(frozen=True)
class Stored:
    """Everything that Redis holds of one task at one moment.

    `last` is the document as last settled. `public_planner_id` is from the public mapping,
    which others may write too. `names_digests` has a hash of the names of each plan, as the
    last instance read them.
    """

    document: DocumentSeen
    state: str | None = None
    last: bytes | None = None
    intents: tuple[Intent, ...] = ()
    refusal: Refused | None = None
    deleted_card: DeletedCard | None = None
    public_planner_id: str | None = None
    names_digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> bytes | None:
        return self.document.text


# -- orders ----------------------------------------------------------------------------------------
# The headers of the scripts describe what they do with each. Every order has the whole `document`
# as it was seen: without a part of it, the script's comparison would always fail.
@dataclass(frozen=True)
class LinkedCard:
    """A card that is the task's, and what is known of it: `etags` and `state` (JSON) as Planner has
    just told them. `old_plan_id` is where it was before."""

    planner_id: str
    etags: str
    state: str
    old_plan_id: str = ""

    @classmethod
    def of(cls, state: SyncState, old_plan_id: str = "") -> "LinkedCard":
        """The card of this state."""
        return cls(state.planner_id, state.etags, state.dump(), old_plan_id)


@dataclass(frozen=True)
class Record:
    """In the middle of a reconciliation: keep what Planner has returned. No create is open any
    more.

    `posted` is for a card that was made just now, should the task not be allowed to have it.
    `counted` is a change that has reached Planner.
    """

    plan_id: str
    document: DocumentSeen
    card: LinkedCard | None = None
    intents_done: tuple[str, ...] = ()
    posted: Orphan | None = None
    epoch: str = ""
    counted: Counter | Literal[""] = ""


@dataclass(frozen=True)
class Settle:
    """The end: both sides hold the same. `new` is the document's text, None if it is right already;
    `state_moved` is the state to store if the document has changed."""

    plan_id: str
    document: DocumentSeen
    card: LinkedCard
    state_moved: str = ""
    intents_done: tuple[str, ...] = ()
    epoch: str = ""
    new: bytes | None = None
    messages: Messages = ()
    document_messages: Messages = ()


@dataclass(frozen=True)
class Postpone:
    """The end for now: the document stays as it is, and is reconciled again after `due_ms` (-1:
    when something happens). `unfinished`: for the same reason. `refusal` None leaves what is on
    record. `not_created`: a create was sent and has made no card.
    """

    plan_id: str
    document: DocumentSeen
    card: LinkedCard | None = None
    intents_done: tuple[str, ...] = ()
    not_created: bool = False
    due_ms: int = -1
    unfinished: bool = False
    refusal: Refused | None = None
    messages: Messages = ()


@dataclass(frozen=True)
class Bury:
    """The end of a card: the task is forgotten. `new` is the text that remains as a new task's,
    None where the document stays, empty where it goes.

    `deleted_card` None unlinks a card that still exists. `trash` is for what is gone for good.
    `only_same`: not if the document has changed.
    """

    plan_id: str
    document: DocumentSeen
    planner_id: str
    deleted_card: DeletedCard | None = None
    trash: TrashEntry | None = None
    only_same: bool = False
    new: bytes | None = None
    messages: Messages = ()
    document_messages: Messages = ()


@dataclass(frozen=True)
class Forget:
    """There is neither document nor card."""

    plan_id: str
    document: DocumentSeen


End = Settle | Postpone | Bury | Forget
Order = Record | End


def members(order: Order) -> dict[str, Any]:
    """The fields of an order for its script: records as JSON of their own, no bytes, and nothing
    for what is not there."""
    return _members(order)


def _members(value: Order | DocumentSeen | LinkedCard) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields(value):
        match getattr(value, each.name):
            case None | "" | bytes():
                continue
            case DocumentSeen() | LinkedCard() as part:
                found[each.name] = _members(part)
            case Refused() | DeletedCard() | Orphan() | TrashEntry() as record:
                found[each.name] = record.dump()
            case plain:
                found[each.name] = plain
    return found


def document_hash(text: bytes, size: int | None = None) -> str:
    """What the sweep compares: 16 hexadecimal digits, and the true length of a document that was
    cut."""
    digest = hashlib.blake2b(text, digest_size=8).hexdigest()
    return digest if size is None else f"{digest} {size}"
