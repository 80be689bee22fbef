"""What bad input gets: refused as a whole, with the field, the value and the limit; the document
untouched; nobody else delayed; and the next change clears it."""

import json
from typing import Any

import pytest

from planner_sync.sync.run.service import Service
from tests.sync.world import World


@pytest.fixture
async def service(world: World) -> Service:
    service = world.service()
    await world.settle(service)
    return service


REFUSED: list[Any] = [
    pytest.param(
        {"title": "T", "percentComplete": 101},
        "bad_field",
        "percentComplete",
        id="a number out of range",
    ),
    pytest.param(
        {"title": "T", "percentComplete": "50"}, "bad_field", "percentComplete", id="a wrong type"
    ),
    pytest.param({"title": "  "}, "bad_field", "title", id="a blank title"),
    pytest.param({"percentComplete": 1}, "bad_field", "title", id="no title"),
    pytest.param({"title": "x" * 256}, "limit", "title", id="a long title"),
    pytest.param({"title": "T", "dueDate": "tomorrow"}, "bad_field", "dueDate", id="no date"),
    pytest.param(
        {"title": "T", "startDate": "2026-02-02", "dueDate": "2026-02-01"},
        "bad_field",
        "startDate",
        id="start",
    ),
    pytest.param(
        {"title": "T", "planId": "z" * 28}, "unknown_plan", "planId", id="a plan that is not ours"
    ),
    pytest.param(
        {"title": "T", "bucketId": "z" * 28},
        "unknown_bucket",
        "bucketId",
        id="an unknown bucket id",
    ),
    pytest.param(
        {"title": "T", "assignedTo": ["nobody@example.com"]},
        "unknown_person",
        "nobody@",
        id="an unknown person",
    ),
    pytest.param(
        {"title": "T", "assignedTo": ["00000000-0000-4000-8000-000000000000"]},
        "unknown_person",
        "0000",
        id="an unknown id",
    ),
    pytest.param(
        {"title": "T", "checklist": [{"title": str(n)} for n in range(21)]},
        "limit",
        "checklist",
        id="21 items",
    ),
    pytest.param(
        {"title": "T", "references": [{"url": "javascript:alert(1)"}]},
        "bad_field",
        "references",
        id="a script",
    ),
]


@pytest.mark.contract("§4 rule: refused as a whole")
@pytest.mark.parametrize(("document", "code", "named"), REFUSED)
async def test_a_bad_document_is_refused_as_a_whole(
    world: World, service: Service, document: dict[str, Any], code: str, named: str
) -> None:
    text = json.dumps(document)
    await world.redis.set(world.keys.document("bad"), text)
    await world.set("good", title="Good")
    await world.settle(service)
    await world.settle(service)
    (message,) = world.said("failed")
    assert (message["redisId"], message["code"]) == ("bad", code)
    assert named in message["reason"]
    assert (await world.redis.get(world.keys.document("bad"))).decode() == text
    assert [card["title"] for card in world.cards().values()] == ["Good"]
    assert (await service.telemetry.snapshot()).refusals["bad"].code == code
    await world.set("bad", title="Mended")
    await world.settle(service)
    assert (await world.document("bad"))["plannerId"]
    assert "bad" not in (await service.telemetry.snapshot()).refusals


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param(b"not json", "not_json", id="no JSON"),
        pytest.param(b'{"title": NaN}', "not_json", id="NaN"),
        pytest.param(b'{"title": "T", "x": 1e999}', "not_json", id="1e999"),
        pytest.param(b"[1]", "not_json", id="no object"),
        pytest.param(b'{"title": "\xff"}', "not_json", id="no UTF-8"),
        pytest.param(b'{"title": "T", "x": "' + b"x" * 5_000_000 + b'"}', "limit", id="5 MB"),
        pytest.param(b"[" * 100_000, "not_json", id="deep"),
    ],
)
async def test_what_is_no_document_is_refused(
    world: World, service: Service, text: bytes, code: str
) -> None:
    await world.redis.set(world.keys.document("bad"), text)
    await world.settle(service)
    await world.settle(service)
    (message,) = world.said("failed")
    assert message["code"] == code
    assert await world.redis.get(world.keys.document("bad")) == text


