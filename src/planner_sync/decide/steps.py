"""The steps that a decision can ask for: one frozen value each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from planner_sync.model.orders import Bury, End
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

Changes = Mapping[str, Value | None]
# Atoms, each with the message that is owed once it is written.
UnsentMessages = tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class ReadNames:
    """Read the bucket and label names of the plan; `fresh`: from Planner, not from memory."""

    fresh: bool = False


@dataclass(frozen=True)
class ReadCard:
    """GET task and details."""

    planner_id: str


@dataclass(frozen=True)
class ReadDetails:
    """GET the details of a card whose task is known."""

    planner_id: str


@dataclass(frozen=True)
class AskOwner:
    """Find out which task has this card."""

    planner_id: str


@dataclass(frozen=True)
class FindPeople:
    """Look up user ids and e-mail addresses."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class MakeName:
    """Make a bucket, or name a free label."""

    kind: Literal["bucket", "label"]
    name: str


@dataclass(frozen=True)
class CreateCard:
    """POST a task."""

    plan_id: str
    atoms: Mapping[str, Value]


@dataclass(frozen=True)
class DropIntent:
    """The create of this intent made no card: delete the intent."""

    nonce: str
    plan_id: str


@dataclass(frozen=True)
class TakeCard:
    """Give this task a card that exists, with this state."""

    state: SyncState


@dataclass(frozen=True)
class CloseIntents:
    """The fresh card has told what of the open intents was written: go on with this state."""

    state: SyncState


@dataclass(frozen=True)
class PatchTask:
    """PATCH the task.

    `unsent_messages` are the conflicts that these changes decide against a person.
    """

    changes: Changes
    unsent_messages: UnsentMessages = ()


@dataclass(frozen=True)
class PatchDetails:
    """PATCH the details; `unsent_messages` as above."""

    changes: Changes
    unsent_messages: UnsentMessages = ()


@dataclass(frozen=True)
class DeleteCard:
    """DELETE the task, unless deletes are held."""

    planner_id: str


@dataclass(frozen=True)
class BuryCard:
    """End with this order, which deletes the document of a card that is gone, unless deletes are
    held."""

    order: Bury


@dataclass(frozen=True)
class Finish:
    """End with this order."""

    order: End


# What reads, what changes something, and what ends the reconciliation.
Question = ReadNames | ReadCard | ReadDetails | AskOwner | FindPeople
Change = (
    MakeName
    | CreateCard
    | DropIntent
    | TakeCard
    | CloseIntents
    | PatchTask
    | PatchDetails
    | DeleteCard
)
Ending = BuryCard | Finish
Step = Question | Change | Ending
