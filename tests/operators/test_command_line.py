"""`planner-sync` as a process: what it prints, and how it ends."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from planner_sync.model.records import Hold, Refused
from planner_sync.store.pending import MAX_ATTEMPTS
from planner_sync.store.telemetry import Telemetry
from tests.operators.console import Said, run
from tests.redis_process import free_port
from tests.store.shelf import PLAN, Shelf

CARD = "c" * 28
pytestmark = pytest.mark.cluster


@dataclass
class Console:
    """The command line over a namespace of the test's own."""

    shelf: Shelf
    url: str

    def run(self, command: str) -> Said:
        return run(command, REDIS_URL=self.url, PLANNER_SYNC_NAMESPACE=self.shelf.namespace)

    def read(self, command: str) -> Any:
        said = self.run(f"{command} --json")
        assert (said.code, said.err) == (0, "")
        return json.loads(said.out)


@pytest.fixture
async def console(redis_url: str, away_url: str, namespace: str) -> AsyncIterator[Console]:
    async with Redis.from_url(redis_url) as redis:
        yield Console(Shelf(redis, namespace), away_url)


async def throw_away(
    shelf: Shelf, planner_id: str = CARD, title: str = "Report", at: int = 1
) -> None:
    renewed = json.dumps({"id": "t1", "title": title})
    body = {
        "taskId": "t1",
        "plannerId": planner_id,
        "planId": PLAN,
        "by": "planner",
        "at": at,
        "renewed": renewed,
    }
    name = f"t1 {planner_id}"
    await shelf.redis.hset(shelf.keys.private("trash", "entries"), name, json.dumps(body))
    await shelf.redis.zadd(shelf.keys.private("trash"), {name: at})


async def refuse(shelf: Shelf, task_id: str, code: Any, reason: str = "because") -> None:
    await shelf.repository.report(task_id, Refused(code, reason, at=1), "hash", "{}")


async def hold(shelf: Shelf) -> None:
    await shelf.map("t1", CARD)
    await refuse(shelf, "t1", "held")
    await shelf.deletes.set_hold(PLAN, Hold("agents", 12, 20, 1))


# -- status ----------------------------------------------------------------------------------------
async def test_status_shows_plans_and_signs_of_life(console: Console) -> None:
    telemetry = Telemetry(console.shelf.redis, console.shelf.scripts, console.shelf.keys)
    await telemetry.pass_done(PLAN, took_ms=10, cards=20)
    await hold(console.shelf)
    said = console.run("planner-sync status")
    assert (said.code, said.err) == (0, "")
    assert [line.split() for line in said.out.splitlines()][-1][:1] == [PLAN]
    assert "12 of 20 by agents" in said.out
    body = console.read("planner-sync status")
    assert (body["plans"][PLAN]["cards"], body["refused"], body["trash"]) == (20, 1, 0)


async def test_a_namespace_where_nothing_is_known_is_told(console: Console) -> None:
    said = console.run("planner-sync status")
    assert (said.code, said.out) == (1, "")
    assert "PLANNER_SYNC_NAMESPACE" in said.err


# -- holds -----------------------------------------------------------------------------------------
async def test_holds_are_listed(console: Console) -> None:
    assert console.run("planner-sync hold list").out == "No plan is held.\n"
    await hold(console.shelf)
    assert "12 of 20 tasks" in console.run("planner-sync hold list").out
    (row,) = console.read("planner-sync hold list")
    assert (row["planId"], row["side"], row["vanished"], row["of"]) == (PLAN, "agents", 12, 20)


@pytest.mark.parametrize(
    ("verb", "look"), [("release", "confirmed_missing"), ("restore", "restore")]
)
async def test_a_hold_ends(console: Console, verb: str, look: str) -> None:
    await hold(console.shelf)
    assert console.read(f"planner-sync hold {verb} {PLAN}") == {"count": 1}
    assert await console.shelf.deletes.hold(PLAN) is None
    assert (await console.shelf.claim()).reason == look
    again = console.run(f"planner-sync hold {verb} {PLAN}")
    assert (again.code, again.out) == (1, "")
    assert PLAN in again.err


