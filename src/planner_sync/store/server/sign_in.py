"""Connections to Redis whose password may change while they are open, such as an Entra token.

A connection signs in when it opens, and again before its next use once the password has changed, so
that the server never closes it for an expired one. Where passwords come from is the caller's
matter.

redis-py has listeners for this too, but they read from a subscription that is being read elsewhere,
and keep one callback for many connections (RegisterReAuthForPubSub in redis/event.py of 8.1).
"""

from collections.abc import Awaitable, Callable
from typing import Any

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, ConnectionError, TimeoutError

from planner_sync.errors import GraphError

Credentials = Callable[[], Awaitable[tuple[str, str]]]  # the current user name and password


class ConnectionCredentials(CredentialProvider):
    """The credentials of one connection, and those that it used last."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._used: tuple[str, str] | None = None

    def get_credentials(self) -> tuple[str, str]:
        raise NotImplementedError("synchronous credentials are not supported")

    async def get_credentials_async(self) -> tuple[str, str]:
        self._used = await self._current()
        return self._used

    async def renewed(self) -> tuple[str, str] | None:
        """New credentials, once; None if they have not changed since the last sign-in."""
        current = await self._current()
        if self._used is None or self._used == current:
            return None
        self._used = current
        return current

    async def _current(self) -> tuple[str, str]:
        try:
            return await self._credentials()
        except GraphError as error:
            # Callers of Redis handle Redis' errors.
            raise AuthenticationError(str(error)) from None


class RenewingPool(redis.asyncio.BlockingConnectionPool):
    """Hands out a connection only after it has signed in with the current credentials."""

    def __init__(self, *, credentials: Credentials, **options: Any) -> None:
        super().__init__(**options)
        self._credentials = credentials

    def make_connection(self) -> Any:
        connection = super().make_connection()  # type: ignore[no-untyped-call]
        connection.credential_provider = ConnectionCredentials(self._credentials)
        return connection

    async def ensure_connection(self, connection: Any) -> None:
        await super().ensure_connection(connection)
        renewed = await connection.credential_provider.renewed()
        if renewed is None:
            return
        try:
            await connection.send_command("AUTH", *renewed)
            await connection.read_response()
        except (ConnectionError, TimeoutError, OSError):
            # The server closed the connection. A new one signs in by itself.
            await connection.disconnect()
            await connection.connect()
        except BaseException:
            # Half an answer may be left to read.
            await connection.disconnect(nowait=True)
            raise


class RenewingRedis(redis.asyncio.Redis):
    """A client of a RenewingPool. Its subscriptions sign in again too."""

    def pubsub(self, **options: Any) -> PubSub:
        return RenewingPubSub(self.connection_pool, **options)


class RenewingPubSub(PubSub):
    """A subscription that signs in again between two messages."""

    async def get_message(self, *arguments: Any, **options: Any) -> Any:
        connection: Any = self.connection
        if connection is not None and connection.is_connected:
            renewed = await connection.credential_provider.renewed()
            if renewed is not None:
                # The answer arrives as a message of type "pong"; a refusal is raised by the read.
                await connection.send_command("AUTH", *renewed, check_health=False)
        return await super().get_message(*arguments, **options)
