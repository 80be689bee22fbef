"""Every error of the package: one class for each thing that a caller does next.

PlannerSyncError
├── SettingsError            settings are missing or wrong: print every line, stop
├── Refusal                  the document cannot be synced as it is: report it, do not change it
├── TaskExists               a document with this id exists
├── TaskMissing              no document has this id
└── GraphError               Planner did not do what was asked
    ├── NotSent              the request never reached Graph: send it again
    ├── Throttled            429: nothing was done; wait `retry_after` seconds
    ├── AnswerLost           it may have been done or not: read before writing again
    ├── CardChanged          409 or 412: read the card, decide again
    ├── NotFound             404
    ├── NotYet               a new item is not visible yet: try again shortly
    ├── Forbidden            403: no permission, or no such item
    ├── LimitReached         403 with one of Planner's limits
    ├── Unauthorized         no token, or 401 with a fresh one
    └── Rejected             Planner will never accept this request
"""

from typing import Literal, get_args

Code = Literal[
    "bad_id",
    "not_json",
    "bad_field",
    "limit",
    "unknown_plan",
    "plan_changed",
    "unknown_person",
    "unknown_bucket",
    "no_free_label",
    "stale_copy",
    "refused_by_planner",
    "unauthorized",
    "unreachable",
    "held",
    "internal",
]
CODES: tuple[Code, ...] = get_args(Code)


class PlannerSyncError(Exception):
    """The root of the tree above."""


class SettingsError(PlannerSyncError):
    """Settings are missing or wrong. `lines`: one for each mistake, without secrets."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Refusal(PlannerSyncError):
    """A document, or a request that it led to, cannot be carried out as it is.

    `reason` tells people the field, the value and the limit. `code` is for programs. `field` is the
    camelCase name of the field, or None.
    """

    def __init__(self, code: Code, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.code: Code = code
        self.reason = reason
        self.field = field


class TaskExists(PlannerSyncError):
    """A document with this id exists."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id}: already exists")
        self.task_id = task_id


class TaskMissing(PlannerSyncError):
    """No document has this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id}: does not exist")
        self.task_id = task_id


class GraphError(PlannerSyncError):
    """Planner did not do what was asked.

    `status` is the HTTP status, None without an answer. `code` is Graph's error code, often empty.
    `cause` is one of identity/causes.py, if known. Microsoft's support asks for `request_id`.
    `retry_after` is in seconds. Neither these nor the message hold a token.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        cause: str = "",
        request_id: str = "",
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.cause = cause
        self.request_id = request_id
        self.retry_after = retry_after


class NotSent(GraphError):
    """The request never reached Graph (no connection): send it again."""


class Throttled(GraphError):
    """429, nothing was done: wait `retry_after` seconds."""


class AnswerLost(GraphError):
    """Timeout, reset, 5xx or unreadable answer: it may have been done or not. Read, then write."""


class CardChanged(GraphError):
    """409 or 412: the etag is too old. Read the card, decide again."""


class NotFound(GraphError):
    """404: Planner has no such item, or no longer."""


class NotYet(GraphError):
    """A new item is not visible yet, or another instance is creating it: try again shortly."""


class Forbidden(GraphError):
    """403: no permission for the item, or no such item; Planner does not distinguish them."""


class LimitReached(GraphError):
    """403 for one of Planner's limits, named in `code`: MaximumActiveTasksInProject."""


class Unauthorized(GraphError):
    """No token, or 401 even with a new one."""


class Rejected(GraphError):
    """400, 405 and the like: Planner will never accept this request."""
