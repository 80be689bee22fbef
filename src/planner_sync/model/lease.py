"""A lease, as a value."""

from dataclasses import dataclass, replace
from typing import Literal

Announced = Literal["", "created", "deleted"]


Reason = Literal["", "recheck", "confirmed_missing", "restore"]


@dataclass(frozen=True)
class TaskLease:
    """The right to one task for `TASK_LEASE_MS`, and what was known when it was given.

    `generation` shows at the settle whether the task has changed since, `announced` is what a
    message announced of the task, `reason` why it is reconciled, `now` the server's time (ms) and
    `due` the time from which the task was due.
    """

    task_id: str
    token: str
    generation: str
    attempts: int
    announced: Announced
    reason: Reason
    now: int
    due: int

    def to_recheck(self) -> "TaskLease":
        """The same lease for a reconciliation that reads the card; the reason `restore` stays."""
        return self if self.reason == "restore" else replace(self, reason="recheck")


@dataclass(frozen=True)
class Batch:
    """The answer to one lease: `pause_ms` until Graph may be called, `next_ms` until something is
    due (-1: nothing)."""

    now: int
    pause_ms: int
    next_ms: int
    leases: tuple[TaskLease, ...]
    parked: tuple[TaskLease, ...]
