"""Runs the Function App on Microsoft's runtime library: without settings, then on a real Redis and
Planner.

    python -m tests.host.run_functions_host /path/to/an/environment/bin/python [SECONDS]

The environment has azure-functions-runtime. SECONDS lie between two ticks. Exit code 0: the app
indexes, ticks and answers; a document written after the first tick is a card before the second,
because the listener runs between them; a card moved by hand is in its document after the second;
killing the process in between loses nothing; two processes at once do nothing twice.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from redis import Redis

from tests.emulator_process import Emulator, emulator_process
from tests.host.service_process import ROOT, surroundings
from tests.redis_process import redis_process

TICK = "timer poll"
PATIENCE = 60.0
ENDLESS = 1000  # ticks
# A process killed right after sending a request leaves a claim and a note, which must expire first.
CLAIM_AND_NOTE = 180.0


def main(python: str, idle: float) -> int:
    without = Host(python, idle=0)
    without.wait()
    check("without settings it indexes and ticks", without.process.returncode == 0)
    check("health names the check settings", '"settings":"down"' in without.text)
    check("every tick says what is wrong", "PLANNER_SYNC_PLAN_IDS" in without.text)
    with redis_process() as url, emulator_process() as emulator, Redis.from_url(url) as redis:
        env = {
            "REDIS_URL": url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
        }
        live(Host(python, idle=idle, **env), redis, emulator)
        killed(lambda ticks: Host(python, idle=idle, ticks=ticks, **env), redis, emulator)
        together([Host(python, idle=idle, ticks=ENDLESS, **env) for _ in range(2)], redis, emulator)
    return 0


def live(host: "Host", redis: Any, emulator: Emulator) -> None:
    until("the first tick", lambda: host.ticks() == 1)
    write(redis, "report-7", "Write the report")
    card = until("the card", lambda: find(emulator, "Write the report"))
    check("the listener lives: the card was there before the second tick", host.ticks() == 1)
    emulator.human.move(card["id"], bucket_id=emulator.bucket_ids()["Done"])
    host.wait()
    check("health answered 200 with everything there", '"redis":"ok"' in host.text)
    check("no failures", host.process.returncode == 0)
    check(
        "the move is in the document",
        json.loads(redis.get("annika:tasks:report-7")).get("bucket") == "Done",
    )


def killed(start: "Callable[[int], Host]", redis: Any, emulator: Emulator) -> None:
    host = start(2)
    until("the first tick", lambda: host.ticks() == 1)
    write(redis, "report-8", "Survive")
    host.kill()
    again = start(ENDLESS)
    until(
        "the card after the kill",
        lambda: find(emulator, "Survive") and is_quiet(redis),
        within=CLAIM_AND_NOTE,
    )
    again.kill()
    cards = [card["title"] for card in emulator.cards().values()]
    check(
        "killed in between: nothing lost, nothing twice",
        sorted(cards) == ["Survive", "Write the report"],
    )


def together(hosts: "list[Host]", redis: Any, emulator: Emulator) -> None:
    until("the first tick of both", lambda: all(host.ticks() for host in hosts))
    before = set(emulator.cards())
    titles = [f"Shared {n}" for n in range(30)]
    for n, title in enumerate(titles):
        write(redis, f"shared-{n}", title)
    card = emulator.human.create(title="By hand")
    until("the document of the card", lambda: redis.exists(f"annika:tasks:planner-{card['id']}"))
    until(
        "the cards of all documents",
        lambda: find(emulator, titles[-1]) and is_quiet(redis),
        within=CLAIM_AND_NOTE,
    )
    ticks = [host.ticks() for host in hosts]
    until(
        "two more ticks of both",
        lambda: all(host.ticks() > n + 1 for host, n in zip(hosts, ticks, strict=True)),
    )
    for host in hosts:
        host.kill()
        check("two at once: no failures", "FAIL" not in host.text)
    made = [
        card["title"] for planner_id, card in emulator.cards().items() if planner_id not in before
    ]
    check("two at once: nothing lost, nothing twice", sorted(made) == sorted(["By hand", *titles]))


def write(redis: Any, task_id: str, title: str) -> None:
    redis.set(f"annika:tasks:{task_id}", json.dumps({"id": task_id, "title": title}))
    redis.publish("annika:tasks:updates", json.dumps({"action": "created", "taskId": task_id}))


def find(emulator: Emulator, title: str) -> dict[str, Any] | None:
    return next((card for card in emulator.cards().values() if card["title"] == title), None)


class Host:
    """functions_host.py as a process, and what it has printed so far."""

    def __init__(self, python: str, *, idle: float, ticks: int = 2, **env: str) -> None:
        command = [
            python,
            "-u",
            "tests/host/functions_host.py",
            "--app",
            ".",
            "--keyed",
            "--repeat",
            str(ticks),
        ]
        self.text = ""
        self.process = subprocess.Popen(
            [*command, "--idle", str(idle)],
            cwd=ROOT,
            env=surroundings(**env),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def ticks(self) -> int:
        return self.text.count(TICK)

    def wait(self) -> None:
        self.process.wait(PATIENCE)
        self._reading.join()
        print(self.text)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while chunk := os.read(self.process.stdout.fileno(), 65536):
            self.text += chunk.decode("utf-8", "replace")


def is_quiet(redis: Any) -> bool:
    return not redis.zcard("annika:sync:pending")


def until(what: str, condition: Callable[[], Any], within: float = PATIENCE) -> Any:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise SystemExit(f"waited {within:.0f} s for {what}")


def check(what: str, holds: bool) -> None:
    print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
    if not holds:
        raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 3.0))
