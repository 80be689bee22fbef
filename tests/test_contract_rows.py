"""Every row of the contract has a test that holds it, and every test names a row that exists."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.contract_rows import ROWS

TESTS = Path(__file__).resolve().parent


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_a_test(row: str) -> None:
    assert row in dict(marked())


def test_a_marker_names_a_row() -> None:
    sections = {row.split(" ")[0] for row in ROWS}
    assert [
        (row, where) for row, where in marked() if row.split(" ")[0] in sections and row not in ROWS
    ] == []


@cache
def marked() -> list[tuple[str, str]]:
    """The row of every `contract` marker in the tests, and where it stands."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "contract"
            ):
                found.append(
                    (ast.literal_eval(node.args[0]), f"{path.relative_to(TESTS)}:{node.lineno}")
                )
    return found
