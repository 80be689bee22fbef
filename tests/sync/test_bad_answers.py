"""What Planner answers when something is wrong with it, with the way to it, or with our rights:
nothing is lost, made twice or deleted, and what can be said is said once."""

from typing import Any

import pytest

from planner_sync.settings import Settings
from planner_sync.sync.run.service import Service
from planner_sync.web.health import health
from tests.sync.world import World

TASKS = r"/planner/plans/[^/]+/tasks"
WRITES = ("POST", "PATCH", "DELETE")


def writes(world: World) -> list[dict[str, Any]]:
    """The calls since the requests were last forgotten that change Planner; a batch counts by its
    items."""
    calls = world.emulator.requests()
    return [call for call in calls if call["method"] in WRITES and "$batch" not in call["path"]]


# -- listings --------------------------------------------------------------------------------------
LIES: list[Any] = [
    pytest.param({"kind": "html", "status": 200}, True, id="a page of a captive portal"),
    pytest.param({"kind": "html", "status": 502}, True, id="502 with a page"),
    pytest.param({"kind": "status", "status": 500}, True, id="500"),
    pytest.param({"kind": "truncate"}, True, id="half of the JSON"),
    pytest.param({"kind": "cut"}, True, id="cut off in the body"),
    pytest.param({"kind": "drop_before"}, True, id="cut off before the answer"),
    pytest.param({"kind": "body", "body": []}, True, id="no object"),
    pytest.param({"kind": "body", "body": {"value": None}}, True, id="no list"),
    pytest.param({"kind": "body", "body": {}}, True, id="an empty object"),
    pytest.param(
        {"kind": "next_link", "url": "http://169.254.169.254/x"}, True, id="goes on at another host"
    ),
    pytest.param({"kind": "status", "status": 410, "after": 1}, True, id="410 in the middle"),
    pytest.param({"kind": "status", "status": 400, "after": 1}, True, id="400 in the middle"),
    pytest.param({"kind": "status", "status": 404, "after": 1}, True, id="404 in the middle"),
    pytest.param({"kind": "empty_list"}, False, id="an empty list"),
    pytest.param({"kind": "empty_list", "after": 1}, False, id="an empty page"),
]


@pytest.mark.contract("§6 A plan answers 403/404, a page fails")
@pytest.mark.contract("§6 Cards are missing from a listing, all of them even")
@pytest.mark.parametrize(("fault", "is_error"), LIES)
async def test_a_listing_that_is_not_whole_deletes_nothing(
    make_world: Any, fault: dict[str, Any], is_error: bool
) -> None:
    world = await make_world(page_size=2)
    service = world.service()
    for n in range(5):
        await world.set(f"t{n}", title=f"Task {n}")
    await world.settle(service)
    await world.settle(service)
    world.emulator.forget_requests()
    world.emulator.faults.add(path=TASKS, times=None, **fault)
    for _ in range(3):
        await world.settle(service)
    assert [await world.find(f"t{n}") is not None for n in range(5)] == [True] * 5
    assert (len(world.cards()), writes(world), world.said("deleted")) == (5, [], [])
    snapshot = await service.telemetry.snapshot()
    plan = snapshot.plans[world.emulator.plan_id]
    assert (bool(plan.error), plan.left_out > 0) == (is_error, not is_error)
    assert health(snapshot, Settings.from_env(world.env))[1]["checks"]["poll"] == "degraded"
    world.emulator.faults.clear()
    await world.settle(service)
    assert not (await service.telemetry.snapshot()).plans[world.emulator.plan_id].error


async def test_a_plan_that_was_deleted_takes_no_document_along(
    world: World, service: Service
) -> None:
    await world.uploaded(service)
    world.human.delete_plan(plan_id=world.emulator.plan_id)
    for _ in range(3):
        await world.settle(service)
    assert await world.find("t") is not None
    assert world.said("deleted") == []
    assert (
        "unauthorized" in (await service.telemetry.snapshot()).plans[world.emulator.plan_id].error
    )