# -- trash -----------------------------------------------------------------------------------------
async def test_the_trash_is_listed_without_anything_that_could_act_on_a_terminal(
    console: Console,
) -> None:
    assert console.run("planner-sync trash list").out == "The trash is empty.\n"
    await throw_away(console.shelf, title="Re\x1b[2Jport")
    said = console.run("planner-sync trash list")
    assert "Re\\x1b[2Jport" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize("entry", ["t1", CARD, f"'t1 {CARD}'"], ids=["task", "card", "entry"])
async def test_a_document_comes_back_by_any_of_its_names(console: Console, entry: str) -> None:
    await throw_away(console.shelf)
    assert console.read(f"planner-sync trash restore {entry}")["document"] == {
        "id": "t1",
        "title": "Report",
    }
    assert json.loads(await console.shelf.get() or b"") == {"id": "t1", "title": "Report"}
    again = console.run(f"planner-sync trash restore {entry}")
    assert (again.code, again.out) == (1, "")


async def test_of_several_entries_of_a_task_the_latest_counts(console: Console) -> None:
    await throw_away(console.shelf, "a" * 28, "Older", at=1)
    await throw_away(console.shelf, "b" * 28, "Newer", at=2)
    await throw_away(console.shelf, "c" * 28, "Oldest", at=0)
    assert console.read("planner-sync trash restore t1")["title"] == "Newer"


async def test_a_document_that_is_there_is_left_alone(console: Console) -> None:
    await throw_away(console.shelf)
    await console.shelf.set("t1", b"{}")
    said = console.run("planner-sync trash restore t1")
    assert (said.code, said.out, said.err.startswith("task t1:")) == (1, "", True)
    assert await console.shelf.get() == b"{}"


# -- failures --------------------------------------------------------------------------------------
async def test_failures_are_listed_with_their_reasons(console: Console) -> None:
    assert console.run("planner-sync failed list").out == "Nothing has failed.\n"
    await refuse(console.shelf, "t1", "limit", "title: is too long")
    assert "title: is too long" in console.run("planner-sync failed list").out
    (row,) = console.read("planner-sync failed list")
    assert (row["taskId"], row["code"], row["retrying"]) == ("t1", "limit", False)


async def test_a_retry_frees_a_parked_task(console: Console) -> None:
    await console.shelf.pending.enqueue(["t1"])
    for _ in range(MAX_ATTEMPTS):
        await console.shelf.claim()
        await console.shelf.expire()
    assert len((await console.shelf.pending.lease(1)).parked) == 1
    await refuse(console.shelf, "t1", "internal")
    assert console.read("planner-sync failed retry t1") == {"taskIds": ["t1"]}
    assert (await console.shelf.claim()).attempts == 1


async def test_all_means_whatever_another_look_may_mend(console: Console) -> None:
    for task_id, code in (
        ("t1", "limit"),
        ("t2", "unauthorized"),
        ("-bad", "bad_id"),
        ("t3", "held"),
    ):
        await refuse(console.shelf, task_id, code)
    said = console.run("planner-sync failed retry --all")
    assert (said.code, said.out) == (0, "tasks queued for a retry: 2\n")
    assert sorted(line.split(":")[0] for line in said.err.splitlines()) == ["task -bad", "task t3"]
    assert await console.shelf.due() == ["t1", "t2"]


@pytest.mark.parametrize("arguments", ["--all", "t1"])
async def test_where_nothing_has_failed_there_is_nothing_to_retry(
    console: Console, arguments: str
) -> None:
    said = console.run(f"planner-sync failed retry {arguments}")
    assert (said.code, said.out) == (1, "")
    assert "on record" in said.err


# -- wrong usage -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "command",
    [
        "planner-sync hold end",
        "planner-sync hold release",
        "planner-sync failed retry",
        "planner-sync failed retry t1 --all",
        "planner-sync status --url http://user:hidden@localhost",
    ],
)
def test_wrong_usage_ends_with_2_and_shows_no_url(command: str) -> None:
    said = run(command)
    assert (said.code, said.out) == (2, "")
    assert said.err
    assert "hidden" not in said.err


def test_a_redis_that_does_not_answer_ends_with_2_and_shows_no_url() -> None:
    said = run("planner-sync status", REDIS_URL=f"redis://user:hidden@127.0.0.1:{free_port()}/0")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Redis does not answer")
    assert "hidden" not in said.err
    assert len(said.err.splitlines()) == 1
