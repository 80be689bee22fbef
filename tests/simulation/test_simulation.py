"""Whole worlds, from fixed seeds and from every kept script.

More seeds: `make simulate`, `make soak`. All kills: `make kill`. The harness itself: `make ablate`.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.machine.virtual_time import run
from tests.simulation.runs.ablation import MECHANISMS, without
from tests.simulation.runs.kill import STORIES, judge_kill, kills
from tests.simulation.runs.progress import EVERY_RUNS, Progress
from tests.simulation.runs.story import play
from tests.simulation.script import kept
from tests.simulation.script.maker import of_seed
from tests.simulation.script.script import AGENTS, FAULTS, OPERATORS, PEOPLE, Script

STRIDE = 40
TURNS_RED_WITHIN = 20
TURNED_RED = {
    "epoch": 58,
    "If-Match": 5,
    "compare-and-set on download": 9,
    "sweep": 3,
    "_rev": 3,
    "three-way merge": 3,
}
KEPT = sorted(kept.FOLDER.glob("*.json"))


def test_the_same_seed_gives_the_same_timeline() -> None:
    assert play(of_seed(7)).lines == play(of_seed(7)).lines


def test_the_same_seed_gives_the_same_timeline_in_another_process() -> None:
    """Nothing depends on addresses, on the order of sets or on real time."""
    seed = "from tests.simulation.script.maker import of_seed"
    story = "from tests.simulation.runs.story import play"
    program = f"{seed}; {story}; print(play(of_seed(8)).digest)"
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


def test_a_group_that_falls_cancels_its_tasks_in_one_order() -> None:
    cancelled = []

    async def wait(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.append(number)

    async def fall() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(9):
                group.create_task(wait(number))
            await asyncio.sleep(1)
            raise ValueError

    with pytest.raises(ExceptionGroup):
        run(fall())
    assert cancelled == list(range(9))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.stem}: {kept.why(path)}")
def test_what_was_found_once_holds(path: Path) -> None:
    assert play(kept.load(path)).wrong == []


def test_a_kept_script_says_why_it_is_kept(tmp_path: Path) -> None:
    script = of_seed(7)
    path = kept.keep(script, tmp_path)
    with pytest.raises(ValueError, match=r'^0007\.json: say in "why" what went wrong'):
        kept.load(path)

    path.write_text(path.read_text().replace('"why": ""', '"why": "It was lost."'))
    assert kept.load(path) == script
    assert kept.why(path) == "It was lost."


def test_no_two_kept_scripts_have_one_reason() -> None:
    assert len({kept.why(path) for path in KEPT}) == len(KEPT)


def test_what_planner_has_no_room_for_is_not_sent_at_every_pass() -> None:
    """No seed reaches a limit, and no judge knows of one."""
    tasks = [(40.0 + n, f"t{n}", {"title": f"t{n} title 1"}) for n in range(4)]
    creates = [
        {"at": at, "do": "create", "task": task, "fields": fields, "say": 1}
        for at, task, fields in tasks
    ]
    lines = play(Script(90002, switches={"max_tasks": "3"}, ops=tuple(creates), span=400)).lines
    assert len([line for line in lines if "POST /planner/tasks " in line]) == len(creates)


@pytest.mark.parametrize("seed", range(1, 21))
def test_everything_holds(seed: int) -> None:
    assert play(of_seed(seed)).wrong == []


@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_step_changes_nothing(story: str) -> None:
    for script in kills(story, STRIDE, start=len(story) % STRIDE):
        assert judge_kill(script) == [], script.faults[0]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_without_any_one_mechanism_something_does_not_hold(mechanism: str) -> None:
    """A mechanism that no run misses would not be tested."""
    seeds = [TURNED_RED.get(mechanism, 1), *range(1, TURNS_RED_WITHIN + 1)]
    assert any(without(mechanism, of_seed(seed)) for seed in seeds)


def test_every_kind_of_actor_and_fault_can_come_up() -> None:
    scripts = [of_seed(seed) for seed in range(300)]
    deeds = {op["do"] for script in scripts for op in script.ops}
    faults = {fault["kind"] for script in scripts for fault in script.faults}
    named = {"pair", "silent", "says twice"}  # ways of doing a deed, not deeds
    assert deeds == {*AGENTS, *PEOPLE, *OPERATORS} - named
    assert faults == {fault.removesuffix(" before").removesuffix(" after") for fault in FAULTS}


def test_a_long_run_says_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("seeds", 200)
    for number in range(EVERY_RUNS):
        progress.count(wrong=number == 3)

    assert capsys.readouterr().err.startswith("  50 of 200 seeds, violations 1, about ")
    assert progress.line(600).endswith("about 30 min left")
    assert progress.line(20).endswith("about 60 s left")
    assert Progress("seeds", seconds=300).line(120) == "  0 seeds, violations 0, about 3 min left"
