"""Creates whose answer was lost: told apart by their place in time, when nothing else tells them
apart any more."""

from datetime import UTC, datetime
from typing import Any

import pytest

from planner_sync.decide.lost_creates import (
    LISTING_LAG_MS,
    NEAR_MS,
    SENDING_MS,
    candidates_for,
    match_by_creation_time,
    true_as_of,
)
from planner_sync.model.card import Card
from tests.sync.looks import NOW, card


def made(name: str, after_ms: int, **more: object) -> Card:
    at = datetime.fromtimestamp((NOW + after_ms) / 1000, UTC).isoformat()
    return card(id=name, created_at=at, **more)


def places(intents: dict[str, int], *cards: Card) -> dict[str, str]:
    return {
        task: found.id
        for task, found in match_by_creation_time(
            {t: NOW + at for t, at in intents.items()}, cards
        ).items()
    }


@pytest.mark.parametrize(
    ("intents", "cards", "pairs"),
    [
        pytest.param({"a": 0}, [("A", 30)], {"a": "A"}, id="one and one"),
        pytest.param(
            {"a": 0, "b": 6}, [("B", 37), ("A", 31)], {"a": "A", "b": "B"}, id="two in their order"
        ),
        pytest.param(
            {"a": 0, "c": 113_000}, [("A", 100)], {"a": "A"}, id="of two intents the nearer one"
        ),
        pytest.param(
            {"a": 0, "c": 113_000},
            [("C", 113_050)],
            {"c": "C"},
            id="of two intents the nearer one, the later",
        ),
        pytest.param(
            {"b": 60_000}, [("A", 100), ("B", 60_100)], {"b": "B"}, id="of two cards the nearer one"
        ),
        pytest.param({"a": 0}, [("A", NEAR_MS + SENDING_MS + 1)], {}, id="none that is too late"),
        pytest.param({"a": 0}, [("A", -NEAR_MS - 1)], {}, id="none that was there before"),
        pytest.param({"a": 0}, [("A", -NEAR_MS)], {"a": "A"}, id="two clocks may differ"),
        pytest.param({}, [("A", 0)], {}, id="no intent"),
        pytest.param({"a": 0}, [], {}, id="no card"),
    ],
)
def test_cards_and_notes_are_matched_in_order_and_as_near_as_possible(
    intents: dict[str, int], cards: list[tuple[str, int]], pairs: dict[str, str]
) -> None:
    assert places(intents, *(made(name, at) for name, at in cards)) == pairs


def test_many_notes_and_cards_are_matched_at_once() -> None:
    intents = {f"t{n:03}": n * 10 for n in range(200)}
    cards = [made(f"c{n:03}", n * 10 + 25) for n in range(200)]
    assert places(intents, *cards) == {f"t{n:03}": f"c{n:03}" for n in range(200)}


@pytest.mark.parametrize(
    ("lacking", "as_of"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param(
            [made("A", -5_000), made("B", -9_000)], -9_000, id="new cards: as old as the oldest"
        ),
        pytest.param([made("A", 2_000)], 0, id="one that was made since"),
        pytest.param([made("A", -5_000), made("B", -LISTING_LAG_MS - 1)], None, id="an old card"),
        pytest.param([made("A", -5_000), None], None, id="one that gave no answer"),
        pytest.param(["forbidden"], None, id="one that may not be read"),
    ],
)
def test_a_listing_is_as_old_as_the_oldest_new_card_that_it_lacks(
    lacking: list[Any], as_of: int | None
) -> None:
    assert true_as_of(NOW, lacking) == (None if as_of is None else NOW + as_of)


def test_only_cards_of_our_application_count() -> None:
    ours, other = made("ours", 1), made("other", 2, created_by_app="another app")
    found = candidates_for([ours, other], "app", NOW, NOW)
    assert ([each.id for each in found.candidates], found.sure) == (["ours"], True)


def test_while_our_application_is_unknown_what_no_person_made_is_ours() -> None:
    ours, persons = made("ours", 1), made("theirs", 2, created_by_user="mira")
    found = candidates_for([ours, persons], None, NOW, NOW)
    assert ([each.id for each in found.candidates], found.sure) == (["ours"], True)
    found = candidates_for([persons], None, NOW, NOW)
    assert ([each.id for each in found.candidates], found.sure) == (["theirs"], False)
