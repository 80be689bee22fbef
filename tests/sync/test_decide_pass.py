"""Which visits a pass makes: every rule of a plan as a table. Pure."""

from dataclasses import replace
from typing import Any

import pytest

from planner_sync.decide.plan import (
    PASSES_UNMAPPED,
    after_visits,
    begin_stage,
    decide_pass,
    is_adopted,
    stages,
)
from planner_sync.decide.plan_observation import (
    CARD_SHOWS_MS,
    DETAILS_AT_LEAST,
    Answer,
    Documents,
    PlanObservation,
    forbidden,
    questions,
)
from planner_sync.decide.visits import (
    Adopt,
    AnnounceNames,
    Bury,
    CountUnmapped,
    DeleteOrphan,
    ForgetOrphan,
    Import,
    PlaceOrphan,
    Reconcile,
    ResolveCreate,
    Restore,
    TakeRecreated,
    TryLikely,
)
from planner_sync.model.card import Card
from planner_sync.model.fields import DEFAULTS
from planner_sync.model.records import Orphan
from planner_sync.model.task import Document
from tests.sync.looks import NOW, card

MAPPED = {"known": {"A": "e d"}, "owners": {"A": "t1"}}
RECOVERING = {"recovering": True}
OLD = NOW - CARD_SHOWS_MS - 1


def seen(*cards: Card, **more: Any) -> PlanObservation:
    """A listing of these cards, which nobody has unless `owners` says so."""
    by_id = {each.id: each for each in cards}
    listed = frozenset({*by_id, *more.pop("unchanged", ())})
    given: dict[str, Any] = {
        "application": "app",
        "unowned": frozenset(by_id.keys() - more.get("owners", {}).keys()),
        "listed": listed,
        "cards": by_id,
        **more,
    }
    return PlanObservation("plan", NOW, **given)


def of(name: str, app: str | None = "another app", **more: Any) -> Card:
    return card(id=name, created_by_app=app, **more)


def document(title: str = "T", planner_id: str | None = None) -> Document:
    fields = {"title": title}
    return Document(dict(fields), "camelCase", fields, planner_id=planner_id)


def after_loss(*cards: Card, public: Any = None, **documents: Document) -> PlanObservation:
    """The same, by a pass that recovers; none of the documents has a card."""
    given = Documents(frozenset(documents), documents, public or {})
    return seen(*cards, recovering=True, documents=given)


# -- what is asked ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "asked"),
    [
        pytest.param({**MAPPED, "unchanged": ["A"]}, (), id="what is listed: nothing"),
        pytest.param(MAPPED, ("A",), id="a known card that is not listed"),
        pytest.param({"listed_before": frozenset("B")}, ("B",), id="one that was listed before"),
        pytest.param({"unmapped_passes": {"B": 1}}, ("B",), id="one that waited for its task"),
        pytest.param({"orphans": {"O": Orphan("t", OLD, {})}}, ("O",), id="an orphan of long ago"),
        pytest.param({"orphans": {"O": Orphan("t", NOW, {})}}, (), id="no orphan of just now"),
    ],
)
def test_a_card_that_is_not_listed_is_asked_for(given: Any, asked: tuple[str, ...]) -> None:
    assert questions(seen(**given)).cards == asked


def test_an_empty_listing_after_a_loss_is_checked_by_what_documents_name() -> None:
    documents = {"t1": document(planner_id="A"), "planner-B": document()}
    assert questions(after_loss(**documents)).cards == ("A", "B")
    assert questions(after_loss(of("C"), **documents)).cards == ()


def test_details_are_read_for_new_cards_that_are_listed_without() -> None:
    listing = seen(of("A", details=False), of("B"), **{**MAPPED, "brings_details": False})
    assert questions(seen(of("B", details=False), of("C"))).new == ("B",)
    assert questions(listing).new == ()


def test_where_the_listing_brings_no_details_known_cards_are_read_by_turns() -> None:
    known = {f"c{n:02}": "e d" for n in range(50)}
    listing = seen(unchanged=known, known=known, brings_details=False, details_after="c29")
    turn = questions(listing).by_turns
    assert (turn[0], turn[-1], len(turn)) == ("c30", "c19", DETAILS_AT_LEAST)
    assert questions(seen(unchanged=known, known=known)).by_turns == ()


def test_a_forbidden_card_is_asked_for_again_while_a_create_is_open() -> None:
    given = {"listed_before": frozenset("B"), "answers": {"B": "forbidden"}}
    assert list(forbidden(seen(**given))) == []
    assert list(forbidden(seen(**given, creates={"t": NOW}))) == ["B"]


