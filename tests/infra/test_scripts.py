"""The scripts of infra/, run as azd and people run them; `az` is a stand-in, the directory a
file."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner_sync.errors import SettingsError
from planner_sync.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PRINCIPAL = "11111111-1111-1111-1111-111111111111"
PLAN_ID = "plan-AAAAAAAAAAAAAAAAAAAAAAA"
GRAPH = {
    "id": "graph-object",
    "appRoles": [
        {"id": "role-delegated", "value": "Tasks.ReadWrite.All", "allowedMemberTypes": ["User"]},
        {"id": "role-tasks", "value": "Tasks.ReadWrite.All", "allowedMemberTypes": ["Application"]},
        {"id": "role-people", "value": "User.ReadBasic.All", "allowedMemberTypes": ["Application"]},
        {
            "id": "role-all",
            "value": "Directory.ReadWrite.All",
            "allowedMemberTypes": ["Application"],
        },
    ],
}


def run(script: str, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
    path = os.environ["PATH"]
    return subprocess.run(
        [str(ROOT / "infra" / script), *arguments],
        env={"PATH": path, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# -- before ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("plan_ids", [PLAN_ID, f"{PLAN_ID}, {PLAN_ID[::-1]}"])
def test_settings_that_are_right_pass(plan_ids):
    result = run(
        "check-settings.sh",
        PLANNER_SYNC_PLAN_IDS=plan_ids,
        HOSTING_PLAN="flex-drain",
        NETWORK="private",
    )

    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"PLANNER_SYNC_PLAN_IDS": ""}, "PLANNER_SYNC_PLAN_IDS"),
        ({"PLANNER_SYNC_PLAN_IDS": "short"}, "PLANNER_SYNC_PLAN_IDS"),
        ({"PLANNER_SYNC_PLAN_IDS": f"{PLAN_ID};{PLAN_ID}"}, "PLANNER_SYNC_PLAN_IDS"),
        ({"HOSTING_PLAN": "premium"}, "HOSTING_PLAN"),
        ({"NETWORK": "closed"}, "NETWORK"),
        ({"APP_PUBLIC_ACCESS": "false"}, "APP_PUBLIC_ACCESS"),
    ],
    ids=str,
)
def test_a_wrong_setting_stops_azd_with_one_line(env, name):
    result = run("check-settings.sh", **{"PLANNER_SYNC_PLAN_IDS": PLAN_ID, **env})

    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(name)


@pytest.mark.parametrize(
    "plan_ids",
    [PLAN_ID, f"{PLAN_ID},{PLAN_ID}", "short", PLAN_ID + "x", PLAN_ID[1:], "", f"{PLAN_ID[:-1]}!"],
)
def test_azd_stops_at_the_plan_ids_that_the_service_would_refuse(plan_ids):
    try:
        Settings.from_env({"PLANNER_SYNC_PLAN_IDS": plan_ids, "PLANNER_SYNC_GRAPH_TOKEN": "t"})
        refused = False
    except SettingsError:
        refused = True

    assert (run("check-settings.sh", PLANNER_SYNC_PLAN_IDS=plan_ids).returncode != 0) == refused


# -- after -----------------------------------------------------------------------------------------
def test_what_is_left_to_do_is_said_with_the_names_of_this_deployment():
    result = run(
        "say-next.sh",
        IDENTITY_PRINCIPAL_ID=PRINCIPAL,
        HEALTH_URL="https://func-x.example/api/health",
    )

    consent = f"infra/grant-graph.sh {PRINCIPAL} --with-people"
    said = [line.strip() for line in result.stdout.splitlines() if line.startswith("    ")]
    assert said == [consent, "azd deploy", "curl https://func-x.example/api/health"]


# -- Graph -----------------------------------------------------------------------------------------
class Tenant:
    """A directory in a file, and `az` on PATH."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "directory.json"
        self.file.write_text(json.dumps({"graph": GRAPH, "granted": []}), encoding="utf-8")
        az = folder / "bin" / "az"
        az.parent.mkdir()
        directory = Path(__file__).with_name("directory.py")
        az.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{directory}" "$@"\n')
        az.chmod(0o755)
        self.env = {"PATH": f"{az.parent}:{os.environ['PATH']}", "DIRECTORY": str(self.file)}

    def grant(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return run("grant-graph.sh", *arguments, **self.env)

    def granted(self) -> list[tuple[str, str]]:
        granted: list[dict[str, Any]] = json.loads(self.file.read_text(encoding="utf-8"))["granted"]
        assert all(one["resourceId"] == GRAPH["id"] for one in granted)
        return [(one["principalId"], one["appRoleId"]) for one in granted]


@pytest.fixture
def tenant(tmp_path):
    return Tenant(tmp_path)


def test_the_service_is_granted_tasks_and_nothing_else(tenant):
    result = tenant.grant(PRINCIPAL)

    assert (result.returncode, result.stderr) == (0, "")
    assert tenant.granted() == [(PRINCIPAL, "role-tasks")]


def test_people_are_granted_when_asked(tenant):
    tenant.grant(PRINCIPAL, "--with-people")

    assert tenant.granted() == [(PRINCIPAL, "role-tasks"), (PRINCIPAL, "role-people")]


def test_granting_twice_changes_nothing(tenant):
    tenant.grant(PRINCIPAL)
    again = tenant.grant(PRINCIPAL, "--with-people")

    assert "Tasks.ReadWrite.All: was granted already" in again.stdout
    assert tenant.granted() == [(PRINCIPAL, "role-tasks"), (PRINCIPAL, "role-people")]


def test_what_was_granted_is_taken_away(tenant):
    tenant.grant(PRINCIPAL, "--with-people")
    result = tenant.grant(PRINCIPAL, "--revoke")

    assert (result.returncode, tenant.granted()) == (0, [])
    assert "was not granted" in tenant.grant(PRINCIPAL, "--revoke").stdout


@pytest.mark.parametrize("arguments", [(), ("no-id",), (PRINCIPAL, "--everything")], ids=str)
def test_a_wrong_call_asks_for_nothing_and_says_how(tenant, arguments):
    result = tenant.grant(*arguments)

    assert (result.returncode, tenant.granted()) == (2, [])
    assert "infra/grant-graph.sh PRINCIPAL_ID" in result.stderr
