"""Two and four service processes on one Redis and one plan: they share the work, and nothing is
done twice."""

import json
from collections import Counter
from contextlib import ExitStack

import pytest
from redis import Redis

from tests.emulator_process import Emulator, emulator_process
from tests.host.service_process import eventually, running
from tests.redis_process import redis_process
from tests.store.cluster_process import cluster_process, hosting

LOT = 20
PATIENCE = 30


class Shared:
    """What the instances work on; agents write in lots."""

    def __init__(self, redis: "Redis", namespace: str, emulator: Emulator) -> None:
        self.redis = redis
        self.namespace = namespace
        self.emulator = emulator
        self.written: list[str] = []

    def write_lot(self) -> None:
        for _ in range(LOT):
            task_id = f"t{len(self.written)}"
            self.written.append(task_id)
            self.redis.set(
                f"{self.namespace}:tasks:{task_id}", json.dumps({"id": task_id, "title": task_id})
            )
            self.redis.publish(
                f"{self.namespace}:tasks:updates",
                json.dumps({"action": "created", "taskId": task_id}),
            )

    def workers(self) -> int:
        """How many instances have taken work so far."""
        return int(self.redis.hlen(f"{self.namespace}:sync:batches"))

    def is_quiet(self) -> bool:
        mapped = self.redis.hlen(f"{self.namespace}:sync:owners")
        return mapped == len(self.written) and not self.redis.zcard(
            f"{self.namespace}:sync:pending"
        )

    def asked(self, method: str, path: str) -> int:
        calls = [
            (call["method"], call["path"].partition("?")[0]) for call in self.emulator.requests()
        ]
        return calls.count((method, path))


@pytest.mark.contract("§6 Two or more instances run")
@pytest.mark.parametrize(
    ("instances", "namespace"),
    [
        pytest.param(2, "annika", id="two"),
        pytest.param(4, "annika", id="four"),
        pytest.param(4, "{annika}", id="four on a cluster"),
    ],
)
def test_instances_share_the_work_and_do_nothing_twice(instances: int, namespace: str) -> None:
    with ExitStack() as stack:
        on_cluster = namespace.startswith("{")
        urls = (
            stack.enter_context(cluster_process())
            if on_cluster
            else [stack.enter_context(redis_process())]
        )
        url = hosting(urls, namespace) if on_cluster else urls[0]
        emulator = stack.enter_context(emulator_process(latency_ms="50-150"))
        shared = Shared(stack.enter_context(Redis.from_url(url)), namespace, emulator)
        settings = {
            "REDIS_URL": next((other for other in urls if other != url), url),
            "PLANNER_SYNC_NAMESPACE": namespace,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
            "PLANNER_SYNC_POLL_SECONDS": "600",
        }
        for _ in range(instances):
            stack.enter_context(running(**settings))

        def all_work() -> bool:
            shared.write_lot()
            return shared.workers() == instances

        eventually(all_work, PATIENCE)
        eventually(shared.is_quiet, PATIENCE)

        titles = Counter(card["title"] for card in emulator.cards().values())
        assert titles == Counter(shared.written)
        assert shared.asked("POST", "/planner/tasks") == len(shared.written)
        assert shared.asked("GET", f"/planner/plans/{emulator.plan_id}/tasks") == 1
