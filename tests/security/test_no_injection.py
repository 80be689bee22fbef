"""Text from outside becomes neither code nor a command: what the sources of the service do not do
at all."""

import ast
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"
# What makes code of text, or starts a program.
RUNNING = {"eval", "exec", "compile", "__import__", "system", "popen"}
RUNNERS = {"subprocess", "pickle", "marshal", "shelve", "code", "runpy", "ctypes"}
SENDING = {
    "eval",
    "evalsha",
    "eval_ro",
    "evalsha_ro",
    "fcall",
    "register_script",
    "script_load",
    "execute_command",
}


def calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(SRC.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(SRC).as_posix(), node


def test_every_script_is_a_file_and_nothing_is_put_into_it() -> None:
    sent = {
        (file, ast.unparse(call))
        for file, call in calls()
        if isinstance(call.func, ast.Attribute) and call.func.attr in SENDING
    }

    assert sent == {
        # Passes on what was asked.
        ("planner_sync/store/server/cluster.py", "super().execute_command(*args, **settings)"),
        ("planner_sync/store/scripts.py", "redis.register_script(script_text(name))"),
        ("planner_sync/store/scripts.py", "self._redis.script_load(script_text(name))"),
    }


def test_nothing_of_the_service_evaluates_text_or_starts_a_program() -> None:
    run = {
        (file, ast.unparse(call.func))
        for file, call in calls()
        if ast.unparse(call.func).split(".")[-1] in RUNNING
    }
    imported = {
        (path.name, alias.name)
        for path in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if {alias.name.split(".")[0], (getattr(node, "module", "") or "").split(".")[0]} & RUNNERS
    }

    assert {(file, name) for file, name in run if name != "re.compile"} == set()
    assert imported == set()
