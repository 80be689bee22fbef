"""`python -m planner_emulator`: how it starts, what it says, how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.emulator_process import ROOT, TOKEN, emulator_process

COMMAND = [sys.executable, "-m", "planner_emulator", "--port", "0", "--token", TOKEN]
PLAN = "p" * 28
GUID = "0e00e000-0000-4000-8000-0000000000aa"


def started(
    *arguments: str, before: Callable[[], object] | None = None
) -> "tuple[subprocess.Popen[str], str]":
    """The process and the address of its page, once it listens."""
    command = [*COMMAND, *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=before
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Planner emulator: Graph at http://127.0.0.1:")
    return process, line.rpartition("board at ")[2].strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0(number: signal.Signals) -> None:
    process, _ = started()
    process.send_signal(number)

    assert process.wait(5) == 0


def test_sigint_ends_it_also_where_the_parent_ignores_it() -> None:
    process, _ = started(before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    process.send_signal(signal.SIGINT)

    assert process.wait(5) == 0


def test_a_signal_ends_it_while_an_answer_is_under_way() -> None:
    process, page = started("--switch", "latency_ms=60000-60000")
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{page}v1.0/users/x", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=0.2)
    process.terminate()

    assert process.wait(5) == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            ["--switch", "speed=9"],
            "there is no switch 'speed'; the switches are ",
            id="unknown switch",
        ),
        pytest.param(
            ["--switch", "prefer=maybe"],
            "switch prefer: 'maybe' is none of honour, ignore",
            id="wrong value",
        ),
        pytest.param(
            ["--switch", "page_size=0"],
            "switch page_size: '0' is not a whole number of 1 or more",
            id="wrong number",
        ),
        pytest.param(
            ["--switch", "latency_ms=9-3"],
            "switch latency_ms: '9-3' does not look like 20-80",
            id="wrong span",
        ),
        pytest.param(
            ["--plan", "short"],
            "--plan 'short' is no id of 28 letters, digits, _ or -",
            id="plan id",
        ),
        pytest.param(["--user", "mira"], "--user 'mira' is not EMAIL or EMAIL=GUID", id="user"),
        pytest.param(
            ["--user", "a@b=1"], "--user 'a@b=1' is not EMAIL or EMAIL=GUID", id="user id"
        ),
        pytest.param(
            ["--colour", "red"], "unrecognized arguments: --colour red", id="unknown option"
        ),
    ],
)
def test_a_mistake_ends_it_with_2_and_a_clear_line(arguments: list[str], line: str) -> None:
    ended = subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )

    assert ended.returncode == 2
    assert line in ended.stderr
    assert "Traceback" not in ended.stderr


def test_plans_and_people_are_seeded_from_the_command_line() -> None:
    with emulator_process(
        plans=[f"{PLAN}=Autumn", "q" * 28], users=[f"ann@example.com={GUID}"]
    ) as emulator:
        assert emulator.plan_ids == [PLAN, "q" * 28]
        assert [plan["title"] for plan in emulator.state()["plans"]] == ["Autumn", "Plan 2"]
        assert list(emulator.bucket_ids()) == ["To do", "Doing", "Done"]
        assert emulator.user_ids() == {"ann@example.com": GUID}
        found = httpx.get(f"{emulator.url}/users/{GUID}", headers=emulator.headers).json()
        assert found["mail"] == "ann@example.com"


def test_without_them_there_is_a_plan_and_three_people() -> None:
    with emulator_process() as emulator:
        assert len(emulator.state()["plans"]) == 1
        assert len(emulator.user_ids()) == 3


def test_it_needs_nothing_but_starlette_and_uvicorn() -> None:
    """Whatever its modules import is the standard library, these two, or its own."""
    allowed = {*sys.stdlib_module_names, "starlette", "uvicorn", "planner_emulator"}
    imported = {
        line.split()[1].partition(".")[0]
        for file in (ROOT / "planner_emulator").rglob("*.py")
        for line in file.read_text().splitlines()
        if line.lstrip().startswith(("import ", "from "))
    }

    assert imported <= allowed


def test_it_runs_from_another_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        COMMAND, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    page = process.stdout.readline().rpartition("board at ")[2].strip()
    try:
        assert "<title>Planner</title>" in httpx.get(page).text
    finally:
        process.terminate()
        assert process.wait(5) == 0
