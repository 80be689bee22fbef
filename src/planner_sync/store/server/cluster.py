"""A client of a Redis Cluster that does what one for a single server does: it waits for a free
connection, and whatever keeps a command from being carried out is an error of Redis.

It adds no command and decides nothing; each class says which habit of redis-py 8 it is for.
"""

import asyncio
from typing import Any

from redis.asyncio.cluster import ClusterPipeline, RedisCluster
from redis.exceptions import ConnectionError, RedisClusterException


class Cluster(RedisCluster):
    """A cluster that cannot be reached, or has no server for a slot, is a Redis that does not
    answer.

    redis-py raises RedisClusterException for it, which is no RedisError; and an error where more
    commands are under way than a server may have connections. Here at most `places` are, the others
    wait.
    """

    def __init__(self, *, places: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.places = asyncio.Semaphore(places)
        kind = self.connection_kwargs["connection_class"]
        self.connection_kwargs["connection_class"] = type(kind.__name__, (_Closable, kind), {})

    async def initialize(self, *args: Any, **settings: Any) -> "Cluster":
        """Ask for servers and slots, where that is due."""
        try:
            await super().initialize(*args, **settings)
        except RedisClusterException as error:
            raise ConnectionError("the cluster cannot be reached as a whole") from error
        return self

    async def execute_command(self, *args: Any, **settings: Any) -> Any:
        """One command."""
        async with self.places:
            try:
                return await super().execute_command(*args, **settings)
            except RedisClusterException as error:
                raise ConnectionError("no server of the cluster has the slot") from error

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> "_Pipeline":
        """Several commands in one round trip."""
        return _Pipeline(self, transaction)  # type: ignore[abstract]  # declared there, and never used


class _Pipeline(ClusterPipeline):
    def __init__(self, cluster: Cluster, transaction: Any) -> None:
        super().__init__(cluster, transaction)
        self._places = cluster.places

    async def execute(self, *args: Any, **settings: Any) -> Any:
        async with self._places:
            try:
                return await super().execute(*args, **settings)
            except RedisClusterException as error:
                raise ConnectionError("no server of the cluster has the slots") from error


class _Closable:
    """A connection that was closed under a command: that is a lost connection, to be tried again.

    When one command fails, redis-py closes the idle connections of that server, also those that
    another command has taken meanwhile and is about to write to; that one would end with an
    AttributeError, and with it the service.
    """

    async def send_packed_command(self, *args: Any, **kwargs: Any) -> None:
        try:
            await super().send_packed_command(*args, **kwargs)  # type: ignore[misc]
        except AttributeError as error:
            raise ConnectionError("the connection was closed meanwhile") from error
