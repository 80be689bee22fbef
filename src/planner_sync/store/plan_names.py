"""Bucket and label names: what was last read and announced, and names that are being made."""

from typing import Any

from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts


class NameRecords:
    """What Redis keeps of the names of each plan."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys

    async def digest(self, plan_id: str) -> str | None:
        """A hash of the plan's names as the last instance read them."""
        value = await self._redis.hget(self._keys.private("names_digests"), plan_id)
        return None if value is None else str(value.decode())

    async def set_digest(self, plan_id: str, digest: str) -> None:
        """Record the hash; instances that remember other names read them again."""
        await self._redis.hset(self._keys.private("names_digests"), plan_id, digest)

    async def set_announced(self, plan_id: str, names: str) -> None:
        """Documents are written with these names (JSON) from now on."""
        await self._redis.set(self._keys.private("names", plan_id), names)

    async def record_intent(self, plan_id: str, name: str) -> None:
        """A bucket or label name is about to be sent."""
        key = self._keys.private("name_intents", plan_id)
        await self._redis.hset(key, name, await self._now())

    async def forget_intent(self, plan_id: str, name: str) -> None:
        """It was not sent."""
        await self._redis.hdel(self._keys.private("name_intents", plan_id), name)

    async def sent_within(self, plan_id: str, name: str, window_ms: int) -> bool:
        """Was this name sent within the window?"""
        at = await self._redis.hget(self._keys.private("name_intents", plan_id), name)
        return at is not None and int(at) > await self._now() - window_ms

    async def _now(self) -> int:
        now, _ = await self._scripts["read_server_clock"](self._keys, [])
        return int(now)
