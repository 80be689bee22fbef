"""The trash: documents whose card was deleted, kept 30 days, and brought back on an operator's
wish.

A document that comes back is a new task to the sync: written as an agent writes one, it gets a new
card.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner_sync.model.messages import agent_update
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts

ABSENT = b""  # what a save expects to find
SOURCE = "planner-sync"


@dataclass(frozen=True)
class Entry:
    """One document in the trash. `at` is the server's time (ms), `renewed` the text with which it
    comes back."""

    name: str
    task_id: str
    planner_id: str
    plan_id: str
    title: str
    by: str
    at: int
    renewed: str


class Trash:
    """The trash of one namespace."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys) -> None:
        self._redis = redis
        self._save_document = scripts["save_document"]
        self._keys = keys

    async def entries(self) -> list[Entry]:
        """Everything that is in it, the latest first."""
        found = await self._redis.hgetall(self._keys.private("trash", "entries"))
        entries = [_entry(name.decode(), json.loads(text)) for name, text in found.items()]
        return sorted(entries, key=lambda entry: (-entry.at, entry.name))

    async def restore(self, entry: Entry) -> bool:
        """Write the document and take the entry out; False: another document stands there, nothing
        is done.

        The mark is the entry's own, so that a restore which was cut off before the end is finished
        by the next.
        """
        private = self._keys.private
        keys = [
            private("pending"),
            private("generations"),
            private("task_leases"),
            private("announced"),
        ]
        mark = f"restore {entry.name}"
        message = json.dumps(agent_update("created", entry.task_id, SOURCE, mark))
        args: list[str | bytes | int] = [entry.task_id, mark, ABSENT, entry.renewed]
        document = self._keys.document(entry.task_id)
        done, *_ = await self._save_document(
            [document, *keys], [*args, self._keys.updates, message, "created"]
        )
        if not done:
            return False
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hdel(private("trash", "entries"), entry.name)
            pipe.zrem(private("trash"), entry.name)
            await pipe.execute()
        return True


def _entry(name: str, body: Mapping[str, Any]) -> Entry:
    renewed = body["renewed"]
    title = str(json.loads(renewed).get("title", ""))
    return Entry(
        name,
        body["taskId"],
        body["plannerId"],
        body["planId"],
        title,
        body["by"],
        int(body["at"]),
        renewed,
    )