async def test_a_key_that_is_no_string_is_refused(world: World, service: Service) -> None:
    await world.redis.hset(world.keys.document("bad"), "a", "b")
    await world.settle(service)
    await world.settle(service)
    (message,) = world.said("failed")
    assert message["redisId"] == "bad"
    assert await world.redis.hgetall(world.keys.document("bad")) == {b"a": b"b"}


@pytest.mark.contract("§3 task id")
@pytest.mark.parametrize("task_id", ["-dash", "a b", "a:b", "ü", "x" * 129, "a*[", "a\nb"])
async def test_a_document_under_a_bad_id_is_not_synced(
    world: World, service: Service, task_id: str
) -> None:
    await world.set(task_id, title="T")
    await world.settle(service)
    await world.settle(service)
    (message,) = world.said("failed")
    assert message["code"] == "bad_id"
    assert message["redisId"] == task_id
    assert world.cards() == {}
    assert (await service.telemetry.snapshot()).refusals[task_id].code == "bad_id"
    await world.redis.delete(world.keys.document(task_id))
    await world.settle(service)
    assert task_id not in (await service.telemetry.snapshot()).refusals


@pytest.mark.contract("§3 task id")
async def test_a_document_under_a_key_that_is_no_text_is_not_synced(
    world: World, service: Service
) -> None:
    key = world.keys.document("a").encode() + b"\xff"
    await world.redis.set(key, json.dumps({"title": "T"}))
    for _ in range(3):
        await world.settle(service)
    (message,) = world.said("failed")
    assert (message["code"], message["redisId"]) == ("bad_id", "a\ufffd")
    assert world.cards() == {}
    await world.redis.delete(key)
    await world.settle(service)
    assert (await service.telemetry.snapshot()).refusals == {}


async def test_a_plan_cannot_be_changed(make_world: Any) -> None:
    other = "B" * 28
    world = await make_world(plans=["A" * 28, other])
    service = world.service()
    await world.set("t", title="Task")
    await world.settle(service)
    await world.change("t", planId=other, percentComplete=5)
    await world.settle(service)
    (message,) = world.said("failed")
    assert message["code"] == "plan_changed"
    assert message["retrying"] is False


async def test_no_free_label_is_refused_and_tried_again(world: World, service: Service) -> None:
    for n in range(1, 26):
        world.human.rename_label(
            plan_id=world.emulator.plan_id, category=f"category{n}", name=f"Label {n}"
        )
    await world.set("t", title="Task", labels=["One more"])
    await world.settle(service)
    (message,) = world.said("failed")
    assert (message["code"], message["retrying"]) == ("no_free_label", True)
    assert world.cards() == {}


async def test_planners_limit_is_refused_and_tried_again(make_world: Any) -> None:
    world = await make_world(max_active_tasks=1)
    service = world.service()
    await world.set("t1", title="One")
    await world.settle(service)
    await world.set("t2", title="Two")
    await world.settle(service)
    (message,) = world.said("failed")
    assert (message["redisId"], message["code"], message["retrying"]) == ("t2", "limit", True)
    await world.settle(service)
    assert len(world.said("failed")) == 1


@pytest.mark.contract("§5 updates, from agents")
@pytest.mark.parametrize(
    "message",
    [
        '{"action": "created", "taskId": "t"}',
        '{"action": "created", "task_id": "t"}',
        '{"action": "whatever", "id": "t"}',
        '{"action": "created", "task": {"id": "t", "title": "Wrong"}}',
        '"t"',
        "t",
    ],
)
async def test_every_way_to_name_a_task_is_understood(make_world: Any, message: str) -> None:
    world = await make_world(POLL_SECONDS="60")
    await world.start()
    await world.until(world.emulator.requests)
    await world.set("t", title="Right")
    await world.redis.publish(world.keys.updates, message)
    await world.until(lambda: [card["title"] for card in world.cards().values()] == ["Right"])


