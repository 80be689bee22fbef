"""Which card belongs to which task, both ways. Our own hash decides; the public mapping is repaired
from it."""

from collections.abc import Sequence
from typing import Any

from planner_sync.model.records import DeletedBy, DeletedCard
from planner_sync.store.keys import Keys

CHUNK = 500


class IdMapper:
    """Reads the mapping of one namespace; the scripts that carry out orders alone take and drop
    entries."""

    def __init__(self, redis: Any, keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    async def task_ids(self, planner_ids: Sequence[str]) -> dict[str, str]:
        """The task ids of these cards, as far as they have one."""
        if not planner_ids:
            return {}
        owners = await self._redis.hmget(self._keys.private("owners"), list(planner_ids))
        return {
            pid: owner.decode()
            for pid, owner in zip(planner_ids, owners, strict=True)
            if owner is not None
        }

    async def all_task_ids(self) -> frozenset[str]:
        """Every task that has a card."""
        return frozenset(
            task_id.decode() for task_id in await self._redis.hvals(self._keys.private("owners"))
        )

    async def unpublished(self) -> frozenset[str]:
        """Tasks whose public mapping differs from ours in either direction."""
        owners = await self._redis.hgetall(self._keys.private("owners"))
        pairs = [(planner_id.decode(), task_id.decode()) for planner_id, task_id in owners.items()]
        found: set[str] = set()
        for start in range(0, len(pairs), CHUNK):
            part = pairs[start : start + CHUNK]
            there = await self._redis.mget([self._keys.planner_id(task_id) for _, task_id in part])
            back = await self._redis.mget(
                [self._keys.redis_id(planner_id) for planner_id, _ in part]
            )
            rows = zip(part, there, back, strict=True)
            found |= {t for (p, t), one, other in rows if (one, other) != (p.encode(), t.encode())}
        return frozenset(found)

    async def tombstoned(self, planner_ids: Sequence[str]) -> frozenset[str]:
        """Those of these cards that are known to be deleted."""
        if not planner_ids:
            return frozenset()
        async with self._redis.pipeline(transaction=False) as pipe:
            for planner_id in planner_ids:
                pipe.zscore(self._keys.private("tombstones"), planner_id)
            scores = await pipe.execute()
        return frozenset(
            pid for pid, score in zip(planner_ids, scores, strict=True) if score is not None
        )

    async def deleted_by(self, planner_id: str) -> DeletedBy | None:
        """The side that deleted this card, "agent" or "planner", for any task; None: not known."""
        texts = await self._redis.hvals(self._keys.private("deleted_cards"))
        for deleted_card in map(DeletedCard.load, texts):
            if deleted_card.planner_id == planner_id:
                return deleted_card.by
        return None

    async def public_task_id(self, planner_id: str) -> str | None:
        """The public mapping's task id, if both directions agree; for adoption, when ours is
        lost."""
        return (await self.public_task_ids([planner_id])).get(planner_id)

    async def public_task_ids(self, planner_ids: Sequence[str]) -> dict[str, str]:
        """The same for many cards: planner id -> task id."""
        keys = [self._keys.redis_id(planner_id) for planner_id in planner_ids]
        named = zip(planner_ids, await self._public(keys), strict=True)
        found = {planner_id: task_id for planner_id, task_id in named if task_id is not None}
        back = await self._public([self._keys.planner_id(task_id) for task_id in found.values()])
        rows = zip(found.items(), back, strict=True)
        return {pid: task_id for (pid, task_id), other in rows if other == pid}

    async def _public(self, keys: Sequence[str]) -> list[str | None]:
        """The values of public keys, which others may write too; None for a key of another type."""
        if not keys:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.get(key)
                pipe.type(key)
            answers = await pipe.execute(raise_on_error=False)
        values, kinds = answers[::2], answers[1::2]
        for kind in kinds:
            if isinstance(kind, Exception):
                raise kind
        pairs = zip(values, kinds, strict=True)
        return [_text(value) if kind == b"string" else None for value, kind in pairs]


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
