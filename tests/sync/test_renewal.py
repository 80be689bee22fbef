"""A document whose card is gone, as it comes back with a new one."""

import json
from dataclasses import replace
from typing import Any

import pytest

from planner_sync.decide.recreation import document_for_new_card
from planner_sync.errors import Refusal
from planner_sync.model import dialects
from planner_sync.model.card import Names
from planner_sync.model.task import Value
from tests.sync.looks import NAMES, STATE, known

ITEM, PERSON, LINK = (
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "https://x.example",
)
CARD: dict[str, Value] = {
    "title": "T",
    "percentComplete": 50,
    "priority": 2,
    "bucketId": "doing",
    "description": "Words",
    "startDate": "2026-01-02T10:00:00Z",
    "dueDate": "2026-02-03T08:30:00Z",
    "labels category1": True,
    "labels category2": True,
    "labels category3": True,
    f"assignedTo {PERSON}": True,
    f"checklist {ITEM}": True,
    f"checklist {ITEM} title": "First",
    f"checklist {ITEM} isChecked": True,
    f"references {LINK}": True,
    f"references {LINK} alias": "Page",
    f"references {LINK} type": "Other",
}
WHOLE = {
    "title": "T",
    "percentComplete": 50,
    "priority": "important",
    "bucket": "Doing",
    "description": "Words",
    "startDate": "2026-01-02",
    "dueDate": "2026-02-03T08:30:00Z",
    "labels": ["Red", "category3"],
    "assignedTo": [PERSON, "scribe"],
    "checklist": [{"id": ITEM, "title": "First", "isChecked": True}],
    "references": [{"url": LINK, "alias": "Page", "type": "Other"}],
    "planId": "plan",
}
LABELS = Names(NAMES.buckets, {**NAMES.labels, "category2": "Agent: scribe"}, "")


def back(seen: Any, **base: Value) -> dict[str, Any]:
    seen = replace(seen, state=replace(STATE, base={**CARD, **base}), names=LABELS)
    found: dict[str, Any] = json.loads(document_for_new_card(seen))
    return found


def test_without_a_document_all_of_the_card_comes_back() -> None:
    assert back(known(None)) == {**WHOLE, "id": "t1"}


def test_what_the_document_says_stays_and_the_rest_comes_from_the_card() -> None:
    said = {"title": "Mine", "labels": [], "bucket": "Todo", "description": None, "private": [1]}
    assert back(known(said)) == {**WHOLE, **said, "id": "t1"}


def test_it_is_no_stale_copy() -> None:
    assert back(known({})).keys().isdisjoint({"plannerId", "_rev"})


def test_of_a_document_that_was_deleted_the_last_settled_one_comes_back() -> None:
    last = dialects.parse(b'{"title":"T","private":1,"plannerId":"card","_rev":5}')
    assert back(known(None, last=last))["private"] == 1


def test_of_a_document_that_was_refused_the_last_good_one_comes_back() -> None:
    last = dialects.parse(b'{"title":"Good","private":1,"plannerId":"card","_rev":5}')
    refused = known({"title": "Bad"}, last=last, refusal=Refusal("bad_field", "dueDate"))
    assert (back(refused)["title"], back(refused)["private"]) == ("Good", 1)


@pytest.mark.parametrize(
    ("said", "base", "bucket"),
    [
        pytest.param({}, {}, "Doing", id="the card's"),
        pytest.param({"bucketId": "todo"}, {}, "Todo", id="the document's, by its name"),
        pytest.param(
            {"bucketId": "gone", "bucket": "Ideas"}, {}, "Ideas", id="one that is gone, by its name"
        ),
        pytest.param(
            {"bucketId": "gone"}, {"bucketId": "gone"}, None, id="none, when nobody knows its name"
        ),
    ],
)
def test_a_bucket_comes_back_by_its_name(
    said: dict[str, Any], base: dict[str, Value], bucket: str | None
) -> None:
    found = back(known(said), **base)
    assert (found.get("bucket"), "bucketId" in found) == (bucket, False)


def test_a_document_in_snake_case_stays_so() -> None:
    found = back(known({"percent_complete": 0.5, "planner_id": "card"}))
    assert (found["plan_id"], found["due_date"], found["assigned_to"]) == (
        "plan",
        WHOLE["dueDate"],
        [PERSON, "scribe"],
    )
    assert "planner_id" not in found


def test_a_moved_card_comes_back_where_it_was() -> None:
    assert back(known({"planId": "plan-2"}))["planId"] == "plan"


def test_another_id_inside_is_the_agents_own() -> None:
    assert back(known({"id": "another"}))["id"] == "another"
