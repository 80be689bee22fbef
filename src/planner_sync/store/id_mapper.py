"""Which card belongs to which task, both ways. Our own hash decides; the public mapping is repaired from it."""

from collections.abc import Sequence
from typing import Any

from planner_sync.store.keys import Keys


class IdMapper:
    """Reads the mapping of one namespace; `lua/settle_task.lua` alone takes and drops entries."""

    def __init__(self, redis: Any, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def task_ids(self, planner_ids: Sequence[str]) -> dict[str, str]:
        """The task ids of these cards, as far as they have one."""
        if not planner_ids:
            return {}
        owners = await self._redis.hmget(self._keys.private("owners"), list(planner_ids))
        return {pid: owner.decode() for pid, owner in zip(planner_ids, owners, strict=True) if owner is not None}

    async def all_task_ids(self) -> frozenset[str]:
        """Every task that has a card."""
        return frozenset(task_id.decode() for task_id in await self._redis.hvals(self._keys.private("owners")))

    async def buried(self, planner_ids: Sequence[str]) -> frozenset[str]:
        """Those of these cards that are known to be deleted."""
        if not planner_ids:
            return frozenset()
        async with self._redis.pipeline(transaction=False) as pipe:
            for planner_id in planner_ids:
                pipe.zscore(self._keys.private("tombstones"), planner_id)
            scores = await pipe.execute()
        return frozenset(pid for pid, score in zip(planner_ids, scores, strict=True) if score is not None)

    async def public_task_id(self, planner_id: str) -> str | None:
        """What the public mapping says, where both directions agree; for adoption, when ours is lost."""
        task_id = await self._redis.get(self._keys.redis_id(planner_id))
        if task_id is None:
            return None
        back = await self._redis.get(self._keys.planner_id(task_id.decode()))
        return str(task_id.decode()) if back == planner_id.encode() else None
