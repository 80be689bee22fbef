"""A real cluster of three servers, each with a third of the slots; gone afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from redis.asyncio import Redis

from tests.redis_process import free_port, redis_process

SERVERS, SLOTS = 3, 16384


@asynccontextmanager
async def cluster_process() -> AsyncIterator[list[str]]:
    """The URLs of the servers; server n has the n-th third of the slots."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(SERVERS)]
        urls = [stack.enter_context(redis_process(**_cluster_config(bus))) for bus in buses]
        clients = [Redis.from_url(url) for url in urls]
        try:
            await _join(clients, urls, buses)
            yield urls
        finally:
            for client in clients:
                await client.aclose()


def hosting(urls: list[str], slot: int) -> str:
    """The server that has this slot."""
    return urls[slot * SERVERS // SLOTS]


def _cluster_config(bus: int) -> dict[str, str]:
    return {
        "cluster_enabled": "yes",
        "cluster_port": str(bus),
        "cluster_config_file": f"nodes-{bus}.conf",
        "cluster_node_timeout": "2000",
    }


async def _join(clients: list[Redis], urls: list[str], buses: list[int]) -> None:
    bounds = [n * SLOTS // SERVERS for n in range(SERVERS + 1)]
    for client, first, end in zip(clients, bounds, bounds[1:], strict=False):
        await client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
    for url, bus in zip(urls[1:], buses[1:], strict=True):
        port = url.rsplit(":", 1)[1].split("/")[0]
        await clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
    async with asyncio.timeout(30):
        while not all([await _knows_all(client) for client in clients]):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.05)


async def _knows_all(client: Redis) -> bool:
    info = (await client.execute_command("CLUSTER INFO")) or {}
    return info.get("cluster_state") == "ok" and info.get("cluster_known_nodes") == str(SERVERS)
