"""The proxy of the tests does to connections what it says."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.proxy import Proxy, proxy_to

SOON = 0.3  # seconds in which nothing may arrive


class Echo:
    """A server that says again what it hears; `heard` is what has reached it."""

    def __init__(self) -> None:
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1024):
            self.heard += data
            writer.write(data)
        writer.close()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    async with proxy_to(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}") as proxy:
        yield proxy
    server.close()


async def connect(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", proxy.port)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: bytes) -> bytes:
    writer.write(what)
    async with asyncio.timeout(SOON):
        return await reader.read(1024)


async def test_what_it_is_told_nothing_about_passes(proxy):
    assert await ask(*await connect(proxy), b"a") == b"a"
    assert proxy.asked == [b"a"]


async def test_of_a_lost_answer_the_server_has_heard_and_the_client_sees_a_reset(proxy, echo):
    proxy.lose(match=lambda asked: asked == b"b")
    connection = await connect(proxy)

    assert await ask(*connection, b"a") == b"a"
    with pytest.raises(ConnectionResetError):
        await ask(*connection, b"b")
    assert (echo.heard, proxy.lost) == (b"ab", [b"b"])
    assert await ask(*await connect(proxy), b"b") == b"b"


async def test_of_the_open_connections_only_those_that_match_fall_silent(proxy, echo):
    silent, other = await connect(proxy), await connect(proxy)
    assert (await ask(*silent, b"s"), await ask(*other, b"o")) == (b"s", b"o")

    proxy.silence(lambda asked: b"s" in asked)

    assert await ask(*other, b"o") == b"o"
    with pytest.raises(TimeoutError):
        await ask(*silent, b"s")
    assert (await ask(*await connect(proxy), b"s"), echo.heard) == (b"s", b"soos")


async def test_who_connects_while_it_hangs_gets_no_answer_and_afterwards_one(proxy):
    await proxy.hang()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await connect(proxy)
    await proxy.heal()
    assert await ask(*await connect(proxy), b"a") == b"a"


async def test_it_refuses_and_takes_connections_again_on_the_same_port(proxy):
    connection, port = await connect(proxy), proxy.port
    assert await ask(*connection, b"a") == b"a"
    await proxy.refuse()

    with pytest.raises(ConnectionResetError):
        await ask(*connection, b"a")
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    await proxy.heal()
    assert (await ask(*await connect(proxy), b"a"), proxy.port) == (b"a", port)
