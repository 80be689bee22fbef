"""The service and agents, each as its user of operators/acl.py: no command is refused."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError

from planner_sync.agents.client import AgentClient
from tests.host.service_process import eventually
from tests.security.guarded_redis import GuardedRedis, guarded_redis
from tests.sync.world import World, world_of


@pytest.fixture(
    scope="module", params=["annika", "{annika}"], ids=["one server", "a cluster with a hash tag"]
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GuardedRedis]:
    is_cluster = "{" in request.param
    config = {"cluster_enabled": "yes"} if is_cluster else {}
    with guarded_redis(tmp_path_factory.mktemp("acl"), request.param, **config) as server:
        if is_cluster:
            with server.admin() as admin:
                admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
                eventually(
                    lambda: "cluster_state:ok" in str(admin.execute_command("CLUSTER", "INFO"))
                )
        yield server


@pytest.fixture
async def world(server: GuardedRedis) -> AsyncIterator[World]:
    with server.admin() as admin:
        admin.flushall()
        admin.execute_command("ACL", "LOG", "RESET")
    admin_url = f"redis://admin:admin@{server.address}/0"
    async with world_of(admin_url, server.namespace, {"REDIS_URL": server.url("service")}) as world:
        yield world


def refused(server: GuardedRedis) -> list[Any]:
    with server.admin() as admin:
        return [(entry["username"], entry["object"]) for entry in admin.acl_log()]


async def test_the_service_and_an_agent_with_the_client_do_everything_under_their_users(
    server, world
):
    service = await world.start()
    async with AgentClient.connect(server.url("client"), server.namespace, agent="writer") as tasks:
        assert await tasks.get("t") is None
        heard = tasks.messages()
        await anext(heard)
        await tasks.create({"title": "Task", "bucket": "New", "labels": ["Blue"]}, "t")
        card = await world.until_uploaded("t")
        world.human.edit(card, fields={"percentComplete": 50})

        async def arrived() -> bool:
            return (await world.document("t")).get("percentComplete") == 50

        await world.until(arrived)
        await tasks.update("t", {"description": "text"})
        await world.until(lambda: len(world.said("uploaded", "t")) == 2)
        mapped = await world.redis.get(world.keys.planner_id("t"))
        await tasks.delete("t")
        await world.until(lambda: world.said("deleted", "t"))
        await heard.aclose()
    await world.set("bad id", title="Task")
    await world.until(lambda: world.said("failed"))
    snapshot = await service.telemetry.snapshot_within(5)

    assert mapped == card.encode()
    assert snapshot is not None
    assert refused(server) == []


async def test_an_agent_with_two_commands_needs_no_more(server, world):
    await world.start()
    async with Redis.from_url(server.url("agent")) as agent:
        async with agent.pipeline() as pipe:  # MULTI and EXEC
            pipe.set(world.keys.document("t"), '{"id":"t","title":"Task"}')
            pipe.publish(world.keys.updates, '{"action":"created","taskId":"t"}')
            await pipe.execute()
        card = await world.until_uploaded("t")
        mapped = await agent.get(world.keys.planner_id("t"))

    assert mapped == card.encode()
    assert refused(server) == []


async def test_an_agent_cannot_forge_a_confirmation(server, world):
    for role in ("agent", "client", "reader", "health"):
        async with Redis.from_url(server.url(role)) as agent:
            with pytest.raises(NoPermissionError):
                await agent.publish(world.keys.sync, '{"action":"uploaded","redisId":"t"}')


async def test_the_client_writes_again_after_the_server_forgot_its_script(server, world):
    """Its user may load nothing; the service does, with every sweep."""
    service = world.service()
    await world.settle(service)
    async with AgentClient.connect(server.url("client"), server.namespace) as tasks:
        await tasks.create({"title": "Task"}, "t")
        await world.redis.script_flush()
        with pytest.raises(NoPermissionError):
            await tasks.update("t", {"title": "Other"})
        await world.settle(service)
        await tasks.update("t", {"title": "Other"})

    assert (await world.document("t"))["title"] == "Other"
