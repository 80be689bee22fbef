"""One, two and four instances share a backlog and the passes: nothing gets slower, nothing is done
twice."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.figures import Figure, seconds_of
from bench.stage import Stage, stage

INSTANCES = (1, 2, 4)
TASKS = 200
LATENCY = "200-500"  # ms for each call of Graph
SLOWER = 1.11  # nine tenths of the throughput
INTERVAL, INTERVALS = 2, 6


async def measure() -> list[Figure]:
    created, changed = {}, {}
    for instances in INSTANCES:
        async with stage(instances=instances, latency_ms=LATENCY) as on:
            created[instances] = await _create(on)
            changed[instances] = await _change(on)
    return [
        *_compared(f"{TASKS} creates", created),
        *_compared(f"{TASKS} edits, deletes and creates", changed),
        *[await _passes(instances) for instances in INSTANCES],
    ]


def _compared(what: str, measured: dict[int, tuple[float, float]]) -> list[Figure]:
    alone = measured[1][0]
    figures = []
    for instances, (taken, writes) in measured.items():
        who = f"{what}, {instances} instances" if instances > 1 else f"{what}, one instance"
        if instances > 1:
            detail = f"{taken:.2f} s / {alone:.2f} s"
            figures.append(Figure(f"{who}: time", "one instance", taken / alone, SLOWER, detail))
        figures.append(Figure(f"{who}: writes", "those that are needed", writes, 1))
    return figures


async def _create(on: Stage) -> tuple[float, float]:
    """Seconds, and writes for each that is needed."""
    on.emulator.forget_requests()

    async def work() -> None:
        await asyncio.gather(
            *(on.tasks.create({"id": f"t{n}", "title": f"Task {n}"}) for n in range(TASKS))
        )
        await on.until_quiet()

    taken = await seconds_of(work)
    _expect(on, [f"Task {n}" for n in range(TASKS)])
    return taken, _writes(on) / TASKS


async def _change(on: Stage) -> tuple[float, float]:
    """Half are edited, in one resource or in both; a quarter is deleted and as many are new."""
    on.emulator.forget_requests()
    half, quarter = TASKS // 2, TASKS // 4

    async def work() -> None:
        await asyncio.gather(
            *(on.tasks.update(f"t{n}", {"percentComplete": 50}) for n in range(quarter)),
            *(
                on.tasks.update(f"t{n}", {"priority": "urgent", "description": "new"})
                for n in range(quarter, half)
            ),
            *(on.tasks.delete(f"t{n}") for n in range(half, half + quarter)),
            *(on.tasks.create({"id": f"n{n}", "title": f"New {n}"}) for n in range(quarter)),
        )
        await on.until_quiet()

    taken = await seconds_of(work)
    titles = [f"Task {n}" for n in range(TASKS) if not half <= n < half + quarter]
    _expect(on, titles + [f"New {n}" for n in range(quarter)])
    return taken, _writes(on) / (5 * quarter)


async def _passes(instances: int) -> Figure:
    async with stage(instances=instances, poll=str(INTERVAL)) as on:
        on.emulator.forget_requests()
        await asyncio.sleep(INTERVAL * INTERVALS)
        path = f"/planner/plans/{on.emulator.plan_id}/tasks"
        listings = len(
            [call for call in on.emulator.requests() if call["path"].partition("?")[0] == path]
        )
    what = f"{INTERVALS} intervals, instances: {instances}: passes over a plan"
    return Figure(what, "the intervals", listings / INTERVALS, 1.2, f"{listings} listings")


def _writes(on: Stage) -> int:
    return len([call for call in _calls(on) if call["method"] != "GET"])


def _calls(on: Stage) -> list[dict[str, Any]]:
    return [call for call in on.emulator.requests() if call["path"] != "/$batch"]


def _expect(on: Stage, titles: Sequence[str]) -> None:
    found = Counter(card["title"] for card in on.emulator.cards().values())
    if found != Counter(titles):
        raise RuntimeError(f"the cards are not those of the documents: {found - Counter(titles)}")
