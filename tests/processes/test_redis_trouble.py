"""Redis is restarted, emptied, replaced by a replica, full, not there yet: the service waits and
resumes by itself."""

import asyncio
import contextlib
import json
import signal
from typing import Any

import pytest
from redis.exceptions import RedisError

from tests.processes.stage import DOCUMENT, UPDATES, Stage, agents_of
from tests.proxy import proxy_to
from tests.redis_process import RestartableRedis, redis_process


@pytest.fixture
def server(tmp_path):
    server = RestartableRedis(tmp_path / "redis")
    yield server
    server.stop(keep=False)


@pytest.fixture
def redis_url(server: RestartableRedis) -> str:
    return server.url


async def restart(stage: Stage, server: RestartableRedis, *, keep: bool) -> None:
    await stage.to_redis.refuse()  # until the story wants the service to see it
    await asyncio.to_thread(server.stop, keep=keep)
    await asyncio.to_thread(server.start)


@pytest.mark.contract("§6 Redis restarts or fails over")
async def test_after_a_restart_with_its_data_the_work_goes_on_where_it_was(
    stage: Stage, server
) -> None:
    await stage.start()
    await stage.busy("t", 10)
    await restart(stage, server, keep=True)
    await stage.work("t0", publish=False)
    stage.add_card("h")
    await stage.to_redis.heal()
    await stage.busy("u", 4)
    await stage.judged()
    assert stage.writes("DELETE") == 0


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
async def test_after_the_loss_of_all_data_every_card_finds_its_document_again(
    stage: Stage, server
) -> None:
    await stage.start()
    await stage.busy("t", 6)
    stage.add_card("h")
    await stage.until_one()
    before = {card["title"]: planner_id for planner_id, card in stage.cards().items()}
    own = {
        title: document
        for title, document in (await stage.documents()).items()
        if title in ("t0", "t1", "t2")
    }
    await restart(stage, server, keep=False)
    for (
        title,
        document,
    ) in own.items():  # these agents have kept what they wrote, without what the service wrote
        fields = {
            name: document[name]
            for name in ("title", "percentComplete", "checklist")
            if name in document
        }
        await stage.redis.set(DOCUMENT + title, json.dumps(fields))
    stage.edit_card("t0")
    stage.edit_card("h")
    await stage.to_redis.heal()
    await stage.judged()
    after = {card["title"]: planner_id for planner_id, card in stage.cards().items()}
    assert (after, stage.writes("DELETE")) == (before, 0)
    assert own.keys() <= (await stage.documents()).keys()


@pytest.mark.contract("§6 Redis restarts or fails over")
async def test_after_the_promotion_of_a_replica_that_had_missed_writes_nothing_is_twice_or_undone(
    stage: Stage, redis_url: str
) -> None:
    await stage.start()
    await stage.busy("t", 6)
    await stage.until_one()
    async with proxy_to(redis_url) as link:
        with redis_process() as replica_url:
            replica = agents_of(replica_url)
            await stage.redis.config_set(
                "repl-diskless-sync-delay", 0
            )  # it would wait for further replicas
            await replica.replicaof("127.0.0.1", link.port)
            await stage.to_planner.refuse()
            for n in range(3):
                await stage.write(
                    f"new{n}"
                )  # the replica will know these documents, and not their cards
            await stage.until(lambda: knows(replica, f"{DOCUMENT}new2"), "the replica to follow")
            await link.refuse()
            await stage.to_planner.heal()
            await stage.busy("u", 3)  # of all this the replica will know nothing
            for title in ("t1", "t2", "new0"):
                await stage.work(title)
            await stage.until_one()
            stage.edit_card("t1")
            stage.add_card("h")
            await stage.delete("t3")
            await stage.until_one()
            before = stage.writes("DELETE")
            stage.to_redis.turn_to(replica_url)
            await replica.replicaof("NO", "ONE")
            await stage.redis.aclose()
            stage.redis = replica
            await stage.judged()
            assert (before, stage.writes("DELETE")) == (1, 1)


async def knows(replica: Any, key: str) -> bool:
    with contextlib.suppress(RedisError):  # while it loads what the master sends
        return bool(await replica.exists(key))
    return False