@pytest.mark.parametrize(
    "message", [b"", b"\xff\xfe", b"{", b"[]", b"null", b"1e999", b"{}" * 100, b"[" * 50_000]
)
async def test_garbage_on_the_channel_harms_nobody(make_world: Any, message: bytes) -> None:
    world = await make_world(POLL_SECONDS="60")
    service = await world.start()
    await world.redis.publish(world.keys.updates, message)
    await world.write("t", "created", title="After")
    await world.until(lambda: len(world.cards()) == 1)
    assert (await service.telemetry.snapshot()).counters.get("messages ignored", 0) <= 1


@pytest.mark.contract("§4 bucket or bucketId")
async def test_a_bucket_that_a_human_has_just_deleted_is_made_again_by_its_name(
    world: World, service: Service
) -> None:
    bucket = world.human.create_bucket(plan_id=world.emulator.plan_id, name="Ideas")["id"]
    await world.set("first", title="First", bucket="Ideas")
    await world.settle(service)
    world.human.delete_bucket(bucket_id=bucket)
    await world.set("second", title="Second", bucket="Ideas")
    await world.settle(service)
    assert world.card("Second")["bucketId"] == world.emulator.bucket_ids()["Ideas"]


@pytest.mark.contract("§4 rule: refused as a whole")
async def test_what_planner_refuses_is_asked_and_said_once(world: World, service: Service) -> None:
    world.emulator.faults.add(
        "status", status=400, method="POST", path="/planner/tasks", times=None
    )
    await world.set("bad", title="Bad")
    await world.settle(service)
    world.emulator.forget_requests()
    for _ in range(3):
        await world.settle(service)
    assert [call for call in world.emulator.requests() if call["path"] == "/planner/tasks"] == []
    assert [message["code"] for message in world.said("failed")] == ["refused_by_planner"]


async def test_a_change_that_is_forbidden_once_is_no_refusal(
    world: World, service: Service
) -> None:
    """The right may have come back between the answer and the question whether the plan can be
    read."""
    planner_id = await world.uploaded(service)
    world.emulator.faults.add("status", status=403, method="PATCH", path=planner_id)
    await world.change("t", percentComplete=40)
    await world.settle(service)
    await world.forget_claims()
    await world.settle(service)
    assert world.cards()[planner_id]["percentComplete"] == 40
    assert world.said("failed") == []


async def test_a_change_that_is_forbidden_twice_is_refused(world: World, service: Service) -> None:
    planner_id = await world.uploaded(service)
    world.emulator.faults.add("status", status=403, method="PATCH", path=planner_id, times=None)
    await world.change("t", percentComplete=40)
    await world.settle(service)
    await world.forget_claims()
    await world.settle(service)
    assert [message["code"] for message in world.said("failed")] == ["refused_by_planner"]


async def test_a_document_that_is_too_large_stays_when_its_card_is_deleted(
    world: World, service: Service
) -> None:
    """The trash has only its beginning; nobody looks at it again and again."""
    planner_id = await world.uploaded(service)
    await world.change("t", description="x" * 300_000)
    await world.settle(service)
    world.human.delete(planner_id)
    for _ in range(3):
        await world.settle(service)
    assert len((await world.document("t"))["description"]) == 300_000
    assert await world.redis.get(world.keys.planner_id("t")) is None
    assert [message["by"] for message in world.said("deleted", "t")] == ["planner"]
    refusals = (await service.telemetry.snapshot()).refusals
    due = await world.redis.zscore(world.keys["pending"], "t")
    assert (refusals["t"].code, due > refusals["t"].at + 60_000) == ("limit", True)
