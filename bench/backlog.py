"""300 documents at once: how many requests Planner sees for them, and how many round trips."""

import asyncio
from typing import Any

from bench.figures import Figure, seconds_of
from bench.stage import Stage, stage

DOCUMENTS = 300


async def measure() -> list[Figure]:
    figures = []
    for what, fields, requests, trips in (
        ("without details", {}, 1.3, 60.0),
        ("with a description each", {"description": "Numbers are in the data room."}, 3.3, None),
    ):
        async with stage() as on:
            asked, travelled, taken = await _upload(on, fields)
        detail = f"{asked} requests in {travelled} round trips, {taken:.1f} s"
        name = f"{DOCUMENTS} documents at once, {what}"
        figures.append(
            Figure(f"{name}: requests each", "one request", asked / DOCUMENTS, requests, detail)
        )
        figures.append(Figure(f"{name}: round trips", "(batches of 20)", travelled, trips))
    return figures


async def _upload(on: Stage, fields: dict[str, Any]) -> tuple[int, int, float]:
    on.emulator.forget_requests()

    async def work() -> None:
        await asyncio.gather(
            *(on.tasks.create({"title": f"Task {n}", **fields}) for n in range(DOCUMENTS))
        )
        await on.until_quiet()

    taken = await seconds_of(work)
    calls = on.emulator.requests()
    trips = [call for call in calls if call["item"] is None]
    requests = [call for call in calls if call["path"] != "/$batch"]
    cards = on.emulator.cards().values()
    if len(cards) != DOCUMENTS:
        raise RuntimeError(f"{len(cards)} cards instead of {DOCUMENTS}")
    return len(requests), len(trips), taken
