"""The documents at the root say all there is and nothing else, and the examples in them run."""

import asyncio
import importlib
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from planner_sync.errors import CODES
from planner_sync.identity.causes import ADVICE
from planner_sync.model.dialects import SERVICE_FIELDS
from planner_sync.model.fields import FIELDS
from planner_sync.settings import NAMES, Secret, Settings
from planner_sync.urls import problem_with_clouds
from planner_sync.web.routes import ROUTES
from tests.redis_process import redis_process
from tests.sync.world import World, world_of

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
DOCUMENTS = sorted(ROOT.glob("*.md"))
MINIMAL = {"PLANNER_SYNC_PLAN_IDS": "x" * 28, "PLANNER_SYNC_GRAPH_TOKEN": "t"}


def section(text: str, heading: str) -> str:
    """What is below a heading, up to the next one of any kind."""
    return text.split(f"{heading}\n", 1)[1].split("\n#", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The rows of every table in the text; `|` in code does not count."""
    lines = [
        line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named(cell: str) -> str | None:
    """The name that a cell begins with, in backticks."""
    found = re.match(r"`([^`]+)`", cell)
    return found[1] if found else None


def fields_in(cell: str) -> list[str]:
    """All names that a cell has, in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


# -- tables ----------------------------------------------------------------------------------------
SETTINGS = {
    name: row[1] for row in rows(section(README, "### Settings")) if (name := named(row[0]))
}


def test_every_setting_has_its_row():
    source = (ROOT / "src" / "planner_sync" / "settings.py").read_text(encoding="utf-8")
    others = set(re.findall(r'"(REDIS_URL|AZURE_[A-Z_]+|IDENTITY_[A-Z_]+)"', source))

    assert SETTINGS.keys() == NAMES | others


@pytest.mark.parametrize("name", [name for name, default in SETTINGS.items() if named(default)])
def test_a_default_is_the_one_that_the_row_names(name):
    value = getattr(
        Settings.from_env(MINIMAL),
        name.removeprefix("PLANNER_SYNC_").removeprefix("AZURE_").lower(),
    )

    match value:
        case bool():
            shown = "on" if value else "off"
        case float():
            shown = f"{value:g}"
        case Secret():
            shown = value.reveal()
        case _:
            shown = str(value)
    assert named(SETTINGS[name]) == shown


TASK_ROWS = {name: row for row in rows(section(README, "## A task")) for name in fields_in(row[0])}


def test_every_field_of_a_task_has_its_row():
    assert TASK_ROWS.keys() == FIELDS.keys() | SERVICE_FIELDS.keys()


# `planId` is one of the configured plans, so none is too long.
LIMITED = [field for field in FIELDS.values() if field.limit and field.name != "planId"]


@pytest.mark.parametrize("field", LIMITED, ids=lambda field: field.name)
def test_the_row_of_a_field_names_its_limit(field):
    assert f"{field.limit:,}" in TASK_ROWS[field.name][1]


def test_every_error_code_has_its_row():
    table = README.split("| `code` of `failed` |", 1)[1].split("\n\n", 1)[0]
    assert [named(row[0]) for row in rows(table) if named(row[0])] == list(CODES)


def test_every_cause_has_its_row_with_its_advice():
    table = README.split("| `cause` | What to do |", 1)[1].split("\n\n", 1)[0]

    assert {named(row[0]): row[1] for row in rows(table) if named(row[0])} == ADVICE


def test_the_clouds_of_the_readme_are_pairs_that_the_settings_take():
    table = README.split("| Cloud | `AZURE_AUTHORITY_HOST` |", 1)[1].split("\n\n", 1)[0]
    pairs = [(named(row[1]), named(row[2])) for row in rows(table) if named(row[1])]

    assert len(pairs) == 4
    assert [pair for pair in pairs if problem_with_clouds(*pair) is not None] == []


def test_every_verb_of_the_makefile_has_its_row():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)

    assert {named(row[0]) for row in rows(section(README, "## Work on it"))} >= {
        f"make {verb}" for verb in verbs
    } - {"make help"}
    assert set(re.findall(r"`make ([a-z]+)", README)) <= set(verbs)


def test_every_route_has_its_row():
    told = {named(row[0]) for row in rows(section(README, "### Health and status"))} - {None}

    assert told == {f"{route.method} {route.path}" for route in ROUTES}


