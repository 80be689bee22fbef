"""What tests share: one embedded server or cluster for the whole run, a namespace of its own for
each test.

`--redis=cluster` runs every test on a cluster of three servers instead of a single one. Tests that
are marked `cluster` run on both in any case.
"""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from planner_sync.sync.run.service import Service
from tests.emulator_process import Emulator, emulator_process
from tests.redis_process import redis_process
from tests.store.cluster_process import cluster_process, hosting
from tests.sync.world import World, world_of


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--redis", choices=("server", "cluster"), default="server", help="what the tests run on"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    both = "redis_kind" in metafunc.fixturenames and any(
        metafunc.definition.iter_markers("cluster")
    )
    if both and metafunc.config.getoption("--redis") == "server":
        metafunc.parametrize("redis_kind", ["server", "cluster"])


@pytest.fixture
def redis_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.config.getoption("--redis")
    return kind


@pytest.fixture(scope="session")
def one_server() -> Iterator[list[str]]:
    with redis_process() as url:
        yield [url]


@pytest.fixture(scope="session")
def cluster() -> Iterator[list[str]]:
    with cluster_process() as urls:
        yield urls


@pytest.fixture
def redis_urls(redis_kind: str, request: pytest.FixtureRequest) -> list[str]:
    """The servers of the run."""
    urls: list[str] = request.getfixturevalue(
        "cluster" if redis_kind == "cluster" else "one_server"
    )
    return urls


@pytest.fixture
def namespace(redis_kind: str) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    return f"{{{name}}}" if redis_kind == "cluster" else name


@pytest.fixture
def redis_url(redis_urls: list[str], namespace: str) -> str:
    """The server that has the test's namespace."""
    return hosting(redis_urls, namespace) if len(redis_urls) > 1 else redis_urls[0]


@pytest.fixture
def away_url(redis_urls: list[str], redis_url: str) -> str:
    """What the product is given: on a cluster, a server that does not have the test's namespace."""
    return next((url for url in redis_urls if url != redis_url), redis_url)


@pytest.fixture
async def make_world(
    redis_url: str, away_url: str, namespace: str
) -> AsyncIterator[Callable[..., Any]]:
    """`await make_world(SETTING="value", emulator_switch=value)`: upper-case names are settings,
    others switches."""
    async with AsyncExitStack() as stack:

        async def make(**given: Any) -> World:
            env = {f"PLANNER_SYNC_{name}": value for name, value in given.items() if name.isupper()}
            switches = {name: value for name, value in given.items() if not name.isupper()}
            world = world_of(redis_url, namespace, {"REDIS_URL": away_url, **env}, **switches)
            return await stack.enter_async_context(world)

        yield make


@pytest.fixture
async def world(make_world: Callable[..., Any]) -> World:
    return await make_world()


@pytest.fixture
async def service(world: World) -> Service:
    """An instance that does nothing by itself: the test says when it looks."""
    return world.service()


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A Planner for one test."""
    with emulator_process() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for the tests of pages; its library is installed for those alone."""
    from tests.emulator.browser import chromium

    with chromium() as browser:
        yield browser
