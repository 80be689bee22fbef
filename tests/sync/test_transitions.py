"""What an answer of Planner makes of an observation, and which answers count at all."""

from dataclasses import replace
from typing import Any

import pytest

from planner_sync.decide import transitions
from planner_sync.decide.observation import CardView, Fresh, Gone, Listed, Mapped, Unread
from planner_sync.decide.steps import PatchDetails, PatchTask
from planner_sync.decide.transitions import NEW_CARD_MS, READ_LAG_MS, is_usable
from tests.sync.looks import ATOMS, NAMES, NOW, STATE, card, fresh, intent, known, listed, seen

OLD, NEW = 'W/"MQ=="', 'W/"Mg=="'
SETTLED = replace(STATE, etag=NEW, settled_at=NOW, born=NOW)


# -- may what Planner shows be believed? -----------------------------------------------------------
@pytest.mark.parametrize(
    ("view", "began", "was_listed", "usable"),
    [
        pytest.param(listed(etag=NEW), NOW + 1, False, True, id="a later listing"),
        pytest.param(listed(etag=NEW), NOW, False, False, id="one that began before the settle"),
        pytest.param(listed(etag=OLD), NOW + 1, False, False, id="one with an older card"),
        pytest.param(listed(id="other", etag=NEW), NOW + 1, False, False, id="another card"),
        pytest.param(Gone(), NOW + 1, False, False, id="one too early for a new card"),
        pytest.param(Gone("card"), NOW + 1, True, True, id="one that lacks the card"),
        pytest.param(Gone("other"), NOW + 1, True, False, id="one that lacks another card"),
        pytest.param(Gone(), NOW + 1, True, True, id="one too early, after one that had the card"),
        pytest.param(Gone(), NOW + NEW_CARD_MS + 1, False, True, id="a later one without the card"),
        pytest.param(Unread(), 0, False, True, id="none"),
    ],
)
def test_which_listings_count(view: CardView, began: int, was_listed: bool, usable: bool) -> None:
    assert is_usable(view, SETTLED, began, was_listed=was_listed) is usable


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(NEW_CARD_MS - 1, True, id="just made"),
        pytest.param(-1, True, id="made by this reconciliation"),
        pytest.param(NEW_CARD_MS, False, id="old enough"),
    ],
)
def test_a_404_right_after_the_create_proves_no_delete(age: int, expected: bool) -> None:
    made = known({}, state=replace(STATE, born=NOW - age))
    assert transitions.may_not_show_yet(made) is expected


def test_a_card_from_before_our_last_change_is_behind_for_a_while() -> None:
    old = card(etag=OLD)
    assert transitions.is_behind(known({}, state=SETTLED), old)
    long_ago = replace(SETTLED, settled_at=NOW - READ_LAG_MS)
    assert not transitions.is_behind(known({}, state=long_ago), old)


# -- after a step ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(Unread(), Listed, id="never read"),
        pytest.param(listed(), Listed, id="listed"),
        pytest.param(fresh(), Fresh, id="read"),
    ],
)
def test_our_own_change_makes_a_card_no_fresher(before: CardView, after: type) -> None:
    answer = card(details=False, etag="e3", atoms={**ATOMS, "title": "New"})
    step = PatchTask({"title": "New"})
    patched = transitions.task_patched(known({}, view=before), step, answer, "n1")
    assert isinstance(patched.view, after)
    assert (patched.state.etag, patched.state.base["title"]) == ("e3", "New")
    assert patched.written == ("n1",)


def test_the_answer_to_a_change_of_the_task_keeps_the_details_that_were_read() -> None:
    before = known({}, view=listed(atoms={**ATOMS, "description": "Words"}))
    patched = transitions.task_patched(before, PatchTask({}), card(details=False), "n1")
    assert patched.card
    assert (patched.card.details_etag, patched.card.atoms["description"]) == ("d2", "Words")


def test_the_answer_to_a_change_of_details_keeps_the_task_as_it_was_agreed() -> None:
    details = card(etag="", atoms={"description": "Words"})
    step = PatchDetails({"description": "Words"})
    patched = transitions.details_patched(known({}), step, details, "n1")
    assert patched.card
    assert patched.card.atoms == {**ATOMS, "description": "Words"}
    assert (patched.state.etag, patched.state.details_etag) == ("e1", "d2")


def test_a_conflict_that_was_sent_is_owed_to_the_agents() -> None:
    message = {"action": "conflict"}
    step = PatchTask({"title": "New"}, (("title", message),))
    patched = transitions.task_patched(known({}), step, card(), "n1")
    assert patched.state.unsent_messages == (message,)


def test_a_card_that_is_followed_has_other_names() -> None:
    there = known({}, view=listed(plan_id="plan-2"))
    assert transitions.card_taken(there, replace(STATE, plan_id="plan-2")).names is None
    assert transitions.card_taken(there, STATE).names == NAMES


def test_a_card_that_is_taken_ends_the_creates_that_were_open() -> None:
    intents = (intent("create"), intent("update", nonce="n2"))
    taken = transitions.card_taken(seen({"title": "T"}, intents=intents), STATE)
    assert [each.nonce for each in taken.intents] == ["n2"]


def test_what_someone_changed_meanwhile_is_read_again() -> None:
    again: Any = transitions.to_read_again(known({}, view=fresh(), names_fresh=True))
    assert isinstance(again, Mapped)
    assert (again.view, again.names_fresh, again.lease.reason) == (Unread(), False, "recheck")


# -- the sync state --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("shown", "document", "ways"),
    [
        pytest.param((), (), ("bucket",), id="by its name"),
        pytest.param(("bucketId",), (), ("bucketId",), id="as it was shown"),
        pytest.param((), ("bucketId", "bucket"), ("bucket", "bucketId"), id="as the document does"),
    ],
)
def test_a_bucket_that_was_uploaded_is_shown(
    shown: tuple[str, ...], document: tuple[str, ...], ways: tuple[str, ...]
) -> None:
    state = replace(STATE, shown=shown).with_uploads(["bucketId"], document)
    assert (state.shown, state.unreported_uploads) == (ways, ("bucketId",))
