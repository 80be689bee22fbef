"""A Redis Cluster client that waits and fails like the client of a single server.

It waits for a free connection, and every failure is a RedisError. Adds no command, decides nothing.
Each class names the behaviour of redis-py 8 that it works around.
"""

import asyncio
from typing import Any

from redis.asyncio.cluster import ClusterPipeline, RedisCluster
from redis.exceptions import ConnectionError, RedisClusterException

UNREACHABLE = "the cluster cannot be reached"
NO_SERVER = "no server of the cluster has the slot"


class Cluster(RedisCluster):
    """Treats an unreachable cluster, or a slot without a server, as a Redis that does not answer.

    redis-py raises RedisClusterException for both, which is not a RedisError. It also fails where
    more commands run than a server may have connections; here at most `places` run, the rest wait.
    """

    def __init__(self, *, places: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.places = asyncio.Semaphore(places)
        kind = self.connection_kwargs["connection_class"]
        self.connection_kwargs["connection_class"] = type(kind.__name__, (_Closable, kind), {})

    async def initialize(self, *args: Any, **settings: Any) -> "Cluster":
        """Read servers and slots, if not yet read."""
        try:
            await super().initialize(*args, **settings)
        except RedisClusterException as error:
            raise ConnectionError(UNREACHABLE) from error
        return self

    async def execute_command(self, *args: Any, **settings: Any) -> Any:
        """One command."""
        async with self.places:
            try:
                return await super().execute_command(*args, **settings)
            except RedisClusterException as error:
                raise ConnectionError(NO_SERVER) from error

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> "_Pipeline":
        """Several commands in one round trip."""
        return _Pipeline(self, transaction)  # type: ignore[abstract]  # declared, never used


class _Pipeline(ClusterPipeline):
    def __init__(self, cluster: Cluster, transaction: Any) -> None:
        super().__init__(cluster, transaction)
        self._places = cluster.places

    async def execute(self, *args: Any, **settings: Any) -> Any:
        async with self._places:
            try:
                return await super().execute(*args, **settings)
            except RedisClusterException as error:
                raise ConnectionError(NO_SERVER) from error


class _Closable:
    """A connection that was closed before a write: a lost connection, so the command is retried.

    After a failed command redis-py closes the idle connections of that server, including those that
    other commands have just taken and are about to write to. The write then raises AttributeError,
    which would end the service.
    """

    async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super().send_packed_command(*args, **kwargs)  # type: ignore[misc]
        except AttributeError as error:
            raise ConnectionError("the connection was closed") from error