# -- writes ----------------------------------------------------------------------------------------
LOST: list[Any] = [
    pytest.param({"kind": "drop_after"}, id="cut off after it was done"),
    pytest.param({"kind": "cut"}, id="cut off in the answer"),
    pytest.param({"kind": "truncate"}, id="half of the answer"),
    pytest.param({"kind": "status", "status": 504, "apply": True}, id="504, and done"),
    pytest.param({"kind": "html", "status": 502, "apply": True}, id="502, and done"),
    pytest.param(
        {"kind": "html", "status": 200, "apply": True}, id="a page of a captive portal, and done"
    ),
    pytest.param({"kind": "status", "status": 403, "apply": True}, id="403, and done"),
]


@pytest.mark.contract("§6 Planner is down, slow, throttles")
@pytest.mark.parametrize("fault", LOST)
async def test_a_card_that_was_made_without_a_good_answer_is_found(
    world: World, service: Service, fault: dict[str, Any]
) -> None:
    await world.settle(service)
    world.emulator.faults.add(method="POST", path="/planner/tasks", **fault)
    await world.set("t", title="Once", percentComplete=20)
    for _ in range(3):
        await world.settle(service)
    (card,) = world.cards().values()
    assert (await world.document("t"))["plannerId"] == card["id"]
    (message,) = world.said("uploaded", "t")
    assert (message["created"], message["plannerId"]) == (True, card["id"])


@pytest.mark.parametrize(
    "fault", [*LOST, pytest.param({"kind": "drop_before"}, id="cut off before it was done")]
)
async def test_a_change_without_a_good_answer_arrives_once(
    world: World, service: Service, fault: dict[str, Any]
) -> None:
    planner_id = await world.uploaded(service)
    world.emulator.faults.add(method="PATCH", path="/planner/tasks", **fault)
    await world.change("t", title="Changed")
    await world.settle(service)
    await world.forget_claims()
    await world.settle(service)
    assert world.cards()[planner_id]["title"] == (await world.document("t"))["title"] == "Changed"
    assert world.said("conflict") == []
    world.emulator.forget_requests()
    await world.settle(service)
    assert writes(world) == []


@pytest.mark.parametrize(
    "fault",
    [
        *LOST,
        pytest.param({"kind": "drop_before"}, id="cut off before it was done"),
        pytest.param(
            {"kind": "status", "status": 404, "apply": True}, id="404, since somebody was faster"
        ),
    ],
)
async def test_a_delete_without_a_good_answer_is_done_once(
    world: World, service: Service, fault: dict[str, Any]
) -> None:
    planner_id = await world.uploaded(service)
    world.emulator.faults.add(method="DELETE", path="/planner/tasks", **fault)
    await world.redis.delete(world.keys.document("t"))
    await world.pending.enqueue(["t"], announced="deleted")
    await world.settle(service)
    await world.forget_claims()
    await world.settle(service)
    assert planner_id not in world.cards()
    assert [message["by"] for message in world.said("deleted") if "by" in message] == ["agent"]
    assert await world.redis.exists(world.keys.planner_id("t")) == 0


async def test_a_throttled_read_drops_no_update(world: World, service: Service) -> None:
    planner_id = await world.uploaded(service)
    await world.pending.enqueue(["t"], reason="recheck")
    world.emulator.faults.add(
        "throttle", method="GET", path=f"/planner/tasks/{planner_id}", retry_after="1", times=2
    )
    await world.change("t", percentComplete=80)
    await world.start()
    await world.until(lambda: world.cards()[planner_id]["percentComplete"] == 80)


async def test_a_card_that_changes_all_the_time_is_tried_a_few_times_and_later_again(
    world: World, service: Service
) -> None:
    planner_id = await world.uploaded(service)
    world.emulator.forget_requests()
    world.emulator.faults.add("status", status=409, method="PATCH", times=None)
    await world.change("t", title="Changed")
    await world.settle(service)
    assert 1 < len(writes(world)) <= 6
    assert world.said("failed") == []
    world.emulator.faults.clear()
    await world.forget_claims()
    await world.settle(service)
    assert world.cards()[planner_id]["title"] == "Changed"


