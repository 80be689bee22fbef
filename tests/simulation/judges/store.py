"""I6 and I10: what the service keeps for itself in Redis, at the end and after every script that
touches a claim."""

import json

from tests.simulation.machine.redis_double import Server
from tests.simulation.machine.world import World
from tests.simulation.script.script import Script

HOURLY = ("limit", "no_free_label", "unknown_person", "unknown_bucket")


async def judge_store(world: World, script: Script) -> list[str]:
    """I6: nothing is left to do, and no trace of work is left behind.

    What waits is tried again by itself: tasks of a plan that is gone, and what its surroundings had
    refused.
    """
    gone = bool(script.times("delete plan"))
    codes = {
        task: json.loads(text)["code"] for task, text in (await world.hash("refusals")).items()
    }
    waiting = {
        task for task, code in codes.items() if code in HOURLY or (gone and code == "unauthorized")
    }
    if gone:
        owners, cards = await world.hash("owners"), await world.hash("cards", world.plan_ids[1])
        waiting |= {owners[planner_id] for planner_id in cards if planner_id in owners}
        waiting |= (await world.hash("creating", world.plan_ids[1])).keys()
        documents = {task: json.loads(text) for task, text in (await world.documents()).items()}
        waiting |= {
            task for task, body in documents.items() if body.get("planId") == world.plan_ids[1]
        }
    found = []
    pending = await world.redis.zrange(world.keys.private("pending"), 0, -1)
    if left := [task.decode() for task in pending if task.decode() not in waiting]:
        found.append(f"I6 pending: {left}")
    for name in ("attempts", "announced", "reason", "missing"):
        if left := {
            task: value for task, value in (await world.hash(name)).items() if task not in waiting
        }:
            found.append(f"I6 {name}: {left}")
    for plan_id in world.plan_ids[: 1 if gone else 2]:
        for name in ("creating", "orphans", "unmapped_passes"):
            if more := await world.hash(name, plan_id):
                found.append(f"I6 {name}: {more}")
    async for key in world.redis.scan_iter("annika:sync:task:*", 1000):
        task = key.decode().removeprefix("annika:sync:task:")
        if task not in waiting and any(
            name.startswith(b"intent ") for name in await world.redis.hkeys(key)
        ):
            found.append(f"I6 {task}: a note is open")
    claims = await world.hash("task_leases")
    return found + [
        f"I6 {task}: claimed by {claim}" for task, claim in claims.items() if " done " not in claim
    ]


class Claims:
    """I10: a claim that is held stands in `pending`, and each new one has a token that was never
    given before.

    Looks into the double and asks it nothing.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._given: dict[int, bytes] = {}

    def look(self) -> str | None:
        """What does not hold now."""
        stored = self._server.dbs[0]._dict
        if b"annika:sync:task_leases" not in stored:
            return None
        pending = stored[b"annika:sync:pending"].value if b"annika:sync:pending" in stored else ()
        for task, claim in stored[b"annika:sync:task_leases"].value.items():
            token = int(claim.split(b" ")[0])
            if b" done" not in claim and task not in pending:
                return f"I10 {task.decode()}: claimed, and not pending"
            if self._given.setdefault(token, task) != task:
                before = self._given[token].decode()
                return f"I10 {task.decode()}: token {token} was given to {before} before"
        return None
