"""Documents under an id that is not allowed: never synced, reported once, forgotten when they are
gone."""

from collections.abc import Collection

from planner_sync.decide.notices import failure
from planner_sync.errors import Refusal
from planner_sync.store.plan_state import PlanState
from planner_sync.store.task_repository import TaskRepository


class BadIds:
    """Keeps the record of one namespace."""

    def __init__(self, repository: TaskRepository, plans: PlanState) -> None:
        self._repository = repository
        self._plans = plans

    async def report(self, task_id: str, refusal: Refusal, *, swept: bool = False) -> None:
        """Report once that the document under this id is not synced; nothing when there is none.

        `swept`: it was seen. A key that is not UTF-8 cannot be found again by the id that is
        shown for it.
        """
        digest = await self._repository.digest(task_id)
        if (digest is None and not swept) or task_id in await self._repository.refusals():
            return
        now = (await self._plans.server_clock()).now
        record, message = failure(task_id, now, refusal.code, refusal.reason, retrying=False)
        await self._repository.report(task_id, record, digest or "", message)

    async def withdraw_missing(self, present: Collection[str]) -> None:
        """Forget those whose document is gone."""
        known = await self._repository.refusals()
        bad = [task_id for task_id, refused in known.items() if refused.code == "bad_id"]
        await self._repository.withdraw([task_id for task_id in bad if task_id not in present])
