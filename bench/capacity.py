"""What one instance carries: plans in one interval, requests of a quiet plan, of a change, and
memory by cards.

Planner answers after 200 to 500 ms. Counts and ratios are the product's; seconds are those of a
machine that others may use too. The tables in docs/capacity.md are made of these figures.
"""

import asyncio
import json
import time
from statistics import median
from typing import Any

import psutil
import redis.asyncio

from bench.figures import Figure, ms
from planner_sync.settings import Settings
from planner_sync.sync.run.service import Service, build
from tests.emulator_process import Emulator, emulator_process
from tests.redis_process import redis_process

LATENCY = "200-500"  # ms for each call of Graph
INTERVAL = 30.0  # seconds: the default
PLANS = (1, 10, 40)
CARDS = (0, 500, 1000)
PASSES = 10  # the names of buckets and labels are read again in every tenth
CHANGES = 20


async def measure() -> list[Figure]:
    figures = []
    for plans in PLANS:
        figures += await _plans(plans)
    return [*figures, *await _cards(), *await _changes()]


def _service(url: str, emulator: Emulator) -> Service:
    settings = {
        "REDIS_URL": url,
        "PLANNER_SYNC_PLAN_IDS": ",".join(emulator.plan_ids),
        "PLANNER_SYNC_GRAPH_URL": emulator.url,
        "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
    }
    return build(Settings.from_env(settings))


async def _plans(count: int) -> list[Figure]:
    """Scheduler of passes over so many quiet plans of ten cards each."""
    ids = [f"plan{n:024d}" for n in range(count)]
    with redis_process() as url, emulator_process(plans=ids, latency_ms=LATENCY) as emulator:
        for plan_id in ids:
            for n in range(10):
                emulator.human.create(plan_id=plan_id, title=f"Card {n}")
        service = _service(url, emulator)
        try:
            await service.poll_once()
            await service.drain_once()
            taken = []
            for _ in range(2):
                emulator.forget_requests()
                started = time.perf_counter()
                await service.poll_once()
                taken.append(time.perf_counter() - started)
            asked = len([call for call in emulator.requests() if call["path"] != "/$batch"])
        finally:
            await service.aclose()
    return [
        Figure(
            f"{count} quiet plans: requests in a round",
            "one for each plan",
            asked / count,
            1.1,
            f"{asked}",
        ),
        Figure(
            f"{count} quiet plans: a round",
            "the interval of 30 s",
            min(taken) / INTERVAL,
            None,
            ms(min(taken)),
        ),
    ]


async def _cards() -> list[Figure]:
    """One plan that grows: memory of the service, of Redis, processor time and requests of ten
    passes."""
    figures = []
    with redis_process() as url, emulator_process() as emulator:
        client = redis.asyncio.Redis.from_url(url)
        service = _service(url, emulator)
        process, there = psutil.Process(), 0
        try:
            for cards in CARDS:
                for n in range(there, cards):
                    emulator.human.create(
                        title=f"Card {n}", details={"description": f"What card {n} is about"}
                    )
                there = cards
                await service.poll_once()
                await service.drain_once()
                emulator.forget_requests()
                cpu = []
                for _ in range(PASSES):
                    before = time.process_time()
                    await service.poll_once()
                    cpu.append(time.process_time() - before)
                asked = len([call for call in emulator.requests() if call["path"] != "/$batch"])
                used = (await client.info("memory"))["used_memory"] / 2**20
                rss = process.memory_info().rss / 2**20
                memory = f"service {rss:.0f} MiB, Redis {used:.1f} MiB"
                detail = f"{memory}, {ms(median(cpu))} of processor a pass"
                figures.append(
                    Figure(f"{cards} cards: requests of {PASSES} passes", "", asked, None, detail)
                )
        finally:
            await service.aclose()
            await client.aclose()
    return figures


async def _changes() -> list[Figure]:
    """What one change costs, each made when all is quiet and with the others of its kind."""
    with redis_process() as url, emulator_process(latency_ms=LATENCY) as emulator:
        client = redis.asyncio.Redis.from_url(url)
        service = _service(url, emulator)
        await service.poll_once()
        figures = []
        try:
            for what, fields in (
                ("creates", {"title": "Task"}),
                ("edits of a card", {"percentComplete": 50}),
                ("edits of its details", {"description": "new"}),
            ):
                emulator.forget_requests()
                for n in range(CHANGES):
                    await _change(client, n, fields)
                await service.sweep_once()
                while await client.zcard("annika:sync:pending"):
                    await service.drain_once(10)
                    await asyncio.sleep(0.05)
                calls = emulator.requests()
                trips = len([call for call in calls if call["item"] is None])
                asked = len([call for call in calls if call["path"] != "/$batch"])
                detail = f"{asked} requests in {trips} round trips"
                figures.append(
                    Figure(
                        f"{CHANGES} {what} at once",
                        "one request each",
                        asked / CHANGES,
                        None,
                        detail,
                    )
                )
        finally:
            await service.aclose()
            await client.aclose()
    return figures


async def _change(client: Any, n: int, fields: dict[str, Any]) -> None:
    key = f"annika:tasks:t{n}"
    text = await client.get(key)
    document = json.loads(text) if text else {"id": f"t{n}"}
    await client.set(key, json.dumps({**document, **fields}))
