"""What Redis keeps as JSON is read as it was written, by older and newer versions too."""

import json
from typing import Any

import pytest

from planner_sync.model.records import DeletedCard, Hold, Orphan, Refused, TrashEntry

RECORDS = [
    Refused("limit", "title: too long", "title", False, 5, hash="abc"),
    Refused("not_json", "no string", at=5, hash=""),
    Refused("unreachable", "504", retrying=True, at=5, tries=3, said=True),
    Hold("planner", 12, 20, 5),
    Orphan("t1", 5, {"title": "T"}),
    DeletedCard("card", "planner", "T", 5),
    DeletedCard("card", "agent", "T", 5, state="{}"),
    TrashEntry("t1", "card", "plan", "agent", 5, '{"title": "T"}', "text", {"title": "T"}),
]


@pytest.mark.parametrize("record", RECORDS, ids=repr)
def test_a_record_is_read_as_it_was_written(record: Any) -> None:
    assert type(record).load(record.dump()) == record


@pytest.mark.parametrize("record", RECORDS, ids=repr)
def test_a_member_that_is_not_known_is_ignored(record: Any) -> None:
    body = {**json.loads(record.dump()), "of a newer version": 1}
    assert type(record).load(json.dumps(body)) == record


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ('{"code": "limit"}', Refused("limit")),
        ('{"side": "agents"}', Hold("agents")),
        ('{"taskId": "t1"}', Orphan("t1")),
        ('{"planner_id": "card", "by": "agent"}', DeletedCard("card", "agent")),
        (
            '{"taskId": "t1", "plannerId": "card", "planId": "plan", "by": "agent", "at": 5, '
            '"renewed": "{}"}',
            TrashEntry("t1", "card", "plan", "agent", 5, "{}"),
        ),
    ],
)
def test_a_member_that_is_missing_has_a_default(text: str, record: Any) -> None:
    assert type(record).load(text) == record


@pytest.mark.parametrize(
    ("refused", "members"),
    [
        pytest.param(RECORDS[0], {"hash": "abc"}, id="of a document"),
        pytest.param(RECORDS[2], {"tries": 3, "said": True}, id="of a trouble that passes"),
        pytest.param(Refused("bad_id", at=5), {}, id="found without a look"),
    ],
)
def test_a_refusal_shows_what_it_has(refused: Refused, members: dict[str, Any]) -> None:
    always = {"code", "reason", "field", "retrying", "at"}
    shown = refused.members()
    assert shown.keys() == always | members.keys()
    assert {name: shown[name] for name in members} == members


def test_a_trash_entry_has_the_title_with_which_it_comes_back() -> None:
    entry = TrashEntry("t1", "card", "plan", "agent", 5, '{"title": "Report"}')
    assert (entry.name, entry.title) == ("t1 card", "Report")
