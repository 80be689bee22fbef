"""Redis in this process, on the virtual clock: fakeredis with TIME and INFO.

A `Gate` stands before and after every command of a client. It lets time pass, and faults happen
there. A server has another run id after a restart. `test_redis_double.py` compares its answers to
our scripts with those of a real server.
"""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Protocol

import redis.asyncio
from fakeredis import FakeServer
from fakeredis._clients._async import FakeBaseAsyncConnection, FakeReader, FakeWriter
from fakeredis._commands import command
from fakeredis._socket import AsyncFakeSocket
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tests.simulation.machine.virtual_time import START

POOL, TIMEOUT = 24, 5.0  # as store/server/connection.py


class Gate(Protocol):
    """Called around every command.

    May wait, raise OSError (the connection is cut), or end the caller.
    """

    async def before(self, what: bytes) -> None:
        """Nothing was sent yet."""

    async def after(self, what: bytes) -> None:
        """It was carried out; the answer is on its way."""


class _InOrder:
    """Subscribers in order of arrival; fakeredis has them in an order that changes."""

    def __init__(self) -> None:
        self._members: dict[Any, None] = {}

    def add(self, member: Any) -> None:
        self._members[member] = None

    def remove(self, member: Any) -> None:
        del self._members[member]

    def discard(self, member: Any) -> None:
        self._members.pop(member, None)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._members))

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, member: Any) -> bool:
        return member in self._members


class _Channels(dict[bytes, Any]):
    def __missing__(self, channel: bytes) -> _InOrder:
        self[channel] = _InOrder()
        return self[channel]  # type: ignore[no-any-return]


class Server(FakeServer):
    """One server. `said` has every message on its channels, as (seconds, channel, text)."""

    def __init__(self) -> None:
        super().__init__(version=(7, 4))
        self.subscribers = _Channels()  # type: ignore[assignment]
        self.run = 1
        self.said: list[tuple[float, str, bytes]] = []

    @property
    def run_id(self) -> str:
        return f"{self.run:040x}"

    def copy(self) -> dict[bytes, Any]:
        """Everything that is stored now."""
        return deepcopy(self.dbs[0]._dict)

    def restart(self, stored: dict[bytes, Any] | None = None) -> None:
        """As after a failover: all connections are cut and the run id changes.

        `stored` replaces the data.
        """
        if stored is not None:
            self.dbs[0]._dict = stored
        self.run += 1
        self.script_cache.clear()
        for socket in list(self.sockets):
            socket.kill()


class _Socket(AsyncFakeSocket):
    @command(())
    def time(self) -> list[bytes]:
        now = asyncio.get_running_loop().time()
        seconds, part = divmod(round((START.timestamp() + now) * 1_000_000), 1_000_000)
        return [str(seconds).encode(), str(part).encode()]

    @command((), (bytes,))
    def info(self, *sections: bytes) -> bytes:
        server: Any = self._server
        lines = [
            f"run_id:{server.run_id}",
            "cluster_enabled:0",
            "maxmemory:0",
            "maxmemory_policy:noeviction",
        ]
        return "\r\n".join(lines).encode()

    @command((bytes, bytes))
    def publish(self, channel: bytes, message: bytes) -> int:
        server: Any = self._server
        server.said.append((asyncio.get_running_loop().time(), channel.decode(), message))
        return int(super().publish(channel, message))  # type: ignore[misc]


class _Connection(FakeBaseAsyncConnection, redis.asyncio.Connection):
    def __init__(self, *, gate: Gate, **kwargs: Any) -> None:
        self._gate = gate
        self._waits = 0
        super().__init__(**kwargs)

    async def _connect(self) -> None:
        socket = _Socket(
            self._server, self.db, client_class=redis.asyncio.Redis, client_info=self._client_info
        )  # type: ignore[arg-type]
        self._sock, self._reader, self._writer = socket, FakeReader(socket), FakeWriter(socket)

    async def on_connect(self) -> None:
        """No HELLO, no CLIENT SETINFO: a connection costs nothing here."""

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await self.on_connect()

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        chunks = [command] if isinstance(command, bytes) else list(command)
        try:
            await self._gate.before(chunks[0])
            for chunk in chunks:
                if self._writer is None:
                    raise ConnectionResetError("cut")
                self._sock.sendall(chunk)  # type: ignore[union-attr]
            await self._gate.after(chunks[0])
        except OSError as error:
            await self.disconnect(nowait=True)
            raise redis.asyncio.ConnectionError(str(error)) from error
        except BaseException:
            await self.disconnect(nowait=True)
            raise


def client(server: Server, gate: Gate, retries: int = 0) -> Any:
    """A client of redis-py whose every command passes the gate.

    Like the product's, it repeats nothing by itself.
    """
    pool = redis.asyncio.BlockingConnectionPool(
        connection_class=_Connection,
        max_connections=POOL,
        timeout=20.0,
        server=server,
        gate=gate,
        socket_timeout=TIMEOUT,
        version=(7, 4),
        retry=Retry(NoBackoff(), retries),
    )
    return redis.asyncio.Redis.from_pool(pool)
