"""Refusals on record, and tasks that an operator wants reconciled again."""

from collections.abc import Iterable
from dataclasses import dataclass

from planner_sync.store.pending import Pending
from planner_sync.store.task_repository import TaskRepository

# Refusals that a retry cannot change, and what to do instead.
FINAL = {
    "bad_id": "write the document under another id, and delete this one",
    "held": "end the hold: planner-sync hold release, or hold restore",
}


@dataclass(frozen=True)
class Failure:
    """Why a task is out of sync. `at` is the server's time (ms); `retrying`: the service tries it
    again by itself."""

    task_id: str
    code: str
    reason: str
    retrying: bool
    at: int

    @property
    def may_be_retried(self) -> bool:
        return self.code not in FINAL

    @property
    def remedy(self) -> str:
        """What to do instead of a retry; empty when a retry may help."""
        return FINAL.get(self.code, "")


@dataclass
class Failures:
    """The refusals of one namespace."""

    repository: TaskRepository
    pending: Pending

    async def all(self) -> list[Failure]:
        """Every refusal, the latest first."""
        found = (await self.repository.refusals()).items()
        failures = [
            Failure(task_id, refused.code, refused.reason, refused.retrying, refused.at)
            for task_id, refused in found
        ]
        return sorted(failures, key=lambda failure: (-failure.at, failure.task_id))

    async def retry(self, task_ids: Iterable[str]) -> None:
        """Make these tasks due now, also parked ones. The record ends when a reconciliation
        succeeds."""
        await self.pending.free(task_ids)
