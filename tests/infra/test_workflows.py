"""The workflows of GitHub: nothing runs there that is not pinned, and nothing may do more than it
needs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"- uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")

# The right of a job beyond reading the code, where it has one.
RIGHTS = {("deploy.yml", "azure"): {"id-token": "write"}}

each = pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)


def read(file: Path) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return workflow


def steps(file: Path) -> list[dict[str, Any]]:
    return [step for job in read(file)["jobs"].values() for step in job["steps"]]


def test_there_is_one_for_tests_and_one_for_deployment():
    assert [file.name for file in FILES] == ["ci.yml", "deploy.yml"]


@each
def test_an_action_is_pinned_by_its_commit_with_the_version_beside_it(file):
    lines = [
        line.strip() for line in file.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]

    assert len(lines) == sum("uses" in step for step in steps(file)) > 0
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_one_action_has_one_version():
    used = {step["uses"] for file in FILES for step in steps(file) if "uses" in step}

    assert len(used) == len({action.split("@")[0] for action in used})


@each
def test_a_job_reads_the_code_and_has_no_other_right_but_the_one_of_the_list(file):
    workflow = read(file)

    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        name: {"contents": "read", **RIGHTS.get((file.name, name), {})} for name in workflow["jobs"]
    }


@each
def test_no_secret_is_used_and_no_token_is_left_in_the_checkout(file):
    checkouts = [
        step for step in steps(file) if step.get("uses", "").startswith("actions/checkout@")
    ]

    assert "secrets." not in file.read_text(encoding="utf-8")
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False]


@each
def test_a_script_takes_nothing_from_the_event_but_by_the_environment(file):
    assert [step["run"] for step in steps(file) if "${{" in step.get("run", "")] == []


def test_tests_run_as_everywhere_else():
    assert ".ci/run" in [
        step.get("run") for step in steps(ROOT / ".github" / "workflows" / "ci.yml")
    ]


def test_secrets_are_looked_for_in_the_whole_history_and_the_bill_of_materials_is_kept():
    (checkout, *_, kept) = steps(ROOT / ".github" / "workflows" / "ci.yml")

    assert checkout["with"]["fetch-depth"] == 0
    assert kept["uses"].startswith("actions/upload-artifact@")
    assert kept["with"]["path"] == "build/sbom.cdx.json"


def test_a_deployment_is_started_by_a_person_in_a_protected_environment():
    workflow = read(ROOT / ".github" / "workflows" / "deploy.yml")

    assert list(workflow[True]) == ["workflow_dispatch"]  # `on` is true in YAML
    assert [job["environment"] for job in workflow["jobs"].values()] == ["azure"]


def test_a_deployment_passes_only_what_the_templates_take():
    (job,) = read(ROOT / ".github" / "workflows" / "deploy.yml")["jobs"].values()
    parameters = (ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8")
    of_azd = {"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID"}

    assert {name for name in job["env"] if f"${{{name}" not in parameters} == of_azd