# -- known -----------------------------------------------------------------------------------------
MOVED = of("A", plan_id="plan-2")


@pytest.mark.parametrize(
    ("observed", "visits"),
    [
        pytest.param(seen(unchanged=["A"], **MAPPED), (), id="known and as before"),
        pytest.param(seen(of("A"), **MAPPED), (Reconcile("t1", of("A")),), id="known and changed"),
        pytest.param(
            seen(of("A"), owners={"A": "t1"}),
            (Reconcile("t1", of("A")),),
            id="moved here by people",
        ),
        pytest.param(
            seen(answers={"A": MOVED}, **MAPPED), (Reconcile("t1", MOVED),), id="moved away"
        ),
        pytest.param(
            seen(answers={"A": "gone"}, **MAPPED), (Bury("t1", "A", False),), id="gone, a new one"
        ),
        pytest.param(
            seen(answers={"A": "gone"}, listed_before=frozenset("A"), **MAPPED),
            (Bury("t1", "A", True),),
            id="gone, and listed before",
        ),
        pytest.param(
            seen(answers={"A": "gone"}, **MAPPED, **RECOVERING), (), id="gone, after a loss"
        ),
        pytest.param(seen(answers={"A": of("A")}, **MAPPED), (), id="left out of the listing"),
        pytest.param(seen(answers={"A": "forbidden"}, **MAPPED), (), id="forbidden"),
        pytest.param(seen(answers={"A": None}, **MAPPED), (), id="no answer"),
        pytest.param(seen(of("B")), (), id="nobody's"),
    ],
)
def test_known_cards(observed: PlanObservation, visits: Any) -> None:
    assert decide_pass(observed, "known") == visits


def test_new_names_are_announced_to_every_task_but_the_first_ones_to_none() -> None:
    given = {**MAPPED, "unchanged": ["A"], "names_now": "new"}
    assert decide_pass(seen(**given), "known") == (AnnounceNames("new", ()),)
    renamed = decide_pass(seen(**given, names_before="old"), "known")
    assert renamed == (AnnounceNames("new", ("t1",)),)
    assert decide_pass(seen(**given, names_before="new"), "known") == ()


def test_a_card_that_cannot_be_read_gets_no_visit_and_stops_no_other() -> None:
    unreadable = {"unchanged": ["A", "X"], "unreadable": frozenset("AX"), "known": {"A": "e d"}}
    observed = seen(of("B"), **unreadable, owners={"A": "t1"})
    assert decide_pass(observed, "known") == ()
    assert decide_pass(observed, "rest") == (Import("planner-B", of("B")),)


# -- creates whose answer was lost -----------------------------------------------------------------
def test_one_create_after_the_other_is_offered_our_cards_that_nobody_has() -> None:
    ours, theirs = of("A", "app"), of("B")
    observed = seen(ours, theirs, creates={"t1": 0, "t2": 0})
    (first,) = decide_pass(observed, "contents")
    assert isinstance(first, ResolveCreate)
    assert (first.task_id, first.candidates.candidates) == ("t1", [ours])
    assert (first.candidates.last, first.candidates.own) == (False, None)

    taken = after_visits(observed, [first], ()).refreshed({"A": "t1"}, {"t2": 0}, "app")
    (second,) = decide_pass(taken, "contents")
    assert isinstance(second, ResolveCreate)
    assert (second.task_id, second.candidates.candidates) == ("t2", [])
    assert decide_pass(after_visits(taken, [second], ()), "contents") == ()


def test_by_its_place_a_create_is_offered_the_card_made_at_its_time() -> None:
    ours = of("A", "app", created_at="2023-11-14T22:13:20Z")  # NOW
    observed = begin_stage(seen(ours, creates={"t1": NOW}), "places")
    (visit,) = decide_pass(observed, "places")
    assert isinstance(visit, ResolveCreate)
    assert (visit.candidates.last, visit.candidates.own) == (True, ours)


NEW = of("L", created_at="2023-11-14T22:13:00Z")


@pytest.mark.parametrize(
    ("answer", "visits"),
    [
        pytest.param("gone", 1, id="a card that is gone is no gap"),
        pytest.param("elsewhere", 1, id="nor one in a plan that we may not read"),
        pytest.param(MOVED, 1, id="nor one in another plan"),
        pytest.param(NEW, 1, id="a new card makes the listing older"),
        pytest.param(of("L"), 0, id="an old card that is left out: it proves nothing"),
        pytest.param("forbidden", 0, id="nor does one that may be back"),
        pytest.param(None, 0, id="nor without an answer"),
    ],
)
def test_a_lost_create_is_resolved_by_a_complete_listing_only(answer: Answer, visits: int) -> None:
    observed = seen(listed_before=frozenset("L"), answers={"L": answer}, creates={"t1": NOW})
    assert len(decide_pass(observed, "contents")) == visits


