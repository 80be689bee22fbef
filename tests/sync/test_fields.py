"""Every row of the document's table, in both directions: what an agent writes is on the card, what
a human sets is in the document, and clearing clears, each way."""

import json
from typing import Any

import pytest

from planner_sync.sync.run.service import Service
from tests.sync.world import World

MIRA = "mira.novak@example.com"
LABEL = "category25"


async def uploaded(world: World, service: Service, **fields: Any) -> dict[str, Any]:
    """The card of a new document `t`."""
    await world.set("t", title="Task", **fields)
    await world.settle(service)
    document = await world.document("t")
    planner_id = document.get("plannerId") or document.get("planner_id")
    assert planner_id, world.messages
    return world.cards()[planner_id]


async def edited(
    world: World, service: Service, fields: dict[str, Any], **document: Any
) -> dict[str, Any]:
    """The document `t` after a human's edit of its card."""
    card = await uploaded(world, service, **document)
    world.human.edit(card["id"], fields=fields)
    await world.settle(service)
    return await world.document("t")


@pytest.mark.parametrize(
    ("field", "value", "planner"),
    [
        pytest.param(
            "dueDate",
            "2026-03-01",
            {"dueDateTime": "2026-03-01T10:00:00Z"},
            id="a day goes as 10:00Z",
        ),
        pytest.param(
            "dueDate",
            "2026-03-01T17:30:00+01:00",
            {"dueDateTime": "2026-03-01T16:30:00Z"},
            id="an instant",
        ),
        pytest.param(
            "startDate", "2026-03-01", {"startDateTime": "2026-03-01T10:00:00Z"}, id="a start"
        ),
        pytest.param("percentComplete", 37, {"percentComplete": 37}, id="percent"),
        pytest.param("priority", "urgent", {"priority": 1}, id="a priority in words"),
        pytest.param("priority", 7, {"priority": 7}, id="a priority as a number"),
        pytest.param(
            "labels",
            ["category4"],
            {"appliedCategories": {"category4": True}},
            id="a label by its slot",
        ),
    ],
)
async def test_what_an_agent_writes_is_on_the_card(
    world: World, service: Service, field: str, value: Any, planner: dict[str, Any]
) -> None:
    card = await uploaded(world, service, **{field: value})
    assert {name: card[name] for name in planner} == planner
    assert (await world.document("t"))[field] == value


@pytest.mark.contract("§4 description")
async def test_a_description_goes_into_the_details(world: World, service: Service) -> None:
    card = await uploaded(world, service, description="Line one\nLine two")
    assert card["details"]["description"] == "Line one\nLine two"


@pytest.mark.contract("§4 checklist")
async def test_a_checklist_goes_into_the_details_and_its_items_get_ids(
    world: World, service: Service
) -> None:
    card = await uploaded(
        world, service, checklist=[{"title": "One"}, {"title": "Two", "isChecked": True}]
    )
    items = card["details"]["checklist"]
    assert sorted((item["title"], item["isChecked"]) for item in items.values()) == [
        ("One", False),
        ("Two", True),
    ]
    document = await world.document("t")
    assert {item["id"] for item in document["checklist"]} == set(items)


@pytest.mark.contract("§4 references")
async def test_references_go_into_the_details(world: World, service: Service) -> None:
    url = "https://example.com/a%20b?x=1#frag@me"
    card = await uploaded(world, service, references=[{"url": url, "alias": "Spec"}])
    (reference,) = card["details"]["references"].values()
    assert reference["alias"] == "Spec"
    await world.settle(service)
    assert (await world.document("t"))["references"][0]["url"] == url


@pytest.mark.contract("§4 assignedTo")
async def test_people_are_assigned_by_mail_and_agents_by_label(
    world: World, service: Service
) -> None:
    card = await uploaded(world, service, assignedTo=[MIRA, "writer"])
    assert list(card["assignments"]) == [world.emulator.user_ids()[MIRA]]
    (slot,) = card["appliedCategories"]
    assert world.emulator.state()["plans"][0]["labels"][slot] == "Agent: writer"
    document = await world.document("t")
    assert document["assignedTo"] == [MIRA, "writer"]
    assert "labels" not in document


@pytest.mark.contract("§4 labels")
async def test_an_unknown_label_takes_a_free_one(world: World, service: Service) -> None:
    card = await uploaded(world, service, labels=["Blocked"])
    (slot,) = card["appliedCategories"]
    assert world.emulator.state()["plans"][0]["labels"][slot] == "Blocked"


@pytest.mark.contract("§4 bucket or bucketId")
async def test_an_unknown_bucket_name_makes_the_bucket(world: World, service: Service) -> None:
    card = await uploaded(world, service, bucket="Ideas")
    assert card["bucketId"] == world.emulator.bucket_ids()["Ideas"]


