"""The Lua scripts beside this file: one file, one verb, one invariant kept. Loaded once per
connection pool.

The header of a script names its keys, one per line, and describes each:

    -- KEYS[1]  pending  zset               task id -> time from which it is due (ms)
    -- KEYS[2]  reason   hash  [hget hset]  task id -> why it is reconciled

The loader reads it: each key becomes a local of that name, and a call gives its keys by name. The
commands in brackets stand where a user with few rights runs the script (`operators/acl.py`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

FOLDER = files(__package__) / "lua"
SHARED = "_shared"
# What these have in common stands in a file of its own.
TASK_SCRIPTS = ("record_answer", "settle_task", "bury_task")
TASK = "_task"

_KEY = re.compile(r"-- KEYS\[(\d+)\] +([a-z_]+) +(string|hash|zset|list)(?: +\[([a-z ]+)\])? +\S")


class NamedKeys(Protocol):
    """Keys by the names that the headers give them."""

    def __getitem__(self, name: str, /) -> str:
        """The key of this name. Raises KeyError."""


@dataclass(frozen=True)
class ScriptKey:
    """One key of a script. `commands` are what the script does with it, if its header names
    them."""

    name: str
    type: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Script:
    """A script that is ready to run. `run` is redis-py's."""

    name: str
    keys: tuple[str, ...]
    run: Any

    async def __call__(self, keys: NamedKeys, args: list[str | bytes | int]) -> Any:
        """Run it: every key that it touches by its name, everything else in `args`.

        Raises TypeError when a key is missing, or a dictionary has one that the script lacks.
        """
        return await self.run(keys=self._in_order(keys), args=args)

    def _in_order(self, keys: NamedKeys) -> list[str]:
        found = []
        for name in self.keys:
            try:
                found.append(keys[name])
            except KeyError:
                raise TypeError(f"script {self.name}: the key {name} is missing") from None
        surplus = keys.keys() - set(self.keys) if isinstance(keys, Mapping) else set()
        if surplus:
            raise TypeError(f"script {self.name}: it has no key {', '.join(sorted(surplus))}")
        return found


class Scripts:
    """Every script of the folder, bound to one Redis client; `scripts["enqueue_tasks"]` is
    `lua/enqueue_tasks.lua`."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._scripts = {
            name: Script(
                name,
                tuple(key.name for key in script_keys(name)),
                redis.register_script(script_text(name)),
            )
            for name in script_names()
        }

    def __getitem__(self, name: str) -> Script:
        return self._scripts[name]

    async def offer(self, name: str) -> None:
        """Load a script for others, who may run it and not load it; the server forgets it when it
        restarts."""
        await self._redis.script_load(script_text(name))


@cache
def script_keys(name: str) -> tuple[ScriptKey, ...]:
    """The keys of a script in their order. Raises ValueError for a header that cannot be read."""
    return read_header(name, own_text(name))


def read_header(name: str, text: str) -> tuple[ScriptKey, ...]:
    """The keys that a text names. Raises ValueError, which names the script."""
    found: list[ScriptKey] = []
    for line in text.splitlines():
        if not line.startswith("-- KEYS["):
            continue
        match = _KEY.match(line)
        if match is None or int(match[1]) != len(found) + 1:
            raise ValueError(f"script {name}: not a line of its header: {line}")
        found.append(ScriptKey(match[2], match[3], tuple((match[4] or "").split())))
    if len({key.name for key in found}) < len(found):
        raise ValueError(f"script {name}: its header has a name twice")
    return tuple(found)


@cache
def script_text(name: str) -> str:
    """What is sent to Redis as this script: what all scripts share, its keys, its own text."""
    names = [key.name for key in script_keys(name)]
    numbered = [f"KEYS[{number}]" for number in range(1, len(names) + 1)]
    keys = f"local {', '.join(names)} = {', '.join(numbered)}\n"
    task = own_text(TASK) if name in TASK_SCRIPTS else ""
    return own_text(SHARED) + keys + task + own_text(name)


@cache
def own_text(name: str) -> str:
    """One file of the folder."""
    return (FOLDER / f"{name}.lua").read_text(encoding="utf-8")


def script_names() -> list[str]:
    """The names of all scripts, sorted."""
    names = [file.name.removesuffix(".lua") for file in FOLDER.iterdir()]
    return sorted(name for name in names if not name.startswith("_"))
