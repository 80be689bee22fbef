"""The emulator's README says all there is, and every test that it names exists."""

import re

import pytest

from planner_emulator.faults import KINDS
from planner_emulator.humans import ACTIONS
from planner_emulator.switches import Switches, defaults
from tests.emulator_process import ROOT

README = (ROOT / "planner_emulator" / "README.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in README.splitlines()
    if line.startswith("|")
]
TESTS = "\n".join(file.read_text() for file in (ROOT / "tests" / "emulator").glob("test_*.py"))


@pytest.mark.parametrize("name", defaults())
def test_every_switch_has_its_row(name: str) -> None:
    row = next(row for row in ROWS if row[0] == f"`{name}`")
    other = Switches.__dataclass_fields__[name].metadata.get("values", ("",))[1:]

    assert row[1] == f"`{defaults()[name]}`"
    assert [value for value in other if f"`{value}`" not in row[2]] == []
    assert row[4] == "`test_limits`" or row[4] == f"`test_{name}`"


def test_no_row_speaks_of_a_switch_that_is_not_there() -> None:
    named = {row[0].strip("`") for row in ROWS if len(row) == 5} - {"Switch", "---"}

    assert named == defaults().keys()


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", README))

    assert [name for name in sorted(named) if f"def {name}(" not in TESTS] == []


@pytest.mark.parametrize("name", [*KINDS, *ACTIONS])
def test_every_fault_and_every_action_is_described(name: str) -> None:
    assert any(f"`{name}`" in row[0] for row in ROWS)


def test_the_default_plan_is_the_one_it_names() -> None:
    from planner_emulator.actors import EMULATOR_APPLICATION, PLANNER_APPLICATION
    from planner_emulator.world import DEFAULT_PLAN, SEEDED_USERS

    for name in (DEFAULT_PLAN, EMULATOR_APPLICATION, PLANNER_APPLICATION, *SEEDED_USERS):
        assert f"`{name}`" in README