@pytest.mark.contract("§4 rule: without bucket and bucketId")
async def test_without_a_bucket_a_card_goes_to_the_first_one(
    world: World, service: Service
) -> None:
    card = await uploaded(world, service)
    assert card["bucketId"] == world.emulator.bucket_ids()["To do"]
    assert "bucket" not in await world.document("t")


@pytest.mark.parametrize(
    ("fields", "document", "expected"),
    [
        pytest.param({"title": "New"}, {}, {"title": "New"}, id="title"),
        pytest.param(
            {"dueDateTime": "2026-04-02T10:00:00Z"}, {}, {"dueDate": "2026-04-02"}, id="a due date"
        ),
        pytest.param(
            {"dueDateTime": "2026-04-02T22:00:00Z"},
            {"dueDate": "2026-04-01"},
            {"dueDate": "2026-04-02"},
            id="stays a day",
        ),
        pytest.param(
            {"dueDateTime": "2026-04-02T22:00:00Z"},
            {"dueDate": "2026-04-01T08:00:00Z"},
            {"dueDate": "2026-04-02T22:00:00Z"},
            id="stays an instant",
        ),
        pytest.param(
            {"dueDateTime": None},
            {"dueDate": "2026-04-01"},
            {"dueDate": None},
            id="a date is cleared",
        ),
        pytest.param({"percentComplete": 100}, {}, {"percentComplete": 100}, id="completed"),
        pytest.param({"priority": 1}, {}, {"priority": "urgent"}, id="a priority as a word"),
        pytest.param(
            {"priority": 3}, {"priority": 9}, {"priority": 3}, id="a priority as an integer"
        ),
        pytest.param({"description": "text"}, {}, {"description": "text"}, id="a description"),
        pytest.param(
            {"description": ""},
            {"description": "text"},
            {"description": ""},
            id="a description is cleared",
        ),
        pytest.param(
            {"appliedCategories": {"category3": True}}, {}, {"labels": ["category3"]}, id="a label"
        ),
        pytest.param(
            {"appliedCategories": {"category3": False}},
            {"labels": ["category3"]},
            {"labels": []},
            id="a label is taken off",
        ),
    ],
)
async def test_what_a_human_sets_is_in_the_document(
    world: World,
    service: Service,
    fields: dict[str, Any],
    document: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    after = await edited(world, service, fields, **document)
    assert {name: after.get(name) for name in expected} == expected
    (message,) = world.said("updated", "t")
    assert message["changed"] == list(expected)
    assert message["task"] == after


@pytest.mark.contract("§6 Human edits, completes, moves, relabels, reassigns")
async def test_a_human_moves_a_card(world: World, service: Service) -> None:
    after = await edited(
        world, service, {"bucketId": world.emulator.bucket_ids()["Doing"]}, bucket="To do"
    )
    assert after["bucket"] == "Doing"
    assert "bucketId" not in after


async def test_a_human_assigns_somebody(world: World, service: Service) -> None:
    user = world.emulator.user_ids()[MIRA]
    after = await edited(world, service, {"assignments": {user: True}}, assignedTo=["writer"])
    assert sorted(after["assignedTo"]) == sorted([user, "writer"])


@pytest.mark.contract("§4 rule: a human takes the label of an agent off")
async def test_a_human_takes_a_task_from_an_agent(world: World, service: Service) -> None:
    card = await uploaded(world, service, assignedTo=["writer"])
    (slot,) = card["appliedCategories"]
    world.human.relabel(card["id"], remove=[slot])
    await world.settle(service)
    assert (await world.document("t"))["assignedTo"] == []


async def test_labels_empty_clear_no_agent(world: World, service: Service) -> None:
    card = await uploaded(world, service, assignedTo=["writer"], labels=["category2"])
    await world.change("t", labels=[])
    await world.settle(service)
    assert len(world.cards()[card["id"]]["appliedCategories"]) == 1
    await world.change("t", assignedTo=[])
    await world.settle(service)
    assert world.cards()[card["id"]]["appliedCategories"] == {}


@pytest.mark.parametrize(
    ("fields", "cleared", "planner"),
    [
        ({"dueDate": "2026-03-01"}, {"dueDate": None}, ("dueDateTime", None)),
        ({"percentComplete": 50}, {"percentComplete": None}, ("percentComplete", 0)),
        ({"priority": "urgent"}, {"priority": ""}, ("priority", 5)),
        ({"labels": ["category1"]}, {"labels": []}, ("appliedCategories", {})),
        ({"assignedTo": [MIRA]}, {"assignedTo": []}, ("assignments", {})),
    ],
)
async def test_null_and_empty_clear(
    world: World,
    service: Service,
    fields: dict[str, Any],
    cleared: dict[str, Any],
    planner: tuple[str, Any],
) -> None:
    card = await uploaded(world, service, **fields)
    await world.change("t", **cleared)
    await world.settle(service)
    name, value = planner
    assert world.cards()[card["id"]][name] == value


@pytest.mark.contract("§4 rule: absent is no opinion")
async def test_a_field_that_is_left_out_clears_nothing_and_is_put_back(
    world: World, service: Service
) -> None:
    card = await uploaded(world, service, dueDate="2026-03-01", description="text", private=1)
    document = await world.document("t")
    kept = {name: document[name] for name in ("title", "_rev", "plannerId")}
    await world.redis.set(world.keys.document("t"), json.dumps(kept))
    before = len(world.messages)
    await world.settle(service)
    after = await world.document("t")
    assert after["dueDate"] == "2026-03-01"
    assert after["description"] == "text"
    assert "private" not in after
    assert world.cards()[card["id"]]["dueDateTime"] == "2026-03-01T10:00:00Z"
    assert world.messages[before:] == []


@pytest.mark.contract("§4 rule: two dialects")
async def test_snake_case_stays_snake_case(world: World, service: Service) -> None:
    card = await uploaded(
        world,
        service,
        percent_complete=0.25,
        assigned_to="writer",
        due_date="2026-03-01",
        notes="text",
        priority="high",
    )
    assert card["percentComplete"] == 25
    assert card["priority"] == 3
    assert card["details"]["description"] == "text"
    world.human.edit(
        card["id"], fields={"percentComplete": 50, "priority": 1, "description": "more"}
    )
    await world.settle(service)
    after = await world.document("t")
    assert after["percent_complete"] == 0.5
    assert after["priority"] == "urgent"
    assert after["notes"] == "more"
    assert after["assigned_to"] == "writer"
    assert after["planner_id"] == card["id"]
    assert "percentComplete" not in after


async def test_a_renamed_bucket_changes_the_name_and_moves_no_card(
    world: World, service: Service
) -> None:
    card = await uploaded(world, service, bucket="Doing")
    world.human.rename_bucket(bucket_id=world.emulator.bucket_ids()["Doing"], name="In work")
    for _ in range(11):
        await world.settle(service)
    assert (await world.document("t"))["bucket"] == "In work"
    assert world.cards()[card["id"]]["bucketId"] == world.emulator.bucket_ids()["In work"]
    assert "Doing" not in world.emulator.bucket_ids()


@pytest.mark.parametrize("by_whom", ["an agent", "a person"])
async def test_an_old_copy_with_the_old_name_of_a_bucket_moves_no_card(
    world: World, service: Service, by_whom: str
) -> None:
    doing = world.emulator.bucket_ids()["Doing"]
    if by_whom == "an agent":
        await uploaded(world, service, bucket="Doing", bucketId=doing)
        task = "t"
    else:
        task = "planner-" + world.human.create(title="Task", bucketId=doing)["id"]
        await world.settle(service)
    old = await world.document(task)
    world.human.rename_bucket(bucket_id=doing, name="In work")
    for _ in range(11):
        await world.settle(service)
    await world.redis.set(world.keys.document(task), json.dumps({**old, "percentComplete": 50}))
    await world.publish("updated", task)
    await world.settle(service)
    assert (await world.document(task))["bucket"] == "In work"
    assert "Doing" not in world.emulator.bucket_ids()


@pytest.mark.contract("§6 Sets and lists")
@pytest.mark.parametrize("who", ["a human", "an agent"])
async def test_a_new_item_does_not_take_the_place_of_one_that_was_called_so(
    world: World, service: Service, who: str
) -> None:
    card = await uploaded(world, service, checklist=[{"title": "Call"}])
    (item,) = card["details"]["checklist"]
    if who == "a human":
        world.human.edit(card["id"], fields={"checklist": {item: {"title": "Call again"}}})
    else:
        await world.change("t", checklist=[{"id": item, "title": "Call again"}])
    await world.settle(service)
    document = await world.document("t")
    await world.change("t", checklist=[*document["checklist"], {"title": "Call"}])
    await world.settle(service)
    items = world.cards()[card["id"]]["details"]["checklist"]
    assert sorted(each["title"] for each in items.values()) == ["Call", "Call again"]
    assert items[item]["title"] == "Call again"


async def test_checklist_items_merge_one_by_one(world: World, service: Service) -> None:
    card = await uploaded(world, service, checklist=[{"title": "One"}, {"title": "Two"}])
    items = {item["title"]: key for key, item in card["details"]["checklist"].items()}
    world.human.edit(card["id"], fields={"checklist": {items["One"]: {"isChecked": True}}})
    document = await world.document("t")
    document["checklist"][1]["title"] = "Zwei"
    document["checklist"].append({"title": "Three"})
    await world.change("t", checklist=document["checklist"])
    await world.settle(service)
    await world.settle(service)
    after = world.cards()[card["id"]]["details"]["checklist"]
    assert sorted((i["title"], i["isChecked"]) for i in after.values()) == [
        ("One", True),
        ("Three", False),
        ("Zwei", False),
    ]
    shown = (await world.document("t"))["checklist"]
    assert sorted((item["title"], item.get("isChecked", False)) for item in shown) == [
        ("One", True),
        ("Three", False),
        ("Zwei", False),
    ]
