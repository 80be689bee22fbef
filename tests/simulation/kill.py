"""`python -m tests.simulation.kill [--stride N]`: fixed stories, killed before and after every step."""

import argparse
import os
import sys
import time
from dataclasses import replace

from tests.simulation.script import Json, Script
from tests.simulation.story import play

AFTERWARDS = 12.0  # seconds after the last deed in which steps belong to the story
BORN: Json = {"at": 33, "do": "create", "task": "t0", "fields": {"title": "t0 born"}, "say": 1}
AGENT: Json = {
    "at": 45,
    "do": "reader",
    "task": "t0",
    "fields": {"title": "t0 agent", "description": "by an agent"},
    "say": 1,
}
HUMAN: Json = {"at": 45.02, "do": "human edits", "task": "t0", "fields": {"title": "t0 human", "percentComplete": 50}}
CREATES: Json = {"at": 33, "do": "human creates", "task": "h0", "fields": {"title": "h0 born", "dueDate": "2026-03-01"}}
DELETES: Json = {"at": 55, "do": "agent deletes", "task": "t0", "say": 1}
PAUSE: Json = {"at": 45, "kind": "throttle", "side": "graph", "moment": "before", "match": "PATCH", "retry_after": "7"}

STORIES: dict[str, tuple[list[Json], list[Json]]] = {
    "create": ([{**BORN, "fields": {"title": "t0 born", "description": "with details", "bucket": "Doing"}}], []),
    "edit against edit": ([BORN, AGENT, HUMAN], []),
    "delete against edit": ([BORN, {**AGENT, "at": 44}, DELETES, {**HUMAN, "at": 55.03}], []),
    "human deletes against edit": ([BORN, AGENT, {"at": 45.02, "do": "human deletes", "task": "t0"}], []),
    "import": ([CREATES, {**AGENT, "task": "h0", "at": 62, "fields": {"title": "h0 agent"}}], []),
    "adoption": ([BORN, {**AGENT, "at": 40}, {"at": 50, "do": "wipe", "what": "private"}], []),
    "throttling": ([BORN, AGENT], [PAUSE]),
}  # fmt: skip


def script_of(name: str) -> Script:
    """The story, undisturbed."""
    ops, faults = STORIES[name]
    return Script(seed=1, switches={"expand_details": "honour"}, ops=tuple(ops), faults=tuple(faults), span=75)


def kills(name: str, stride: int, start: int = 0) -> list[Script]:
    """The story with a kill before and after every step, or every `stride`-th."""
    script = script_of(name)
    first, last = script.ops[0]["at"], script.ops[-1]["at"] + AFTERWARDS
    steps = [n for n, at in enumerate(play(script).steps, 1) if first - 1 <= at <= last]
    kill = {"at": 0, "kind": "kill", "down": 1.0}
    return [
        replace(script, faults=({**kill, "number": number, "moment": moment}, *script.faults))
        for number in steps[start::stride]
        for moment in ("before", "after")
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.simulation.kill")
    parser.add_argument("--stride", type=int, default=1, help="kill at every N-th step only")
    parser.add_argument("--story", choices=sorted(STORIES), default=None)
    wishes = parser.parse_args()
    total = bad = 0
    for name in [wishes.story] if wishes.story else STORIES:
        began, runs = time.monotonic(), 0
        for script in kills(name, wishes.stride):
            runs += 1
            if wrong := play(script).wrong:
                bad += 1
                fault = script.faults[0]
                print(f"{name}, killed {fault['moment']} step {fault['number']}: " + "\n  ".join(wrong), flush=True)
        total += runs
        print(f"{name}: {runs} kills, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{total} kills, {bad} with violations")
    return 1 if bad else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", "tests.simulation.kill", *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
