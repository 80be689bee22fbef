"""Laws of the merge, for any base, document and card."""

from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner_sync.decide.merge import Conflict, Merged, Winner, merge
from planner_sync.model.state import SyncState
from tests.sync.atoms import (
    FIELDS,
    ITEMS,
    MEMBERS,
    PLAIN,
    Atoms,
    applied,
    believing,
    edited,
    put,
    saying,
    sides,
)

pytestmark = pytest.mark.contract("§6 Both change different fields")
WINNERS = st.sampled_from(["planner", "agents"])
SIDES = sides()


def merged(base: Atoms, document: Atoms, card: Atoms, winner: Winner = "planner") -> Merged:
    return merge(believing(base), saying(document), 1, card, winner)


def learnt(state: SyncState, result: Merged, rev: int) -> SyncState:
    """The state once everything was sent and settled: `rev` is what the document is stamped
    with."""
    for conflict in result.conflicts:
        if conflict.winner == "planner":
            attributes = conflict.attributes if conflict.lost else {}
            for atom, lost in {conflict.atom: conflict.lost, **attributes}.items():
                state = state.tell(atom, 0, lost)
    state = state.agree(result.to_card).agree(
        {atom: result.result.get(atom) for atom in result.changed_by_people}
    )
    return replace(state.see_human(result.changed_by_people, rev), rev=rev)


def test_the_laws_try_every_field() -> None:
    assert {atom.split(" ")[0] for atom in (*PLAIN, *MEMBERS, *ITEMS)} == FIELDS


@given(edited(), WINNERS)
def test_three_equal_sides_stay_as_they_are(base: Atoms, winner: Winner) -> None:
    assert merged(base, base, base, winner) == Merged(base, {}, frozenset(), frozenset(), ())


@given(SIDES, WINNERS)
def test_a_change_of_one_side_passes(three: tuple[Atoms, Atoms, Atoms], winner: Winner) -> None:
    base, document, card = three
    assert merged(base, document, base, winner).result == document
    assert merged(base, base, card, winner).result == card
    assert (
        not merged(base, document, base, winner).conflicts
        + merged(base, base, card, winner).conflicts
    )


@given(SIDES, WINNERS)
def test_the_same_change_of_both_sides_is_agreed(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner
) -> None:
    base, document, _ = three
    result = merged(base, document, document, winner)
    assert (result.result, result.to_card, result.conflicts) == (document, {}, ())


@given(SIDES, WINNERS)
def test_only_the_difference_to_the_card_is_sent(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner
) -> None:
    base, document, card = three
    result = merged(base, document, card, winner)
    assert applied(card, result.to_card) == result.result
    assert all(card.get(atom) != value for atom, value in result.to_card.items())


@given(SIDES, WINNERS)
def test_a_second_merge_after_the_first_does_nothing(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner
) -> None:
    base, document, card = three
    first = merged(base, document, card, winner)
    again = merge(learnt(believing(base), first, 2), saying(first.result), 2, first.result, winner)
    assert again == Merged(first.result, {}, frozenset(), frozenset(), ())


@given(SIDES)
def test_the_same_document_again_changes_nothing(three: tuple[Atoms, Atoms, Atoms]) -> None:
    """An agent that sets its own object once more reverts no human, and is not told twice."""
    base, document, card = three
    before = replace(believing(base), rev=0)
    first = merge(before, saying(document), 0, card, "planner")
    again = merge(learnt(before, first, 2), saying(document), 0, first.result, "planner")
    assert (again.result, again.to_card, again.conflicts) == (first.result, {}, ())


def test_who_edits_an_item_that_a_human_took_off_is_told_once() -> None:
    link = {"references https://a.example/": True}
    edited = {**link, "references https://a.example/ alias": "link"}
    state = believing(link)
    first = merge(state, saying(edited), 0, {}, "planner")
    assert [(conflict.atom, conflict.kept) for conflict in first.conflicts] == [
        ("references https://a.example/", None)
    ]
    again = merge(learnt(state, first, 2), saying(edited), 0, {}, "planner")
    assert (again.result, again.to_card, again.conflicts) == ({}, {}, ())


@given(SIDES)
def test_the_sides_are_alike_but_for_the_winner(three: tuple[Atoms, Atoms, Atoms]) -> None:
    base, document, card = three
    one, other = merged(base, document, card, "planner"), merged(base, card, document, "agents")
    assert one.result == other.result
    assert {_outcome(c) for c in one.conflicts} == {_outcome(c) for c in other.conflicts}


def _outcome(conflict: Conflict) -> tuple[object, ...]:
    return conflict.atom, conflict.kept, conflict.lost


@given(SIDES, WINNERS)
def test_what_neither_side_touched_stays(three: tuple[Atoms, Atoms, Atoms], winner: Winner) -> None:
    base, document, card = three
    want = merged(base, document, card, winner).result
    for atom in {*base, *document, *card}:
        if base.get(atom) == document.get(atom) == card.get(atom) and not _of_removed_item(
            atom, want
        ):
            assert want.get(atom) == base.get(atom)


def _of_removed_item(atom: str, want: object) -> bool:
    item = " ".join(atom.split(" ")[:2])
    return item in ITEMS and isinstance(want, dict) and item not in want


