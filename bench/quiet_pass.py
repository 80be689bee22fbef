"""A pass over 3,000 cards that nobody has changed, against fetching and parsing the same pages with
httpx and json."""

import gc
import json
import time
from statistics import median

import httpx
import psutil
import redis.asyncio

from bench.figures import Figure, ms
from planner_sync.settings import Settings
from planner_sync.sync.run.service import build
from tests.emulator_process import Emulator, emulator_process
from tests.redis_process import redis_process

CARDS, PAGES = 3000, 8
PASSES, WARM, COMPARED = 50, 10, 20


async def measure() -> list[Figure]:
    with redis_process() as url, emulator_process() as emulator:
        client = redis.asyncio.Redis.from_url(url)
        for n in range(CARDS):
            emulator.human.create(
                title=f"Card {n}", details={"description": f"What card {n} is about"}
            )
        settings = {
            "REDIS_URL": url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
        }
        service = build(Settings.from_env(settings))
        try:
            return await _passes(service, emulator, client)
        finally:
            await service.aclose()
            await client.aclose()


async def _passes(service, emulator: Emulator, client) -> list[Figure]:  # type: ignore[no-untyped-def]
    """The service is driven by hand, in this process, so that its processor time can be told."""
    started = time.perf_counter()
    await service.poll_once()
    imported = time.perf_counter() - started
    await service.drain_once(120)
    if (
        await client.zcard("annika:sync:pending")
        or await client.hlen("annika:sync:owners") != CARDS
    ):
        raise RuntimeError("the cards are not imported")
    process, calls, memory = psutil.Process(), [], {}
    for number in range(1, PASSES + 1):
        emulator.forget_requests()
        await service.poll_once()
        calls.append([(call["method"], call["path"]) for call in emulator.requests()])
        if number % WARM == 0:
            gc.collect()
            memory[number] = process.memory_info().rss
    cpu, plain = [], []
    for _ in range(COMPARED):
        emulator.forget_requests()
        before = time.process_time()
        await service.poll_once()
        cpu.append(time.process_time() - before)
        plain.append(await _fetch(emulator))
    writes = [call for asked in calls for call in asked if call[0] != "GET"]
    growth = memory[PASSES] / memory[WARM] - 1
    ours, theirs = median(cpu), median(plain)
    what = f"quiet pass over {CARDS} cards"
    return [
        Figure(
            f"{what}: requests, p50",
            "the pages of one listing",
            median(len(asked) for asked in calls),
            PAGES,
            f"every 10th pass {max(len(asked) for asked in calls)}; "
            f"the first, an import, took {imported:.1f} s",
        ),
        Figure(f"{what}: writes", "none", len(writes), 0),
        Figure(
            f"{what}: processor time",
            "the same pages by httpx and json.loads",
            ours / theirs,
            8,
            f"{ms(ours)} / {ms(theirs)}",
        ),
        Figure(
            f"{what}: memory after pass {PASSES}",
            f"after pass {WARM}, growth in %",
            growth * 100,
            2,
            ", ".join(f"{rss / 2**20:.1f}" for rss in memory.values()) + " MiB",
        ),
    ]


async def _fetch(emulator: Emulator) -> float:
    """Processor time of fetching and parsing the pages that the pass has just read."""
    paths = [
        call["path"]
        for call in emulator.requests()
        if call["method"] == "GET" and "/tasks" in call["path"]
    ]
    async with httpx.AsyncClient(headers=emulator.headers, timeout=30) as http:
        before = time.process_time()
        for path in paths:
            json.loads((await http.get(emulator.url + path)).content)
        return time.process_time() - before
