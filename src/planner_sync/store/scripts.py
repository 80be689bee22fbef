"""The Lua scripts beside this file: one file, one verb, one invariant kept. Loaded once per
connection pool."""

from importlib.resources import files
from typing import Any, Protocol

FOLDER = files(__package__) / "lua"
SHARED = "_shared.lua"


class Script(Protocol):
    """A script that is ready to run."""

    async def __call__(self, keys: list[str], args: list[str | bytes | int]) -> Any:
        """Run it: every key that it touches in `keys`, everything else in `args`."""


class Scripts:
    """Every script of the folder, bound to one Redis client; `scripts["enqueue_tasks"]` is
    `lua/enqueue_tasks.lua`."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._scripts: dict[str, Script] = {
            name: redis.register_script(script_text(name)) for name in script_names()
        }

    def __getitem__(self, name: str) -> Script:
        return self._scripts[name]

    async def offer(self, name: str) -> None:
        """Load a script for others, who may run it and not load it; the server forgets it when it
        restarts."""
        await self._redis.script_load(script_text(name))


def script_text(name: str) -> str:
    """What is sent to Redis as this script: the shared part, then the script's own."""
    return (FOLDER / SHARED).read_text(encoding="utf-8") + (FOLDER / f"{name}.lua").read_text(
        encoding="utf-8"
    )


def script_names() -> list[str]:
    """The names of all scripts, sorted."""
    return sorted(
        file.name.removesuffix(".lua")
        for file in FOLDER.iterdir()
        if file.name.endswith(".lua") and file.name != SHARED
    )
