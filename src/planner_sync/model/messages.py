"""Messages on `tasks:updates` and `tasks:sync`: the only place that writes and reads their JSON.
Pure.

Anyone may publish on both channels, so reading trusts nothing: a message that cannot be understood
is None, and a task inside a message never counts over its key.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from planner_sync.errors import Code

Action = Literal["created", "updated", "deleted"]
Channel = Literal["sync", "updates"]
Body = dict[str, Any]

MESSAGE_MAX_BYTES = 2 * 1024 * 1024
MARK_MAX = 100  # characters; a longer one is not our mark
SERVICE = "planner"  # `source` of what the service publishes on `tasks:updates`
CONFIRMATIONS = ("uploaded", "deleted", "conflict", "failed")

_ID_NAMES = ("taskId", "task_id", "id")
_ACTIONS: Mapping[Any, Action] = {"created": "created", "deleted": "deleted"}
_NOT_IN_BARE_ID = re.compile(r'[\s{}\[\]"]')
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Update:
    """A message on `tasks:updates`: this task has changed.

    `mark` names the write that published the message and has enqueued the task itself; it is empty
    for a plain PUBLISH. `by_service` is true for an echo of the service's own message.
    """

    task_id: str
    action: Action
    source: str | None = None
    mark: str = ""
    task: Mapping[str, Any] | None = None
    changed: tuple[str, ...] = ()
    timestamp: str | None = None

    @property
    def by_service(self) -> bool:
        return self.source == SERVICE and self.timestamp is not None


# -- writing ---------------------------------------------------------------------------------------
def stamp(ms: int) -> str:
    """The server's time as messages carry it: UTC ISO 8601 with Z."""
    at = datetime.fromtimestamp(ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def agent_update(action: Action, task_id: str, source: str, mark: str) -> Body:
    """`tasks:updates`: a client of ours has written or deleted this document."""
    return {"action": action, "taskId": task_id, "source": source, "mark": mark}


def person_update(
    action: Action, task_id: str, at: int, task: Mapping[str, Any], changed: Iterable[str]
) -> Body:
    """`tasks:updates`: a person changed these fields; `task` is the whole document now."""
    body: Body = {"action": action, "taskId": task_id, "task": task, "changed": list(changed)}
    return {**body, "source": SERVICE, "timestamp": stamp(at)}


def person_delete(task_id: str, at: int) -> Body:
    """`tasks:updates`: a person deleted the card, so the document is gone."""
    return {"action": "deleted", "taskId": task_id, "source": SERVICE, "timestamp": stamp(at)}


def uploaded(
    task_id: str, planner_id: str, at: int, *, created: bool, fields: Iterable[str]
) -> Body:
    """`tasks:sync`: a create or an update has reached Planner."""
    body = _confirmation("uploaded", task_id, planner_id, at)
    return {**body, "created": created, "fields": list(fields)}


def deleted(task_id: str, planner_id: str, at: int, *, by: Literal["agent", "planner"]) -> Body:
    """`tasks:sync`: a delete has reached the other side; `by` is where it came from."""
    return {**_confirmation("deleted", task_id, planner_id, at), "by": by}


def conflict(
    task_id: str, planner_id: str, at: int, *, field: str, kept: Any, lost: Any, winner: str
) -> Body:
    """`tasks:sync`: both sides changed `field`."""
    body = _confirmation("conflict", task_id, planner_id, at)
    return {**body, "field": field, "kept": kept, "lost": lost, "winner": winner}


def failed(
    task_id: str, planner_id: str | None, at: int, *, reason: str, code: Code, retrying: bool
) -> Body:
    """`tasks:sync`: refused, or not possible now."""
    body = _confirmation("failed", task_id, planner_id, at)
    return {**body, "reason": reason, "code": code, "retrying": retrying}


def _confirmation(action: str, task_id: str, planner_id: str | None, at: int) -> Body:
    return {
        "action": action,
        "redisId": task_id,
        "plannerId": planner_id,
        "timestamp": stamp(at),
    }


# -- reading ---------------------------------------------------------------------------------------
def read_update(data: bytes | str) -> Update | None:
    """A message on `tasks:updates`: an object with an id, or a bare id. None: not understood.

    The id is in `taskId`, `task_id`, `id` or `task.id`. An unknown action counts as "updated".
    """
    if len(data) > MESSAGE_MAX_BYTES:
        return None
    try:
        text = (data.decode() if isinstance(data, bytes) else data).strip()
    except UnicodeDecodeError:
        return None
    body = _json(text)
    if isinstance(body, dict):
        return _update(body)
    bare = body if isinstance(body, str) else text
    if not _can_be_an_id(bare) or _NOT_IN_BARE_ID.search(bare):
        return None
    return Update(bare, "updated")


def read_confirmation(data: bytes | str) -> Body | None:
    """A message on `tasks:sync`: an object with one of the four actions. None: not understood."""
    body = _json(data)
    if isinstance(body, dict) and body.get("action") in CONFIRMATIONS:
        return body
    return None


def _json(data: bytes | str) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _update(body: Body) -> Update | None:
    task = body.get("task")
    ids = [body.get(name) for name in _ID_NAMES]
    if isinstance(task, dict):
        ids.append(task.get("id"))
    task_id = next((found for found in ids if _can_be_an_id(found)), None)
    if task_id is None:
        return None
    action = body.get("action")
    changed = body.get("changed")
    mark = _text(body.get("mark")) or ""
    return Update(
        task_id=task_id,
        action=_ACTIONS.get(action, "updated") if isinstance(action, str) else "updated",
        source=_text(body.get("source")),
        mark=mark if len(mark) <= MARK_MAX else "",
        task=task if isinstance(task, dict) else None,
        changed=tuple(name for name in changed if isinstance(name, str))
        if isinstance(changed, list)
        else (),
        timestamp=_text(body.get("timestamp")),
    )


def _can_be_an_id(value: Any) -> bool:
    """A text that can be part of a key: JSON can hold half a character, a key cannot."""
    return isinstance(value, str) and bool(value) and not _SURROGATE.search(value)


def _text(value: Any) -> str | None:
    """A text that Redis can hold, else None."""
    return value if isinstance(value, str) and not _SURROGATE.search(value) else None
