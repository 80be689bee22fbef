"""docs/deploy.md against what it speaks of: names, defaults, files, and commands that a shell can
read."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.bicep import Deployment, Template, text_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)
MAIN = Template(ROOT / "infra" / "main.bicep")

# Every command of the Azure CLI that is told, with its options besides --query and --output: looked
# up in 2.91.0, whose parser took them. `az functionapp log tail`, which reads so well, is none.
AZ = {
    "account get-access-token": "--resource",
    "account show": "",
    "ad app create": "--display-name --is-fallback-public-client --sign-in-audience",
    "ad app delete": "--id",
    "ad app federated-credential create": "--id --parameters",
    "ad app permission add": "--api --api-permissions --id",
    "ad app permission admin-consent": "--id",
    "ad signed-in-user show": "",
    "ad sp create": "--id",
    "ad sp show": "--id",
    "functionapp delete": "--ids",
    "functionapp keys list": "-g -n",
    "functionapp list": "-g",
    "group create": "-l -n",
    "keyvault list-deleted": "",
    "keyvault recover": "--name",
    "login": "--tenant",
    "provider register": "--namespace --wait",
    "rest": "--body --method --url",
    "role assignment create": "--assignee --role --scope",
    "role assignment delete": "--assignee --scope",
    "webapp log tail": "-g -n",
}
# The same for azd, looked up in its help texts of August 2026.
AZD = {
    "auth login": "--tenant-id",
    "deploy": "",
    "down": "",
    "env get-value": "",
    "env new": "",
    "env set": "",
    "provision": "--preview",
    "up": "",
}


def rows(heading: str) -> list[list[str]]:
    section = PAGE.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [
        line
        for line in section.splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_setting_has_its_row_with_the_default():
    parameters = json.loads((ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8"))[
        "parameters"
    ]
    given = [re.fullmatch(r"\$\{(\w+)(?:=(.*))?\}", one["value"]) for one in parameters.values()]
    of_azd = ("AZURE_ENV_NAME", "AZURE_LOCATION")
    settings = {found[1]: found[2] for found in given if found and found[1] not in of_azd}

    told = {name.strip("`"): default for name, default, _ in rows("## All settings")}
    assert told.keys() == settings.keys()
    assert {name: told[name].strip("`") for name in settings if settings[name]} == {
        name: default for name, default in settings.items() if default
    }


def commands(text: str) -> list[list[str]]:
    """The words of each command in shell text; `$(…)` within another one counts by itself, quoted
    text is one word."""
    text = re.sub(r'"(?:\\.|[^"\\$]|\$(?!\())*"|\'[^\']*\'', "QUOTED", text.replace("\\\n", " "))
    found = []
    while inner := re.search(r"\$\(([^()]*)\)", text):
        found.append(inner[1])
        text = text.replace(inner[0], "VALUE")
    found += re.split(r"[\n;|{}]", re.sub(r"\s#.*", "", text))
    return [words for one in found if (words := one.split())]


def commands_of(program: str, *texts: str) -> dict[str, set[str]]:
    """Each command of the program in blocks and in lines, as its words, with the options that it is
    given."""
    known = {"az": AZ, "azd": AZD}[program]
    found: dict[str, set[str]] = {}
    for text in texts:
        shell = [
            *re.findall(r"```\w*\n(.*?)```", text, re.DOTALL),
            *re.findall(rf"`({program} [^`]+)`", text),
        ]
        for first, *words in (words for one in shell for words in commands(one)):
            if first == program:
                name = next(
                    (name for name in known if " ".join(words).startswith(name)), " ".join(words)
                )
                found.setdefault(name, set()).update(word for word in words if word.startswith("-"))
    return found


@pytest.mark.parametrize(("program", "known"), [("az", AZ), ("azd", AZD)], ids=["az", "azd"])
def test_every_command_of_azure_was_looked_up_with_its_options(program, known):
    found = commands_of(program, PAGE, README)
    anywhere = {"--query", "--output", "-o"}

    assert {name: " ".join(sorted(options - anywhere)) for name, options in found.items()} == known


def test_every_cost_is_added_up_right():
    signs = str.maketrans({"×": "*", "−": "-", ",": None})
    sums = [
        found
        for *_, cell in rows("## What it costs")
        for found in re.findall(r"([\d(][\d.,×+−() ]+) = (\d+)", cell)
    ]

    assert [
        (left, right) for left, right in sums if round(eval(left.translate(signs))) != int(right)
    ] == []
    assert len(sums) == 7


def test_every_plan_has_its_row():
    allowed = MAIN.all("parameter")["hostingPlan"].decorators["allowed"][0]

    told = [re.match(r"`([\w-]+)`", plan) for plan, *_ in rows("## Choose a plan")]
    assert [found and found[1] for found in told] == [
        text_of(one).strip("'") for one in allowed.named_children
    ]


def test_every_value_that_is_asked_for_is_an_output():
    asked = set(re.findall(r"azd env get-value (\w+)", PAGE))

    assert asked - MAIN.all("output").keys() == set()
    assert asked


@pytest.mark.parametrize("block", BLOCKS)
def test_a_shell_can_read_every_block(block):
    result = subprocess.run(
        ["bash", "-n"], input=block, capture_output=True, text=True, check=False
    )

    assert result.stderr == ""


def test_every_file_and_verb_that_is_named_exists():
    verbs = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", PAGE, re.M))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    files = set(re.findall(r"`((?:infra|tests|\.github|\.ci)/[\w./-]*)`", PAGE)) | set(
        re.findall(r"infra/[\w-]+\.sh", PAGE)
    )

    assert [
        verb for pair in verbs if (verb := "".join(pair)) and f"\n{verb}:" not in makefile
    ] == []
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_link_within_the_page_leads_somewhere():
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.*)", PAGE, re.M)
    }

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) - anchors == set()


def test_a_month_of_ready_instances_is_counted_right():
    """5.2 million GB-seconds for an instance of the default size."""
    gigabytes = (
        Deployment(
            MAIN.path, {"environmentName": "x", "location": "x", "plannerPlanIds": "x"}
        ).evaluate(MAIN.all("parameter")["instanceMemory"].value, {})
        / 1024
    )

    assert f"{gigabytes * 86_400 * 30 / 1e6:.1f} million GB-s" in PAGE.replace("\n", " ")
