"""What the tests of the agents' client share: clients of one namespace, a plain Redis beside them,
and the channel."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from planner_sync.agents import AgentClient
from planner_sync.store.keys import Keys
from tests.proxy import Proxy, proxy_to


@pytest.fixture
def keys(namespace: str) -> Keys:
    return Keys(namespace)


@pytest.fixture
async def plain(redis_url: str) -> AsyncIterator[Any]:
    """What an agent without our client uses."""
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def tasks(away_url: str, namespace: str) -> AsyncIterator[AgentClient]:
    async with AgentClient.connect(away_url, namespace, agent="writer-agent") as client:
        yield client


@pytest.fixture
async def other(away_url: str, namespace: str) -> AsyncIterator[AgentClient]:
    async with AgentClient.connect(away_url, namespace, agent="other-agent") as client:
        yield client


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    async with proxy_to(redis_url) as proxy:
        yield proxy


@pytest.fixture
async def updates(plain: Any, keys: Keys) -> AsyncIterator[Any]:
    """A subscription to the channel of updates; `heard` tells what was said on it."""
    async with plain.pubsub(ignore_subscribe_messages=True) as pubsub:
        await pubsub.subscribe(keys.updates)
        await pubsub.get_message(timeout=5)
        yield pubsub


async def heard(plain: Any, keys: Keys, updates: Any) -> list[dict[str, Any]]:
    """What was said so far, all of it: pub/sub keeps the order, so a last word shows that nothing
    is on its way."""
    await plain.publish(keys.updates, '{"action": "last word"}')
    said: list[dict[str, Any]] = []
    async with asyncio.timeout(5):
        while not said or said[-1]["action"] != "last word":
            if message := await updates.get_message(timeout=5):
                said.append(json.loads(message["data"]))
    return said[:-1]
