"""What a pass over a plan can ask for, as values. `sync/plan/visitor.py` carries them out."""

from collections.abc import Mapping
from dataclasses import dataclass

from planner_sync.decide.observation import CreateCandidates
from planner_sync.model.card import Card


@dataclass(frozen=True)
class Reconcile:
    """Reconcile a task with its card, which changed or was moved."""

    task_id: str
    card: Card

    @property
    def about(self) -> str:
        return self.card.id


@dataclass(frozen=True)
class Bury:
    """The card of a task is gone. `was_listed`: an earlier listing showed it."""

    task_id: str
    about: str
    was_listed: bool


@dataclass(frozen=True)
class ResolveCreate:
    """Reconcile a task whose create intent is open with the cards that may be its own."""

    task_id: str
    candidates: CreateCandidates

    @property
    def about(self) -> str:
        return self.task_id


@dataclass(frozen=True)
class PlaceOrphan:
    """Give an orphan to the task that it was made for."""

    task_id: str
    card: Card

    @property
    def about(self) -> str:
        return self.card.id


@dataclass(frozen=True)
class DeleteOrphan:
    """Delete an orphan that no person has changed: its task has another card."""

    card: Card

    @property
    def about(self) -> str:
        return self.card.id


@dataclass(frozen=True)
class ForgetOrphan:
    """Take an orphan off the record: its card is gone, or is an ordinary card now."""

    about: str


@dataclass(frozen=True)
class Adopt:
    """Give a card to the document that names it, or that it names."""

    task_id: str
    card: Card

    @property
    def about(self) -> str:
        return self.card.id


@dataclass(frozen=True)
class TryLikely:
    """Give a card to a document of the same title, if everything in the document is on the card."""

    task_id: str
    card: Card

    @property
    def about(self) -> str:
        return self.card.id


@dataclass(frozen=True)
class TakeRecreated:
    """Give a card to a document of the same title whose own card is gone."""

    task_id: str
    card: Card

    @property
    def about(self) -> str:
        return self.card.id


@dataclass(frozen=True)
class Import:
    """Make a document for a card."""

    task_id: str
    card: Card

    @property
    def about(self) -> str:
        return self.card.id


@dataclass(frozen=True)
class Restore:
    """Bring back a document that is lost while its card is known."""

    task_id: str

    @property
    def about(self) -> str:
        return self.task_id


@dataclass(frozen=True)
class AnnounceNames:
    """Buckets or labels were renamed: reconcile these tasks, then record the names (JSON)."""

    names: str
    task_ids: tuple[str, ...]
    about: str = "names"


@dataclass(frozen=True)
class CountUnmapped:
    """Record how many passes have seen each of these cards without a task."""

    passes: Mapping[str, int]
    about: str = "unmapped passes"


Visit = (
    Reconcile
    | Bury
    | ResolveCreate
    | PlaceOrphan
    | DeleteOrphan
    | ForgetOrphan
    | Adopt
    | TryLikely
    | TakeRecreated
    | Import
    | Restore
    | AnnounceNames
    | CountUnmapped
)
