"""The tests that a page names, as `file.py`: `test_name`, `test_name`; files are below `tests/`."""

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def ticked(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def named_tests(cell: str) -> list[tuple[str, str]]:
    """The tests that a cell names: file below `tests/`, function."""
    found, file = [], ""
    for name in ticked(cell):
        if name.endswith(".py"):
            file = name
        elif name.startswith("test_"):
            found.append((file, name))
    return found


@cache
def functions(file: str) -> frozenset[str]:
    """The functions of a file below `tests/`; none where there is no such file."""
    path = TESTS / file
    if not path.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
