"""`python -m tests.simulation.runs`: runs seeds, or runs for some minutes, and says what happened and
what did not hold.

--seeds N --from S   N seeds from S on (without S from a random one, which is printed)
--minutes M          as many seeds as begin within M minutes
--show S             one seed, with its whole timeline
"""

import argparse
import sys
import time
from itertools import count
from random import SystemRandom

from tests.simulation.runs.runs import MANY, explain, tell_all, with_fixed_hashes
from tests.simulation.runs.story import play
from tests.simulation.script.maker import of_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.simulation.runs")
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--from", type=int, default=None, dest="first", help="the first seed")
    parser.add_argument("--minutes", type=float, default=None, help="instead of a number of seeds")
    parser.add_argument("--show", type=int, default=None, help="print the timeline of this seed")
    parser.add_argument("--quick", action="store_true", help="do not make failures small")
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
        tally = tell_all(range(first, first + wishes.seeds))
    else:
        print(f"seeds from {first} on, for {wishes.minutes:g} minutes", flush=True)
        tally = tell_all(count(first), began + 60 * wishes.minutes)
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
