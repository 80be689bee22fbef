"""Bucket and label names of the plans: read when needed, remembered here, made under a lease.

A name is made only after a fresh read, by one instance at a time. An intent is stored before it is
sent, so that after a lost answer reading again tells whether it was made.
"""

import asyncio
import hashlib
import json
from collections.abc import Collection
from typing import Literal

from planner_sync.errors import CardChanged, NotSent, NotYet, Refusal, Throttled
from planner_sync.graph.cards import parse_plan_names
from planner_sync.graph.planner import Planner
from planner_sync.model import timing
from planner_sync.model.card import Names
from planner_sync.store.leases import Leases
from planner_sync.store.plan_names import NameRecords

MAKER_LEASE_MS = 40_000
LAG_MS = timing.NAMES_LAG_MS


class PlanNames:
    """The names of every plan, for one process."""

    def __init__(self, planner: Planner, records: NameRecords, leases: Leases) -> None:
        self._planner = planner
        self._records = records
        self._leases = leases
        self._known: dict[str, Names] = {}
        self._digests: dict[str, str] = {}
        self._reading: dict[str, asyncio.Task[Names]] = {}
        self._last_hints: dict[str, str] = {}  # a new bucket goes behind the last one
        # The lease keeps other instances out, but not two reconciliations of this one.
        self._making = asyncio.Lock()

    async def get(
        self, plan_id: str, *, names_digest: str | None = None, fresh: bool = False
    ) -> Names:
        """The plan's names. Callers that wait share one request to Planner.

        `names_digest` is that of the names which an instance read last (None: Redis lost it).
        Planner is asked if it differs from ours, or if the names are to be `fresh`.
        """
        if plan_id in self._known and not fresh and names_digest == self._digests[plan_id]:
            return self._known[plan_id]
        joined = plan_id in self._reading
        names = await self._share(plan_id)
        if joined and names_digest != self._digests[plan_id]:
            # that request may have begun before the names changed
            return await self._share(plan_id)
        return names

    async def _share(self, plan_id: str) -> Names:
        if plan_id not in self._reading:
            task = asyncio.create_task(self._read(plan_id))
            self._reading[plan_id] = task
            task.add_done_callback(lambda _: self._reading.pop(plan_id, None))
        return await asyncio.shield(self._reading[plan_id])

    async def make(self, plan_id: str, kind: Literal["bucket", "label"], name: str) -> Names:
        """Make a bucket, or name a free label; returns the names afterwards.

        Raises Refusal (no_free_label).
        """
        async with self._making:
            lease = f"names {plan_id}"
            if not await self._leases.take(lease, MAKER_LEASE_MS):
                raise NotYet("another instance is making names in this plan")
            try:
                return await self._make(plan_id, kind, name)
            finally:
                await self._leases.give_back(lease)

    async def _make(self, plan_id: str, kind: Literal["bucket", "label"], name: str) -> Names:
        names = await self.get(plan_id, fresh=True)
        known = (
            {text for _, text in names.buckets} if kind == "bucket" else set(names.labels.values())
        )
        if name in known:
            return names
        if await self._records.sent_within(plan_id, f"{kind} {name}", LAG_MS):
            raise NotYet(f"the {kind} {name!r} was sent before; it does not show yet")
        try:
            await self._send(plan_id, kind, name, names)
        except (NotSent, Throttled, CardChanged):
            await self._records.forget_intent(plan_id, f"{kind} {name}")
            raise
        return await self.get(plan_id, fresh=True)

    async def _send(
        self, plan_id: str, kind: Literal["bucket", "label"], name: str, names: Names
    ) -> None:
        async def intent() -> None:
            await self._records.record_intent(plan_id, f"{kind} {name}")

        if kind == "bucket":
            body = {
                "name": name,
                "planId": plan_id,
                "orderHint": f"{self._last_hints.get(plan_id, '')} !",
            }
            await self._planner.create_bucket(body, before=intent)
            return
        tasks = await self._planner.list_cards(plan_id)
        used = {
            slot
            for task in tasks
            for slot, on in (task.get("appliedCategories") or {}).items()
            if on
        }
        slot = _free_label(names, name, used)
        await self._planner.update_plan_details(
            plan_id, {"categoryDescriptions": {slot: name}}, names.etag, before=intent
        )

    async def _read(self, plan_id: str) -> Names:
        buckets, details = await asyncio.gather(
            self._planner.list_buckets(plan_id), self._planner.read_plan_details(plan_id)
        )
        self._last_hints[plan_id] = max(
            (bucket.get("orderHint") or "" for bucket in buckets), default=""
        )
        self._known[plan_id] = names = parse_plan_names(buckets, details)
        self._digests[plan_id] = names_digest = hashlib.blake2b(
            dump(names).encode(), digest_size=8
        ).hexdigest()
        if await self._records.digest(plan_id) != names_digest:
            await self._records.set_digest(plan_id, names_digest)
        return names


def dump(names: Names) -> str:
    """The names as JSON, to notice when a human renames one."""
    return json.dumps([names.buckets, dict(names.labels)], sort_keys=True)


def _free_label(names: Names, name: str, used: Collection[str]) -> str:
    """The last label without a name; one that is on no card comes first.

    People use labels by their colour alone. A name would show on all cards of that colour.
    """

    def rank(slot: str) -> tuple[bool, int]:
        return slot in used, -int(slot.removeprefix("category"))

    for slot in sorted(names.labels, key=rank):
        if not names.labels[slot]:
            return slot
    raise Refusal(
        "no_free_label",
        f"labels: {name!r} needs a label, and all 25 of the plan have names",
        "labels",
    )
