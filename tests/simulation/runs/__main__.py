"""Plays scripts from seeds and says what happened and what did not hold.

    python -m tests.simulation.runs [--seeds N] [--from S] [--minutes M] [--show S] [--quick]

On two cores 2,000 seeds take 15 to 30 minutes. Progress goes to stderr, the report to stdout.
"""

import argparse
import sys
import time
from itertools import count
from random import SystemRandom

from tests.simulation.runs.progress import Progress
from tests.simulation.runs.runs import MANY, explain, tell_all, with_fixed_hashes
from tests.simulation.runs.story import play
from tests.simulation.script.maker import of_seed


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tests.simulation.runs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seeds", type=int, default=100, help="how many (default: 100)")
    parser.add_argument(
        "--from", type=int, dest="first", help="the first seed (default: a random one, printed)"
    )
    parser.add_argument("--minutes", type=float, help="start seeds for so long, however many")
    parser.add_argument("--show", type=int, help="play this one seed and print its timeline")
    parser.add_argument("--quick", action="store_true", help="do not make failing scripts small")
    wishes = parser.parse_args()
    if wishes.show is not None:
        verdict = play(of_seed(wishes.show))
        print("\n".join([*verdict.lines, "", *(verdict.wrong or ["everything holds"])]))
        return 1 if verdict.wrong else 0
    first = (
        wishes.first if wishes.first is not None else SystemRandom().randrange(10_000, 100_000_000)
    )
    began = time.monotonic()
    if wishes.minutes is None:
        print(f"{wishes.seeds} seeds from {first}", flush=True)
        progress = Progress("seeds", wishes.seeds)
        tally = tell_all(range(first, first + wishes.seeds), progress)
    else:
        print(f"seeds from {first} on, for {wishes.minutes:g} minutes", flush=True)
        seconds = 60 * wishes.minutes
        tally = tell_all(count(first), Progress("seeds", seconds=seconds), began + seconds)
    tally.show(f"\nseeds      {tally.runs} from {first}", time.monotonic() - began)
    if not wishes.quick:
        list(explain(told.seed for told in tally.bad))
    seldom = tally.seldom() if tally.runs >= MANY else []
    for line in seldom:
        print(f"too seldom {line}")
    return 1 if tally.bad or seldom else 0


if __name__ == "__main__":
    with_fixed_hashes("tests.simulation.runs")
    sys.exit(main())
