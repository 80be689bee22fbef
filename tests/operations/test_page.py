"""The page of procedures and the command line say the same."""

import re

import click
import pytest

from planner_sync.operators.command_line import main
from planner_sync.store.telemetry import COUNTERS
from tests.operations.page import TEXT


def commands(group: click.Group, name: str) -> list[str]:
    """Every command of a group, as it is typed."""
    found = []
    for word, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            found += commands(command, f"{name} {word}")
        else:
            arguments = [
                part.name.upper()
                for part in command.params
                if isinstance(part, click.Argument) and part.name
            ]
            found.append(" ".join([name, word, *arguments]))
    return found


def test_every_command_has_its_row() -> None:
    rows = re.findall(r"^\| `(planner-sync [^`]+)` \|", TEXT, re.MULTILINE)
    assert sorted(rows) == sorted(commands(main, "planner-sync"))


def test_every_counter_has_its_row() -> None:
    table = TEXT.split("| Counter | Counts |", 1)[1].split("\n\n", 1)[0]

    assert re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE) == list(COUNTERS)


@pytest.mark.parametrize("line", re.findall(r"^ *\$ (.*)", TEXT, re.MULTILINE))
def test_every_command_line_of_the_page_is_one(line: str) -> None:
    words = line.split()[1:]
    assert any(
        " ".join(["planner-sync", *words]).startswith(known.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ "))
        for known in commands(main, "planner-sync")
    )
