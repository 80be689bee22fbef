"""The sweep: finds documents that changed, appeared or vanished without a message. Bounded in time.

A document that the sweep did not reach is unknown, not missing. It writes only the times of
missing documents.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from planner_sync.model.orders import WRONG_TYPE, document_hash
from planner_sync.store.keys import Keys, escape_pattern

SCAN_COUNT = 500


@dataclass(frozen=True)
class Swept:
    """`changed` differ from what was last reconciled (new ones too), `missing` had a document and
    have none now.

    `present` are all documents that were seen; `complete`: the sweep reached every one.
    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    present: frozenset[str]
    complete: bool


class Sweep:
    """Compares every document with the hash of what was last reconciled."""

    def __init__(self, redis: Any, keys: Keys, size_limit: int, clock: Callable[[], float]) -> None:
        self._redis = redis
        self._keys = keys
        self._size_limit = size_limit
        self._clock = clock

    async def run(self, mapped: Collection[str], seconds: float) -> Swept:
        """Compare all documents for at most `seconds`; `mapped` are the ids that have a card."""
        until = self._clock() + seconds
        present: set[str] = set()
        changed: list[str] = []
        batch: list[bytes] = []
        complete = True
        async for key in self._redis.scan_iter(
            match=escape_pattern(self._keys.document("")) + "*", count=SCAN_COUNT
        ):
            batch.append(key)
            if len(batch) >= SCAN_COUNT:
                changed += await self._compare(batch, present)
                batch = []
                await asyncio.sleep(0)
                if self._clock() > until:
                    complete = False
                    break
        changed += await self._compare(batch, present)
        missing = await self._missing(set(mapped) - present) if complete else ()
        return Swept(tuple(changed), missing, frozenset(present), complete)

    async def confirm_missing(self, swept: Swept, now: int, interval_ms: int) -> tuple[str, ...]:
        """Of the missing ones, those that were missing an interval ago already."""
        key = self._keys.private("missing")
        known = {
            task_id.decode(): int(at) for task_id, at in (await self._redis.hgetall(key)).items()
        }
        # Back, or without a card by now: a delete may have ended while this sweep was under way.
        if over := [task_id for task_id in known if task_id not in swept.missing]:
            await self._redis.hdel(key, *over)
        if fresh := {task_id: now for task_id in swept.missing if task_id not in known}:
            await self._redis.hset(key, mapping=fresh)
        return tuple(
            task_id for task_id in swept.missing if known.get(task_id, now) <= now - interval_ms
        )

    async def _compare(self, keys: list[bytes], present: set[str]) -> list[str]:
        ids = [self._keys.task_id(key.decode("utf-8", "replace")) for key in keys]
        fresh = [
            (key, task_id) for key, task_id in zip(keys, ids, strict=True) if task_id not in present
        ]
        if not fresh:
            return []
        present.update(task_id for _, task_id in fresh)
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, _ in fresh:
                pipe.getrange(key, 0, self._size_limit)
            pipe.hmget(self._keys.private("hashes"), [task_id for _, task_id in fresh])
            *texts, hashes = await pipe.execute(raise_on_error=False)
        if isinstance(hashes, Exception):
            raise hashes
        changed = []
        for (key, task_id), text, known in zip(fresh, texts, hashes, strict=True):
            if await self._hash(key, text) != known:
                changed.append(task_id)
        return changed

    async def _hash(self, key: bytes, text: bytes | Exception) -> bytes:
        if isinstance(text, Exception):
            return WRONG_TYPE.encode()
        size = await self._redis.strlen(key) if len(text) > self._size_limit else None
        return document_hash(text, size).encode()

    async def _missing(self, ids: set[str]) -> tuple[str, ...]:
        """Those of the ids, which the scan did not show, whose key does not exist."""
        wanted = sorted(ids)
        async with self._redis.pipeline(transaction=False) as pipe:
            for task_id in wanted:
                pipe.exists(self._keys.document(task_id))
            found = await pipe.execute()
        return tuple(task_id for task_id, exists in zip(wanted, found, strict=True) if not exists)
