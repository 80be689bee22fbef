"""A store on the run's server or cluster, in a namespace of the test's own."""

from collections.abc import AsyncIterator

import pytest

from planner_sync.store.server.connection import connect, for_namespace
from tests.store.shelf import Shelf


@pytest.fixture
async def shelf(away_url: str, namespace: str) -> AsyncIterator[Shelf]:
    server = connect(away_url)
    redis = await for_namespace(server, away_url, namespace)
    yield Shelf(redis, namespace, pubsub=server.pubsub)
    if redis is not server:
        await redis.aclose()
    await server.aclose()
