"""The tables of the merge, row by row: what becomes of one field, of a stale copy, of items and of
dates."""

from typing import Any

import pytest

from planner_sync.decide.merge import (
    Conflict,
    DocumentAtoms,
    Merged,
    Winner,
    adopt,
    agree,
    concrete,
    merge,
)
from planner_sync.model.state import SyncState
from planner_sync.model.task import Day, Word
from tests.sync.atoms import believing, saying

ITEM = {"checklist 1": True, "checklist 1 title": "one", "checklist 1 isChecked": False}
TICKED = {**ITEM, "checklist 1 isChecked": True}
RENAMED = {**ITEM, "checklist 1 title": "uno"}
LINK = {"references u": True, "references u alias": "link"}


def merged(
    base: dict[str, Any], mine: dict[str, Any], card: dict[str, Any], winner: Winner = "planner"
) -> Merged:
    return merge(believing(base), saying(mine), 1, card, winner)


# -- each atom on its own --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mine", "card", "want", "send", "human", "meant"),
    [
        pytest.param("base", "base", "base", {}, [], [], id="not changed, same: nothing"),
        pytest.param(
            "mine", "base", "mine", {"title": "mine"}, [], ["title"], id="changed, same: sent"
        ),
        pytest.param(
            "base",
            "card",
            "card",
            {},
            ["title"],
            [],
            id="not changed, changed: written to the document",
        ),
        pytest.param("both", "both", "both", {}, ["title"], ["title"], id="changed alike: agreed"),
        pytest.param(
            "mine", "card", "card", {}, ["title"], ["title"], id="changed apart: the winner's"
        ),
    ],
)
@pytest.mark.contract("§6 Human edits, completes, moves, relabels, reassigns")
def test_one_atom(
    mine: str, card: str, want: str, send: dict[str, str], human: list[str], meant: list[str]
) -> None:
    result = merged({"title": "base"}, {"title": mine}, {"title": card})
    assert (result.result, result.to_card) == ({"title": want}, send)
    assert (sorted(result.changed_by_people), sorted(result.changed_by_agent)) == (human, meant)


@pytest.mark.parametrize(
    ("winner", "kept", "lost", "send"),
    [
        pytest.param("planner", "card", "mine", {}, id="planner"),
        pytest.param("agents", "mine", "card", {"title": "mine"}, id="agents"),
    ],
)
@pytest.mark.contract("§6 Both change the same field")
def test_the_winners_value_stays_and_the_other_is_told(
    winner: Winner, kept: str, lost: str, send: dict[str, str]
) -> None:
    result = merged({"title": "base"}, {"title": "mine"}, {"title": "card"}, winner)
    assert result.conflicts == (Conflict("title", kept, lost, winner),)
    assert (result.result, result.to_card) == ({"title": kept}, send)


def test_a_cleared_field_is_cleared_on_the_card() -> None:
    assert merged({"description": "x"}, {}, {"description": "x"}).to_card == {"description": None}


@pytest.mark.contract("§4 rule: a synced field that a write left out")
def test_a_field_that_is_left_out_is_neither_cleared_nor_told() -> None:
    result = merge(
        believing({"description": "x"}),
        DocumentAtoms(frozenset(), {}),
        1,
        {"description": "x"},
        "planner",
    )
    assert (result.result, result.to_card, result.conflicts) == ({"description": "x"}, {}, ())


# -- what a document of an old revision says (design §3) -------------------------------------------
NOW = SyncState("card", "plan", "etag", base={"title": "A"}, rev=1)
HUMAN = NOW.agree({"title": "H"}).see_human(["title"], 10)
TOLD = HUMAN.tell("title", 5, "M")


@pytest.mark.parametrize(
    ("state", "rev", "mine", "want", "conflicts"),
    [
        pytest.param(HUMAN, 10, "M", "M", 0, id="its writer had seen the human's change: changed"),
        pytest.param(HUMAN, 10, "A", "A", 0, id="its writer had seen it and goes back: changed"),
        pytest.param(HUMAN, 5, "A", "H", 0, id="carried along from before: put back"),
        pytest.param(
            HUMAN, 0, "A", "H", 0, id="an object of its own, without a revision: put back"
        ),
        pytest.param(HUMAN, 5, "M", "H", 1, id="new and unseeing: changed on both sides"),
        pytest.param(TOLD, 5, "M", "H", 0, id="the value that was lost, again: put back"),
        pytest.param(TOLD, 5, "N", "N", 0, id="new, and was told before: it insists"),
        pytest.param(
            TOLD, 4, "N", "H", 1, id="new, and another revision was told: changed on both sides"
        ),
    ],
)
@pytest.mark.contract("§6 An agent writes back a copy that it read")
def test_a_value_in_a_document_of_a_revision(
    state: SyncState, rev: int, mine: str, want: str, conflicts: int
) -> None:
    result = merge(
        state, saying({"title": mine}, frozenset({"title"})), rev, {"title": "H"}, "planner"
    )
    assert (result.result, len(result.conflicts)) == ({"title": want}, conflicts)


