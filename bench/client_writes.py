"""The agents' client against a redis-py pipeline of SET and PUBLISH with the same bytes: one round
trip each."""

import json

import redis.asyncio

from bench.figures import Figure, ms, p50_of
from planner_sync.agents import AgentClient
from tests.redis_process import redis_process

TIMES = 2000
FIELDS = {
    "title": "Write the quarterly report",
    "bucket": "In progress",
    "assignedTo": ["writer-agent", "ada@example.com"],
    "dueDate": "2026-03-31",
    "priority": "important",
    "labels": ["Finance"],
    "description": "Numbers are in the data room.\nAsk Ada for the outlook. " * 4,
    "context": {"run": "7f3c", "step": 4, "notes": ["draft", "sources"]},
}


async def measure() -> list[Figure]:
    with redis_process() as url:
        async with redis.asyncio.Redis.from_url(url) as client:
            return await _compare(client, AgentClient(client))


async def _compare(plain: redis.asyncio.Redis, tasks: AgentClient) -> list[Figure]:
    async def create(n: int) -> None:
        await tasks.create(FIELDS, f"ours-{n}")

    async def update(n: int) -> None:
        await tasks.update("ours-0", {"percentComplete": n % 100})

    async def pipeline(n: int) -> None:
        text = json.dumps(
            {**FIELDS, "id": f"theirs-{n}"}, ensure_ascii=False, separators=(",", ":")
        )
        message = json.dumps({"action": "created", "taskId": f"theirs-{n}", "source": "agent"})
        async with plain.pipeline(transaction=False) as pipe:
            pipe.set(f"annika:tasks:theirs-{n}", text)
            pipe.publish("annika:tasks:updates", message)
            await pipe.execute()

    async def ping(_: int) -> None:
        await plain.ping()

    created, updated, piped, pinged = await p50_of(TIMES, create, update, pipeline, ping)
    theirs = "redis-py pipeline SET + PUBLISH, p50"
    return [
        Figure(
            "client create, p50",
            theirs,
            created / piped,
            1.2,
            f"{ms(created)} / {ms(piped)}, PING {ms(pinged)}",
        ),
        Figure(
            "client update, p50",
            theirs,
            updated / piped,
            1.2,
            f"{ms(updated)} / {ms(piped)}, PING {ms(pinged)}",
        ),
    ]
