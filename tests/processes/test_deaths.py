"""Processes that die or freeze in the middle of work: another one takes over, and nothing is lost
or done twice."""

import asyncio
import itertools
import signal

import pytest

from tests.host.service_process import Running
from tests.processes.stage import Stage


@pytest.mark.contract("§6 The process is killed at any instant")
async def test_killed_again_and_again_in_a_backlog_nothing_is_lost_or_twice(stage: Stage) -> None:
    services = [await stage.start(), await stage.start()]
    stage.to_planner.delay = 0.02  # so that something is always under way
    for turn, after in enumerate((1, 8, 16)):
        goal = stage.writes() + after
        await stage.busy(f"t{turn}-", 12)
        stage.add_card(f"h{turn}")
        await stage.until(lambda goal=goal: stage.writes() >= goal, "the moment")  # type: ignore[misc]
        await stage.kill(services.pop(0))
        services.append(await stage.start())
    await stage.judged()


@pytest.mark.contract("§6 Two or more instances run")
async def test_a_service_that_was_frozen_for_longer_than_its_claims_writes_nothing_when_it_thaws(
    stage: Stage,
) -> None:
    frozen = await stage.start()
    for n in range(6):
        await stage.write(f"old{n}")
    await stage.until_one()
    stage.to_planner.delay = 0.4
    for n in range(6):
        await stage.work(f"old{n}")
    new = itertools.count()

    async def some_wait_for_their_turn() -> bool:
        await stage.write(f"new{next(new)}")
        return await claimed_without_note(stage) >= 3

    await stage.until(
        lambda: any(b"PATCH" in data for data in stage.to_planner.asked), "a write under way"
    )
    await stage.until(some_wait_for_their_turn, "claims without a note")
    frozen.process.send_signal(signal.SIGSTOP)
    stage.to_planner.delay = 0.0
    await stage.start()
    for n in range(6):
        await stage.work(f"old{n}")
        stage.edit_card(f"old{n}")
    await stage.until_one()
    before = stage.writes()
    frozen.process.send_signal(signal.SIGCONT)
    await stage.until(lambda: is_well(frozen), "the thawed service to be well")
    await stage.judged()
    assert stage.writes() == before


async def claimed_without_note(stage: Stage) -> int:
    claims = await stage.redis.hgetall("annika:sync:task_leases")
    held = [task_id.decode() for task_id, claim in claims.items() if b" done" not in claim]
    notes = [await stage.redis.hkeys(f"annika:sync:task:{task_id}") for task_id in held]
    return sum(not any(field.startswith(b"intent ") for field in fields) for fields in notes)


async def is_well(service: Running) -> bool:
    return (await asyncio.to_thread(service.health))[0] == 200