def test_a_new_human_change_forgets_who_was_told() -> None:
    again = TOLD.agree({"title": "H2"}).see_human(["title"], 20)
    result = merge(
        again, saying({"title": "N"}, frozenset({"title"})), 5, {"title": "H2"}, "planner"
    )
    assert (result.result, len(result.conflicts)) == ({"title": "H2"}, 1)


@pytest.mark.parametrize(
    ("state", "mine"),
    [
        pytest.param(
            {"dueDate": "2026-03-01T08:00:00Z"}, Day("2026-03-01"), id="a day is any instant of it"
        ),
        pytest.param({"priority": 4}, Word("important"), id="a word is any of its integers"),
    ],
)
def test_an_old_value_is_recognised_in_either_form(state: dict[str, Any], mine: Any) -> None:
    (atom,) = state
    new = {"dueDate": "2026-04-01T08:00:00Z", "priority": 9}[atom]
    moved = believing(state).agree({atom: new}).see_human([atom], 10)
    result = merge(moved, DocumentAtoms(frozenset({atom}), {atom: mine}), 5, {atom: new}, "planner")
    assert (result.result, result.conflicts) == ({atom: new}, ())


# -- items -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("base", "mine", "card", "want", "conflicts"),
    [
        pytest.param({}, ITEM, {}, ITEM, [], id="added here"),
        pytest.param({}, {}, ITEM, ITEM, [], id="added there"),
        pytest.param(ITEM, {}, ITEM, {}, [], id="removed here"),
        pytest.param(ITEM, ITEM, {}, {}, [], id="removed there"),
        pytest.param(ITEM, {}, {}, {}, [], id="removed by both"),
        pytest.param(
            ITEM,
            TICKED,
            RENAMED,
            {**TICKED, **RENAMED, **TICKED, "checklist 1 title": "uno"},
            [],
            id="apart",
        ),
        pytest.param(ITEM, {}, TICKED, TICKED, ["checklist 1"], id="removed here, changed there"),
        pytest.param(ITEM, TICKED, {}, {}, ["checklist 1"], id="changed here, removed there"),
        pytest.param({}, {}, LINK, LINK, [], id="link added there"),
        pytest.param(LINK, {}, LINK, {}, [], id="link removed here"),
    ],
)
@pytest.mark.contract("§6 Sets and lists")
def test_an_item(
    base: dict[str, Any],
    mine: dict[str, Any],
    card: dict[str, Any],
    want: dict[str, Any],
    conflicts: list[str],
) -> None:
    result = merged(base, mine, card)
    assert (result.result, [conflict.atom for conflict in result.conflicts]) == (want, conflicts)


@pytest.mark.parametrize(
    ("mine", "card", "want"),
    [
        pytest.param({}, TICKED, {}, id="removed here, changed there"),
        pytest.param(TICKED, {}, TICKED, id="changed here, removed there"),
    ],
)
def test_where_agents_win_their_item_stays_as_they_left_it(
    mine: dict[str, Any], card: dict[str, Any], want: dict[str, Any]
) -> None:
    result = merged(ITEM, mine, card, "agents")
    assert result.result == want
    (conflict,) = result.conflicts
    assert (conflict.kept, conflict.lost) == ((True, None) if want else (None, True))
    assert conflict.attributes == {
        atom: value for atom, value in TICKED.items() if atom != "checklist 1"
    }


def test_whoever_has_not_seen_an_edit_cannot_take_the_item_off_unasked() -> None:
    """The human's edit of an item counts for the item, so its removal by an older document is a
    conflict."""
    first = merged(ITEM, ITEM, TICKED)
    state = (
        believing(ITEM)
        .agree(dict.fromkeys(first.changed_by_people, True))
        .see_human(first.changed_by_people, 10)
    )
    result = merge(state, saying({}), 5, TICKED, "planner")
    assert (result.result, [conflict.atom for conflict in result.conflicts]) == (
        TICKED,
        ["checklist 1"],
    )


