"""Plays many seeds on all processors and sums up what happened.

Failures are made small and printed.
"""

import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import islice

from tests.simulation.runs.progress import Progress
from tests.simulation.runs.rows import ROWS
from tests.simulation.runs.story import Verdict, play
from tests.simulation.script.kept import keep
from tests.simulation.script.maker import of_seed
from tests.simulation.script.script import AGENTS, FAULTS, OPERATORS, PEOPLE
from tests.simulation.script.shrink import shrink

# In a run of MANY seeds or more, each actor and each fault must come up OFTEN.
MANY = 2000
OFTEN = 100
ENDED_HOLDS = ("release of a hold", "restore of a hold")  # those that found a hold
TWICE = 50  # one seed in so many is played twice, and both timelines must be the same
AHEAD = 8  # runs handed to a process before its first has ended
SHRUNK = 3  # so many failures are made small


@dataclass(frozen=True)
class Told:
    """A verdict without its timeline, small enough for another process."""

    seed: int
    wrong: list[str]
    deeds: Counter[str]
    faults: Counter[str]
    rows: Counter[str]
    seconds: float
    requests: int
    twice: bool


@dataclass
class Tally:
    """The sum of all runs."""

    runs: int = 0
    twice: int = 0
    virtual: float = 0.0
    requests: int = 0
    deeds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    bad: list[Told] = field(default_factory=list)

    def add(self, told: Told) -> None:
        self.runs += 1
        self.twice += told.twice
        self.virtual += told.seconds
        self.requests += told.requests
        self.deeds += told.deeds
        self.faults += told.faults
        self.rows += told.rows
        if told.wrong:
            self.bad.append(told)
            print(f"seed {told.seed}: " + "\n  ".join(told.wrong), flush=True)

    def seldom(self) -> list[str]:
        """What did not happen often enough to prove anything."""
        deeds = [*AGENTS, *PEOPLE, *OPERATORS, *ENDED_HOLDS]
        deeds = [f"{name}: {self.deeds[name]}" for name in deeds if self.deeds[name] < OFTEN]
        faults = [f"{name}: {self.faults[name]}" for name in FAULTS if self.faults[name] < OFTEN]
        return [
            *deeds,
            *faults,
            *(f"{row}: never ({text})" for row, text in ROWS.items() if not self.rows[row]),
        ]

    def show(self, title: str, took: float) -> None:
        """Print the report."""
        hours = self.virtual / 3600
        print(f"{title}, {took:.0f} s; {hours:.0f} hours of virtual time, {self.requests} requests")
        print(f"runs       {self.runs}, of them {self.twice} played twice with the same timeline")
        for name, kinds, counts in (
            ("agents", AGENTS, self.deeds),
            ("people", PEOPLE, self.deeds),
            ("operators", (*OPERATORS, *ENDED_HOLDS), self.deeds),
            ("faults", FAULTS, self.faults),
            ("rows", ROWS, self.rows),
        ):
            print(f"{name:10} " + ", ".join(f"{kind} {counts[kind]}" for kind in kinds))
        print(f"violations {len(self.bad)}")


def tell(seed: int) -> Told:
    """Play one seed. Every TWICE-th is played twice."""
    try:
        verdict = play(of_seed(seed))
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise
    wrong, twice = list(verdict.wrong), seed % TWICE == 0
    if twice and play(of_seed(seed)).digest != verdict.digest:
        wrong.append("the same seed gave another timeline")
    v = verdict
    return Told(seed, wrong, v.deeds, v.faults, v.rows, v.seconds, v.requests, twice)


def tell_all(seeds: Iterable[int], progress: Progress, stop_at: float | None = None) -> Tally:
    """Play all seeds, or as many as can begin before `stop_at` (of time.monotonic)."""
    tally, waiting = Tally(), iter(seeds)
    workers = os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        running = {pool.submit(tell, seed) for seed in islice(waiting, workers * AHEAD)}
        while running:
            done = next(as_completed(running))
            running.remove(done)
            told = done.result()
            tally.add(told)
            progress.count(wrong=bool(told.wrong))
            if stop_at is None or time.monotonic() < stop_at:
                running.update(pool.submit(tell, seed) for seed in islice(waiting, 1))
    return tally


def explain(seeds: Iterable[int]) -> Iterator[Verdict]:
    """Make the first failures small, keep them as scripts and print what happened."""
    for seed in islice(seeds, SHRUNK):
        print(f"  making seed {seed} small", file=sys.stderr, flush=True)
        small = shrink(of_seed(seed))
        verdict = play(small)
        path = keep(small)
        size = f"{len(small.ops)} deeds, {len(small.faults)} faults"
        print(f"\nseed {seed}, made small and kept as {path.name}: {size}")
        print('say in its "why" what went wrong, and what must hold')
        print("\n".join([*verdict.lines, "", *verdict.wrong]), flush=True)
        yield verdict


def with_fixed_hashes(module: str) -> None:
    """Start this program again with a fixed hash seed, so that sets have one order."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})
