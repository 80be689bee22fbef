"""Connections that are open and dead, and servers that do not answer: found out within seconds, and
healed from."""

import asyncio

import pytest

from tests.processes.stage import Stage
from tests.proxy import Proxy


@pytest.mark.parametrize(
    "which",
    [
        pytest.param(lambda asked: b"SUBSCRIBE" in asked, id="the subscription"),
        pytest.param(bool, id="every connection"),
    ],
)
async def test_a_half_open_connection_is_noticed_and_what_is_said_afterwards_is_heard(
    stage: Stage, which
) -> None:
    await stage.start(PLANNER_SYNC_POLL_SECONDS="600")  # only the listener can be in time
    await stage.write("before")
    await stage.until_one()
    stage.to_redis.silence(which)
    await stage.write("meanwhile")
    await stage.until_one()
    await stage.write("afterwards")
    await stage.until_one()
    assert sum(b"SUBSCRIBE" in asked for asked in stage.to_redis.asked) == 2


async def hang(proxy: Proxy) -> None:
    await proxy.hang()
    proxy.reset()


async def swallow(proxy: Proxy) -> None:
    proxy.swallow()


@pytest.mark.contract("§6 Planner is down, slow, throttles")
@pytest.mark.parametrize(
    "how", [pytest.param(hang, id="connecting hangs"), pytest.param(swallow, id="requests hang")]
)
async def test_while_planner_does_not_answer_health_says_so_and_afterwards_everything_arrives(
    stage: Stage, how
) -> None:
    service = await stage.start()
    await stage.busy("t", 4)
    await stage.until_one()
    await how(stage.to_planner)
    await stage.busy("u", 4)
    stage.add_card("h")

    async def says_so() -> bool:
        _, body = await asyncio.to_thread(service.health)
        return body["status"] == "degraded" and body["checks"]["graph"] != "ok"

    await stage.until(says_so, "health to say so")
    await stage.to_planner.heal()
    stage.to_planner.reset()
    await stage.judged()


@pytest.mark.contract("§6 Planner is down, slow, throttles")
async def test_a_planner_that_needs_longer_than_a_claim_lasts_hears_of_every_change(
    stage: Stage,
) -> None:
    """Two reads of one second each way are twice the length of a claim here, and still within their
    deadlines."""
    await stage.start()
    await stage.write("slow")
    await stage.until_one()
    stage.edit_card("slow")
    stage.to_planner.delay = 1.0
    before = stage.writes()
    await stage.work("slow")
    await stage.until(lambda: stage.writes() > before, "the agent's change at Planner")
    stage.to_planner.delay = 0.0
    await stage.judged()
