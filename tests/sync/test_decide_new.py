"""The decision about a document that has no card yet: created, adopted, refused, or waited for."""

import json
from dataclasses import replace
from typing import Any

import pytest

from planner_sync.decide.endings import HOUR_MS
from planner_sync.decide.mapped import decide
from planner_sync.decide.observation import CardOwner, CreateCandidates, Gone
from planner_sync.decide.steps import (
    AskOwner,
    CreateCard,
    DropIntent,
    FindPeople,
    MakeName,
    ReadCard,
    ReadDetails,
    ReadNames,
    Step,
    TakeCard,
)
from planner_sync.decide.unmapped import GRACE_MS
from planner_sync.errors import Code, Refusal
from planner_sync.model.orders import Forget, Postpone, document_hash
from planner_sync.model.records import DeletedCard, Refused
from tests.sync.looks import (
    ATOMS,
    IMPORT_ID,
    NAMES,
    NOW,
    STATE,
    card,
    found,
    intent,
    known,
    listed,
    order_of,
    seen,
)


# -- a create whose answer was lost ----------------------------------------------------------------
@pytest.mark.contract("§6 The process is killed at any instant")
def test_an_open_create_waits_for_a_listing() -> None:
    order = order_of(decide(seen({"title": "T"}, intents=(intent(),))))
    assert isinstance(order, Postpone)
    assert (order.due_ms, order.intents_done) == (GRACE_MS, ())


@pytest.mark.parametrize(
    ("listing", "taken"),
    [
        pytest.param(found(card()), "card", id="the equal one"),
        pytest.param(
            found(own=card(atoms={"title": "Edited"})),
            "card",
            id="the one at its place in time, edited or not",
        ),
        pytest.param(
            found(card(), own=card(id="b")),
            "card",
            id="rather the equal one than the one at its place",
        ),
        pytest.param(
            found(card(atoms={"title": "X"})),
            None,
            id="none that differs and may be another intent's",
        ),
        pytest.param(
            found(own=card(atoms={"title": "X"}), sure=False),
            None,
            id="none that may be somebody else's",
        ),
        pytest.param(
            found(card(id="b", created_at="2"), card(id="a", created_at="1")),
            "a",
            id="the oldest of equals",
        ),
        pytest.param(found(), None, id="none"),
    ],
)
def test_a_listing_tells_which_card_a_lost_create_made(
    listing: CreateCandidates, taken: str | None
) -> None:
    step = decide(seen({"title": "T"}, intents=(intent(),), create_candidates=listing, names=NAMES))
    if taken is None:
        assert order_of(step).due_ms > 0
    else:
        assert isinstance(step, TakeCard)
        assert (step.state.planner_id, step.state.base["title"], step.state.created) == (
            taken,
            "T",
            True,
        )
        assert step.state.unreported_uploads == ("title",)


def test_a_card_that_is_made_anew_remembers_what_humans_did_to_the_first_one() -> None:
    before = STATE.see_human(["title"], 9)
    deleted_card = DeletedCard("first", "agent", "T", NOW, before.dump())
    step = decide(
        seen(
            {"title": "T"},
            intents=(intent(),),
            create_candidates=found(card()),
            names=NAMES,
            stored={"deleted_card": deleted_card},
        )
    )
    assert isinstance(step, TakeCard)
    assert (step.state.history("title").last_human_rev, step.state.rev) == (9, before.rev)


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
def test_a_card_made_anew_whose_mapping_is_lost_is_taken_with_the_state_of_the_first_one() -> None:
    """Its document was unlinked from the first one, and may lack what was said in the seconds that
    were lost."""
    likely_card = card(id="second", atoms={**ATOMS, "dueDate": "2026-03-08T10:00:00Z"})
    buried = order_of(decide(known({"percentComplete": 30}, view=Gone(), likely_card=likely_card)))
    assert (buried.trash, buried.new) == (None, None)
    document = {"title": "T", "percentComplete": 30, "plannerId": "card", "_rev": 5}
    owner = CardOwner("card", None, deleted=True, by_agent=True)
    step = decide(
        seen(
            document,
            names=NAMES,
            owner=owner,
            likely_card=likely_card,
            stored={"deleted_card": buried.deleted_card},
        )
    )
    assert isinstance(step, TakeCard)
    assert step.state == replace(STATE, planner_id="second", etag="", details_etag="")


def test_a_document_that_names_no_card_is_asked_for_by_the_public_mapping_first() -> None:
    """After a loss its card may be in a plan that is not known yet."""
    assert decide(
        seen({"title": "T"}, names=NAMES, stored={"public_planner_id": "card"})
    ) == AskOwner("card")


