"""Facts about the Functions host, and what the app does because of them. No server, no process."""

import ast
import asyncio
import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import function_app
from planner_sync import schedule
from planner_sync.graph.gate import DEADLINE
from planner_sync.store.server.connection import SOCKET_SECONDS
from tests.host.indexed import functions

ROOT = Path(__file__).resolve().parents[2]
HOST = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))


# -- invocations -----------------------------------------------------------------------------------
async def waits_for_what_only_it_knows() -> None:
    await asyncio.Event().wait()


async def survives_the_collector(function: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Begin an invocation as the worker does, without a reference, and collect garbage."""
    loop = asyncio.get_running_loop()
    lost: list[str] = []
    loop.set_exception_handler(lambda _, context: lost.append(context["message"]))
    task = weakref.ref(loop.create_task(function()))
    await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)
    if (found := task()) is not None:
        found.cancel()
        await asyncio.gather(found, return_exceptions=True)
    return not lost


async def test_the_garbage_collector_takes_an_invocation_that_nobody_holds():
    """Why `pinned` exists. If this fails, asyncio keeps its tasks alive, and `pinned` can go."""
    assert not await survives_the_collector(waits_for_what_only_it_knows)


async def test_a_pinned_invocation_survives_the_garbage_collector():
    assert await survives_the_collector(function_app.pinned(waits_for_what_only_it_knows))
    assert function_app.running == set()


def test_every_function_is_pinned():
    pin = function_app.pinned(waits_for_what_only_it_knows).__code__

    assert {name for name, function in functions().items() if function.__code__ is not pin} == set()


def test_every_function_is_async():
    """A sync function would run in a thread, where the Redis and Graph clients must not be used."""
    assert {
        name for name, function in functions().items() if not asyncio.iscoroutinefunction(function)
    } == set()


# -- the end of a worker ---------------------------------------------------------------------------
def test_nothing_waits_for_the_end_of_the_process():
    """Workers end by SIGKILL, so nothing done at exit would be done."""
    files = [ROOT / "function_app.py", *(ROOT / "src" / "planner_sync").rglob("*.py")]
    found = [
        f"{path.name}: {node.attr if isinstance(node, ast.Attribute) else node.names[0].name}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (
            isinstance(node, ast.Import)
            and {name.name for name in node.names} & {"atexit", "signal"}
        )
        or (isinstance(node, ast.ImportFrom) and node.module in ("atexit", "signal"))
        or (isinstance(node, ast.Attribute) and node.attr in ("add_signal_handler", "__del__"))
    ]

    assert found == []


# -- time ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("setting", "seconds"),
    [
        pytest.param(None, 240, id="host.json"),
        pytest.param("00:02:00", 96, id="the setting that overrides it"),
        pytest.param("-1", 240, id="without a limit"),
    ],
)
def test_a_tick_has_four_fifths_of_function_timeout(setting, seconds):
    code = "import function_app; print(function_app.tick_seconds())"
    env = {
        "PATH": "",
        **({} if setting is None else {"AzureFunctionsJobHost__functionTimeout": setting}),
    }
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )

    assert float(run.stdout) == seconds


def test_one_request_lasts_far_less_than_a_tick():
    """Otherwise one request that hangs would take the whole tick."""
    assert max(DEADLINE, SOCKET_SECONDS) * 4 <= function_app.tick_seconds()


def test_a_tick_is_cut_before_the_host_cuts_it():
    timeout = schedule.timespan(HOST["functionTimeout"])

    assert timeout is not None
    assert function_app.tick_seconds() + DEADLINE <= timeout


# -- host.json and what ships ----------------------------------------------------------------------
def test_the_log_of_the_listener_and_of_every_invocation_passes_the_hosts_filter():
    """The worker's stderr has its own category. A 30 s timer logs 2,880 results a day; everything
    else is quiet."""
    levels = HOST["logging"]["logLevel"]

    assert levels == {
        "default": "Warning",
        "Host.Results": "Information",
        "Host.Function.Console": "Information",
        "Function": "Information",
    }


def test_requests_and_errors_are_never_left_out_by_sampling():
    sampling = HOST["logging"]["applicationInsights"]["samplingSettings"]

    assert sampling == {"isEnabled": True, "excludedTypes": "Request;Exception"}


def test_the_bundle_is_pinned_to_one_major_version():
    assert HOST["extensionBundle"] == {
        "id": "Microsoft.Azure.Functions.ExtensionBundle",
        "version": "[4.*, 5.0.0)",
    }


def test_routes_are_below_api_as_the_contract_has_them():
    assert HOST["extensions"]["http"]["routePrefix"] == "api"


def tracked() -> list[str]:
    return subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()


def test_the_app_is_of_the_v2_model_alone():
    """A function.json anywhere would make the host read the folders instead of function_app.py."""
    assert [name for name in tracked() if name.endswith("function.json")] == []
    assert "azure-functions-worker" not in (ROOT / "requirements.txt").read_text(encoding="utf-8")


LIES_ABOUT = (
    *(".env", ".venv/bin/python", "local.settings.json", ".azurite/db", "node_modules/x/y.js"),
    *(
        "tmp/x",
        "src/planner_sync.egg-info/PKG-INFO",
        "src/planner_sync/__pycache__/task.pyc",
        ".hypothesis/x",
    ),
)


def test_what_ships_to_azure_is_the_app_and_nothing_else(tmp_path):
    """Computed with git, whose rules those of .funcignore are: of all that is tracked, and of what
    a clone gathers."""
    names = {*tracked(), *LIES_ABOUT}
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listing = ["git", "ls-files", "--others", f"--exclude-from={ROOT / '.funcignore'}"]
    ships = subprocess.run(
        listing, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.split()

    package = {name for name in tracked() if name.startswith("src/planner_sync/")}
    assert set(ships) == {"function_app.py", "host.json", "requirements.txt", *package}
