"""What agents hear on `tasks:updates` and `tasks:sync`, as values. Anyone may publish there, so
nothing is taken on trust.

Heard
├── Subscribed   messages are heard from here on; earlier ones may have been missed
├── Change       a document was created, updated or deleted (updates)
├── Uploaded     a create or an update has reached Planner (sync)
├── Deleted      a delete has reached the other side (sync)
├── Conflict     both sides changed a field (sync)
└── Failed       a document was refused, or given up on (sync)
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from planner_sync.errors import Code
from planner_sync.model import messages
from planner_sync.model.messages import Action

Side = Literal["planner", "agents"]


class Subscribed(BaseModel, frozen=True):
    """The subscription stands, for the first time or again: read the documents that matter to
    you."""


class Change(BaseModel, frozen=True):
    """A document changed. `source` is an agent's name or "planner"; only the service fills
    `changed` and `task`.

    `task` is the document as the sender gives it; only the key counts.
    """

    action: Action
    task_id: str
    source: str | None = None
    task: dict[str, Any] | None = None
    changed: tuple[str, ...] = ()
    timestamp: str | None = None


class _Confirmation(
    BaseModel, frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
):
    redis_id: str
    planner_id: str | None = None
    timestamp: str


class Uploaded(_Confirmation, frozen=True):
    """A create or an update has reached Planner; `fields` by the contract's names."""

    action: Literal["uploaded"]
    created: bool
    fields: tuple[str, ...]


class Deleted(_Confirmation, frozen=True):
    """A delete has reached the other side; `by` is where it came from."""

    action: Literal["deleted"]
    by: Literal["agent", "planner"]


class Conflict(_Confirmation, frozen=True):
    """Both sides changed `field`; `kept` and `lost` are its values as they stand in a document."""

    action: Literal["conflict"]
    field: str
    kept: Any
    lost: Any
    winner: Side


class Failed(_Confirmation, frozen=True):
    """Refused, or given up on; `retrying`: the service will try it again by itself."""

    action: Literal["failed"]
    reason: str
    code: Code
    retrying: bool


Confirmation = Uploaded | Deleted | Conflict | Failed
Heard = Subscribed | Change | Confirmation

_CONFIRMATION: TypeAdapter[Confirmation] = TypeAdapter(
    Annotated[Confirmation, Field(discriminator="action")]
)


def read_confirmation(data: bytes | str) -> Confirmation | None:
    """A message of the service on `tasks:sync`; None for anything else."""
    body = messages.read_confirmation(data)
    try:
        return None if body is None else _CONFIRMATION.validate_python(body)
    except ValidationError:
        return None


def read_change(data: bytes | str) -> Change | None:
    """A message on `tasks:updates`, in any of the contract's forms; None for anything else."""
    update = messages.read_update(data)
    if update is None:
        return None
    return Change(
        action=update.action,
        task_id=update.task_id,
        source=update.source,
        task=None if update.task is None else dict(update.task),
        changed=update.changed,
        timestamp=update.timestamp,
    )
