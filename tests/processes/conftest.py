"""What the stories share: one emulator; a Redis, a plan and both proxies for each of them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest

from tests.emulator_process import Emulator, emulator_process
from tests.processes.stage import Stage
from tests.proxy import proxy_to
from tests.redis_process import redis_process


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with emulator_process() as emulator:
        yield emulator


@pytest.fixture
def redis_url() -> Iterator[str]:
    """A server for one story, which may do to it what it wants."""
    with redis_process() as url:
        yield url


@pytest.fixture
async def stage(redis_url: str, emulator: Emulator) -> AsyncIterator[Stage]:
    emulator.forget_requests()
    plan_id = emulator.human.create_plan(title="Story")["id"]
    async with AsyncExitStack() as stack:
        to_redis = await stack.enter_async_context(proxy_to(redis_url))
        to_planner = await stack.enter_async_context(proxy_to(emulator.url))
        stage = Stage(redis_url, emulator, plan_id, to_redis, to_planner)
        stack.push_async_callback(stage.aclose)
        yield stage
    emulator.human.delete_plan(plan_id=plan_id)