@given(SIDES, WINNERS)
def test_disjoint_edits_both_survive(three: tuple[Atoms, Atoms, Atoms], winner: Winner) -> None:
    base, document, theirs = three
    mine = {_group(atom) for atom in {*base, *document} if base.get(atom) != document.get(atom)}
    card = dict(base)
    for atom in {*base, *theirs}:
        if _group(atom) not in mine:
            put(card, atom, theirs.get(atom))
    result = merged(base, document, card, winner)
    assert not result.conflicts
    for atom in {*base, *document, *card}:
        assert result.result.get(atom) == (document if _group(atom) in mine else card).get(atom)


def _group(atom: str) -> str:
    """What changes together: both dates, all of one item, else the atom alone."""
    if atom in ("startDate", "dueDate"):
        return "dates"
    return " ".join(atom.split(" ")[:2])


@given(SIDES, WINNERS)
def test_members_of_sets_are_merged_one_by_one(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner
) -> None:
    base, document, card = three
    result = merged(base, document, card, winner)
    for atom in {*base, *document, *card}:
        if atom.startswith(("labels ", "assignedTo ")):
            sides_agree = document.get(atom) == card.get(atom)
            expected = (
                document.get(atom)
                if sides_agree or document.get(atom) != base.get(atom)
                else card.get(atom)
            )
            assert result.result.get(atom) == expected
            assert atom not in {conflict.atom for conflict in result.conflicts}


@given(SIDES, WINNERS)
@pytest.mark.contract("§6 Both change the same field")
def test_every_change_is_kept_or_told(three: tuple[Atoms, Atoms, Atoms], winner: Winner) -> None:
    base, document, card = three
    result = merged(base, document, card, winner)
    told = {conflict.atom: (conflict.kept, conflict.lost) for conflict in result.conflicts}
    for side in (document, card):
        for atom in {*base, *side}:
            if side.get(atom) != base.get(atom) and result.result.get(atom) != side.get(atom):
                item = " ".join(atom.split(" ")[:2])
                removed = item in ITEMS and (item not in result.result or item not in side)
                assert side.get(atom) in told.get(atom, ()) or (
                    removed and (item in told or _gone(three, item))
                )


def _gone(three: tuple[Atoms, Atoms, Atoms], item: str) -> bool:
    """Was the item taken off by both, so that nothing of it is left to be told?"""
    return item not in three[1] and item not in three[2]


@given(SIDES, WINNERS)
@pytest.mark.contract("§6 Both change the same field")
def test_a_conflict_names_two_values_and_the_winners_stays(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner
) -> None:
    base, document, card = three
    result = merged(base, document, card, winner)
    for conflict in result.conflicts:
        assert conflict.kept != conflict.lost
        assert conflict.winner == winner
        assert result.result.get(conflict.atom) == conflict.kept
    assert len({conflict.atom for conflict in result.conflicts}) == len(result.conflicts)


@given(SIDES, WINNERS, st.sets(st.sampled_from(sorted(FIELDS))))
def test_an_item_is_there_whole_or_not_at_all(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner, fields: set[str]
) -> None:
    base, document, card = three
    want = merge(believing(base), saying(document, frozenset(fields)), 1, card, winner).result
    for atom in want:
        parts = atom.split(" ")
        if parts[0] in ("checklist", "references"):
            assert " ".join(parts[:2]) in want
        if parts[0] == "checklist":
            assert f"checklist {parts[1]} title" in want
            assert f"checklist {parts[1]} isChecked" in want


@given(SIDES, WINNERS)
def test_two_valid_sides_never_give_a_start_after_the_due_date(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner
) -> None:
    want = merged(*three, winner).result
    assert str(want.get("startDate", "")) <= str(want.get("dueDate", "9"))


@given(SIDES, WINNERS, st.sets(st.sampled_from(sorted(FIELDS))))
@pytest.mark.contract("§4 rule: absent is no opinion")
def test_a_field_that_the_document_leaves_out_is_the_cards(
    three: tuple[Atoms, Atoms, Atoms], winner: Winner, fields: set[str]
) -> None:
    base, document, card = three
    result = merge(believing(base), saying(document, frozenset(fields)), 1, card, winner)
    for atom in {*base, *card}:
        name = atom.split(" ")[0]
        if name not in fields and name not in ("startDate", "dueDate"):
            assert result.result.get(atom) == card.get(atom)


@given(SIDES, st.integers(1, 9), WINNERS)
@settings(max_examples=200, deadline=None)
def test_a_stale_document_never_reverts_a_human(
    three: tuple[Atoms, Atoms, Atoms], seen: int, winner: Literal["planner", "agents"]
) -> None:
    """Whatever a document of an older revision carries along from the base of that time is put
    back."""
    base, card, _ = three
    human = [atom for atom in {*base, *card} if base.get(atom) != card.get(atom)]
    state = believing(base).agree({atom: card.get(atom) for atom in human}).see_human(human, 10)
    assert merge(state, saying(base), seen, card, winner) == Merged(
        card, {}, frozenset(), frozenset(), ()
    )