@pytest.mark.parametrize("row", rows(section(ARCHITECTURE, "## Times"))[1:], ids=lambda row: row[0])
def test_a_time_is_the_one_in_the_code(row):
    path, name = re.findall(r"`([^`]+)`", row[0])
    number, _, unit = row[1].partition(" ")
    assert (unit == "ms") == name.endswith("_MS")
    module = importlib.import_module("planner_sync." + path.removesuffix(".py").replace("/", "."))

    assert float(number.replace(",", "")) == getattr(module, name)


# -- paths -----------------------------------------------------------------------------------------
CODEMAP = ARCHITECTURE.split("\n## Codemap\n", 1)[1].split("\n## ", 1)[0]
ROOMS = re.findall(r"\n### `([^`]+)`\n(.*?)(?=\n### |\Z)", CODEMAP, re.DOTALL)


@pytest.mark.parametrize(("room", "text"), ROOMS, ids=[room for room, _ in ROOMS])
def test_every_path_of_the_codemap_exists(room, text):
    assert [
        name for row in rows(text) if (name := named(row[0])) and not (ROOT / room / name).exists()
    ] == []


def test_every_module_and_script_is_in_the_codemap():
    told = {
        ROOT / room / name for room, text in ROOMS for row in rows(text) if (name := named(row[0]))
    }
    package = ROOT / "src" / "planner_sync"
    there = {
        path
        for kind in ("*.py", "*.lua")
        for path in package.rglob(kind)
        if path.name != "__init__.py"
    }

    assert {str(path.relative_to(package)) for path in there - told} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document):
    text = document.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.*)", text, re.M)
    }
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]

    assert [
        link
        for link in links
        if not (link[1:] in anchors if link[0] == "#" else (ROOT / link).exists())
    ] == []


def test_every_file_that_the_prose_of_the_architecture_names_exists():
    files = set(re.findall(r"`([\w./]+\.(?:py|lua|json|md))`", ARCHITECTURE))
    known = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*")
        if ".venv" not in path.parts and path.is_file()
    }

    assert [
        file for file in sorted(files) if not any(f"/{path}".endswith(f"/{file}") for path in known)
    ] == []


HOST_ROWS = rows(section(ARCHITECTURE, "## Two hosts"))[1:]


@pytest.mark.parametrize("row", HOST_ROWS, ids=lambda row: row[0])
def test_every_test_that_holds_a_fact_of_the_host_exists(row):
    held_by = [re.findall(r"`([^`]+)`", part) for part in row[3].split(";")]

    assert held_by[0]
    for file, *names in held_by:
        path = ROOT / file if file == ".ci/run" else ROOT / "tests" / file
        assert path.is_file()
        assert [
            name
            for name in names
            if name.startswith("test_") and f"def {name}(" not in path.read_text()
        ] == []


# -- examples --------------------------------------------------------------------------------------
@pytest.fixture
async def stage() -> AsyncIterator[World]:
    """The examples' own namespace and bucket names: a server, an emulator and a running service."""
    with redis_process() as url:
        async with world_of(url, "annika", {}) as world:
            await world.start()
            yield world


def cards(world: World) -> list[dict[str, Any]]:
    return list(world.emulator.cards().values())


async def test_the_commands_for_redis_cli_do_what_the_readme_says(stage):
    async def run(block: str) -> list[Any]:
        return [
            await stage.redis.execute_command(*shlex.split(line)[1:]) for line in block.splitlines()
        ]

    create, look, change, delete = blocks("sh")

    await run(create)
    await stage.until(
        lambda: [card["title"] for card in cards(stage)] == ["Write the report"], "the card"
    )
    await stage.until(lambda: stage.redis.exists("annika:task:mapping:report-7"), "the mapping")
    assert [answer.decode() for answer in await run(look)] == [cards(stage)[0]["id"]]
    assert cards(stage)[0]["bucketId"] == stage.emulator.bucket_ids()["Doing"]

    await run(change)
    await stage.until(lambda: cards(stage)[0]["percentComplete"] == 50, "the change")

    await run(delete)
    await stage.until(lambda: cards(stage) == [], "the delete")


async def test_the_example_in_python_does_what_the_readme_says(stage):
    (example,) = blocks("python")
    env = {**os.environ, "REDIS_URL": stage.url, "PYTHONPATH": str(ROOT / "src")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", example, env=env, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)

    (card,) = cards(stage)
    assert (process.returncode, said.decode().strip()) == (0, f"on the board as {card['id']}")
    await stage.until(lambda: cards(stage)[0]["percentComplete"] == 50, "the update")
    (item,) = cards(stage)[0]["details"]["checklist"].values()
    assert (item["title"], item["isChecked"]) == ("Collect figures", True)
