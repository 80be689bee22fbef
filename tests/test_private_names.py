"""Tests and measurements use public names of the product only."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = [
    *(ROOT / "src").rglob("*.py"),
    *(ROOT / "planner_emulator").rglob("*.py"),
    *(ROOT / "demo").rglob("*.py"),
    ROOT / "function_app.py",
]
USERS = sorted([*(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])

# A file that needs private names all the same -> why.
EXEMPT = {
    "tests/graph/test_gate.py": "meets a moment between two steps of the loop",
    "tests/simulation/runs/ablation.py": "takes out mechanisms that the product cannot switch off",
}


def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def defined(nodes: list[ast.AST]) -> Iterator[str]:
    """The names that a file defines: functions, classes, variables, attributes of `self`."""
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def asked_of_others(nodes: list[ast.AST]) -> Iterator[str]:
    """The names that a file asks of other modules and objects: `x.name`, `from x import name`."""
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name):
                yield name
            case ast.ImportFrom():
                yield from (alias.name for alias in node.names)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


PRIVATE = {name for path in PRODUCT for name in defined(nodes_of(path)) if is_private(name)}


def private_names_in(path: Path) -> set[str]:
    """The product's private names that a file uses. A name of its own may be the same."""
    nodes = nodes_of(path)
    return set(asked_of_others(nodes)).intersection(PRIVATE).difference(defined(nodes))


def test_no_private_name_of_the_product_is_used() -> None:
    used = {str(path.relative_to(ROOT)): private_names_in(path) for path in USERS}

    assert {path: names for path, names in used.items() if names and path not in EXEMPT} == {}
    assert [path for path in EXEMPT if not used[path]] == []
