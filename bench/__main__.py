"""`python -m bench [PART ...]`: runs the parts, prints one table. Ends with 1 when a figure misses
its limit."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable

from bench import backlog, capacity, client_writes, indexing, old_way, quiet_pass, reaction, scale
from bench.figures import Figure, table

PARTS: dict[str, Callable[[], Awaitable[list[Figure]]]] = {
    "client": client_writes.measure,
    "indexing": indexing.measure,
    "reaction": reaction.measure,
    "backlog": backlog.measure,
    "old-way": old_way.measure,
    "quiet": quiet_pass.measure,
    "scale": scale.measure,
    "capacity": capacity.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"any of {', '.join(PARTS)}; all when none is named",
    )
    names = parser.parse_args().parts or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"there is no part {unknown[0]}; the parts are {', '.join(PARTS)}")
    figures = []
    for name in names:
        sys.stderr.write(f"measuring: {name}\n")
        figures += asyncio.run(PARTS[name]())
    print(table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