def test_no_lost_create_is_resolved_beside_a_new_card_that_cannot_be_read() -> None:
    given = {"unchanged": ["X"], "unreadable": frozenset("X"), "creates": {"t1": NOW}}
    assert decide_pass(seen(**given, unowned=frozenset("X")), "contents") == ()
    assert len(decide_pass(seen(**given, owners={"X": "t9"}), "contents")) == 1


def test_a_create_that_was_sent_again_keeps_its_time_and_newer_ones_do_not_count() -> None:
    observed = seen(creates={"t1": 1, "t2": 2})
    again = observed.refreshed({}, {"t1": 9, "t3": 9}, "app")
    assert again.creates == {"t1": 1}


# -- orphans ---------------------------------------------------------------------------------------
POSTED = {"title": "T", "bucketId": "todo"}
ORPHAN = {"O": Orphan("t1", OLD, POSTED)}
THERE = of("O", atoms={**DEFAULTS, **POSTED})
EDITED = of("O", atoms={**DEFAULTS, **POSTED, "title": "Edited"})


@pytest.mark.parametrize(
    ("observed", "visits"),
    [
        pytest.param(seen(answers={"O": "gone"}), (ForgetOrphan("O"),), id="gone"),
        pytest.param(
            seen(answers={"O": of("O", plan_id="plan-2")}), (ForgetOrphan("O"),), id="moved away"
        ),
        pytest.param(seen(answers={"O": None}), (), id="no answer"),
        pytest.param(seen(THERE, creates={"t1": NOW}), (), id="its create may still claim it"),
        pytest.param(
            seen(THERE, mapped=frozenset({"t1"})), (DeleteOrphan(THERE),), id="one too many"
        ),
        pytest.param(
            seen(EDITED, mapped=frozenset({"t1"})), (ForgetOrphan("O"),), id="people changed it"
        ),
        pytest.param(
            seen(THERE, with_document=frozenset({"t1"})), (PlaceOrphan("t1", THERE),), id="its own"
        ),
        pytest.param(seen(THERE), (ForgetOrphan("O"),), id="its document is gone"),
    ],
)
def test_orphans(observed: PlanObservation, visits: Any) -> None:
    assert decide_pass(replace(observed, orphans=ORPHAN), "orphans") == visits


def test_an_orphan_waits_while_it_is_not_known_what_a_create_of_its_task_has_made() -> None:
    orphan = {"orphans": {"O": Orphan("t", OLD, {})}, "with_document": frozenset("t")}
    before = seen(of("O", app="app"), creates={"t": NOW}, **orphan)
    after = before.refreshed({}, {}, "app")
    assert decide_pass(after, "orphans") == ()
    assert decide_pass(after, "rest") == (CountUnmapped({"O": 1}),)
    assert decide_pass(replace(after, ended_creates=frozenset()), "orphans") != ()


@pytest.mark.parametrize(("at", "visits"), [(OLD, (ForgetOrphan("O"),)), (NOW, ())])
def test_a_404_proves_that_an_orphan_is_gone_only_when_it_had_time_to_show(
    at: int, visits: Any
) -> None:
    observed = seen(orphans={"O": Orphan("t", at, {})}, answers={"O": "gone"})
    assert decide_pass(observed, "orphans") == visits


def test_a_plan_is_not_adopted_while_a_card_without_a_task_cannot_be_read() -> None:
    """It may be that of any document."""
    lost = seen(of("A"), recovering=True, unreadable=frozenset("B"), unowned=frozenset("B"))
    assert not is_adopted(lost)
    assert is_adopted(replace(lost, unowned=frozenset()))


def test_a_plan_is_not_adopted_while_the_listing_leaves_out_a_card_without_a_task() -> None:
    lost = seen(of("A"), recovering=True, listed_before=frozenset("L"), answers={"L": of("L")})
    assert not is_adopted(lost)
    assert is_adopted(replace(lost, owners={"L": "t"}))