async def test_what_a_human_changed_shows_in_the_answer_to_our_own_change(
    world: World, service: Service
) -> None:
    """Its etag hides that change from every pass."""
    planner_id = await world.uploaded(service)
    world.human.edit(planner_id, fields={"percentComplete": 50})
    await world.change("t", title="Changed")
    await world.upload(service)
    card, document = world.cards()[planner_id], await world.document("t")
    assert (card["title"], card["percentComplete"]) == ("Changed", 50)
    assert (document["title"], document["percentComplete"]) == ("Changed", 50)


async def test_a_read_back_from_before_our_own_change_is_no_humans_change(make_world: Any) -> None:
    world: World = await make_world(prefer="ignore")
    service = world.service()
    planner_id = await world.uploaded(service, percentComplete=10)
    before = {name: value for name, value in world.cards()[planner_id].items() if name != "details"}
    await world.change("t", percentComplete=50)
    world.emulator.faults.add(
        "body", method="GET", path=f"/planner/tasks/{planner_id}$", body=before
    )
    await world.settle(service)
    await world.forget_claims()
    await world.settle(service)
    assert (
        world.cards()[planner_id]["percentComplete"]
        == (await world.document("t"))["percentComplete"]
        == 50
    )
    assert world.said("updated") == []


async def test_a_card_that_we_may_not_read_keeps_no_create_from_finding_its_card(
    world: World, service: Service
) -> None:
    """People have moved it into a plan without us; whether our listing lacks it says nothing of the
    listing."""
    elsewhere = world.human.create_plan(title="Without us")["id"]
    world.transfer(await world.uploaded(service), elsewhere, None)
    world.human.unreadable(plan_id=elsewhere)
    await world.settle(service)
    world.emulator.faults.add("drop_after", method="POST", path="/planner/tasks$")
    await world.set("lost", title="Lost")
    await world.settle(service)
    (planner_id,) = world.cards()
    assert (await world.document("lost"))["plannerId"] == planner_id
    assert await world.find("t") is not None


@pytest.mark.parametrize(
    ("field", "values"),
    [
        pytest.param("percentComplete", (10, 50, 60), id="of the task"),
        pytest.param("description", ("one", "two", "three"), id="of the details"),
    ],
)
async def test_a_read_from_before_our_own_change_is_no_humans_change(
    world: World, service: Service, field: str, values: tuple[Any, ...]
) -> None:
    """Planner need not answer a read with what it has just told us."""
    planner_id = await world.uploaded(service, **{field: values[0]})
    path = f"/planner/tasks/{planner_id}" + ("/details" if field == "description" else "")
    card = world.cards()[planner_id]
    before = (
        card["details"]
        if field == "description"
        else {k: v for k, v in card.items() if k != "details"}
    )
    await world.change("t", **{field: values[1]})
    await world.settle(service)
    await world.change("t", **{field: values[2]})
    await world.pending.enqueue(["t"], reason="recheck")
    world.emulator.faults.add("body", method="GET", path=f"{path}$", body=before)
    await service.drain_once(1.0)
    await world.forget_claims()
    await world.settle(service)
    card = world.cards()[planner_id]
    assert {**card, **card["details"]}[field] == (await world.document("t"))[field] == values[2]
    assert world.said("conflict") == []


async def test_a_404_right_after_the_create_is_no_delete(world: World, service: Service) -> None:
    await world.settle(service)
    await world.set("t", title="Task")
    await world.settle(service)
    planner_id = (await world.document("t"))["plannerId"]
    await world.pending.enqueue(["t"], reason="recheck")
    world.emulator.faults.add(
        "status", status=404, method="GET", path=f"/planner/tasks/{planner_id}"
    )
    await world.settle(service)
    assert await world.find("t") is not None
    assert world.said("deleted") == []


