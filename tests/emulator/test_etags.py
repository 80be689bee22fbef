"""Etags: their layout, and what moves them."""

import base64

import pytest

from planner_emulator import etags
from tests.emulator.desk import ITEM, Desk, details_of, item, path_of


def test_new_resources_have_the_etags_that_were_captured(desk: Desk) -> None:
    task = desk.task()

    assert task["@odata.etag"] == 'W/"JzEtVGFzayAgQEBAQEBAQEBAQEBAQEBARCc="'
    assert (
        desk.etag(f"planner/buckets/{desk.buckets[0]}")
        == 'W/"JzEtQnVja2V0QEBAQEBAQEBAQEBAQEBARCc="'
    )
    assert desk.etag(details_of(task)) == 'W/"JzEtVGFza0RldGFpbHMgQEBAQEBAQEBAQEBAQEBARCc="'


def test_new_tasks_share_one_etag_text(desk: Desk) -> None:
    assert desk.task()["@odata.etag"] == desk.task(title="Another")["@odata.etag"]


def test_an_accepted_change_counts_four_up(desk: Desk) -> None:
    task = desk.task()
    after = desk.patched(path_of(task), {"title": "Changed"})

    assert etags.read(after["@odata.etag"], "Task  ") == etags.FIRST + 4


def test_decoded_etags_stay_in_order_where_their_text_does_not() -> None:
    older, newer = etags.make("Task  ", 3324), etags.make("Task  ", 3328)

    assert older > newer
    assert base64.b64decode(older[3:-1]) < base64.b64decode(newer[3:-1])


@pytest.mark.parametrize("version", [4, 60, 64, 4096, 4 * 10**6])
def test_an_etag_reads_back(version: int) -> None:
    assert etags.read(etags.make("TaskDetails ", version), "TaskDetails ") == version


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(etags.make("Task  ", 4).removeprefix("W/"), id="strong"),
        pytest.param(etags.make("Bucket", 4), id="of another kind"),
        pytest.param(etags.make("Task  ", 5), id="a version that never was"),
        pytest.param('W/"%%%"', id="no base64"),
        pytest.param('W/\\"JzEtVGFzayAgQEBAQEBAQEBAQEBAQEBARCc=\\"', id="JSON escapes left in"),
        pytest.param("", id="empty"),
    ],
)
def test_what_is_no_etag_of_a_task_is_not_read(text: str) -> None:
    assert etags.read(text, "Task  ") is None


def test_task_and_details_have_etags_of_their_own(desk: Desk) -> None:
    task = desk.task()
    details = desk.etag(details_of(task))
    desk.patched(path_of(task), {"title": "Changed"})

    assert desk.etag(details_of(task)) == details


@pytest.mark.parametrize(
    ("switch", "counted", "text_only"),
    [
        pytest.param("counts", True, False, id="counts: what the task shows"),
        pytest.param("always", True, True, id="always"),
        pytest.param("never", False, False, id="never"),
    ],
)
def test_details_bump(switch: str, counted: bool, text_only: bool) -> None:
    """Which edits of details move the task's etag."""
    desk = Desk(details_bump=switch)
    task = desk.task()
    path = details_of(task)

    def moves(body: dict[str, object]) -> bool:
        before = desk.etag(path_of(task))
        desk.patched(path, body)
        return desk.etag(path_of(task)) != before

    assert moves({"description": "First"}) is counted
    assert moves({"description": "Second"}) is text_only
    assert moves({"checklist": {ITEM: item(title="One")}}) is counted
    assert moves({"checklist": {ITEM: item(title="Renamed")}}) is text_only
    assert moves({"checklist": {ITEM: item(isChecked=True)}}) is counted
    assert moves({"previewType": "checklist"}) is counted


def test_the_counts_on_the_task_follow_its_details_whatever_its_etag_does() -> None:
    desk = Desk(details_bump="never")
    task = desk.task()
    desk.patched(details_of(task), {"description": "Text", "checklist": {ITEM: item(title="One")}})

    after = desk.get(path_of(task))
    assert (
        after["hasDescription"],
        after["checklistItemCount"],
        after["activeChecklistItemCount"],
    ) == (True, 1, 1)


@pytest.mark.parametrize(("switch", "moved"), [("moves", True), ("stays", False)])
def test_noop_patch(switch: str, moved: bool) -> None:
    desk = Desk(noop_patch=switch)
    task = desk.task(title="Same")

    assert (
        desk.patched(path_of(task), {"title": "Same"})["@odata.etag"] != task["@odata.etag"]
    ) is moved


@pytest.mark.parametrize(("switch", "moves_again"), [("once", False), ("twice", True)])
def test_move_bumps(switch: str, moves_again: bool) -> None:
    """Whether the etag moves once more after the answer to a move."""
    desk = Desk(move_bumps=switch)
    task = desk.task(bucketId=desk.buckets[0])
    answered = desk.patched(path_of(task), {"bucketId": desk.buckets[1]})

    assert (desk.etag(path_of(task)) != answered["@odata.etag"]) is moves_again


@pytest.mark.parametrize(("switch", "there"), [("off", False), ("on", True)])
def test_etag_header(switch: str, there: bool) -> None:
    desk = Desk(etag_header=switch)
    response = desk.call("GET", path_of(desk.task()))

    assert response.headers.get("ETag") == (response.json()["@odata.etag"] if there else None)