def test_a_public_mapping_that_is_no_id_of_a_card_says_nothing() -> None:
    junk = seen({"title": "T"}, names=NAMES, stored={"public_planner_id": "no/card"})
    assert isinstance(decide(junk), CreateCard)


def test_what_a_person_did_to_the_card_of_a_lost_create_is_read_before_anything_is_sent() -> None:
    """Its etag of now and its values of then never go together: a change sent with them
    would undo it."""
    step = decide(
        seen({"title": "T"}, intents=(intent(),), create_candidates=found(card()), names=NAMES)
    )
    assert isinstance(step, TakeCard)
    taken = seen({"title": "T", "percentComplete": 51}, state=step.state, names=NAMES)
    assert decide(taken) == ReadCard(step.state.planner_id)


def test_a_create_whose_card_no_late_listing_shows_is_held_for_not_made() -> None:
    step = decide(
        seen(
            {"title": "T"},
            intents=(intent(),),
            create_candidates=found(began=NOW + GRACE_MS),
            names=NAMES,
        )
    )
    assert step == DropIntent("n1", "plan")


def test_then_it_is_posted_again() -> None:
    assert isinstance(decide(seen({"title": "T"}, names=NAMES, dropped=True)), CreateCard)


def test_then_nothing_is_posted_that_planner_has_refused() -> None:
    text = json.dumps({"title": "T"}).encode()
    refusal = Refused("refused_by_planner", hash=document_hash(text))
    order = order_of(
        decide(seen({"title": "T"}, names=NAMES, dropped=True, stored={"refusal": refusal}))
    )
    assert isinstance(order, Postpone)
    assert order.due_ms == -1


def test_what_planner_had_no_room_for_is_posted_again_an_hour_later() -> None:
    at, text = NOW - HOUR_MS // 4, json.dumps({"title": "T"}).encode()
    refusal = Refused("limit", retrying=True, at=at, hash=document_hash(text))
    order = order_of(
        decide(seen({"title": "T"}, names=NAMES, dropped=True, stored={"refusal": refusal}))
    )
    assert isinstance(order, Postpone)
    assert order.due_ms == HOUR_MS - HOUR_MS // 4


def test_nothing_is_posted_again_before_the_last_question() -> None:
    first = found(began=NOW + GRACE_MS, last=False)
    assert (
        order_of(
            decide(seen({"title": "T"}, intents=(intent(),), create_candidates=first, names=NAMES))
        ).due_ms
        == GRACE_MS
    )


def test_a_create_intent_whose_document_is_gone_is_forgotten_with_it() -> None:
    assert decide(
        seen(None, intents=(intent(),), create_candidates=found(began=NOW + GRACE_MS))
    ) == DropIntent("n1", "plan")
    assert isinstance(order_of(decide(seen(None, dropped=True))), Forget)


# -- a new document --------------------------------------------------------------------------------
def test_a_new_document_needs_the_names_of_its_plan() -> None:
    assert decide(seen({"title": "T"})) == ReadNames()


@pytest.mark.contract("§4 rule: without bucket and bucketId")
def test_a_new_document_is_created_in_the_first_bucket() -> None:
    step = decide(seen({"title": "T"}, names=NAMES))
    assert step == CreateCard("plan", {"bucketId": "todo", "title": "T"})


def test_details_are_left_for_a_second_request() -> None:
    step = decide(seen({"title": "T", "description": "x", "planId": "plan-2"}, names=NAMES))
    assert step == CreateCard("plan-2", {"bucketId": "todo", "title": "T"})


@pytest.mark.parametrize(
    ("members", "names", "step"),
    [
        pytest.param(
            {"bucket": "New"},
            {},
            ReadNames(fresh=True),
            id="a bucket that is not known: read again",
        ),
        pytest.param(
            {"bucket": "New"}, {"names_fresh": True}, MakeName("bucket", "New"), id="then made"
        ),
        pytest.param(
            {"labels": ["Blue"]},
            {},
            ReadNames(fresh=True),
            id="a label that is not known: read again",
        ),
        pytest.param(
            {"labels": ["Blue"]},
            {"names_fresh": True},
            MakeName("label", "Blue"),
            id="a label: then made",
        ),
        pytest.param(
            {"assignedTo": ["bot"]},
            {"names_fresh": True},
            MakeName("label", "Agent: bot"),
            id="an agent is a label",
        ),
        pytest.param(
            {"assignedTo": ["a@b.c"]}, {}, FindPeople(("a@b.c",)), id="a person is looked up"
        ),
    ],
)
def test_names_are_settled_before_anything_is_sent(
    members: dict[str, Any], names: dict[str, Any], step: Step
) -> None:
    assert decide(seen({"title": "T", **members}, names=NAMES, **names)) == step


