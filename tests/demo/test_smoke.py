"""The smoke test of the Function App, with the standalone service in the place of `func`, which
cannot run here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from demo import run, smoke
from planner_sync.settings import Settings

ROOT = Path(__file__).parents[2]
EXAMPLE = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]

# Like `func start --port N`: the values of the file, unless the environment has them, and the
# routes on that port.
FUNC = f"""#!{sys.executable}
import json, os, sys
assert sys.argv[1:3] == ["start", "--port"]
ours = ("REDIS_", "PLANNER_SYNC_")
values = {{name: value for name, value in {EXAMPLE!r}.items() if name.startswith(ours)}}
fast = {{"PLANNER_SYNC_HTTP_PORT": sys.argv[3], "PLANNER_SYNC_POLL_SECONDS": "1"}}
env = {{**values, **os.environ, **fast}}
# EXTRA
os.execve(sys.executable, [sys.executable, {str(ROOT / "src" / "planner_sync_service.py")!r}], env)
"""


@pytest.fixture
def settings_file():
    """The smoke test makes it where it is missing; then it goes again."""
    file = ROOT / "local.settings.json"
    was_there = file.exists()
    yield file
    if not was_there:
        file.unlink(missing_ok=True)


def smoke_with(folder: Path, extra: str) -> "subprocess.CompletedProcess[str]":
    func = folder / "func"
    func.write_text(FUNC.replace("# EXTRA", extra), encoding="utf-8")
    func.chmod(0o755)
    command = [sys.executable, "-m", "demo.smoke", "--func", str(func), "--without-azurite"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )


def test_a_document_becomes_a_card(tmp_path, settings_file):
    result = smoke_with(tmp_path, "")

    assert (result.returncode, "card " in result.stdout) == (0, True), result.stderr
    assert "'redis': 'ok', 'graph': 'ok'" in result.stdout
    assert settings_file.exists()


def test_a_host_that_ends_is_told_and_nothing_is_left(tmp_path, settings_file):
    result = smoke_with(tmp_path, "sys.exit('no extension bundle')")

    assert (result.returncode, result.stdout.count("card ")) == (1, 0)
    assert "no extension bundle" in result.stderr
    assert "FAILED: " in result.stderr
    left = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(tmp_path) in " ".join(p.info["cmdline"] or [])
    ]
    assert left == []


def test_without_core_tools_it_says_what_is_missing(tmp_path):
    command = [sys.executable, "-m", "demo.smoke", "--func", str(tmp_path / "func")]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )

    assert result.returncode == 2
    assert result.stderr == "missing: Azure Functions Core Tools (func) on PATH\n"


def test_the_example_of_local_settings_is_the_world_of_the_demo():
    assert EXAMPLE["REDIS_URL"] == f"redis://127.0.0.1:{run.REDIS_PORT}/0"
    assert EXAMPLE["PLANNER_SYNC_GRAPH_URL"] == f"http://127.0.0.1:{run.EMULATOR_PORT}/v1.0"
    assert (EXAMPLE["PLANNER_SYNC_PLAN_IDS"], EXAMPLE["PLANNER_SYNC_GRAPH_TOKEN"]) == (
        run.PLAN_ID,
        run.TOKEN,
    )
    assert EXAMPLE["AzureWebJobsStorage"] == "UseDevelopmentStorage=true"
    assert smoke.BLOB_PORT == 10000  # where that looks
    assert smoke.FUNC_PORT != run.HTTP_PORT  # the demo's own service


def test_the_example_of_local_settings_holds_for_the_service():
    assert Settings.from_env({**os.environ, **EXAMPLE}).plan_ids == (run.PLAN_ID,)
