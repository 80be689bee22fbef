"""The trash: documents whose card was deleted, kept 30 days, and restored when an operator
asks.

To the sync, a restored document is a new task: it is written as an agent writes one, and gets a
new card.
"""

import json
from typing import Any

from planner_sync.model.messages import agent_update
from planner_sync.model.records import DeletedCard, TrashEntry
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts

BURIED_MS = 30 * 24 * 3600 * 1000
ABSENT = b""  # what a save expects to find
SOURCE = "planner-sync"


class Trash:
    """The trash of one namespace."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys

    async def entries(self) -> list[TrashEntry]:
        """All entries, the latest first."""
        found = await self._redis.hgetall(self._keys.private("trash", "entries"))
        entries = [TrashEntry.load(text) for text in found.values()]
        return sorted(entries, key=lambda entry: (-entry.at, entry.name))

    async def restore(self, entry: TrashEntry) -> bool:
        """Write the document and take the entry out; False: the key holds another document, nothing
        is done.

        Each entry has its own mark, so that the next call finishes an interrupted restore.
        """
        private = self._keys.private
        mark = f"restore {entry.name}"
        message = json.dumps(agent_update("created", entry.task_id, SOURCE, mark))
        args: list[str | bytes | int] = [entry.task_id, mark, ABSENT, entry.renewed]
        done, *_ = await self._scripts["save_document"](
            self._keys.about(entry.task_id), [*args, self._keys.updates, message, "created"]
        )
        if not done:
            return False
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hdel(private("trash", "entries"), entry.name)
            pipe.zrem(private("trash"), entry.name)
            await pipe.execute()
        return True

    async def prune(self) -> None:
        """Drop trash, tombstones and records of deleted cards that are older than 30 days."""
        private = self._keys.private
        now, _ = await self._scripts["read_server_clock"](self._keys, [])
        before = int(now) - BURIED_MS
        await self._redis.zremrangebyscore(private("tombstones"), "-inf", before)
        old = await self._redis.zrangebyscore(private("trash"), "-inf", before)
        if old:
            await self._redis.hdel(private("trash", "entries"), *old)
            await self._redis.zrem(private("trash"), *old)
        deleted = await self._redis.hgetall(private("deleted_cards"))
        dead = [task_id for task_id, text in deleted.items() if DeletedCard.load(text).at < before]
        if dead:
            await self._redis.hdel(private("deleted_cards"), *dead)
