"""Everything that can go wrong, one class for each thing that the caller does next.

PlannerSyncError
├── SettingsError            settings are missing or wrong: print every line, stop
├── Refusal                  the document cannot be done as it stands: report it, leave the document alone
├── TaskExists               `create` found a document under this id
├── TaskMissing              there is no document under this id
└── GraphError               Planner did not do what was asked
    ├── NotSent              the request never reached Graph: send it again
    ├── Throttled            429: nothing was done; wait `retry_after` seconds
    ├── AnswerLost           it may have happened, or not: read before writing again
    ├── CardChanged          409 or 412: read the card, decide again
    ├── NotFound             404
    ├── NotYet               what was just made does not show yet: look again in a moment
    ├── Forbidden            403: no right, or no such item
    ├── LimitReached         403 with one of Planner's limits
    ├── Unauthorized         no token, or 401 with a fresh one
    └── Rejected             Planner will never accept this request as it is
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
    """Settings are missing or wrong; `lines` has one line for each mistake, none with a secret in
    it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Refusal(PlannerSyncError):
    """A document, or a request made for it, cannot be done as it stands.

    `reason` is a sentence for people that names the field, the value and the limit; `code` is for
    programs; `field` has the contract's name of the field, or None.
    """

    def __init__(self, code: Code, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.code: Code = code
        self.reason = reason
        self.field = field


class TaskExists(PlannerSyncError):
    """There is a document under this id already."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id}: exists already")
        self.task_id = task_id


class TaskMissing(PlannerSyncError):
    """There is no document under this id."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id}: there is no such task")
        self.task_id = task_id


class GraphError(PlannerSyncError):
    """Planner did not do what was asked.

    `status` is the HTTP status (None: no answer), `code` is Graph's error code (often empty),
    `request_id` is what Microsoft's support asks for, `cause` is one of causes.py where it is
    known. None of them, nor the message, holds a token.
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
    """The request provably never reached Graph (no connection): send it again."""


class Throttled(GraphError):
    """429, nothing was done: wait `retry_after` seconds."""


class AnswerLost(GraphError):
    """It may have happened, or not (timeout, reset, 5xx, unreadable answer): read before writing
    again."""


class CardChanged(GraphError):
    """409 or 412: the etag is too old. Read the card, decide again."""


class NotFound(GraphError):
    """404: Planner has no such item (any more)."""


class NotYet(GraphError):
    """Planner does not show yet what was just made, or another instance is making it: look again in
    a moment."""


class Forbidden(GraphError):
    """403: no right to the item, or no such item; Planner does not tell the two apart."""


class LimitReached(GraphError):
    """403 with one of Planner's limits; `code` has its name, such as
    MaximumActiveTasksInProject."""


class Unauthorized(GraphError):
    """There is no token, or 401 even with a fresh one."""


class Rejected(GraphError):
    """400, 405 and the like: Planner will never accept this request as it is."""