def test_of_two_orphans_of_a_task_one_is_placed_and_the_other_deleted() -> None:
    second = replace(THERE, id="P")
    orphans = {**ORPHAN, "P": ORPHAN["O"]}
    observed = seen(THERE, second, orphans=orphans, with_document=frozenset({"t1"}))
    first = decide_pass(observed, "orphans")
    assert first == (PlaceOrphan("t1", THERE),)
    placed = after_visits(observed, first, ()).refreshed({"O": "t1"}, {}, "app")
    assert decide_pass(placed, "orphans") == (DeleteOrphan(second),)


def test_an_orphan_that_was_placed_or_deleted_is_not_imported() -> None:
    observed = seen(THERE, of("B"))
    for visit in (PlaceOrphan("t1", THERE), DeleteOrphan(THERE)):
        assert decide_pass(after_visits(observed, [visit], ()), "rest") == (
            Import("planner-B", of("B")),
        )


# -- adoption --------------------------------------------------------------------------------------
A = of("A", "app")


@pytest.mark.parametrize(
    ("documents", "public", "task_id"),
    [
        pytest.param(
            {"t1": document(), "t2": document(planner_id="A"), "planner-A": document()},
            {"A": "t1"},
            "t1",
            id="first the public mapping",
        ),
        pytest.param(
            {"t2": document(planner_id="A"), "planner-A": document()},
            {},
            "t2",
            id="then the plannerId inside",
        ),
        pytest.param({"planner-A": document()}, {}, "planner-A", id="then the id of the document"),
        pytest.param({"t1": document()}, {"A": "no id/"}, None, id="a mapping to no task id"),
    ],
)
def test_a_document_that_names_a_card_gets_it(
    documents: dict[str, Document], public: dict[str, str], task_id: str | None
) -> None:
    visits = decide_pass(after_loss(A, public=public, **documents), "named")
    assert visits == ((Adopt(task_id, A),) if task_id else ())


def test_a_copy_does_not_name_the_card_of_another_task() -> None:
    documents = Documents(frozenset({"t2"}), {"t2": document(planner_id="A")})
    observed = seen(of("B", "app"), owners={"A": "t1"}, documents=documents, **RECOVERING)
    assert decide_pass(observed, "named") == ()
    assert decide_pass(observed, "likely") == (TryLikely("t2", of("B", "app")),)


def test_the_public_mapping_does_not_name_a_task_that_has_a_card() -> None:
    documents = Documents(public={"A": "t1"}, mapped=frozenset({"t1"}))
    observed = seen(A, documents=documents, **RECOVERING)
    assert decide_pass(observed, "named") == ()


def test_a_document_that_two_cards_name_is_visited_once() -> None:
    documents = {"t1": document(planner_id="B")}
    visits = decide_pass(after_loss(A, of("B"), public={"A": "t1"}, **documents), "named")
    assert visits == (Adopt("t1", A),)


def test_a_card_of_an_application_is_tried_with_a_document_of_its_title() -> None:
    assert decide_pass(after_loss(A, t1=document()), "likely") == (TryLikely("t1", A),)
    assert decide_pass(after_loss(A, t1=document("Other")), "likely") == ()
    assert decide_pass(after_loss(of("A", None), t1=document()), "likely") == ()


def test_what_becomes_of_one_card_decides_the_document_for_the_next() -> None:
    observed = after_loss(A, of("B", "app"), t1=document(), t2=document())
    first = decide_pass(observed, "likely")
    assert first == (TryLikely("t1", A),)
    tried = after_visits(observed, first, ())

    taken = tried.refreshed({"A": "t1"}, {}, "app")
    assert decide_pass(taken, "likely") == (TryLikely("t2", of("B", "app")),)
    assert decide_pass(tried, "likely") == (TryLikely("t1", of("B", "app")),)


def test_last_a_document_whose_own_card_is_gone_is_tried() -> None:
    recreated = seen(
        A,
        known={"G": "e d"},
        owners={"G": "t1"},
        answers={"G": "gone"},
        documents=Documents(parsed={"t1": document()}),
        **RECOVERING,
    )
    assert decide_pass(recreated, "likely") == (TakeRecreated("t1", A),)
    assert decide_pass(recreated.refreshed({"A": "t1"}, {}, "app"), "likely") == ()


def test_a_card_that_a_document_names_is_not_imported_even_if_it_could_not_be_visited() -> None:
    observed = after_loss(of("A"), of("B"), t1=document(planner_id="A"))
    visits = decide_pass(observed, "named")
    for missed in ((), ("A",)):
        after = after_visits(observed, visits, missed)
        assert decide_pass(after, "rest") == (Import("planner-B", of("B")),)


