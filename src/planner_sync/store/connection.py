"""Opens Redis: one server, or a cluster, which is recognised by itself.

On a cluster one namespace lives in one slot, by its hash tag; pub/sub goes through any of its servers.
"""

import asyncio
import logging
from typing import Any

import redis.asyncio
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from planner_sync.errors import SettingsError
from planner_sync.store.cluster import Cluster

log = logging.getLogger(__name__)

SOCKET_SECONDS = 5.0
RETRIES = 5  # every script gives the same result when it runs twice
CONNECTIONS, WAIT_SECONDS = 24, 20.0  # small servers take few connections; a busy moment waits for one


def connect(url: str) -> Any:
    """A client for the server at `url`; nothing is opened before the first command."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=WAIT_SECONDS,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        health_check_interval=30,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), RETRIES),
    )
    return redis.asyncio.Redis.from_pool(pool)


async def for_namespace(client: Any, url: str, namespace: str) -> Any:
    """The client to use for this namespace: the same, or one for the cluster that the server belongs to.

    Raises SettingsError when the namespace has no hash tag on a cluster.
    """
    info = await client.info("cluster")
    if not info.get("cluster_enabled"):
        return client
    if "{" not in namespace:
        name = "PLANNER_SYNC_NAMESPACE"
        raise SettingsError([f"{name}: on a Redis Cluster it needs a hash tag, such as {{{namespace}}}"])
    cluster = Cluster.from_url(
        url,
        places=CONNECTIONS,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        # Else every fifth MOVED closes all connections, also those that others are using. One slot is all we need.
        reinitialize_steps=0,
    )
    # Commands before it go to any server, and are moved.
    return await cluster.initialize()


async def may_evict(client: Any) -> bool:
    """May a server take keys away by itself when its memory is full? Then a missing key proves nothing."""
    if isinstance(client, RedisCluster):
        nodes = list((await client.info("memory", target_nodes=RedisCluster.PRIMARIES)).values())
    else:
        nodes = [await client.info("memory")]
    return any(int(node.get("maxmemory", 0)) and _takes_all(node) for node in nodes)


def end_if_cancelled() -> None:
    """For loops around Redis: below Python 3.12 a cancel can be lost in `asyncio.wait_for`, with which redis-py sends.

    https://github.com/python/cpython/issues/81839
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _takes_all(node: dict[str, Any]) -> bool:
    return str(node.get("maxmemory_policy", "")).startswith("allkeys")
