"""What tests share: one embedded server for the whole run, a namespace of its own for each test."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.redis_process import redis_process
from tests.sync.world import World, world_of


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis_process() as url:
        yield url


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def make_world(redis_url: str, namespace: str) -> AsyncIterator[Callable[..., Any]]:
    """`await make_world(SETTING="value", emulator_switch=value)`: upper-case names are settings, others switches."""
    async with AsyncExitStack() as stack:

        async def make(**given: Any) -> World:
            env = {f"PLANNER_SYNC_{name}": value for name, value in given.items() if name.isupper()}
            switches = {name: value for name, value in given.items() if not name.isupper()}
            return await stack.enter_async_context(world_of(redis_url, namespace, env, **switches))

        yield make


@pytest.fixture
async def world(make_world: Callable[..., Any]) -> World:
    return await make_world()
