"""Orders and what is stored, as values."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from planner_sync.model.messages import Channel

Result = Literal["settled", "moved", "overtaken", "taken"]


IntentKind = Literal["create", "update", "delete"]


WRONG_TYPE = "wrong type"


@dataclass(frozen=True)
class Intent:
    """What was about to be sent to Planner: `at` is the server's time (ms), `body` JSON of the
    engine's own."""

    nonce: str
    at: int
    body: str


@dataclass(frozen=True)
class Stored:
    """Everything that Redis holds of one task at one moment.

    `text` is the document (None: there is none); `wrong_type` says that its key holds something
    that is no string. A document over the limit is cut there, and `size` has its true length.
    `last` is the document as last settled. `public_planner_id` is what the public mapping says,
    which anybody may have written. `names_digests` has a hash of the names of each plan, as the last
    instance read them.
    """

    text: bytes | None
    wrong_type: bool = False
    size: int | None = None
    state: str | None = None
    last: bytes | None = None
    intents: tuple[Intent, ...] = ()
    refusal: str | None = None
    deleted_card: str | None = None
    public_planner_id: str | None = None
    names_digests: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Order:
    """One settle: see `lua/settle_task.lua`, whose words these are. `expected` and `new` are the
    document's bytes."""

    plan_id: str
    planner_id: str = ""
    old_plan_id: str = ""
    etags: str = ""
    state: str | None = None
    state_moved: str | None = None
    intents_done: Sequence[str] = ()
    creating_done: bool = False
    created: bool = False
    posted: str = ""
    release: bool = True
    only_same: bool = False
    epoch: str = ""
    forget: bool = False
    bury: bool = False
    keep_card: bool = False
    deleted_card: str | None = None
    trash: tuple[str, str] | None = None
    write: Literal["keep", "leave", "set", "delete"] = "keep"
    expected: bytes | None = None
    size: int | None = None
    wrong_type: bool = False
    new: bytes = b""
    due_ms: int = -1
    keep_announced: bool = False
    keep_reason: bool = False
    uncounted: bool = False
    refusal: str | None = ""
    messages: list[tuple[Channel, str]] = field(default_factory=list)
    document_messages: list[tuple[Channel, str]] = field(default_factory=list)


def document_hash(text: bytes, size: int | None = None) -> str:
    """What the sweep compares: 16 hexadecimal digits, and the true length of a document that was
    cut."""
    digest = hashlib.blake2b(text, digest_size=8).hexdigest()
    return digest if size is None else f"{digest} {size}"
