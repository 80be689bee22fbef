"""The old way, agents straight at Planner, against ours, agents in Redis while the service does the
rest.

Planner is the emulator with 200 to 500 ms a call, about what Graph takes. The old way is shown at
its best: one kept connection, the etag known, the other agent asking again without a pause. What an
agent waits for is measured; the cards arrive in Planner meanwhile.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from statistics import median
from typing import Any

import httpx

from bench.figures import Figure, ms, seconds_of
from bench.stage import Stage, stage
from planner_sync.agents import AgentClient
from planner_sync.agents.messages import Change

TIMES = 20
BULK = 100
LATENCY = "200-500"
Step = Callable[[int], Awaitable[object]]


class Straight:
    """An agent that calls Graph itself."""

    def __init__(self, http: httpx.AsyncClient, plan_id: str) -> None:
        self._http = http
        self._plan_id = plan_id
        self._card: dict[str, Any] = {}

    async def create(self, n: int) -> None:
        answer = await self._http.post(
            "/planner/tasks", json={"planId": self._plan_id, "title": f"Straight {n}"}
        )
        self._card = answer.raise_for_status().json()

    async def update(self, n: int) -> None:
        await self._patch({"percentComplete": n % 100})

    async def hand_over(self, n: int) -> None:
        """One agent sets a label, the other asks for the card until it sees it."""
        wanted = f"category{n % 25 + 1}"
        await self._patch({"appliedCategories": {wanted: True}})
        while wanted not in (await self._read())["appliedCategories"]:
            pass

    async def bulk(self, _: int) -> None:
        for n in range(BULK):
            await self.create(n)

    async def bulk_in_batches(self, _: int) -> None:
        for start in range(0, BULK, 20):
            items = [
                {
                    "id": str(n),
                    "method": "POST",
                    "url": "/planner/tasks",
                    "headers": {"Content-Type": "application/json"},
                    "body": {"planId": self._plan_id, "title": f"Straight {n}"},
                }
                for n in range(start, start + 20)
            ]
            (await self._http.post("/$batch", json={"requests": items})).raise_for_status()

    async def _patch(self, body: dict[str, Any]) -> None:
        headers = {"If-Match": self._card["@odata.etag"], "Prefer": "return=representation"}
        answer = await self._http.patch(
            f"/planner/tasks/{self._card['id']}", json=body, headers=headers
        )
        self._card = answer.raise_for_status().json()

    async def _read(self) -> dict[str, Any]:
        return dict(
            (await self._http.get(f"/planner/tasks/{self._card['id']}")).raise_for_status().json()
        )


class ThroughRedis:
    """Two agents in Redis."""

    def __init__(self, tasks: AgentClient, other: AgentClient) -> None:
        self._tasks = tasks
        self._other = other
        self._task_id = ""

    async def create(self, n: int) -> None:
        self._task_id = (await self._tasks.create({"title": f"Redis {n}"}))["id"]

    async def update(self, n: int) -> None:
        await self._tasks.update(self._task_id, {"percentComplete": n % 100})

    async def hand_over(self, n: int) -> None:
        """One agent names the other, which hears of it and reads the task."""
        await self._tasks.update(self._task_id, {"assignedTo": [f"agent-{n}"]})
        while True:
            message = await anext(self.heard)
            if isinstance(message, Change) and message.task_id == self._task_id:
                task = await self._other.get(self._task_id)
                if task and task.get("assignedTo") == [f"agent-{n}"]:
                    return

    async def bulk(self, _: int) -> None:
        await asyncio.gather(*(self._tasks.create({"title": f"Bulk {n}"}) for n in range(BULK)))

    async def listen(self, heard: Any) -> None:
        self.heard = heard
        await anext(heard)


async def measure() -> list[Figure]:
    async with stage(latency_ms=LATENCY) as on:
        headers = {"Authorization": f"Bearer {on.emulator.token}"}
        async with (
            httpx.AsyncClient(base_url=on.emulator.url, headers=headers, timeout=30) as http,
            AgentClient.connect(on.url, agent="other-agent") as other,
            aclosing(other.messages()) as heard,
        ):
            ours = ThroughRedis(on.tasks, other)
            await ours.listen(heard)
            return await _compare(on, Straight(http, on.emulator.plan_id), ours)


async def _compare(on: Stage, straight: Straight, ours: ThroughRedis) -> list[Figure]:
    figures = []
    for what, theirs, mine in (
        ("create", straight.create, ours.create),
        ("update", straight.update, ours.update),
        ("hand-over from one agent to another", straight.hand_over, ours.hand_over),
    ):
        figures.append(_factor(what, "straight at Planner", await _p50(theirs), await _p50(mine)))
    one_by_one, batched, redis = [
        await _p50(step, 1) for step in (straight.bulk, straight.bulk_in_batches, ours.bulk)
    ]
    figures.append(_factor(f"bulk of {BULK}", "straight at Planner, one by one", one_by_one, redis))
    figures.append(
        _factor(f"bulk of {BULK}", "straight at Planner, in batches of 20", batched, redis)
    )
    arrival = await seconds_of(on.until_quiet)
    figures.append(
        Figure(f"… until all {BULK} and what was before are in Planner", "(seconds)", arrival)
    )
    return figures


async def _p50(step: Step, times: int = TIMES) -> float:
    return median([await seconds_of(lambda n=n: step(n)) for n in range(times)])  # type: ignore[misc]


def _factor(what: str, compared_with: str, theirs: float, ours: float) -> Figure:
    return Figure(
        f"{what}: times faster", compared_with, theirs / ours, None, f"{ms(theirs)} → {ms(ours)}"
    )
