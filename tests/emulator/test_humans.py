"""People at Planner's own page: the second writer, through the same store and under the same
rules."""

import pytest

from planner_emulator.control import Control
from planner_emulator.humans import ACTIONS
from planner_emulator.refusals import Refused
from planner_emulator.tokens import Tokens
from tests.emulator.desk import ITEM, Desk, details_of, path_of


def test_a_card_made_by_hand_is_in_the_first_bucket(desk: Desk) -> None:
    assert desk.human.create(desk.plan, "By hand")["bucketId"] == desk.buckets[0]


def test_any_field_is_edited_with_what_programs_write_filled_in(desk: Desk) -> None:
    card = desk.human.create(desk.plan, "By hand")
    after = desk.human.edit(
        card["id"],
        {
            "title": "Edited",
            "dueDateTime": "2031-06-01T10:00:00Z",
            "description": "Text",
            "checklist": {ITEM: {"title": "One"}},
            "references": {"https://example.com/a.b?c=%20#d": {"alias": "Link"}},
            "assignments": {desk.users[1]: True},
            "appliedCategories": {"category3": True},
        },
    )

    assert (after["title"], after["details"]["description"]) == ("Edited", "Text")
    assert list(after["details"]["references"]) == ["https%3A//example%2Ecom/a%2Eb?c=%2520%23d"]
    assert list(after["assignments"]) == [desk.users[1]]
    assert (after["checklistItemCount"], after["referenceCount"], after["hasDescription"]) == (
        1,
        1,
        True,
    )


def test_a_persons_edit_conflicts_with_a_stale_client(desk: Desk) -> None:
    task = desk.task()
    desk.human.edit(task["id"], {"title": "By a human"})

    assert desk.patch(path_of(task), {"title": "Mine"}, task["@odata.etag"]).status == 409


def test_complete_reopen_move_relabel_assign(desk: Desk) -> None:
    task_id = desk.task(bucketId=desk.buckets[0])["id"]

    assert desk.human.complete(task_id)["completedBy"]["user"]["id"] == desk.users[0]
    assert desk.human.reopen(task_id)["completedDateTime"] is None
    assert desk.human.move(task_id, desk.buckets[2])["bucketId"] == desk.buckets[2]
    assert desk.human.relabel(task_id, add=["category1", "category2"])[
        "appliedCategories"
    ].keys() == {
        "category1",
        "category2",
    }
    assert desk.human.relabel(task_id, remove=["category1"])["appliedCategories"] == {
        "category2": True
    }
    assert list(desk.human.assign(task_id, add=desk.users[:2])["assignments"]) == desk.users[:2]
    assert list(desk.human.assign(task_id, remove=desk.users[:1])["assignments"]) == desk.users[1:2]


@pytest.mark.parametrize("lag", [0, 5000])
def test_a_card_that_is_moved_to_another_plan_keeps_its_id_and_leaves_the_first(lag: int) -> None:
    desk = Desk(list_lag_ms=lag)
    other = desk.human.create_plan("Other")["id"]
    there = desk.human.create_bucket(other, "There")["id"]
    task = desk.task()
    desk.clock.forward(10_000)
    moved = desk.human.transfer(task["id"], other, there)

    def listed(plan_id: str) -> list[str]:
        return [each["id"] for each in desk.get(f"/planner/plans/{plan_id}/tasks")["value"]]

    assert (moved["id"], moved["planId"], moved["bucketId"]) == (task["id"], other, there)
    assert desk.get(path_of(task))["@odata.etag"] != task["@odata.etag"]
    assert [listed(desk.plan), listed(other)] == ([[task["id"]], []] if lag else [[], [task["id"]]])
    desk.clock.forward(10_000)
    assert [listed(desk.plan), listed(other)] == [[], [task["id"]]]


def test_rehint_moves_the_etag_and_nothing_that_people_see(desk: Desk) -> None:
    before = desk.task()
    after = desk.human.rehint(before["id"])
    unseen = {"@odata.etag", "@odata.context", "orderHint", "details"}

    assert after["@odata.etag"] != before["@odata.etag"]
    assert {k: v for k, v in after.items() if k not in unseen} == {
        k: v for k, v in before.items() if k not in unseen
    }


def test_a_completed_recurring_task_brings_a_new_one(desk: Desk) -> None:
    task = desk.task(
        dueDateTime="2031-06-01T10:00:00Z",
        bucketId=desk.buckets[1],
        appliedCategories={"category1": True},
    )
    following = desk.human.complete_recurring(task["id"], days=7)

    assert desk.get(path_of(task))["percentComplete"] == 100
    assert following["id"] != task["id"]
    assert (following["title"], following["dueDateTime"]) == (task["title"], "2031-06-08T10:00:00Z")
    assert (following["bucketId"], following["percentComplete"]) == (desk.buckets[1], 0)


def test_buckets_labels_and_plans_change_by_hand(desk: Desk) -> None:
    assert desk.human.rename_bucket(desk.buckets[0], "Soon")["name"] == "Soon"
    assert desk.human.create_bucket(desk.plan, "New")["planId"] == desk.plan
    assert desk.human.delete_bucket(desk.buckets[0]) == {}
    assert (
        desk.human.rename_label(desk.plan, "category2", "red")["categoryDescriptions"]["category2"]
        == "red"
    )
    plan = desk.human.create_plan("Another")
    assert [each["name"] for each in desk.get(f"planner/plans/{plan['id']}/buckets")["value"]] == [
        "To do"
    ]


def test_a_deleted_card_is_gone(desk: Desk) -> None:
    task = desk.task()

    assert desk.human.delete(task["id"]) == {}
    assert desk.call("GET", path_of(task)).status == 404
    with pytest.raises(Refused, match="404"):
        desk.human.edit(task["id"], {"title": "x"})


@pytest.mark.parametrize(("switch", "stored"), [("lf", "a\nb"), ("crlf", "a\r\nb")])
def test_human_newlines(switch: str, stored: str) -> None:
    desk = Desk(human_newlines=switch)
    card = desk.human.create(desk.plan, "Card", description="a\nb")

    assert desk.get(details_of(card))["description"] == stored


def test_every_action_has_an_address(desk: Desk) -> None:
    control = Control(desk.planner, Tokens([]))
    for action in ACTIONS:
        status, _ = control.answer("POST", f"human/{action}", {}, {})
        assert status == 400, action
    assert control.answer("POST", "human/fly", {}, {})[0] == 404
    made = control.answer("POST", "human/create", {}, {"plan_id": desk.plan, "title": "Card"})
    assert (made[0], made[1]["title"]) == (200, "Card")
    assert (
        control.answer(
            "POST", "human/edit", {}, {"task_id": made[1]["id"], "fields": {"priority": 11}}
        )[0]
        == 400
    )
