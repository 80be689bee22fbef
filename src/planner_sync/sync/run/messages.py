"""What agents say on `tasks:updates`: which task, and whether it was created or deleted. Pure;
never trusts the rest.

Understood are `{"action", "taskId"}`, also `task_id`, `id`, or the id inside `"task"`, and a bare
id.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from planner_sync.model.lease import Announced

ID_NAMES = ("taskId", "task_id", "id")
MESSAGE_MAX_BYTES = 2 * 1024 * 1024
NO_BARE_ID = re.compile(r'[\s{}\[\]"]')
SURROGATE = re.compile("[\ud800-\udfff]")
WORDS: dict[Any, Announced] = {"created": "created", "deleted": "deleted"}


@dataclass(frozen=True)
class Hint:
    """A task that somebody says has changed."""

    task_id: str
    announced: Announced


def read_message(data: bytes) -> Hint | Literal["own"] | None:
    """The hint in a message; "own" for what the service said itself, None for what cannot be
    understood."""
    if len(data) > MESSAGE_MAX_BYTES:
        return None
    try:
        text = data.decode("utf-8").strip()
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return "own" if _is_own(body) else _from_object(body)
    bare = body if isinstance(body, str) else _decoded(data)
    return Hint(bare, "") if _can_be_an_id(bare) and not NO_BARE_ID.search(bare) else None


def _is_own(body: dict[str, Any]) -> bool:
    """Did the service say this? Its own echo is no news."""
    return body.get("source") == "planner" and "timestamp" in body


def _from_object(body: dict[str, Any]) -> Hint | None:
    task = body.get("task")
    found = [body.get(name) for name in ID_NAMES] + (
        [task.get("id")] if isinstance(task, dict) else []
    )
    for task_id in found:
        if isinstance(task_id, str) and _can_be_an_id(task_id):
            action = body.get("action")
            return Hint(task_id, WORDS.get(action, "") if isinstance(action, str) else "")
    return None


def _can_be_an_id(text: str) -> bool:
    """JSON can say half a character (`"\\ud800"`), but no key can hold it."""
    return bool(text) and not SURROGATE.search(text)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError:
        return ""
