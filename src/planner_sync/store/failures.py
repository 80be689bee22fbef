"""Refusals on record, and tasks that are looked at again on an operator's wish."""

from collections.abc import Iterable
from dataclasses import dataclass

from planner_sync.store.pending import Pending
from planner_sync.store.task_repository import TaskRepository

# What another look cannot change, and what can.
FINAL = {
    "bad_id": "write the document under another id, and delete this one",
    "held": "end the hold: planner-sync hold release, or hold restore",
}


@dataclass(frozen=True)
class Failure:
    """Why a task is not in step. `at` is the server's time (ms); `retrying`: it is tried again by
    itself."""

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
        """What to do instead of a retry; empty where one may help."""
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
        """Reason at these tasks at once, also at those that were parked; the record ends when a
        look ends well."""
        await self.pending.free(task_ids)
