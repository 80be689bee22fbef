"""Plays fixed stories and kills the service before and after each of their steps.

    python -m tests.simulation.runs.kill [--stride N] [--story NAME]

On two cores all kills take about 5 minutes. Progress goes to stderr, the report to stdout.
"""

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from tests.simulation.runs.progress import Progress
from tests.simulation.runs.runs import with_fixed_hashes
from tests.simulation.runs.story import play
from tests.simulation.script.script import Json, Script

AFTERWARDS = 12.0  # seconds after the last deed in which steps belong to the story
BORN: Json = {"at": 33, "do": "create", "task": "t0", "fields": {"title": "t0 born"}, "say": 1}
MUCH: Json = {
    "title": "t0 born",
    "description": "with details",
    "bucket": "Fresh",
    "labels": ["red"],
}
AGENT: Json = {
    "at": 45,
    "do": "reader",
    "task": "t0",
    "fields": {"title": "t0 agent", "description": "by an agent"},
    "say": 1,
}
HUMAN: Json = {
    "at": 45.02,
    "do": "human edits",
    "task": "t0",
    "fields": {"title": "t0 human", "percentComplete": 50},
}
CREATES: Json = {
    "at": 33,
    "do": "human creates",
    "task": "h0",
    "fields": {"title": "h0 born", "dueDate": "2026-03-01"},
}
DELETES: Json = {"at": 55, "do": "agent deletes", "task": "t0", "say": 1}
HUMAN_DELETES: Json = {"at": 45.02, "do": "human deletes", "task": "t0"}
PAUSE: Json = {
    "at": 45,
    "kind": "throttle",
    "side": "graph",
    "moment": "before",
    "match": "PATCH",
    "retry_after": "7",
}

STORIES: dict[str, tuple[list[Json], list[Json]]] = {
    "create": ([{**BORN, "fields": MUCH}], []),
    "edit against edit": ([BORN, AGENT, HUMAN], []),
    "delete against edit": ([BORN, {**AGENT, "at": 44}, DELETES, {**HUMAN, "at": 55.03}], []),
    "human deletes against edit": ([BORN, AGENT, HUMAN_DELETES], []),
    "import": ([CREATES, {**AGENT, "task": "h0", "at": 62, "fields": {"title": "h0 agent"}}], []),
    "adoption": ([BORN, {**AGENT, "at": 40}, {"at": 50, "do": "wipe", "what": "private"}], []),
    "throttling": ([BORN, AGENT], [PAUSE]),
}  # fmt: skip


def script_of(name: str) -> Script:
    """The story, undisturbed."""
    ops, faults = STORIES[name]
    return Script(
        seed=1, switches={"expand_details": "honour"}, ops=tuple(ops), faults=tuple(faults), span=75
    )


def kills(name: str, stride: int, start: int = 0) -> list[Script]:
    """The story with a kill before and after every step, or every `stride`-th."""
    script = script_of(name)
    kill = {"at": 0, "kind": "kill", "down": 1.0}
    return [
        replace(script, faults=({**kill, "number": number, "moment": moment}, *script.faults))
        for number in steps_of(script)[start::stride]
        for moment in ("before", "after")
    ]


def steps_of(script: Script) -> list[int]:
    """The numbers of the steps, at Redis and at Planner, that belong to the story."""
    first, last = script.ops[0]["at"], script.ops[-1]["at"] + AFTERWARDS
    return [n for n, at in enumerate(play(script).steps, 1) if first - 1 <= at <= last]


def judge_kill(script: Script) -> list[str]:
    """What does not hold after this kill."""
    return play(script).wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests.simulation.runs.kill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stride", type=int, default=1, help="kill at every N-th step only")
    parser.add_argument("--story", choices=sorted(STORIES), help="this story only")
    wishes = parser.parse_args()
    began, total, bad = time.monotonic(), 0, 0
    names = [wishes.story] if wishes.story else list(STORIES)
    print(f"{'story':28} {'steps':>6} {'kills':>6} {'violations':>10}")
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        stories = {name: kills(name, wishes.stride) for name in names}
        progress = Progress("kills", sum(map(len, stories.values())))
        for name, scripts in stories.items():
            red = []
            wrong = pool.map(judge_kill, scripts, chunksize=4)
            for script, said in zip(scripts, wrong, strict=True):
                progress.count(wrong=bool(said))
                if said:
                    red.append((script.faults[0], said))
            total, bad = total + len(scripts), bad + len(red)
            print(f"{name:28} {len(scripts) // 2:>6} {len(scripts):>6} {len(red):>10}", flush=True)
            for fault, said in red:
                print(
                    f"  killed {fault['moment']} step {fault['number']}: " + "\n    ".join(said),
                    flush=True,
                )
    took = time.monotonic() - began
    print(f"stories {len(names)}, steps {total // 2}, runs {total}, violations {bad}; {took:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    with_fixed_hashes("tests.simulation.runs.kill")
    sys.exit(main())