def test_an_edit_of_an_item_that_a_human_took_off_unseen_is_told() -> None:
    gone = dict.fromkeys(ITEM, None)
    state = believing(ITEM).agree(gone).see_human(gone, 10)
    result = merge(state, saying(RENAMED), 5, {}, "planner")
    assert (result.result, [conflict.atom for conflict in result.conflicts]) == (
        {},
        ["checklist 1"],
    )
    assert result.conflicts[0].attributes["checklist 1 title"] == "uno"
    assert not merge(state, saying(ITEM), 5, {}, "planner").conflicts


def test_an_item_without_a_tick_keeps_the_cards() -> None:
    silent = saying(ITEM, silent=frozenset({"checklist 1 isChecked"}))
    assert merge(believing(ITEM), silent, 1, TICKED, "planner").result == TICKED


def test_a_new_item_without_a_tick_is_not_ticked() -> None:
    """What Planner makes of it must not look like a human's change afterwards."""
    silent = saying(ITEM, silent=frozenset({"checklist 1 isChecked"}))
    assert merge(believing({}), silent, 1, {}, "planner").to_card == ITEM


# -- dates -----------------------------------------------------------------------------------------
BEFORE = {"startDate": "2026-03-01T10:00:00Z", "dueDate": "2026-03-20T10:00:00Z"}
LATE_START = {**BEFORE, "startDate": "2026-03-10T10:00:00Z"}
EARLY_DUE = {**BEFORE, "dueDate": "2026-03-05T10:00:00Z"}


@pytest.mark.parametrize(
    ("winner", "want", "lost"),
    [
        pytest.param("planner", EARLY_DUE, ("startDate", LATE_START["startDate"]), id="planner"),
        pytest.param("agents", LATE_START, ("dueDate", EARLY_DUE["dueDate"]), id="agents"),
    ],
)
@pytest.mark.contract("§6 Both change the same field")
def test_a_start_after_the_due_date_makes_both_dates_one_field(
    winner: Winner, want: dict[str, str], lost: tuple[str, str]
) -> None:
    result = merged(BEFORE, LATE_START, EARLY_DUE, winner)
    assert result.result == want
    assert [(conflict.atom, conflict.lost) for conflict in result.conflicts] == [lost]


def test_dates_can_cross_within_one_second() -> None:
    late = {**BEFORE, "startDate": "2026-03-05T10:00:00.5Z"}
    result = merged(BEFORE, late, EARLY_DUE)
    assert (result.result, [conflict.atom for conflict in result.conflicts]) == (
        EARLY_DUE,
        ["startDate"],
    )


def test_the_same_document_again_is_not_told_twice_of_its_dates() -> None:
    state = believing(BEFORE)
    first = merge(state, saying(LATE_START), 0, EARLY_DUE, "planner")
    (conflict,) = first.conflicts
    state = state.tell("startDate", 0, conflict.lost).agree(
        {atom: EARLY_DUE[atom] for atom in first.changed_by_people}
    )
    again = merge(
        state.see_human(first.changed_by_people, 10), saying(LATE_START), 0, EARLY_DUE, "planner"
    )
    assert (again.result, again.to_card, again.conflicts) == (EARLY_DUE, {}, ())


def test_a_start_after_a_due_date_that_a_human_set_unseen_is_a_conflict() -> None:
    state = believing(BEFORE).agree({"dueDate": EARLY_DUE["dueDate"]}).see_human(["dueDate"], 10)
    result = merge(state, saying(LATE_START), 5, EARLY_DUE, "planner")
    assert (result.result, [conflict.atom for conflict in result.conflicts]) == (
        EARLY_DUE,
        ["startDate"],
    )


def test_where_agents_win_it_takes_its_own_due_date_along() -> None:
    state = believing(BEFORE).agree({"dueDate": EARLY_DUE["dueDate"]}).see_human(["dueDate"], 10)
    result = merge(state, saying(LATE_START), 5, EARLY_DUE, "agents")
    assert result.result == LATE_START
    assert [(conflict.atom, conflict.lost) for conflict in result.conflicts] == [
        ("dueDate", EARLY_DUE["dueDate"])
    ]


