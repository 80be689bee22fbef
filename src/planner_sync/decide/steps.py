"""What a decision can ask for: one small frozen value for each thing to do. Printed, counted and
tested as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from planner_sync.model.orders import Bury, End
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

Changes = Mapping[str, Value | None]
UnsentMessages = tuple[
    tuple[str, Mapping[str, Any]], ...
]  # atoms, each with the message that is owed once it is written


@dataclass(frozen=True)
class ReadNames:
    """Read bucket and label names of the task's plan; `fresh`: from Planner, whatever is
    remembered."""

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
    """Find out who has this card."""

    planner_id: str


@dataclass(frozen=True)
class FindPeople:
    """Look up user ids and e-mail addresses."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class MakeName:
    """Make a bucket, or give a name to a free label."""

    kind: Literal["bucket", "label"]
    name: str


@dataclass(frozen=True)
class CreateCard:
    """POST a task."""

    plan_id: str
    atoms: Mapping[str, Value]


@dataclass(frozen=True)
class DropIntent:
    """The create of this intent has made no card: let nothing wait for it any more."""

    nonce: str
    plan_id: str


@dataclass(frozen=True)
class TakeCard:
    """Make a card that exists this task's own, with this state."""

    state: SyncState


@dataclass(frozen=True)
class PatchTask:
    """PATCH the task with these changes; `unsent_messages` are the conflicts that they decide against a
    human."""

    changes: Changes
    unsent_messages: UnsentMessages = ()


@dataclass(frozen=True)
class PatchDetails:
    """PATCH the details with these changes; `unsent_messages` as above."""

    changes: Changes
    unsent_messages: UnsentMessages = ()


@dataclass(frozen=True)
class DeleteCard:
    """DELETE the task, if the brake lets it through."""

    planner_id: str


@dataclass(frozen=True)
class BuryCard:
    """Carry out a human's delete on the agents' side, if the brake lets it through."""

    order: Bury


@dataclass(frozen=True)
class Finish:
    """The look ends with this order."""

    order: End


Step = (
    ReadNames
    | ReadCard
    | ReadDetails
    | AskOwner
    | FindPeople
    | MakeName
    | CreateCard
    | DropIntent
    | TakeCard
    | PatchTask
    | PatchDetails
    | DeleteCard
    | BuryCard
    | Finish
)