def test_a_card_whose_likely_document_could_not_be_visited_is_not_imported() -> None:
    observed = after_loss(A, t1=document())
    visits = decide_pass(observed, "likely")
    for missed, rest in (((), (Import("planner-A", A),)), (("A",), ())):
        after = begin_stage(after_visits(observed, visits, missed), "rest")
        assert decide_pass(after, "rest") == rest


@pytest.mark.parametrize(
    ("observed", "adopted"),
    [
        pytest.param(seen(listed_before=frozenset("L")), True, id="nothing was lost"),
        pytest.param(after_loss(A), True, id="every card has been visited"),
        pytest.param(seen(adoption_failed=True, **RECOVERING), False, id="one has not"),
        pytest.param(seen(A, unread=frozenset("A"), **RECOVERING), False, id="no details yet"),
        pytest.param(after_loss(), True, id="an empty plan"),
        pytest.param(
            seen(listed_before=frozenset("L"), **RECOVERING), False, id="a listing that is behind"
        ),
    ],
)
def test_a_plan_is_adopted_when_nothing_is_left_to_visit(
    observed: PlanObservation, adopted: bool
) -> None:
    assert is_adopted(observed) == adopted


def test_after_a_loss_documents_come_before_the_place_in_time() -> None:
    order = stages(after_loss())
    assert order.index("contents") < order.index("named") < order.index("likely")
    assert order.index("likely") < order.index("places") < order.index("rest")
    assert not {"named", "likely"} & set(stages(seen()))


# -- the rest --------------------------------------------------------------------------------------
OURS = of("A", "app")
SEEN_OFTEN = {"unmapped_passes": {"A": PASSES_UNMAPPED}}


@pytest.mark.parametrize(
    ("observed", "visits"),
    [
        pytest.param(seen(of("A")), (Import("planner-A", of("A")),), id="a person's card"),
        pytest.param(seen(OURS), (CountUnmapped({"A": 1}),), id="our own card waits"),
        pytest.param(
            seen(OURS, **SEEN_OFTEN),
            (CountUnmapped({}), Import("planner-A", OURS)),
            id="but not for ever",
        ),
        pytest.param(
            seen(OURS, creates={"t1": NOW}, **SEEN_OFTEN),
            (CountUnmapped({"A": PASSES_UNMAPPED + 1}),),
            id="as long as a create is open",
        ),
        pytest.param(
            seen(OURS, **RECOVERING), (Import("planner-A", OURS),), id="and not after a loss"
        ),
        pytest.param(
            seen(of("A"), application=None, creates={"t1": NOW}),
            (CountUnmapped({"A": 1}),),
            id="any card may be ours while our application is unknown",
        ),
        pytest.param(
            seen(of("A"), application=None), (Import("planner-A", of("A")),), id="without a create"
        ),
        pytest.param(
            seen(of("A"), unread=frozenset("A")),
            (CountUnmapped({"A": 0}),),
            id="details that do not show yet",
        ),
        pytest.param(seen(of("A"), tombstones=frozenset("A")), (), id="known to be deleted"),
        pytest.param(seen(of("A"), owners={"A": "t1"}), (), id="somebody's"),
        pytest.param(
            seen(unmapped_passes={"A": 2}, answers={"A": None}), (), id="left out: its count stays"
        ),
        pytest.param(
            seen(unmapped_passes={"A": 2}, answers={"A": "gone"}), (CountUnmapped({}),), id="gone"
        ),
    ],
)
def test_cards_that_nobody_has(observed: PlanObservation, visits: Any) -> None:
    assert decide_pass(observed, "rest") == visits


def test_a_document_that_is_lost_while_its_card_is_known_comes_back_after_a_loss_only() -> None:
    lost = {"documents": Documents(lost=frozenset({"t1"}))}
    assert decide_pass(seen(**lost, **RECOVERING), "rest") == (Restore("t1"),)
    assert decide_pass(seen(**lost), "rest") == ()


def test_a_visit_is_made_once_in_a_stage() -> None:
    observed = seen(of("A"), of("B"))
    visits = decide_pass(observed, "rest")
    assert decide_pass(after_visits(observed, visits, ("A",)), "rest") == ()


def test_the_next_pass_asks_for_what_this_one_saw() -> None:
    observed = seen(
        of("A"),
        listed_before=frozenset("BCDE"),
        answers={"B": of("B"), "C": "gone", "D": None, "E": of("E", plan_id="plan-2")},
    )
    assert observed.listed_now == frozenset("ABD")
    assert [left_out.id for left_out in observed.left_out] == ["B"]
