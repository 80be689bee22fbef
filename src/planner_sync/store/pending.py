"""Pending and leases: which tasks must be reconciled, and which worker has each.

`pending` is a set with times, so many changes of one task are one entry. A lease moves the entry's
time past its lease and carries a token that grows; only the holder of the newest token can settle.
Nothing here reads a document.
"""

import json
import uuid
from collections.abc import Iterable, Sequence

from planner_sync.model import timing
from planner_sync.model.lease import Announced, Batch, Reason, TaskLease
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts

TASK_LEASE_MS = (
    20_000  # to read and decide; renewed while the reconciliation runs, and by each intent
)
SEND_MS = timing.SENDING_MS
MAX_ATTEMPTS = 5
PARK_MS = 3_600_000


class Pending:
    """The pending set of one namespace."""

    def __init__(self, scripts: Scripts, keys: Keys, worker: str) -> None:
        self._scripts = scripts
        self._keys = keys
        self._worker = worker

    async def enqueue(
        self, task_ids: Iterable[str], *, announced: Announced = "", reason: Reason = ""
    ) -> None:
        """These tasks must be reconciled, now."""
        await self._enqueue([(task_id, "") for task_id in task_ids], announced, reason)

    async def enqueue_heard(
        self, heard: Iterable[tuple[str, str]], *, announced: Announced = ""
    ) -> None:
        """The same for tasks that messages were about: (task id, mark of the message).

        A save by our client enqueues its task itself: a message with its mark changes nothing.
        """
        await self._enqueue(list(heard), announced, "")

    async def _enqueue(
        self, marked: Sequence[tuple[str, str]], announced: Announced, reason: Reason
    ) -> None:
        if marked:
            pairs = [text for pair in marked for text in pair]
            args: list[str | bytes | int] = [uuid.uuid4().hex, announced, reason, *pairs]
            await self._scripts["enqueue_tasks"](self._keys, args)

    async def free(self, task_ids: Iterable[str]) -> None:
        """Make these tasks due now, as if none had ever been parked."""
        if ids := list(task_ids):
            await self._scripts["free_tasks"](self._keys, [uuid.uuid4().hex, *ids])

    async def lease(self, most: int, task_ids: Iterable[str] | None = None) -> Batch:
        """Take up to `most` tasks that are due; or, of the given ones, those without a lease."""
        given = list(task_ids) if task_ids is not None else []
        if task_ids is not None and not given:
            return Batch(now=0, pause_ms=0, next_ms=-1, leases=(), parked=())
        args: list[str | bytes | int] = [
            self._worker,
            uuid.uuid4().hex,
            most,
            TASK_LEASE_MS,
            MAX_ATTEMPTS,
            PARK_MS,
            *given,
        ]
        answer = json.loads(await self._scripts["lease_tasks"](self._keys, args))
        now = int(answer["now"])
        return Batch(
            now=now,
            pause_ms=int(answer["pause"]),
            next_ms=int(answer["next"]),
            leases=tuple(
                TaskLease(
                    task_id, token, generation, int(attempts), announced, reason, now, int(due)
                )
                for task_id, token, generation, attempts, announced, reason, due in answer.get(
                    "leases", ()
                )
            ),
            parked=tuple(
                TaskLease(task_id, token, "", 0, "", "", now, now)
                for task_id, token in answer.get("parked", ())
            ),
        )

    async def renew(self, lease: TaskLease) -> bool:
        """Hold the lease for another `TASK_LEASE_MS`; False when it is lost or has ended."""
        answer = await self._scripts["renew_task_lease"](
            self._keys, [lease.task_id, lease.token, TASK_LEASE_MS]
        )
        return bool(answer)

    async def extend_pause(self, ms: float) -> None:
        """Ask all instances not to call Graph for `ms` from now."""
        now, _ = await self._scripts["read_server_clock"](self._keys, [])
        await self._scripts["extend_pause"](self._keys, [int(now) + round(ms)])
