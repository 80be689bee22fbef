"""Opens Redis: one server or a cluster.

On a cluster a namespace lives in one slot, by its hash tag; pub/sub works through any server.
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
RETRIES = 5  # safe: every script gives the same result when it runs twice
CONNECTIONS = 24  # small servers allow few
WAIT_SECONDS = 20.0  # for a free connection


def connect(url: str, credentials: Credentials | None = None) -> Any:
    """A client for the server at `url`. Opens nothing before the first command.

    Signs in with the user and password of the URL, or with `credentials`, which may change while
    connections are open.
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
        pool = redis.asyncio.BlockingConnectionPool.from_url(url, **options)
        return redis.asyncio.Redis.from_pool(pool)
    renewing = RenewingPool.from_url(url, credentials=credentials, **options)
    return RenewingRedis.from_pool(renewing)


async def for_namespace(
    client: Any, url: str, namespace: str, credentials: Credentials | None = None
) -> Any:
    """The client to use for the namespace: `client`, or one for the cluster that it belongs to.

    A cluster closes a connection when its token ends; the client reconnects with the next token.
    Raises SettingsError for a namespace without a hash tag on a cluster.
    """
    info = await client.info("cluster")
    if not info.get("cluster_enabled"):
        return client
    if "{" not in namespace:
        advice = f"on a Redis Cluster it needs a hash tag, such as {{{namespace}}}"
        raise SettingsError([f"PLANNER_SYNC_NAMESPACE: {advice}"])
    options: dict[str, Any] = {}
    if credentials is not None:
        options["credential_provider"] = ConnectionCredentials(credentials)
    cluster = Cluster.from_url(
        url,
        places=CONNECTIONS,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        # Otherwise every fifth MOVED closes all connections, even those in use. One slot is all
        # that a namespace needs.
        reinitialize_steps=0,
        **options,
    )
    # Without the slots, commands would go to any server and be redirected.
    return await cluster.initialize()


def describe(error: Exception) -> str:
    """What is wrong with Redis, for a log line.

    Shows no user and no password, and the host only if TLS is the problem.
    """
    if isinstance(error, AuthenticationError):
        return _describe_sign_in(error)
    return problem_with_tls(error) or type(error).__name__


def _describe_sign_in(error: AuthenticationError) -> str:
    text = str(error)
    # No token: the text is ours, from identity/.
    if text.startswith("sign-in: "):
        return text
    # The text of the server may name the user.
    for code in ("WRONGPASS", "NOAUTH"):
        if text.startswith(code):
            return f"it refuses our user or password ({code})"
    return f"it refuses our user or password ({type(error).__name__})"


async def may_evict(client: Any) -> bool:
    """Whether a server may remove keys when its memory is full. A missing key then proves nothing.

    Asks every primary of a cluster.
    """
    if not isinstance(client, RedisCluster):
        return _evicts_any_key(await client.info("memory"))
    info = await client.info("memory", target_nodes=RedisCluster.PRIMARIES)
    # With one primary redis-py returns its info, otherwise a dict by server.
    if "maxmemory" in info:
        return _evicts_any_key(info)
    return any(_evicts_any_key(server) for server in info.values())


def _evicts_any_key(memory: dict[str, Any]) -> bool:
    """Policies other than allkeys-… remove only keys with a TTL, and ours have none."""
    is_limited = int(memory.get("maxmemory", 0)) > 0
    return is_limited and str(memory.get("maxmemory_policy", "")).startswith("allkeys")


def end_if_cancelled() -> None:
    """For loops around Redis: raises CancelledError if a cancellation was lost.

    Below Python 3.12 `asyncio.wait_for` can lose one, and redis-py sends every command with it.
    https://github.com/python/cpython/issues/81839
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
