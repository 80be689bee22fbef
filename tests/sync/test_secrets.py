"""No token is ever in Redis or in the log, whatever goes wrong."""

import logging
from typing import Any

import pytest

from tests.sync.world import World


async def test_no_token_is_in_redis_or_the_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = world.service()
    await world.settle(service)
    world.emulator.faults.add("expired_token", times=1)
    world.emulator.faults.add("drop_after", method="POST", times=1)
    await world.set("t", title="Task", description="text")
    await world.settle(service)
    world.emulator.faults.add("expired_token", times=50)
    await world.change("t", title="Other")
    await world.settle(service)
    dump = await everything(world)
    assert b"Other" in dump
    assert world.emulator.token.encode() not in dump
    assert "Bearer" not in dump.decode("utf-8", "replace")
    assert world.emulator.token not in caplog.text


async def everything(world: World) -> bytes:
    """Every key of the namespace with all that it holds."""
    readers: dict[bytes, Any] = {
        b"string": world.redis.get,
        b"hash": world.redis.hgetall,
        b"zset": lambda key: world.redis.zrange(key, 0, -1),
        b"list": lambda key: world.redis.lrange(key, 0, -1),
    }
    found = b""
    async for key in world.redis.scan_iter(match=f"{world.keys.namespace}:*"):
        found += key + repr(await readers[await world.redis.type(key)](key)).encode()
    return found