async def test_scripts_that_are_flushed_again_and_again_are_loaded_again(stage: Stage) -> None:
    async def flush() -> None:
        while True:
            await stage.redis.script_flush()
            await asyncio.sleep(0.1)

    await stage.start()
    flushing = asyncio.create_task(flush())
    await stage.busy("t", 10)
    stage.add_card("h")
    await stage.until_one()
    flushing.cancel()
    await stage.judged()


async def test_a_subscriber_that_redis_disconnects_under_a_flood_misses_nothing(
    stage: Stage,
) -> None:
    await stage.redis.config_set("client-output-buffer-limit", "pubsub 262144 65536 5")
    service = await stage.start(PLANNER_SYNC_POLL_SECONDS="600")  # so that no ordinary sweep helps
    noise = json.dumps({"action": "updated", "taskId": "noise", "padding": "." * 2000})
    service.process.send_signal(signal.SIGSTOP)  # a reader that is slower than any flood
    for burst in range(20):
        async with stage.redis.pipeline(transaction=False) as pipe:
            for _ in range(1000):
                pipe.publish(UPDATES, noise)
            await pipe.execute()
        await stage.write(f"t{burst}")
    service.process.send_signal(signal.SIGCONT)
    stats = await stage.redis.info("stats")
    assert int(stats["client_output_buffer_limit_disconnections"]) > 0
    await stage.until_one()


async def test_nothing_is_sent_to_planner_whose_note_redis_has_no_room_for(stage: Stage) -> None:
    await stage.start()
    await stage.busy("t", 4)
    await stage.until_one()
    stage.to_planner.delay = 0.1
    asked = len(stage.to_planner.asked)
    await stage.busy("u", 6)
    await stage.until(lambda: len(stage.to_planner.asked) > asked, "looks that are under way")
    await stage.redis.config_set("maxmemory", 1)
    stage.emulator.forget_requests()
    errors = await refused_for_memory(stage)

    async def refused() -> bool:
        return await refused_for_memory(stage) > errors + 20

    await stage.until(refused, "Redis to refuse")
    # Answers cannot be stored either, so every note is still there.
    assert sent(stage) <= await noted(stage)
    await stage.redis.config_set("maxmemory", 0)
    stage.to_planner.delay = 0.0
    await stage.judged()


def sent(stage: Stage) -> set[str]:
    """The titles of all cards that Planner was asked to make or to change."""
    titles = {planner_id: card["title"] for planner_id, card in stage.cards().items()}
    writes = [
        row
        for row in stage.emulator.requests()
        if row["method"] in ("POST", "PATCH") and row["body"]
    ]
    made = {row["body"]["title"] for row in writes if row["path"].endswith("/planner/tasks")}
    return made | {
        titles[part] for row in writes for part in row["path"].split("/") if part in titles
    }


async def noted(stage: Stage) -> set[str]:
    """The tasks with an open note."""
    prefix = "annika:sync:task:"
    found = [key.decode() async for key in stage.redis.scan_iter(prefix + "*")]
    fields = {key: await stage.redis.hkeys(key) for key in found}
    return {
        key.removeprefix(prefix)
        for key in found
        if any(name.startswith(b"intent ") for name in fields[key])
    }


async def refused_for_memory(stage: Stage) -> int:
    errors = await stage.redis.info("errorstats")
    return int(errors.get("errorstat_OOM", {"count": 0})["count"])


@pytest.mark.parametrize("why", ["nobody listens", "too many clients"])
async def test_a_redis_that_takes_nobody_at_the_start_is_waited_for(stage: Stage, why: str) -> None:
    await stage.redis.ping()
    full = why == "too many clients"
    if full:
        await stage.redis.config_set("maxclients", 1)
    else:
        await stage.to_redis.refuse()
    service = await stage.start(listening=False)
    await stage.busy("t", 3)
    stage.add_card("h")
    health = await asyncio.to_thread(service.health)
    assert (health[0], health[1]["checks"]["redis"]) == (503, "down")

    async def has_asked_again() -> bool:
        return int((await stage.redis.info("stats"))["rejected_connections"]) > 6

    await stage.until(
        has_asked_again if full else lambda: "waiting for Redis" in service.log,
        "more than one attempt",
    )
    await (stage.redis.config_set("maxclients", 1000) if full else stage.to_redis.heal())
    await stage.judged()
