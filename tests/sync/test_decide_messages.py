"""What the service says on its two channels: every member of every message, and no more."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from planner_sync.decide import endings
from planner_sync.decide.mapped import decide
from planner_sync.decide.observation import Gone
from planner_sync.errors import Refusal
from planner_sync.model.records import Refused
from planner_sync.model.task import DAY_AT, Value
from tests.sync.looks import ATOMS, NAMES, STATE, known, listed, order_of

SIGNED = {"redisId": "t1", "plannerId": "card", "timestamp": "2023-11-14T22:13:20.000Z"}
ITEM: dict[str, Value] = {
    "checklist 1": True,
    "checklist 1 title": "one",
    "checklist 1 isChecked": False,
}
EDITED = {"id": "1", "title": "uno"}
DAYS = ("2026-03-01", "2026-04-01")


def read(messages: Sequence[tuple[str, str]]) -> list[tuple[str, dict[str, Any]]]:
    return [(channel, json.loads(text)) for channel, text in messages]


@pytest.mark.contract("§5 uploaded")
@pytest.mark.parametrize("created", [True, False])
def test_uploaded(created: bool) -> None:
    state = replace(STATE, unreported_uploads=("title", "labels"), created=created)
    order = order_of(decide(known({}, state=state)))
    body = {"action": "uploaded", **SIGNED, "created": created, "fields": ["title", "labels"]}
    assert read(order.messages) == [("sync", body)]


@pytest.mark.contract("§5 deleted")
@pytest.mark.parametrize(
    ("members", "by"), [pytest.param({}, "planner"), pytest.param(None, "agent")]
)
def test_deleted(members: dict[str, Any] | None, by: str) -> None:
    order = order_of(decide(known(members, view=Gone(), claim={"announced": "deleted"})))
    assert read(order.messages) == [("sync", {"action": "deleted", **SIGNED, "by": by})]


@pytest.mark.contract("§5 updates, from the service")
def test_a_humans_delete_is_an_update_too() -> None:
    order = order_of(decide(known({}, view=Gone())))
    body = {
        "action": "deleted",
        "taskId": "t1",
        "source": "planner",
        "timestamp": SIGNED["timestamp"],
    }
    assert read(order.document_messages) == [("updates", body)]


@pytest.mark.contract("§5 updates, from the service")
def test_a_humans_change_comes_with_the_document_and_the_fields() -> None:
    order = order_of(
        decide(known({"mine": 1}, view=listed(atoms={**ATOMS, "percentComplete": 50})))
    )
    ((channel, body),) = read(order.document_messages)
    assert channel == "updates"
    assert body.pop("task") == json.loads(order.new)
    assert body == {
        "action": "updated",
        "taskId": "t1",
        "changed": ["percentComplete"],
        "source": "planner",
        "timestamp": SIGNED["timestamp"],
    }


@pytest.mark.contract("§5 updates, from the service")
def test_a_humans_new_card_comes_with_the_document_and_the_fields() -> None:
    order = order_of(decide(known(None, state=None, view=listed())))
    ((channel, body),) = read(order.document_messages)
    assert (channel, body["action"], sorted(body["changed"])) == (
        "updates",
        "created",
        ["bucketId", "title"],
    )
    assert body["task"] == json.loads(order.new)


@pytest.mark.contract("§5 conflict")
@pytest.mark.parametrize(
    ("base", "members", "atoms", "field", "kept", "lost"),
    [
        pytest.param(
            {}, {"title": "Mine"}, {"title": "Theirs"}, "title", "Theirs", "Mine", id="a text"
        ),
        pytest.param(
            {},
            {"bucket": "Doing"},
            {"bucketId": "b3"},
            "bucket",
            "Done",
            "Doing",
            id="a bucket by name",
        ),
        pytest.param(
            {},
            {"dueDate": DAYS[0]},
            {"dueDate": DAYS[1] + DAY_AT},
            "dueDate",
            DAYS[1],
            DAYS[0],
            id="a day",
        ),
        pytest.param(
            ITEM,
            {"checklist": [EDITED]},
            {},
            "checklist",
            None,
            {**EDITED, "isChecked": False},
            id="an item",
        ),
    ],
)
def test_conflict(
    base: dict[str, Value],
    members: dict[str, Any],
    atoms: dict[str, Value],
    field: str,
    kept: Any,
    lost: Any,
) -> None:
    names = replace(NAMES, buckets=(*NAMES.buckets, ("b3", "Done")))
    state = replace(STATE.agree(base), name_bindings={"item 1": "1"})
    seen = known(
        members, state=state, names=names, names_fresh=True, view=listed(atoms={**ATOMS, **atoms})
    )
    body = {
        "action": "conflict",
        **SIGNED,
        "field": field,
        "kept": kept,
        "lost": lost,
        "winner": "planner",
    }
    assert read(order_of(decide(seen)).messages) == [("sync", body)]


@pytest.mark.contract("§5 conflict")
def test_a_conflict_over_a_delete() -> None:
    order = order_of(decide(known({"title": "Edited"}, view=Gone())))
    body = {
        "action": "conflict",
        **SIGNED,
        "field": "deleted",
        "kept": True,
        "lost": False,
        "winner": "planner",
    }
    assert ("sync", body) in read(order.messages)


@pytest.mark.contract("§5 failed")
@pytest.mark.parametrize(
    ("code", "retrying"), [("bad_field", False), ("limit", True), ("unknown_bucket", True)]
)
def test_failed(code: Any, retrying: bool) -> None:
    order = endings.refused(known({}), Refusal(code, "why", "title"))
    body = {"action": "failed", **SIGNED, "reason": "why", "code": code, "retrying": retrying}
    assert read(order.messages) == [("sync", body)]
    assert (order.due_ms > 0) == retrying


@pytest.mark.contract("§5 failed")
def test_the_same_refusal_of_the_same_document_is_said_once() -> None:
    refusal = Refusal("limit", "why")
    first = endings.refused(known({}), refusal)
    again = endings.refused(known({}, stored={"refusal": first.refusal}), refusal)
    changed = endings.refused(known({"mine": 1}, stored={"refusal": first.refusal}), refusal)
    assert (again.messages, len(changed.messages)) == ((), 1)


@pytest.mark.parametrize("code", ["limit", "refused_by_planner"])
def test_what_planner_refuses_again_is_no_news_for_another_request_id(code: Any) -> None:
    first = endings.refused(known({}), Refusal(code, "403 (request-id 1)"))
    again = endings.refused(
        known({}, stored={"refusal": first.refusal}), Refusal(code, "403 (request-id 2)")
    )
    assert again.messages == ()


@pytest.mark.contract("§5 failed")
def test_a_trouble_that_passes_is_said_once_and_only_when_it_lasts() -> None:
    record: Refused | None = None
    said = []
    for _ in range(5):
        order = endings.retry_later(
            known({}, stored={"refusal": record}), 10, "unreachable", "why", say_after=3
        )
        record = order.refusal
        said.append(len(order.messages))
    assert said == [0, 0, 1, 0, 0]
