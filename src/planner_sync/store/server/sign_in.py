"""Connections to Redis whose password changes while they are open, such as one that is an Entra
token.

A connection signs in when it opens, and again before it is used once there is another password, so
that none is closed when the old one ends. Where the passwords come from is somebody else's matter.

redis-py has listeners for this too. They read from a subscription that somebody else is reading
from, and keep one callback where there are many connections (RegisterReAuthForPubSub in
redis/event.py of 8.1); these here do not.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, ConnectionError, TimeoutError

from planner_sync.errors import GraphError

Credentials = Callable[
    [], Awaitable[tuple[str, str]]
]  # user name and password that are good for now


class ConnectionCredentials(CredentialProvider):
    """What one connection signs in with, and what it did sign in with last."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._used: tuple[str, str] | None = None

    def get_credentials(self) -> tuple[str, str]:
        raise NotImplementedError("there is nobody who asks without waiting")

    async def get_credentials_async(self) -> tuple[str, str]:
        self._used = await self._current()
        return self._used

    async def renewed(self) -> tuple[str, str] | None:
        """Other credentials than those that this connection has used, once; None while they are the
        same."""
        current = await self._current()
        if self._used in (None, current):
            return None
        self._used = current
        return current

    async def _current(self) -> tuple[str, str]:
        try:
            return await self._credentials()
        except GraphError as error:  # whoever waits for Redis knows Redis' errors
            raise AuthenticationError(str(error)) from None


class RenewingPool(redis.asyncio.BlockingConnectionPool):
    """Gives no connection away before it has signed in with what is good now."""

    def __init__(self, *, credentials: Credentials, **options: Any) -> None:
        super().__init__(**options)
        self._credentials = credentials

    def make_connection(self) -> Any:
        connection = super().make_connection()  # type: ignore[no-untyped-call]
        connection.credential_provider = ConnectionCredentials(self._credentials)
        return connection

    async def ensure_connection(self, connection: Any) -> None:
        await super().ensure_connection(connection)
        if renewed := await connection.credential_provider.renewed():
            try:
                await connection.send_command("AUTH", *renewed)
                await connection.read_response()
            except (ConnectionError, TimeoutError, OSError):
                await (
                    connection.disconnect()
                )  # the server has closed it; a new one signs in by itself
                await connection.connect()
            except BaseException:
                await connection.disconnect(nowait=True)  # it may hold half an answer
                raise


class RenewingRedis(redis.asyncio.Redis):
    """A client of a RenewingPool, whose subscriptions sign in again too."""

    def pubsub(self, **options: Any) -> PubSub:
        return RenewingPubSub(self.connection_pool, **options)


class RenewingPubSub(PubSub):
    """A subscription that signs in again between two messages; whoever reads the messages reads the
    answer."""

    async def get_message(self, *arguments: Any, **options: Any) -> Any:
        connection: Any = self.connection
        is_open = connection is not None and connection.is_connected
        if is_open and (renewed := await connection.credential_provider.renewed()):
            # The answer comes as a message of the type "pong"; a refusal is raised where it is
            # read.
            await connection.send_command("AUTH", *renewed, check_health=False)
        return await super().get_message(*arguments, **options)
