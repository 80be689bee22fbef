"""`docs/faults.md` names every fault once, and whatever it names is there."""

import re

import pytest

from tests.named_tests import TESTS, functions, named_tests, ticked
from tests.simulation.script.script import AGENTS, FAULTS, OPERATORS, PEOPLE

PAGE = (TESTS.parent / "docs" / "faults.md").read_text(encoding="utf-8")

LEGEND = {"test", "simulation", "processes", "impossible"}
SIMULATION = {*AGENTS, *PEOPLE, *OPERATORS, *FAULTS}

Row = list[str]
ROWS: list[Row] = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d", line)
]


def kinds_of(row: Row) -> list[str]:
    """What of the simulation a row names."""
    return [
        name for name in ticked(row[4]) if not name.endswith(".py") and not name.startswith("test_")
    ]


def test_every_number_has_its_row():
    assert [int(row[0]) for row in ROWS] == list(range(1, 97))


def test_every_word_of_the_legend_is_explained_and_no_other_is_used():
    explained = {match[1] for match in re.finditer(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)}

    assert explained == LEGEND
    assert {word for row in ROWS for word in ticked(row[2])} <= LEGEND


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_how_it_is_covered_and_by_what(row):
    named = named_tests(row[4])
    by = {
        "test": any(not file.startswith("processes/") for file, _ in named),
        "processes": any(file.startswith("processes/") for file, _ in named),
        "simulation": bool(kinds_of(row)),
    }

    assert len(row) == 5
    assert row[1]
    assert row[3]
    assert set(ticked(row[2])) - {"impossible"} == {word for word, there in by.items() if there}
    assert ticked(row[2])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_test_that_a_row_names_exists(row):
    assert [(file, name) for file, name in named_tests(row[4]) if name not in functions(file)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_whatever_of_the_simulation_a_row_names_is_in_it(row):
    assert set(kinds_of(row)) <= SIMULATION


def test_every_fault_and_every_deed_of_an_operator_in_the_simulation_has_a_row():
    assert {*FAULTS, *OPERATORS} - {kind for row in ROWS for kind in kinds_of(row)} == set()
