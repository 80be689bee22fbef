"""The judge of the stories: it finds whatever must not be."""

from dataclasses import replace
from typing import Any

import pytest

from tests.processes.judge import Ledger, Sides, judge

PLAIN = {
    "percentComplete": 0,
    "priority": "medium",
    "description": "",
    "bucket": "To do",
    "checklist": [],
}
ITEM = {"title": "step", "isChecked": False}


def card(title: str, **fields: Any) -> dict[str, Any]:
    return {**PLAIN, "title": title, **fields}


GOOD = Sides(
    cards={"P1": card("t1", percentComplete=50), "P2": card("t2", checklist=[ITEM])},
    documents={
        "t1": {"title": "t1", "percentComplete": 50, "plannerId": "P1"},
        "planner-P2": {"title": "t2", "checklist": [ITEM], "plannerId": "P2"},
    },
    planner_ids={"t1": "P1", "planner-P2": "P2"},
    task_ids={"P1": "t1", "P2": "planner-P2"},
)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger(gone={"t0"}, items={"t2": ["step"]})
    ledger.note("t0")
    ledger.note("t1", percentComplete=50)
    ledger.note("t2")
    return ledger


def test_two_sides_that_are_one_give_no_sentence(ledger):
    assert judge(GOOD, ledger) == []


@pytest.mark.parametrize(
    ("sides", "said"),
    [
        pytest.param(
            replace(GOOD, cards={**GOOD.cards, "P3": card("t1")}),
            "t1: 2 times as a card",
            id="card twice",
        ),
        pytest.param(
            replace(GOOD, documents={**GOOD.documents, "x": {"title": "t1", "plannerId": "P1"}}),
            "t1: 2 times as a document",
            id="document twice",
        ),
        pytest.param(
            replace(GOOD, cards={"P1": GOOD.cards["P1"]}), "t2: 0 times as a card", id="card lost"
        ),
        pytest.param(
            replace(GOOD, documents={"t1": GOOD.documents["t1"]}),
            "t2: 0 times as a document",
            id="document lost",
        ),
        pytest.param(
            replace(GOOD, cards={**GOOD.cards, "P0": card("t0")}),
            "t0: 1 times",
            id="back from the dead",
        ),
        pytest.param(
            replace(GOOD, planner_ids={"t1": "P1"}),
            "planner-P2: is mapped to None",
            id="mapping lost",
        ),
        pytest.param(
            replace(GOOD, task_ids={"P1": "t1"}),
            "its card P2 has no document",
            id="mapping back lost",
        ),
        pytest.param(
            replace(GOOD, cards={**GOOD.cards, "P1": card("t1", percentComplete=40)}),
            "t1 percentComplete: the document has 50, the card 40",
            id="not equal",
        ),
        pytest.param(
            replace(GOOD, cards={**GOOD.cards, "P1": card("t1", percentComplete=40)}),
            "t1 percentComplete: 40 is not 50, which was written last",
            id="edit undone",
        ),
        pytest.param(
            replace(GOOD, cards={**GOOD.cards, "P2": card("t2", checklist=[ITEM, ITEM])}),
            "t2 checklist: {'step': 2}",
            id="item twice",
        ),
    ],
)
def test_it_says_what_is_wrong(ledger, sides, said):
    assert any(said in sentence for sentence in judge(sides, ledger)), judge(sides, ledger)
