"""`docs/threat-model.md` and `SECURITY.md`: every threat has a control, and whatever is named is
there."""

import re

import pytest

from tests.named_tests import TESTS, functions, named_tests, ticked

ROOT = TESTS.parent
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
POLICY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| \d", line)
]


def test_every_number_has_its_row():
    assert [int(row[0]) for row in ROWS] == list(range(1, 24))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_threat_has_a_control_and_a_test_that_exists(row):
    named = named_tests(row[3])

    assert len(row) == 4
    assert row[1]
    assert row[2]
    assert named
    assert [(file, name) for file, name in named if name not in functions(file)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_check_of_the_gate_that_a_threat_names_is_in_it(row):
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8") + (ROOT / "Makefile").read_text(
        encoding="utf-8"
    )
    checks = [name for name in ticked(row[3]) if "/run_" in name]

    assert [name for name in checks if f"tests/{name}" not in gate] == []


def test_every_file_that_the_policy_names_is_there():
    named = [
        name
        for name in ticked(POLICY)
        if re.fullmatch(r"[\w.]+(/[\w.]+)*(\.\w+|/)?", name) and "/" in name
    ]

    assert named
    assert [
        name for name in named if not (ROOT / name).exists() and not name.startswith("api/")
    ] == []


@pytest.mark.parametrize("name", ["README.md", "docs/deploy.md", "CONTRIBUTING.md"])
def test_who_runs_or_changes_it_is_led_to_both_pages(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    up = "../" if name.startswith("docs/") else ""

    assert f"]({up}SECURITY.md)" in text
    assert "](threat-model.md)" in text or "](docs/threat-model.md)" in text


@pytest.mark.parametrize("page", [PAGE, POLICY], ids=["threat model", "policy"])
def test_nobody_is_sent_to_an_address_that_somebody_made_up(page):
    assert re.findall(r"[\w.+-]+@[\w-]+\.\w+", page) == []
