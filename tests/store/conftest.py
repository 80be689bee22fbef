"""A store on the run's server, in a namespace of the test's own."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.store.shelf import Shelf


@pytest.fixture
async def shelf(redis_url: str, namespace: str) -> AsyncIterator[Shelf]:
    async with Redis.from_url(redis_url) as redis:
        yield Shelf(redis, namespace)
