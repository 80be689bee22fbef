"""The routes over real HTTP on the test's own loop, as the standalone service serves them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from redis.asyncio import Redis

from planner_sync.settings import Settings
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts
from planner_sync.store.telemetry import Telemetry
from planner_sync.web.routes import Backing, Operator
from planner_sync.web.standalone import bind, create_app, serving
from tests.redis_process import free_port

PLAN = "xqQg5FS2LkCp935s-FIFm2QAFkHM"
ENV = {"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": "token"}


class NothingHeld:
    """An operator's means where no plan is held."""

    async def release(self, plan_id: str) -> int | None:
        return None

    async def restore(self, plan_id: str) -> int | None:
        return None


@asynccontextmanager
async def client(
    redis_url: str,
    operator: Operator | None = None,
    **env: str,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these settings besides `ENV`."""
    settings = Settings.from_env({**ENV, "PLANNER_SYNC_HTTP_PORT": str(free_port()), **env})
    async with Redis.from_url(redis_url) as redis:
        telemetry = Telemetry(redis, Scripts(redis), Keys("annika"))
        app = create_app(Backing(settings, telemetry, operator or NothingHeld()))
        async with (
            serving(app, bind(settings)),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http_port}") as http,
        ):
            yield http
