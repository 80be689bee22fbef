"""`python -m tests.simulation --seeds N --from S`: runs N seeds and says what they did and what did not hold."""

import argparse
import os
import sys
import time
from collections import Counter

from tests.simulation.script import of_seed
from tests.simulation.story import Verdict, play


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.simulation")
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    parser.add_argument("--show", action="store_true", help="print the timeline of what fails")
    wishes = parser.parse_args()
    began = time.monotonic()
    deeds: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    bad: list[Verdict] = []
    for seed in range(wishes.first, wishes.first + wishes.seeds):
        verdict = play(of_seed(seed))
        deeds += verdict.deeds
        faults += verdict.faults
        if verdict.wrong:
            bad.append(verdict)
            print(f"seed {seed}: " + "\n  ".join(verdict.wrong), flush=True)
            if wishes.show:
                print("\n".join(verdict.lines))
    print(f"{wishes.seeds} seeds from {wishes.first}, {len(bad)} with violations, {time.monotonic() - began:.0f} s")
    print("deeds:  " + ", ".join(f"{name} {count}" for name, count in sorted(deeds.items())))
    print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(faults.items())))
    return 1 if bad else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # sets of texts must have one order in every process
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main())