# -- forms -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("meant", "value", "equal"),
    [
        pytest.param(
            Day("2026-03-01"), "2026-03-01T23:59:59Z", True, id="a day and an instant of it"
        ),
        pytest.param(Day("2026-03-01"), "2026-03-02T00:00:00Z", False, id="a day and the next"),
        pytest.param(Day("2026-03-01"), None, False, id="a day and none"),
        pytest.param(
            "2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z", False, id="two instants of a day"
        ),
        pytest.param(Word("important"), 2, True, id="a word and an integer of it"),
        pytest.param(Word("important"), 5, False, id="a word and another's"),
        pytest.param(3, 2, False, id="two integers of a word"),
        pytest.param(True, 1, False, id="true is no number"),
        pytest.param(None, None, True, id="both not set"),
    ],
)
def test_what_a_document_says_equals_a_value(meant: Any, value: Any, equal: bool) -> None:
    assert agree(meant, value) is equal


def test_what_is_sent_for_a_day_and_a_word() -> None:
    assert concrete(Day("2026-03-01")) == "2026-03-01T10:00:00Z"
    assert concrete(Word("urgent")) == 1


# -- adoption --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("mine", "card", "winner", "want", "conflicts"),
    [
        pytest.param(
            {}, {"title": "C"}, "planner", {"title": "C"}, 0, id="absent fields are filled"
        ),
        pytest.param(
            {"title": "D"},
            {},
            "planner",
            {"title": "D"},
            0,
            id="what only the document has is sent",
        ),
        pytest.param(
            {"title": "D"}, {"title": "C"}, "planner", {"title": "C"}, 1, id="different: planner"
        ),
        pytest.param(
            {"title": "D"}, {"title": "C"}, "agents", {"title": "D"}, 1, id="different: agents"
        ),
        pytest.param(
            {"labels a": True},
            {"labels b": True},
            "planner",
            {"labels a": True, "labels b": True},
            0,
            id="sets",
        ),
        pytest.param(ITEM, LINK, "agents", {**ITEM, **LINK}, 0, id="lists"),
    ],
)
@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
def test_without_a_base(
    mine: dict[str, Any], card: dict[str, Any], winner: Winner, want: dict[str, Any], conflicts: int
) -> None:
    state, found = adopt(believing(card), saying(mine), 0, winner)
    result = merge(state, saying(mine), 0, card, winner)
    assert (result.result, len(found), len(result.conflicts)) == (want, conflicts, 0)


@pytest.mark.parametrize("winner", ["planner", "agents"])
@pytest.mark.parametrize("card", [{"bucketId": "there"}, {}], ids=["another value", "none"])
def test_without_a_base_a_void_atom_of_the_document_is_not_meant(
    card: dict[str, Any], winner: Winner
) -> None:
    mine = {"bucketId": "here"}
    state, found = adopt(believing(card), saying(mine), 7, winner, ("bucketId",))
    result = merge(state, saying(mine), 7, card, winner)
    assert (result.result, result.to_card, found, result.conflicts) == (card, {}, (), ())


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
def test_what_a_document_was_silent_of_is_news_to_copies_from_before_the_adoption() -> None:
    """A human may have set it after the last settle, which Redis has lost."""
    card: dict[str, Any] = {"dueDate": EARLY_DUE["dueDate"], "percentComplete": 0}
    state, _ = adopt(believing(card), saying({}, frozenset({"title"})), 7, "planner")
    result = merge(
        state, saying({"dueDate": Day("2026-05-05"), "percentComplete": 30}), 7, card, "planner"
    )
    assert result.result == {"dueDate": EARLY_DUE["dueDate"], "percentComplete": 30}
    assert [conflict.atom for conflict in result.conflicts] == ["dueDate"]


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
@pytest.mark.parametrize("rev", [0, 6])
@pytest.mark.parametrize("card", [{"title": "B"}, {}])
def test_a_copy_from_before_the_adoption_may_be_older_than_a_humans_change(
    rev: int, card: dict[str, Any]
) -> None:
    state, _ = adopt(believing(card), saying(card), 7, "planner")
    result = merge(state, saying({"title": "A"}), rev, card, "planner")
    assert (result.result, [conflict.lost for conflict in result.conflicts]) == (card, ["A"])
    assert merge(state, saying({"title": "A"}), 7, card, "planner").to_card == {"title": "A"}
