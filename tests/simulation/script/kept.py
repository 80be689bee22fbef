"""Scripts that found something once. The `why` of each says what went wrong and what must hold."""

import json
from pathlib import Path

from tests.simulation.script.script import Script

FOLDER = Path(__file__).parents[1] / "regress"


def load(path: Path) -> Script:
    """The script of a kept file. Raises ValueError when the file does not say why it is kept."""
    if not why(path):
        raise ValueError(f'{path.name}: say in "why" what went wrong once, and what must hold')
    return Script.load(path.read_text(encoding="utf-8"))


def why(path: Path) -> str:
    """Why the file is kept; empty when it does not say so."""
    return str(json.loads(path.read_text(encoding="utf-8")).get("why", "")).strip()


def keep(script: Script, folder: Path = FOLDER) -> Path:
    """Write the script to a file of its own, with an empty `why` that a person has to fill in."""
    path = folder / f"{script.seed:04d}.json"
    body = {"why": "", **json.loads(script.dump())}
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return path
