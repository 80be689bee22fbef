"""Run the Function App below Microsoft's runtime library, first without settings, then on a real Redis and Planner.

    python -m tests.host.run_functions_host /path/to/environment/with/azure-functions-runtime/bin/python

Ends with 0 when both runs are as they should be: everything indexes, ticks and answers, and one task becomes a card.
"""

import json
import subprocess
import sys

from redis import Redis

from tests.emulator_process import emulator_process
from tests.host.service_process import ROOT, surroundings
from tests.redis_process import redis_process

DOCUMENT = {"id": "report-7", "title": "Write the report"}


def main(python: str) -> int:
    without = host(python, idle=0)
    checks = [without.returncode == 0, '"settings":"down"' in without.stdout, "PLAN_IDS" in without.stderr]
    with redis_process() as url, emulator_process() as emulator, Redis.from_url(url) as redis:
        redis.set("annika:tasks:report-7", json.dumps(DOCUMENT))
        synced = host(
            python,
            idle=2.5,  # a plan that this Redis does not know yet waits two seconds for its first complete pass
            REDIS_URL=url,
            PLANNER_SYNC_PLAN_IDS=emulator.plan_id,
            PLANNER_SYNC_GRAPH_URL=emulator.url,
            PLANNER_SYNC_GRAPH_TOKEN=emulator.token,
        )
        titles = [card["title"] for card in emulator.cards().values()]
    checks += [synced.returncode == 0, '"redis":"ok"' in synced.stdout, titles == [DOCUMENT["title"]]]
    if not all(checks):
        print(f"not as it should be: {checks}, cards {titles}")
        return 1
    return 0


def host(python: str, *, idle: float, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [python, "tests/host/functions_host.py", "--app", ".", "--keyed", "--repeat", "2", "--idle", str(idle)]
    done = subprocess.run(
        command, cwd=ROOT, env=surroundings(**env), capture_output=True, text=True, timeout=120, check=False
    )
    print(done.stdout, done.stderr, sep="\n")
    return done


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
