"""Whole worlds, from fixed seeds and from every script that once found something.

More seeds: `python -m tests.simulation --seeds N`; kills: `python -m tests.simulation.kill`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.maker import of_seed
from tests.simulation.script import Script
from tests.simulation.story import play

REGRESS = sorted((Path(__file__).parent / "regress").glob("*.json"))


def test_the_same_seed_gives_the_same_timeline() -> None:
    assert play(of_seed(7)).lines == play(of_seed(7)).lines


def test_the_same_seed_gives_the_same_timeline_in_another_process() -> None:
    """Nothing depends on addresses, on the order of sets or on real time."""
    modules = "from tests.simulation.maker import of_seed; from tests.simulation.story import play"
    program = f"{modules}; print(play(of_seed(8)).digest)"
    root = Path(__file__).parents[2]
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": f"{root / 'src'}:{root}", "PYTHONHASHSEED": "0"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    }
    assert len(told) == 1


@pytest.mark.parametrize("path", REGRESS, ids=lambda path: path.stem)
def test_what_was_found_once_holds(path: Path) -> None:
    assert play(Script.load(path.read_text())).wrong == []


@pytest.mark.parametrize("seed", range(1, 21))
def test_everything_holds(seed: int) -> None:
    assert play(of_seed(seed)).wrong == []