@pytest.mark.parametrize(
    ("members", "more", "code"),
    [
        pytest.param({"planId": "other"}, {}, "unknown_plan", id="a plan that is not ours"),
        pytest.param(
            {"bucketId": "none"},
            {"names_fresh": True},
            "unknown_bucket",
            id="a bucket id that is not there",
        ),
        pytest.param(
            {"startDate": "2026-03-02", "dueDate": "2026-03-01"},
            {},
            "bad_field",
            id="a start after the due date",
        ),
    ],
)
@pytest.mark.contract("§4 rule: refused as a whole")
def test_a_document_that_cannot_be_done_is_refused(
    members: dict[str, Any], more: dict[str, Any], code: Code
) -> None:
    with pytest.raises(Refusal) as refused:
        decide(seen({"title": "T", **members}, names=NAMES, **more))
    assert refused.value.code == code


# -- a document that names a card ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("task_id", "members"),
    [
        pytest.param("t1", {"plannerId": "card"}, id="inside"),
        pytest.param(IMPORT_ID, {}, id="by its own id"),
    ],
)
def test_whose_a_named_card_is_must_be_known(task_id: str, members: dict[str, Any]) -> None:
    step = decide(seen({"title": "T", **members}, claim={"task_id": task_id}, names=NAMES))
    assert step == AskOwner(members.get("plannerId") or "c" * 28)


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
def test_a_named_card_that_nobody_has_is_read_and_adopted() -> None:
    alone = seen(
        {"title": "T", "plannerId": "card"}, names=NAMES, owner=CardOwner("card", None, False)
    )
    assert decide(alone) == ReadCard("card")
    step = decide(replace(alone, view=listed()))
    assert isinstance(step, TakeCard)
    assert step.state.planner_id == "card"


def test_a_card_is_adopted_with_its_details_only() -> None:
    assert decide(seen({"title": "T"}, names=NAMES, view=listed(details=False))) == ReadDetails(
        "card"
    )


def test_a_named_card_of_another_document_makes_this_one_a_new_task() -> None:
    step = decide(
        seen({"title": "T", "plannerId": "card"}, names=NAMES, owner=CardOwner("card", "t2", False))
    )
    assert isinstance(step, CreateCard)


DELETED = DeletedCard("card", "planner", "T", NOW)
DELETED_BY_AGENT = DeletedCard("card", "agent", "T", NOW)
BURIED = {"names": NAMES, "owner": CardOwner("card", None, True)}
BY_AGENT = {"names": NAMES, "owner": CardOwner("card", None, True, by_agent=True)}


@pytest.mark.parametrize(
    ("members", "more"),
    [
        pytest.param(
            {"plannerId": "card"},
            {**BURIED, "stored": {"deleted_card": DELETED}},
            id="with its plannerId",
        ),
        pytest.param({"plannerId": "card"}, BURIED, id="with its plannerId, under another id"),
        pytest.param(
            {},
            {"names": NAMES, "stored": {"deleted_card": DELETED}},
            id="without, under its id and title",
        ),
    ],
)
@pytest.mark.contract("§6 Human deletes the card")
def test_a_stale_copy_of_a_card_that_a_human_deleted_is_refused(
    members: dict[str, Any], more: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as refused:
        decide(seen({"title": "T", **members}, **more))
    assert refused.value.code == "stale_copy"


@pytest.mark.parametrize(
    ("members", "more"),
    [
        pytest.param({"title": "Other"}, {"stored": {"deleted_card": DELETED}}, id="another title"),
        pytest.param(
            {},
            {"stored": {"deleted_card": DELETED}, "claim": {"announced": "created"}},
            id="a created message came",
        ),
        pytest.param(
            {}, {"stored": {"deleted_card": DELETED_BY_AGENT}}, id="an agent had deleted it"
        ),
        pytest.param(
            {"plannerId": "card"},
            {**BY_AGENT, "stored": {"deleted_card": DELETED_BY_AGENT}},
            id="the same, with plannerId",
        ),
        pytest.param({"plannerId": "card"}, BY_AGENT, id="the same, under another id"),
    ],
)
def test_a_new_task_under_an_old_id_is_created(
    members: dict[str, Any], more: dict[str, Any]
) -> None:
    step = decide(seen({"title": "T", **members}, **{"names": NAMES, **more}))
    assert isinstance(step, CreateCard)
