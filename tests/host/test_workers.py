"""The Function App in real worker processes: several at once, ticks that overlap, late or none."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from redis import Redis

from tests.emulator_process import Emulator, emulator_process
from tests.host.service_process import eventually
from tests.host.worker_process import Worker, worker
from tests.redis_process import free_port, redis_process

TEN_MINUTES = 600_000  # ms
PATIENCE = 30
CHECKS = ("redis", "graph", "listener", "poll")


class Site:
    """A Redis and a Planner; what agents and people do there, and the workers."""

    def __init__(self, stack: ExitStack, **switches: object) -> None:
        url = stack.enter_context(redis_process())
        self.emulator: Emulator = stack.enter_context(emulator_process(**switches))
        self.redis: Any = stack.enter_context(Redis.from_url(url))
        self._stack = stack
        self._settings = {
            "REDIS_URL": url,
            "PLANNER_SYNC_PLAN_IDS": self.emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": self.emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": self.emulator.token,
        }

    def worker(self, **settings: str) -> Worker:
        return self._stack.enter_context(worker(**{**self._settings, **settings}))

    def write(self, *task_ids: str, publish: bool = True) -> None:
        for task_id in task_ids:
            self.redis.set(f"annika:tasks:{task_id}", json.dumps({"id": task_id, "title": task_id}))
            if publish:
                self.redis.publish("annika:tasks:updates", task_id)

    def titles(self) -> Counter[str]:
        return Counter(card["title"] for card in self.emulator.cards().values())

    def creates(self) -> int:
        calls = [(call["method"], call["path"]) for call in self.emulator.requests()]
        return calls.count(("POST", "/planner/tasks"))

    def listeners(self) -> int:
        return len(self.redis.pubsub_channels("annika:sync:canary:*"))

    def is_quiet(self) -> bool:
        return not self.redis.zcard("annika:sync:pending")

    def document_of(self, planner_id: str) -> dict[str, Any] | None:
        text = self.redis.get(f"annika:tasks:planner-{planner_id}")
        return json.loads(text) if text else None

    def sleep_through(self, ms: int) -> None:
        """As if the last heartbeat were this long ago."""
        for part, value in self.redis.hgetall("annika:sync:heartbeats").items():
            at, _, text = value.decode().partition(" ")
            self.redis.hset("annika:sync:heartbeats", part, f"{int(at) - ms} {text}")


@pytest.fixture
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack)


@pytest.mark.contract("§6 Two or more instances run")
def test_two_worker_processes_share_the_work_and_do_nothing_twice(site):
    """What FUNCTIONS_WORKER_PROCESS_COUNT=2 does: two processes, each with a listener, invocations
    in turns."""
    workers = [site.worker(), site.worker()]
    assert [one.invoke("poll") for one in workers] == [[None], [None]]
    eventually(lambda: site.listeners() == 2)
    written = [f"t{n}" for n in range(40)]
    by_hand = [site.emulator.human.create(title=f"by hand {n}") for n in range(5)]

    site.write(*written)
    for one in workers:
        one.begin("poll")
    site.write(*written)
    assert [one.answers() for one in workers] == [[None], [None]]

    def all_is_there() -> bool:
        workers[0].invoke("poll")
        return site.is_quiet() and all(site.document_of(card["id"]) for card in by_hand)

    eventually(all_is_there, PATIENCE)
    assert site.titles() == Counter([*written, *(card["title"] for card in by_hand)])
    assert site.creates() == len(written)
    assert site.redis.hlen("annika:sync:batches") == 2


@pytest.mark.parametrize("processes", [1, 2], ids=["in one process", "in two processes"])
def test_ticks_that_overlap_do_everything_once(site, processes):
    workers = [site.worker(PLANNER_SYNC_LISTENER="off") for _ in range(processes)]
    site.write("a", "b", "c", publish=False)
    card = site.emulator.human.create(title="by hand")

    for one in workers:
        one.begin("poll", "poll")
    assert [one.answers() for one in workers] == [[None, None]] * processes
    eventually(
        lambda: workers[0].invoke("poll") and site.titles().total() == 4 and site.is_quiet(),
        PATIENCE,
    )

    assert site.titles() == Counter(["a", "b", "c", "by hand"])
    assert site.creates() == 3
    assert site.document_of(card["id"])["title"] == "by hand"


def test_where_no_timer_ticks_a_request_starts_the_listener(site):
    """A plan is known from one tick on; afterwards HTTP alone is enough for what agents write."""
    ticked = site.worker()
    ticked.invoke("poll")
    ticked.kill()
    answering = site.worker()
    eventually(lambda: site.listeners() == 0)

    answering.health()
    eventually(lambda: site.listeners() == 1)
    site.write("t")

    eventually(lambda: site.titles() == Counter(["t"]))


def test_a_tick_that_is_ten_minutes_late_does_what_the_missed_ones_would_have(site):
    first = site.worker()
    site.write("t")
    eventually(lambda: first.invoke("poll") and site.redis.exists("annika:task:mapping:t"))
    first.kill()
    planner_id = site.redis.get("annika:task:mapping:t").decode()
    site.emulator.human.edit(planner_id, fields={"percentComplete": 50})
    site.write("u", publish=False)
    site.sleep_through(TEN_MINUTES)

    late = site.worker()
    status, body = late.health()
    assert (status, body["checks"]["poll"]) == (503, "down")
    assert late.invoke("poll") == [None]

    eventually(lambda: json.loads(site.redis.get("annika:tasks:t")).get("percentComplete") == 50)
    eventually(lambda: site.titles() == Counter(["t", "u"]))
    eventually(
        lambda: (
            late.health()
            == (200, {"status": "healthy", "checks": dict.fromkeys(body["checks"], "ok")})
        )
    )


def test_health_comes_from_redis_not_from_the_process_that_answers(site):
    """Flex Consumption runs the timer on instances of its own, and no schedule status is kept for
    short intervals."""
    ticking, answering = site.worker(), site.worker(PLANNER_SYNC_LISTENER="off")
    assert answering.health()[1]["checks"]["poll"] == "degraded"

    ticking.invoke("poll")
    assert answering.health() == (200, {"status": "healthy", "checks": dict.fromkeys(CHECKS, "ok")})


def test_a_tick_ends_before_function_timeout_and_the_worker_goes_on():
    """The host would restart the whole worker, with the listener and every other invocation."""
    with ExitStack() as stack:
        site = Site(stack, latency_ms="20000-20001")
        one = site.worker(AzureFunctionsJobHost__functionTimeout="00:00:03")

        assert one.invoke("poll") == ["TimeoutError"]
        assert one.health()[1]["checks"]["redis"] == "ok"


def test_what_the_listener_logs_between_invocations_goes_to_stderr_alone(site):
    one = site.worker(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    one.health()

    eventually(lambda: "waiting for Redis" in one.log)
    assert not [name for name in one.invoke("heard")[0] if name.startswith("planner_sync")]
