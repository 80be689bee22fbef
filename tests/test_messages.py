"""Messages of both channels: everything that is written is read back, and nothing is trusted."""

import json

import pytest

from planner_sync.model import messages
from planner_sync.model.messages import Update, read_confirmation, read_update

AT = 1_700_000_000_000
STAMP = "2023-11-14T22:13:20.000Z"


@pytest.mark.parametrize(
    "task_id",
    [
        {"taskId": "t"},
        {"task_id": "t"},
        {"id": "t"},
        {"task": {"id": "t"}},
        {"taskId": 7, "id": "t"},
    ],
    ids=json.dumps,
)
def test_the_id_of_a_message_stands_in_any_of_four_places(task_id):
    update = read_update(json.dumps(task_id))

    assert update is not None
    assert update.task_id == "t"


@pytest.mark.parametrize(
    ("action", "read"),
    [
        ("created", "created"),
        ("deleted", "deleted"),
        ("moved", "updated"),
        (["created"], "updated"),
    ],
    ids=str,
)
def test_an_unknown_action_counts_as_updated(action, read):
    assert read_update(json.dumps({"action": action, "id": "t"})) == Update("t", read)


@pytest.mark.parametrize("data", [b"t", b'"t"', b" t\n"], ids=repr)
def test_a_bare_id_is_a_message(data):
    assert read_update(data) == Update("t", "updated")


@pytest.mark.parametrize(
    "data", [b"", b"{not json", b"[1]", b"\xff", b"{}", b'{"id": ""}', b'{"id": "\\ud800"}', b"a b"]
)
def test_what_cannot_be_understood_is_none(data):
    assert read_update(data) is None


def test_a_save_by_the_client_is_read_back_with_its_mark():
    body = messages.agent_update("created", "t", "writer", "mark 1")

    assert read_update(json.dumps(body)) == Update("t", "created", source="writer", mark="mark 1")


@pytest.mark.parametrize("mark", [7, "\ud800", "x" * 101], ids=["number", "surrogate", "long"])
def test_a_mark_that_no_client_makes_is_none(mark):
    update = read_update(json.dumps({"id": "t", "mark": mark}))

    assert update is not None
    assert update.mark == ""


def test_the_service_knows_its_own_messages():
    changed = read_update(json.dumps(messages.person_update("updated", "t", AT, {}, ["title"])))
    gone = read_update(json.dumps(messages.person_delete("t", AT)))
    agent = read_update(json.dumps({"id": "t", "source": "planner"}))

    assert [update and update.by_service for update in (changed, gone, agent)] == [
        True,
        True,
        False,
    ]
    assert changed == Update(
        "t", "updated", source="planner", task={}, changed=("title",), timestamp=STAMP
    )


@pytest.mark.parametrize(
    "body",
    [
        messages.uploaded("t", "p", AT, created=True, fields=["title"]),
        messages.deleted("t", "p", AT, by="agent"),
        messages.conflict("t", "p", AT, field="title", kept="a", lost=None, winner="planner"),
        messages.failed("t", None, AT, reason="r", code="limit", retrying=False),
    ],
    ids=lambda body: body["action"],
)
def test_a_confirmation_is_read_back(body):
    assert read_confirmation(json.dumps(body)) == body
    assert (body["redisId"], body["timestamp"]) == ("t", STAMP)


@pytest.mark.parametrize(
    "data", [b"garbage", b"[]", b'{"action": "moved"}', b'{"action": ["uploaded"]}']
)
def test_what_is_no_confirmation_is_none(data):
    assert read_confirmation(data) is None
