"""The standalone service as a process: start, wrong settings, end, and one task both ways."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator

import pytest
from redis import Redis

import planner_sync_service
from tests.emulator_process import emulator_process
from tests.host.service_process import PLAN, ROOT, eventually, run, running
from tests.redis_process import free_port, redis_process

NOBODY = {"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": "a-secret-token"}


@pytest.fixture
def unreachable() -> dict[str, str]:
    """Correct settings for a Redis and a Graph that do not exist."""
    redis, graph = (
        f"redis://:pass-word-1@127.0.0.1:{free_port()}/0",
        f"http://127.0.0.1:{free_port()}/v1.0",
    )
    return {**NOBODY, "REDIS_URL": redis, "PLANNER_SYNC_GRAPH_URL": graph}


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_process() as url:
        yield url


@pytest.mark.parametrize(
    "folder", [pytest.param(ROOT, id="from the root"), pytest.param(ROOT / "src", id="from src")]
)
def test_wrong_settings_end_it_with_2_and_one_line_for_each_mistake(folder):
    ended = run(
        cwd=folder,
        PLANNER_SYNC_PLAN_ID=PLAN,
        PLANNER_SYNC_POLL_SECONDS="soon",
        REDIS_URL="http://:pw1@host",
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert [line.split(": ")[0] for line in ended.stderr.splitlines()][:3] == [
        "PLANNER_SYNC_PLAN_ID",
        "PLANNER_SYNC_PLAN_IDS",
        "REDIS_URL",
    ]
    assert len(ended.stderr.splitlines()) == 5
    assert "pw1" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken_is_a_wrong_setting():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run(**NOBODY, PLANNER_SYNC_HTTP_PORT=str(taken.getsockname()[1]))

    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "PLANNER_SYNC_HTTP_HOST, PLANNER_SYNC_HTTP_PORT: cannot listen: "
    )
    assert len(ended.stderr.splitlines()) == 1


def test_on_a_cluster_a_namespace_without_a_hash_tag_is_a_wrong_setting():
    with redis_process(cluster_enabled="yes") as url:
        ended = run(**NOBODY, REDIS_URL=url, PLANNER_SYNC_HTTP_PORT=str(free_port()))

    assert ended.returncode == 2
    assert "PLANNER_SYNC_NAMESPACE: " in ended.stderr
    assert "{annika}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_says_what_it_is():
    ended = run("--help")

    assert ended.returncode == 0
    assert "usage: planner_sync_service.py" in ended.stdout
    assert "--demo" in ended.stdout


@pytest.mark.contract("§7 GET /api/health")
def test_without_redis_and_graph_it_waits_and_health_says_so(unreachable):
    with running(**unreachable) as service:
        code, body = service.health()
        exit_code, log = service.stop(signal.SIGTERM)

    assert (code, body["status"], body["checks"]["redis"]) == (503, "unhealthy", "down")
    assert exit_code == 0
    assert "a-secret-token" not in log
    assert "pass-word-1" not in log
    assert "Traceback" not in log


@pytest.mark.parametrize("deaf_parent", [False, True], ids=["", "a parent that ignores signals"])
@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([signal.SIGINT], id="SIGINT"),
        pytest.param([signal.SIGTERM], id="SIGTERM"),
        pytest.param([signal.SIGTERM, signal.SIGINT, signal.SIGTERM], id="several"),
    ],
)
def test_a_signal_ends_it_cleanly(redis_url, unreachable, signals, deaf_parent):
    with running(deaf_parent=deaf_parent, **{**unreachable, "REDIS_URL": redis_url}) as service:
        exit_code, log = service.stop(*signals)

    assert exit_code == 0
    assert log.rstrip().endswith("stopped")
    assert "Traceback" not in log


def test_every_log_line_has_its_time_level_and_name(redis_url, unreachable):
    with running(
        **{**unreachable, "REDIS_URL": redis_url}, PLANNER_SYNC_LOG_LEVEL="DEBUG"
    ) as service:
        _, log = service.stop(signal.SIGTERM)

    lines = [line.split(" ", 3) for line in log.splitlines()]
    assert [
        line
        for line in lines
        if len(line) < 4 or not line[0].endswith("Z") or not line[1].isupper()
    ] == []


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe without a reader: every write fails, as on a full disk."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_log_that_cannot_be_written_stops_nothing(unread):
    with (
        redis_process() as redis_url,
        emulator_process() as emulator,
        Redis.from_url(redis_url) as redis,
    ):
        settings = {
            "REDIS_URL": redis_url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
            "PLANNER_SYNC_LOG_LEVEL": "DEBUG",
        }
        with running(stderr=unread, **settings) as service:
            redis.set("annika:tasks:t", json.dumps({"title": "Task", "percentComplete": 101}))
            redis.set("annika:tasks:u", json.dumps({"title": "Other"}))
            redis.publish("annika:tasks:updates", "t")
            redis.publish("annika:tasks:updates", "u")
            eventually(lambda: redis.get("annika:task:mapping:u"))
            code, _ = service.health()

            assert (code, service.process.poll()) == (200, None)


def test_a_part_that_dies_ends_the_process_with_1_so_that_whoever_started_it_starts_it_again(
    caplog,
):
    async def run() -> int:
        async def part() -> None:
            raise LookupError("a bug")

        return await planner_sync_service.run_until(asyncio.Event(), part())

    assert asyncio.run(run()) == 1
    assert "the service ended unexpectedly" in caplog.text


@pytest.mark.contract("§6 Agent creates or updates")
@pytest.mark.contract("§6 Human edits, completes, moves, relabels, reassigns")
@pytest.mark.contract("§7 GET /api/health")
def test_one_task_goes_to_planner_and_comes_back_changed():
    with (
        redis_process() as redis_url,
        emulator_process() as emulator,
        Redis.from_url(redis_url) as redis,
    ):
        settings = {
            "REDIS_URL": redis_url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
            "PLANNER_SYNC_POLL_SECONDS": "1",
        }
        with running(**settings) as service:
            redis.set(
                "annika:tasks:report-7", json.dumps({"id": "report-7", "title": "Write the report"})
            )
            redis.publish(
                "annika:tasks:updates", json.dumps({"action": "created", "taskId": "report-7"})
            )
            planner_id = eventually(lambda: redis.get("annika:task:mapping:report-7")).decode()
            emulator.human.edit(planner_id, fields={"percentComplete": 50})
            eventually(
                lambda: json.loads(redis.get("annika:tasks:report-7")).get("percentComplete") == 50
            )
            health = eventually(
                lambda: (answer := service.health())[1]["status"] == "healthy" and answer
            )
            exit_code, _ = service.stop(signal.SIGTERM)

    assert health[1]["checks"] == {"redis": "ok", "graph": "ok", "listener": "ok", "poll": "ok"}
    assert exit_code == 0
