"""People: the user ids of e-mail addresses that are already resolved."""

from collections.abc import Iterable
from typing import Any

from planner_sync.store.keys import Keys


class Directory:
    """The people of one namespace."""

    def __init__(self, redis: Any, keys: Keys) -> None:
        self._redis = redis
        self._key = keys.private("people")

    async def find(self, emails: Iterable[str]) -> dict[str, str]:
        """User ids by e-mail address, of those that are on record."""
        wanted = list(emails)
        if not wanted:
            return {}
        found = await self._redis.hmget(self._key, wanted)
        pairs = zip(wanted, found, strict=True)
        return {email: user.decode() for email, user in pairs if user is not None}

    async def record(self, email: str, user_id: str) -> None:
        """Remember the user id of an e-mail address."""
        await self._redis.hset(self._key, email, user_id)
