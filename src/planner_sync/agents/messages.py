"""What is said on `tasks:updates` and `tasks:sync`, as values. Anybody may write there, so nothing
is taken on trust.

Heard
├── Subscribed   from here on messages are heard; what was said before may have been missed
├── Change       a document was created, updated or deleted (updates)
├── Uploaded     a create or an update has reached Planner (sync)
├── Deleted      a delete has reached the other side (sync)
├── Conflict     both sides changed a field (sync)
└── Failed       a document was refused, or given up on (sync)
"""

import json
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from planner_sync.errors import Code
from planner_sync.model.task import TASK_ID

Side = Literal["planner", "agents"]


class Subscribed(BaseModel, frozen=True):
    """The subscription stands, for the first time or again: read the documents that matter to
    you."""


class Change(BaseModel, frozen=True, validate_by_name=True, validate_by_alias=True):
    """A document changed. `source` is an agent's name or "planner"; only the service fills
    `changed` and `task`.

    `task` is what the speaker says the document is; the key is the truth.
    """

    action: Annotated[
        Literal["created", "updated", "deleted"], BeforeValidator(lambda said: _action(said))
    ]
    task_id: Annotated[
        str,
        Field(
            validation_alias=AliasChoices("taskId", "task_id", "id", AliasPath("task", "id")),
            min_length=1,
        ),
    ]
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
    """Refused, or given up on; `retrying` says that it will be tried again without anybody's
    doing."""

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
    """What the service said on `tasks:sync`; None for what it cannot have said."""
    try:
        return _CONFIRMATION.validate_json(data)
    except ValidationError:
        return None


def read_change(data: bytes | str) -> Change | None:
    """What was said on `tasks:updates`, in any of the contract's forms, a bare id too; None for
    anything else."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    if isinstance(body, str):
        body = {"taskId": body.strip()} if TASK_ID.fullmatch(body.strip()) else None
    try:
        return Change.model_validate(
            body if not isinstance(body, dict) else {"action": None, **body}
        )
    except ValidationError:
        return None


def _action(said: Any) -> Any:
    """Any other word means "look at it"."""
    return said if said in ("created", "deleted") else "updated"
