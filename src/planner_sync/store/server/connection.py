"""Opens Redis: one server, or a cluster, which is recognised by itself.

On a cluster one namespace lives in one slot, by its hash tag; pub/sub goes through any of its
servers.
"""

import asyncio
import logging
from typing import Any

import redis.asyncio
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import AuthenticationError

from planner_sync.errors import SettingsError
from planner_sync.store.server.cluster import Cluster
from planner_sync.store.server.sign_in import (
    ConnectionCredentials,
    Credentials,
    RenewingPool,
    RenewingRedis,
)
from planner_sync.store.server.tls import problem_with_tls

log = logging.getLogger(__name__)

SOCKET_SECONDS = 5.0
RETRIES = 5  # every script gives the same result when it runs twice
CONNECTIONS, WAIT_SECONDS = (
    24,
    20.0,
)  # small servers take few connections; a busy moment waits for one


def connect(url: str, credentials: Credentials | None = None) -> Any:
    """A client for the server at `url`; nothing is opened before the first command.

    It signs in with user and password of the URL, or with `credentials`, which may change at any
    time.
    """
    options: dict[str, Any] = {
        "max_connections": CONNECTIONS,
        "timeout": WAIT_SECONDS,
        "socket_timeout": SOCKET_SECONDS,
        "socket_connect_timeout": SOCKET_SECONDS,
        "health_check_interval": 30,
        "retry": Retry(ExponentialWithJitterBackoff(base=0.05, cap=1.0), RETRIES),
    }
    if credentials is None:
        return redis.asyncio.Redis.from_pool(
            redis.asyncio.BlockingConnectionPool.from_url(url, **options)
        )
    return RenewingRedis.from_pool(RenewingPool.from_url(url, credentials=credentials, **options))


async def for_namespace(
    client: Any, url: str, namespace: str, credentials: Credentials | None = None
) -> Any:
    """The client to use for this namespace: the same, or one for the cluster that the server
    belongs to.

    On a cluster a connection that the server closes when its token ends is opened again with the
    next one. Raises SettingsError when the namespace has no hash tag on a cluster.
    """
    info = await client.info("cluster")
    if not info.get("cluster_enabled"):
        return client
    if "{" not in namespace:
        name = "PLANNER_SYNC_NAMESPACE"
        raise SettingsError(
            [f"{name}: on a Redis Cluster it needs a hash tag, such as {{{namespace}}}"]
        )
    options: dict[str, Any] = (
        {"credential_provider": ConnectionCredentials(credentials)} if credentials else {}
    )
    cluster = Cluster.from_url(
        url,
        places=CONNECTIONS,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        # Else every fifth MOVED closes all connections, also those that others are using. One slot
        # is all we need.
        reinitialize_steps=0,
        **options,
    )
    # Commands before it go to any server, and are moved.
    return await cluster.initialize()


def describe(error: Exception) -> str:
    """What is wrong with Redis, for a log line: no user, no password, and its host only where TLS
    is the trouble."""
    if isinstance(error, AuthenticationError):
        said = str(error)
        known = next(
            (word for word in ("WRONGPASS", "NOAUTH", "sign-in: ") if said.startswith(word)), ""
        )
        return (
            said
            if known == "sign-in: "
            else f"it refuses our user or password ({known or type(error).__name__})"
        )
    return problem_with_tls(error) or type(error).__name__


async def may_evict(client: Any) -> bool:
    """May a server take keys away by itself when its memory is full? Then a missing key proves
    nothing."""
    if isinstance(client, RedisCluster):
        info = await client.info("memory", target_nodes=RedisCluster.PRIMARIES)
        # Of a single server redis-py gives the answer itself.
        nodes = [info] if "maxmemory" in info else list(info.values())
    else:
        nodes = [await client.info("memory")]
    return any(int(node.get("maxmemory", 0)) and _takes_all(node) for node in nodes)


def end_if_cancelled() -> None:
    """For loops around Redis: below Python 3.12 a cancel can be lost in `asyncio.wait_for`, with
    which redis-py sends.

    https://github.com/python/cpython/issues/81839
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _takes_all(node: dict[str, Any]) -> bool:
    return str(node.get("maxmemory_policy", "")).startswith("allkeys")