async def test_what_planner_refuses_is_sent_and_said_once_and_holds_up_nobody(
    world: World, service: Service
) -> None:
    """As with a task that a project holds a copy of: only some of its fields may be written."""
    planner_id = await world.uploaded(service)
    world.emulator.forget_requests()
    world.emulator.faults.add("status", status=400, method="PATCH", path=planner_id, times=None)
    await world.change("t", title="Not to be had")
    await world.set("other", title="Other")
    for _ in range(3):
        await world.settle(service)
    assert [call["method"] for call in writes(world) if planner_id in call["path"]] == ["PATCH"]
    (message,) = world.said("failed")
    assert (message["redisId"], message["code"], message["retrying"]) == (
        "t",
        "refused_by_planner",
        False,
    )
    assert (await world.document("t"))["title"] == "Not to be had"
    assert (await world.document("other"))["plannerId"]
    world.emulator.faults.clear()
    await world.change("t", title="To be had")
    await world.settle(service)
    assert world.cards()[planner_id]["title"] == "To be had"


# -- rights ----------------------------------------------------------------------------------------
async def test_a_token_that_is_no_good_is_said_once_costs_no_attempt_and_ends_by_itself(
    world: World, service: Service
) -> None:
    await world.settle(service)
    good = world.emulator.token
    world.emulator.accept_token("another")
    await world.set("t", title="Task")
    for _ in range(8):
        await world.settle(service)
        await world.forget_claims()
    (message,) = world.said("failed")
    assert (message["redisId"], message["code"], message["retrying"]) == ("t", "unauthorized", True)
    snapshot = await service.telemetry.snapshot()
    assert snapshot.graph_code == "unauthorized"
    assert snapshot.refusals["t"].code == "unauthorized"
    assert await world.redis.hlen(world.keys.private("attempts")) == 0
    world.emulator.accept_token(good)
    await world.settle(service)
    assert (await world.document("t"))["plannerId"] in world.cards()
    assert (await service.telemetry.snapshot()).refusals == {}


async def test_what_belongs_into_a_plan_without_rights_waits_and_goes_nowhere_else(
    make_world: Any,
) -> None:
    ours, lost = "A" * 28, "B" * 28
    world = await make_world(plans=[ours, lost])
    service = world.service()
    planner_id = await world.uploaded(service, planId=lost)
    world.human.unreadable(plan_id=lost)
    await world.change("t", title="Changed")
    await world.set("new", title="New", planId=lost)
    await world.set("other", title="Other", planId=ours)
    await world.settle(service)
    assert [card["title"] for card in world.emulator.cards(ours).values()] == ["Other"]
    said = {
        message["redisId"]: (message["code"], message["retrying"])
        for message in world.said("failed")
    }
    assert said == {"t": ("unauthorized", True), "new": ("unauthorized", True)}
    world.human.readable(plan_id=lost)
    await world.forget_claims()
    await world.settle(service)
    assert world.emulator.cards(lost)[planner_id]["title"] == "Changed"
    assert len(world.emulator.cards(ours)) == 1


async def test_a_lost_create_in_a_plan_that_was_taken_off_the_list_is_said_and_waits_for_it(
    make_world: Any,
) -> None:
    ours, removed = "A" * 28, "B" * 28
    world = await make_world(plans=[ours, removed])
    service = world.service()
    await world.settle(service)
    world.emulator.faults.add("drop_after", method="POST", path="/planner/tasks$")
    await world.set("t", title="Task", planId=removed)
    await world.upload(service)
    for plan_ids in (ours, f"{ours},{removed}"):
        await world.stop()
        world.env["PLANNER_SYNC_PLAN_IDS"] = plan_ids
        service = world.service()
        await world.forget_claims()
        await world.settle(service)
        if plan_ids == ours:
            assert [message["code"] for message in world.said("failed")] == ["unknown_plan"]
    (planner_id,) = world.emulator.cards(removed)
    assert (await world.document("t"))["plannerId"] == planner_id
