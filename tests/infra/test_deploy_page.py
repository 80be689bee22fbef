"""docs/deploy.md against what it speaks of: names, defaults, files, and commands that a shell can read."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.bicep import Deployment, Template, text_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
MAIN = Template(ROOT / "infra" / "main.bicep")


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_setting_has_its_row_with_the_default():
    parameters = json.loads((ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8"))["parameters"]
    given = [re.fullmatch(r"\$\{(\w+)(?:=(.*))?\}", one["value"]) for one in parameters.values()]
    of_azd = ("AZURE_ENV_NAME", "AZURE_LOCATION")
    settings = {found[1]: found[2] for found in given if found and found[1] not in of_azd}

    told = {name.strip("`"): default for name, default, _ in rows("## All settings")}
    assert told.keys() == settings.keys()
    assert {name: told[name].strip("`") for name in settings if settings[name]} == {
        name: default for name, default in settings.items() if default
    }


def test_every_plan_has_its_row():
    allowed = MAIN.all("parameter")["hostingPlan"].decorators["allowed"][0]

    told = [re.match(r"`([\w-]+)`", plan) for plan, *_ in rows("## Choose a plan")]
    assert [found and found[1] for found in told] == [text_of(one).strip("'") for one in allowed.named_children]


def test_every_value_that_is_asked_for_is_an_output():
    asked = set(re.findall(r"azd env get-value (\w+)", PAGE))

    assert asked - MAIN.all("output").keys() == set()
    assert asked


@pytest.mark.parametrize("block", BLOCKS)
def test_a_shell_can_read_every_block(block):
    result = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)

    assert result.stderr == ""


def test_every_file_and_verb_that_is_named_exists():
    verbs = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", PAGE, re.M))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    files = set(re.findall(r"`((?:infra|tests|\.github|\.ci)/[\w./-]*)`", PAGE)) | set(
        re.findall(r"infra/[\w-]+\.sh", PAGE)
    )

    assert [verb for pair in verbs if (verb := "".join(pair)) and f"\n{verb}:" not in makefile] == []
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_link_within_the_page_leads_somewhere():
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)", PAGE, re.M)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) - anchors == set()


def test_a_month_of_ready_instances_is_counted_right():
    """5.2 million GB-seconds for an instance of the default size."""
    gigabytes = (
        Deployment(MAIN.path, {"environmentName": "x", "location": "x", "plannerPlanIds": "x"}).evaluate(
            MAIN.all("parameter")["instanceMemory"].value, {}
        )
        / 1024
    )

    assert f"{gigabytes * 86_400 * 30 / 1e6:.1f} million GB-s" in PAGE.replace("\n", " ")
