"""The command line on a real cluster, given a server that does not have the namespace."""

import json

from redis.asyncio import Redis

from planner_sync.store.connection import connect, for_namespace
from tests.operators.console import Said, run
from tests.operators.test_command_line import hold, refuse, throw_away
from tests.store.cluster_process import cluster_process, hosting
from tests.store.shelf import PLAN, Shelf


async def test_every_command_works_on_a_cluster(namespace: str) -> None:
    async with cluster_process() as urls:
        tagged = f"{{{namespace}}}"
        async with Redis.from_url(urls[0]) as redis:
            home = hosting(urls, await redis.execute_command("CLUSTER KEYSLOT", tagged))
        away = next(url for url in urls if url != home)
        single = connect(away)
        client = await for_namespace(single, away, tagged)

        def ask(command: str, namespace: str = tagged) -> Said:
            return run(f"planner-sync {command}", REDIS_URL=away, PLANNER_SYNC_NAMESPACE=namespace)

        shelf = Shelf(client, tagged)
        await hold(shelf)
        await throw_away(shelf)
        assert json.loads(ask("hold list --json").out)[0]["planId"] == PLAN
        assert json.loads(ask(f"hold restore {PLAN} --json").out) == {"count": 1}
        assert json.loads(ask("trash restore t1 --json").out)["taskId"] == "t1"
        await refuse(shelf, "t2", "limit")
        assert json.loads(ask("failed retry --all --json").out) == {"taskIds": ["t2"]}
        assert ask("status").code == 0
        told = ask("status", namespace)
        assert (told.code, "needs a hash tag" in told.err) == (2, True)
        await client.aclose()
        await single.aclose()
