"""The standalone service and the Function App at once on the same plan: one writer for each task,
one poller."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.service_process import surroundings
from tests.processes.stage import Stage

TICKING = Path(__file__).with_name("ticking_host.py")


@pytest.fixture
def ticking(stage: Stage) -> Iterator["subprocess.Popen[bytes]"]:
    env = surroundings(**{**stage.settings, "PLANNER_SYNC_POLL_SCHEDULE": "* * * * * *"})
    process = subprocess.Popen([sys.executable, str(TICKING)], env=env, stdin=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait(10)


@pytest.mark.contract("§6 Two or more instances run")
async def test_a_second_host_of_another_kind_does_nothing_twice(
    stage: Stage, ticking: "subprocess.Popen[bytes]"
) -> None:
    async def both_listen() -> bool:
        return len(await stage.listeners()) == 2

    await stage.start()
    await stage.until(both_listen, "both to listen")
    await stage.busy("t", 15)
    for n in range(3):
        stage.add_card(f"h{n}")
    await stage.until_one()
    await stage.delete("t1")
    stage.delete_card("h1")
    await stage.judged()
    workers = await stage.redis.hlen("annika:sync:batches")
    assert (workers, stage.writes("DELETE"), ticking.poll()) == (2, 1, None)
