"""A figure is a ratio, a difference or a count, and what it is compared with; all of a run make one
table."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Figure:
    """`value` is a ratio, a difference or a count, not above `limit` (None: no promise); `detail`
    has the times."""

    what: str
    compared_with: str
    value: float
    limit: float | None = None
    detail: str = ""

    @property
    def holds(self) -> bool:
        return self.limit is None or self.value <= self.limit


def table(figures: Sequence[Figure]) -> str:
    """The table in Markdown."""
    head = ("measured", "compared with", "figure", "limit", "", "in detail")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, ...]:
    limit = "" if figure.limit is None else f"≤ {figure.limit:g}"
    verdict = "" if figure.limit is None else "ok" if figure.holds else "MISS"
    return figure.what, figure.compared_with, f"{figure.value:.3g}", limit, verdict, figure.detail


async def seconds_of(work: Callable[[], Awaitable[object]]) -> float:
    """How long it takes once."""
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def p50_of(times: int, *works: Callable[[int], Awaitable[object]]) -> list[float]:
    """The median of each in seconds, all taking turns, so that whatever else the machine does hits
    all alike."""
    taken: list[list[float]] = [[] for _ in works]
    for n in range(times):
        for work, list_of_work in zip(works, taken, strict=True):
            started = time.perf_counter()
            await work(n)
            list_of_work.append(time.perf_counter() - started)
    return [median(list_of_work[times // 10 :]) for list_of_work in taken]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
