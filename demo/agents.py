"""The agents of the story: one plans, one writes, one reviews, and one knows only SET, DEL and
PUBLISH.

They know tasks, and no Planner. What they may miss, such as a task that somebody has deleted, they
let go.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing, suppress
from itertools import count
from typing import Any

from redis.asyncio import Redis

from demo.flow import Flow, Task
from demo.story import APPROVED, DOING, DONE, FOR_REVIEW, PEOPLE, TO_DO, chance, in_days, plan_ahead
from planner_sync.agents import AgentClient
from planner_sync.agents.messages import Change
from planner_sync.errors import Refusal, TaskMissing

MOST_OPEN = 9
MOST_DONE = 5
REMARK = "Shorten the second paragraph"


class Agent:
    """One that uses the project's client."""

    def __init__(self, name: str, client: AgentClient, flow: Flow) -> None:
        self.name = name
        self.client = client
        self.flow = flow

    async def create(self, task_id: str, **fields: Any) -> None:
        with self.flow.agent_writes(task_id, self.name):
            await self.client.create(fields, task_id)

    async def update(self, task_id: str, change: Task | Callable[[Task], object]) -> None:
        with self.flow.agent_writes(task_id, self.name):
            await self.client.update(task_id, change)

    async def delete(self, task_id: str) -> None:
        with self.flow.agent_writes(task_id, self.name):
            await self.client.delete(task_id)

    def own(self, *, done: bool = False) -> dict[str, Task]:
        """The tasks that agents have planned, by their ids: done, or not."""
        return {
            task_id: task
            for task_id, task in self.flow.documents.items()
            if (task.get("percentComplete") == 100) == done and task.get("by") == "coordinator"
        }


async def coordinate(agent: Agent) -> None:
    """Plans the work of one country after another, and clears away what is done."""
    for task_id, title, work in plan_ahead():
        while len(agent.own()) >= MOST_OPEN:
            if len(done := agent.own(done=True)) > MOST_DONE:
                with suppress(TaskMissing):
                    await agent.delete(next(iter(done)))
            await _pause(3, 6)
        await agent.create(
            task_id,
            title=title,
            bucket=TO_DO,
            assignedTo=["writer", chance.choice(PEOPLE)],
            labels=list(work.labels),
            priority=work.priority,
            dueDate=in_days(work.days),
            description=work.about,
            checklist=[{"title": step, "isChecked": False} for step in work.steps],
            by=agent.name,
        )
        await _pause(0.3, 0.8) if len(agent.flow.documents) < MOST_OPEN else await _pause(3, 6)


async def write(agent: Agent) -> None:
    """Takes three tasks at a time, ticks off their steps, and hands them over to the reviewer."""
    while True:
        await _pause(1, 2.5)
        tasks = {
            task_id: task
            for task_id, task in agent.own().items()
            if "writer" in (task.get("assignedTo") or ())
        }
        doing = [
            task_id
            for task_id, task in tasks.items()
            if task.get("bucket") == DOING and not _is_for_review(task)
        ]
        waiting = [task_id for task_id, task in tasks.items() if task.get("bucket") == TO_DO]
        try:
            if waiting and len(doing) < 3:
                await agent.update(
                    waiting[0], {"bucket": DOING, "percentComplete": 10, "startDate": in_days(0)}
                )
            elif doing:
                await agent.update(chance.choice(doing[:2]), _write_on)
        except (TaskMissing, Refusal):
            continue


def _write_on(task: Task) -> None:
    steps = task.get("checklist") or []
    left = [step for step in steps if not step.get("isChecked")]
    if left:
        left[0]["isChecked"] = True
        task["percentComplete"] = round(90 * (len(steps) - len(left) + 1) / len(steps))
    else:
        task["labels"] = [*(task.get("labels") or ()), FOR_REVIEW]


async def review(agent: Agent) -> None:
    """Waits for messages: when a task is handed over it approves it, or asks for one thing more."""
    async with aclosing(agent.client.messages()) as heard:
        async for message in heard:
            if not isinstance(message, Change):
                continue
            with suppress(TaskMissing, Refusal):
                if _is_for_review(await agent.client.get(message.task_id)):
                    await _pause(1, 3)
                    if _is_for_review(await agent.client.get(message.task_id)):
                        await agent.update(message.task_id, _judge)


def _is_for_review(task: Task | None) -> bool:
    labels = task.get("labels") if task else None
    return isinstance(labels, list) and FOR_REVIEW in labels


def _judge(task: Task) -> None:
    labels = [label for label in task.get("labels") or () if label != FOR_REVIEW]
    steps = task.get("checklist") or []
    if chance.random() < 0.3 and not any(step["title"] == REMARK for step in steps):
        task.update(labels=labels, checklist=[*steps, {"title": REMARK, "isChecked": False}])
    else:
        task.update(labels=[*labels, APPROVED], bucket=DONE, percentComplete=100)


async def count_sign_ups(redis: Redis, flow: Flow) -> None:
    """One that has nothing of ours: `SET`, `DEL` and `PUBLISH`, an object of its own, no
    reading."""
    for number in count(1):
        task_id, people = f"waiting-list-{number}", 40
        while people < 200:
            task = {
                "id": task_id,
                "title": f"Waiting list: {people} people",
                "bucket": DOING,
                "labels": ["Numbers"],
            }
            with flow.agent_writes(task_id, "counter"):
                await redis.set(f"annika:tasks:{task_id}", json.dumps(task))
                await _publish(redis, "created" if people == 40 else "updated", task_id)
            await _pause(5, 9)
            people += chance.randint(7, 30)
        # The last ones too: a list that somebody was working on comes back when it is deleted.
        for old in range(max(1, number - 2), number + 1):
            with flow.agent_writes(f"waiting-list-{old}", "counter"):
                if await redis.delete(f"annika:tasks:waiting-list-{old}"):
                    await _publish(redis, "deleted", f"waiting-list-{old}")


async def _publish(redis: Redis, action: str, task_id: str) -> None:
    message = {"action": action, "taskId": task_id, "source": "counter"}
    await redis.publish("annika:tasks:updates", json.dumps(message))


async def _pause(least: float, most: float) -> None:
    await asyncio.sleep(chance.uniform(least, most))
