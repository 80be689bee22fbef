"""Answers that get lost after the server has done what was asked: nothing is done twice, nothing is
forgotten."""

import re
from collections import Counter
from hashlib import sha1

import pytest

from planner_sync.store.scripts import script_names, script_text
from tests.processes.stage import Stage

EACH = 3


async def test_any_answer_of_redis_may_be_lost(stage: Stage) -> None:
    asked: Counter[bytes] = Counter()

    def each_kind_some_times(request: bytes) -> bool:
        kind = command(request)
        asked[kind] += 1
        return bool(kind) and asked[kind] <= EACH

    await stage.start()
    stage.to_redis.lose(match=each_kind_some_times, times=1000)
    await stage.busy("t", 10)
    stage.add_card("h")
    await stage.until(
        lambda: any(card["title"] == "t0" for card in stage.cards().values()), "cards"
    )
    stage.edit_card("t0")
    await stage.judged()
    changing = {
        "enqueue_tasks",
        "lease_tasks",
        "take_lease",
        "record_intent",
        "record_answer",
        "settle_task",
        "record_heartbeat",
    }
    assert changing <= {script_of(kind) for kind in map(command, stage.to_redis.lost)}


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_any_answer_of_planner_may_be_lost_even_when_agent_and_person_go_on_at_once(
    stage: Stage, method: str
) -> None:
    of_this_method = re.compile(rf'^{method} /v1.0/planner/tasks|"method": "{method}"'.encode())
    titles = [f"t{n}" for n in range(6)]
    deleted = titles[:2] if method == "DELETE" else []

    async def both_go_on() -> None:
        for title in titles[len(deleted) :]:
            await stage.work(title)
            stage.edit_card(title)

    await stage.start()
    if method == "POST":
        stage.to_planner.lose(
            both_go_on, match=lambda asked: bool(of_this_method.search(asked)), times=3
        )
    for title in titles:
        await stage.write(title)
    await stage.until_one()
    if method != "POST":
        stage.to_planner.lose(
            both_go_on, match=lambda asked: bool(of_this_method.search(asked)), times=3
        )
    for title in titles:
        await (stage.delete(title) if title in deleted else stage.work(title))
    await stage.judged()
    assert stage.to_planner.lost


def command(request: bytes) -> bytes:
    """What is asked of Redis: the command, of a script with its hash; nothing for what is no
    beginning of one."""
    parts = request.split(b"\r\n")
    if not request.startswith(b"*") or len(parts) < 3:
        return b""
    return b" ".join(parts[2:5:2]) if parts[2] == b"EVALSHA" else parts[2]


def script_of(kind: bytes) -> str | None:
    """The script of an EVALSHA."""
    for name in script_names():
        if kind.endswith(sha1(script_text(name).encode()).hexdigest().encode()):
            return name
    return None
