"""The decision about a task that has a card, row by row of the table in `mapped.py`: what was
observed, the next step."""

import json
from dataclasses import replace
from typing import Any

import pytest

from planner_sync.decide.mapped import decide
from planner_sync.decide.observation import Fresh, Gone, Listed
from planner_sync.decide.steps import (
    BuryCard,
    DeleteCard,
    Finish,
    PatchDetails,
    PatchTask,
    ReadCard,
    ReadDetails,
    ReadNames,
    TakeCard,
)
from planner_sync.errors import Refusal
from planner_sync.model import dialects
from planner_sync.model.orders import Bury, DocumentSeen, Forget, Postpone
from planner_sync.model.task import Value
from tests.sync.looks import (
    ATOMS,
    IMPORT_ID,
    NAMES,
    POLICY,
    STATE,
    after_intents,
    card,
    fresh,
    intent,
    known,
    listed,
    order_of,
    seen,
)


# -- an open intent of a card that is there --------------------------------------------------------
def test_an_open_intent_is_judged_by_a_fresh_card_only() -> None:
    assert decide(known({}, intents=(intent("update"),), view=listed())) == ReadCard("card")


def test_what_of_an_intent_is_on_the_card_was_uploaded() -> None:
    intents = (intent("update", title="New", priority=1),)
    there = card(atoms={**ATOMS, "title": "New"})
    seen = known({"title": "New"}, intents=intents, view=Fresh(there))
    order = order_of(decide(after_intents(seen)))
    (message,) = [json.loads(text) for _, text in order.messages]
    assert (message["action"], message["fields"]) == ("uploaded", ["title"])
    assert order.intents_done == ("n1",)


def test_whatever_of_any_intent_is_on_the_card_counts() -> None:
    """The first request was carried out, the second, which took it back, was not."""
    intents = (intent("update", title="New"), intent("update", nonce="n2", title="T"))
    there = card(atoms={**ATOMS, "title": "New"})
    seen = known({}, intents=intents, view=Fresh(there))
    assert decide(after_intents(seen)) == PatchTask({"title": "T"})


@pytest.mark.contract("§6 The process is killed at any instant")
def test_what_an_unanswered_change_has_set_is_told_although_the_document_is_gone() -> None:
    gone = known(
        None,
        intents=(intent("update", title="New"),),
        view=fresh(atoms={**ATOMS, "title": "New"}),
    )
    assert decide(replace(gone, names=None)) == ReadNames()
    (message,) = [json.loads(text) for _, text in order_of(decide(after_intents(gone))).messages]
    assert (message["action"], message["fields"]) == ("uploaded", ["title"])


@pytest.mark.contract("§6 The process is killed at any instant")
def test_an_unanswered_delete_that_was_carried_out_was_the_agents() -> None:
    order = order_of(decide(known(None, intents=(intent("delete"),), view=Gone())))
    (message,) = [json.loads(text) for _, text in order.messages]
    assert isinstance(order, Bury)
    assert (message["action"], message["by"]) == ("deleted", "agent")


def test_a_document_that_came_after_our_own_delete_gets_a_new_card() -> None:
    there = known({}, intents=(intent("delete"),), view=Gone())
    order = order_of(decide(there))
    assert isinstance(order, Bury)
    assert (order.document, order.new) == (there.stored.document, None)


def test_of_a_document_that_came_after_our_own_delete_the_last_one_is_in_the_trash() -> None:
    before = b'{"title": "Before"}'
    order = order_of(
        decide(known({}, intents=(intent("delete"),), stored={"last": before}, view=Gone()))
    )
    assert order.trash.document == before.decode()


# -- document and card -----------------------------------------------------------------------------
def test_nothing_new_writes_nothing() -> None:
    order = order_of(decide(known({})))
    assert (order.new, order.messages, order.document_messages) == (None, (), ())


@pytest.mark.contract("§6 Agent creates or updates")
def test_only_what_changed_is_sent() -> None:
    assert decide(known({"title": "New"})) == PatchTask({"title": "New"})


def test_the_task_is_patched_before_its_details() -> None:
    both = known({"title": "New", "description": "x"})
    assert decide(both) == PatchTask({"title": "New"})
    after = replace(both, state=STATE.agree({"title": "New"}))
    assert decide(after) == PatchDetails({"description": "x"})


def test_details_that_were_never_read_are_read_before_they_are_changed() -> None:
    unread = replace(STATE, details_etag="")
    assert decide(known({"description": "x"}, state=unread)) == ReadCard("card")
    assert decide(
        known({"description": "x"}, state=unread, view=listed(details=False))
    ) == ReadDetails("card")


@pytest.mark.contract("§6 Human edits, completes, moves, relabels, reassigns")
def test_what_a_human_changed_is_written_and_told() -> None:
    order = order_of(decide(known({}, view=listed(atoms={**ATOMS, "title": "Human's"}))))
    assert (json.loads(order.new)["title"], order.messages) == ("Human's", ())
    (message,) = [json.loads(text) for _, text in order.document_messages]
    assert (message["action"], message["changed"], message["source"]) == (
        "updated",
        ["title"],
        "planner",
    )


def test_a_label_that_became_the_name_of_an_agent_is_shown_as_the_agent() -> None:
    state = replace(STATE, base={**ATOMS, "labels category9": True}, shown=("title", "labels"))
    names = replace(NAMES, labels={**NAMES.labels, "category9": "Agent: scout"})
    order = order_of(decide(known({"labels": ["category9"]}, state=state, names=names)))
    assert (json.loads(order.new)["labels"], json.loads(order.new)["assignedTo"]) == ([], ["scout"])


def test_a_conflict_that_is_still_to_be_said_is_said_although_the_card_is_gone() -> None:
    message = {"action": "conflict", "field": "title"}
    step = decide(known({}, state=replace(STATE, unsent_messages=(message,)), view=Gone()))
    assert isinstance(step, BuryCard)
    assert json.loads(step.order.messages[0][1]) == message


def test_an_item_of_a_card_that_was_not_read_is_shown_all_the_same() -> None:
    item: dict[str, Value] = {
        "checklist 1": True,
        "checklist 1 title": "one",
        "checklist 1 isChecked": False,
    }
    state = replace(STATE.agree(item).see_human(item, 9), shown=("title", "checklist"))
    order = order_of(decide(known({"checklist": []}, state=state)))
    assert json.loads(order.new)["checklist"] == [{"id": "1", "title": "one", "isChecked": False}]


def test_a_task_that_must_be_read_is_read_first() -> None:
    assert decide(known({"title": "New"}, claim={"reason": "recheck"})) == ReadCard("card")


@pytest.mark.contract("§4 planId")
def test_another_plan_in_the_document_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        decide(known({"planId": "plan-2"}))
    assert refused.value.code == "plan_changed"


def test_a_card_that_moved_to_another_of_our_plans_is_followed() -> None:
    step = decide(known({}, view=listed(plan_id="plan-2")))
    assert isinstance(step, TakeCard)
    assert step.state.plan_id == "plan-2"


def test_a_card_that_moved_out_of_our_plans_gets_nothing_more() -> None:
    with pytest.raises(Refusal) as refused:
        decide(known({"title": "New"}, view=listed(plan_id="other")))
    assert refused.value.code == "unknown_plan"


# -- the card is gone ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("members", "actions"),
    [
        pytest.param({}, ["deleted"], id="untouched"),
        pytest.param({"title": "Edited"}, ["deleted", "conflict"], id="while an agent was editing"),
    ],
)
@pytest.mark.contract("§6 Human deletes the card")
def test_a_humans_delete_takes_the_document_to_the_trash(
    members: dict[str, Any], actions: list[str]
) -> None:
    step = decide(known(members, view=Gone()))
    assert isinstance(step, BuryCard)
    assert (step.order.new, step.order.only_same) == (b"", True)
    assert step.order.trash is not None
    assert [json.loads(text)["action"] for _, text in step.order.messages] == actions


def test_a_document_that_was_not_read_whole_outlives_its_card() -> None:
    """The trash would have only its beginning."""
    large = DocumentSeen(b"{", size=300_000)
    refusal = Refusal("limit", "too large")
    step = decide(known(None, refusal=refusal, view=Gone(), stored={"document": large}))
    assert isinstance(step, BuryCard)
    assert (step.order.document, step.order.new, step.order.document_messages) == (large, None, ())


@pytest.mark.contract("§6 Human deletes the card")
def test_where_agents_win_a_document_that_was_edited_gets_a_new_card() -> None:
    policy = replace(POLICY, winner="agents")
    order = order_of(decide(known({"title": "Edited"}, view=Gone(), policy=policy)))
    assert isinstance(order, Bury)
    assert json.loads(order.new)["title"] == "Edited"


# -- name and id of a bucket -----------------------------------------------------------------------
def test_a_new_name_beside_an_id_of_the_past_is_what_the_agent_meant() -> None:
    """Its copy was read before our answer to another agent brought the id into line."""
    names = replace(NAMES, buckets=(*NAMES.buckets, ("done", "Done")))
    state = replace(STATE.agree({"bucketId": "doing"}), rev=6)
    last = dialects.parse(b'{"title": "T", "bucket": "Doing", "bucketId": "doing", "_rev": 6}')
    old = known({"bucket": "Done", "bucketId": "todo"}, state=state, last=last, names=names)
    step = decide(replace(old, view=fresh(atoms={**ATOMS, "bucketId": "doing"})))
    assert isinstance(step, PatchTask)
    assert step.changes == {"bucketId": "done"}


# -- the document is missing -----------------------------------------------------------------------
def test_neither_document_nor_card_is_forgotten() -> None:
    assert isinstance(order_of(decide(seen(None))), Forget)


@pytest.mark.contract("§6 Human creates a card")
def test_a_card_of_nobody_gets_its_document() -> None:
    order = order_of(decide(seen(None, view=listed(), names=NAMES, claim={"task_id": IMPORT_ID})))
    text = json.loads(order.new)
    assert (text["id"], text["title"], text["plannerId"]) == (IMPORT_ID, "T", "card")


def test_an_import_rests_on_the_epoch_of_its_pass() -> None:
    imported = seen(None, view=listed(), names=NAMES, claim={"task_id": IMPORT_ID}, epoch="run 7")
    assert order_of(decide(imported)).epoch == "run 7"


def test_a_card_in_a_bucket_that_nobody_knows_has_the_names_read_again() -> None:
    there = card(atoms={**ATOMS, "bucketId": "new"})
    imported = {"view": Listed(there), "names": NAMES, "claim": {"task_id": IMPORT_ID}}
    assert decide(seen(None, **imported)) == ReadNames(fresh=True)
    assert isinstance(decide(seen(None, **imported, names_fresh=True)), Finish)


def test_a_document_that_is_missing_without_a_word_is_waited_for() -> None:
    order = order_of(decide(known(None)))
    assert isinstance(order, Postpone)
    assert (order.due_ms, order.unfinished) == (-1, False)


SAID, MISSING = {"announced": "deleted"}, {"reason": "confirmed_missing"}


@pytest.mark.parametrize(
    "claim", [pytest.param(SAID, id="announced"), pytest.param(MISSING, id="missing twice")]
)
@pytest.mark.contract("§6 Agent deletes: `DEL` the key and publish `deleted`")
@pytest.mark.contract("§6 Key vanishes without a `deleted` message")
def test_a_delete_is_sent_only_for_a_fresh_card_that_nobody_changed(claim: dict[str, str]) -> None:
    assert decide(known(None, claim=claim)) == ReadCard("card")
    assert decide(known(None, claim=claim, view=listed())) == ReadCard("card")
    assert decide(known(None, claim=claim, view=fresh())) == DeleteCard("card")


@pytest.mark.contract("§6 Agent deletes: `DEL` the key and publish `deleted`")
def test_a_document_comes_back_whose_agent_could_not_be_told_what_a_human_had_changed() -> None:
    """The document was deleted between the reading of the card and the settle that was to show
    it."""
    told_nobody = replace(STATE, unreported_edits=("dueDate",))
    step = decide(known(None, claim={"announced": "deleted"}, state=told_nobody, view=fresh()))
    order = order_of(step)
    assert order.new
    assert [json.loads(text)["changed"] for _, text in order.document_messages] == [["dueDate"]]


def test_a_document_whose_card_a_human_changed_comes_back_with_a_conflict() -> None:
    last = json.dumps({"title": "T", "mine": 1, "plannerId": "card", "_rev": 5}).encode()
    there = card(atoms={**ATOMS, "title": "Human's"})
    gone = known(
        None, claim=SAID, view=Fresh(there), last=dialects.parse(last), stored={"last": last}
    )
    order = order_of(decide(gone))
    text = json.loads(order.new)
    assert (text["title"], text["mine"]) == ("Human's", 1)
    (message,) = [json.loads(text) for _, text in order.messages]
    assert (message["action"], message["field"], message["kept"], message["lost"]) == (
        "conflict",
        "deleted",
        False,
        True,
    )


@pytest.mark.parametrize(
    ("claim", "by"),
    [
        pytest.param(SAID, "agent", id="announced"),
        pytest.param(MISSING, "planner", id="nothing said"),
    ],
)
def test_a_task_that_is_gone_on_both_sides_is_buried(claim: dict[str, str], by: str) -> None:
    order = order_of(decide(known(None, claim=claim, view=Gone())))
    (message,) = [json.loads(text) for channel, text in order.messages]
    assert isinstance(order, Bury)
    assert message["by"] == by


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
def test_while_redis_recovers_a_missing_document_comes_back() -> None:
    last = json.dumps({"title": "T", "mine": 1, "plannerId": "card", "_rev": 5}).encode()
    lost = known(
        None,
        view=fresh(),
        recovering=True,
        last=dialects.parse(last),
        stored={"last": last},
    )
    order = order_of(decide(lost))
    assert (json.loads(order.new)["mine"], order.messages) == (1, ())


# -- refused ---------------------------------------------------------------------------------------
@pytest.mark.contract("§4 rule: the key is the id")
def test_a_key_that_is_no_string_is_refused_like_a_bad_document() -> None:
    refusal = Refusal("not_json", "the key of the document holds something that is no string")
    with pytest.raises(Refusal, match="no string"):
        decide(
            known(None, refusal=refusal, stored={"document": DocumentSeen(None, wrong_type=True)})
        )


@pytest.mark.contract("§4 rule: the key is the id")
def test_another_id_inside_stays_and_means_nothing() -> None:
    there = card(atoms={**ATOMS, "title": "Human's"})
    order = order_of(decide(known({"id": "another"}, view=Listed(there))))
    assert json.loads(order.new)["id"] == "another"
    assert json.loads(order.document_messages[0][1])["taskId"] == "t1"


# -- a plan that is not ours any more --------------------------------------------------------------
ELSEWHERE = replace(STATE, plan_id="plan-9")


@pytest.mark.parametrize("intents", [(), (intent("update"),)], ids=["plain", "with an open intent"])
def test_a_document_whose_card_is_in_no_plan_of_ours_is_refused_and_nothing_is_read(
    intents: Any,
) -> None:
    with pytest.raises(Refusal, match="the card is in plan plan-9") as refused:
        decide(known({"title": "New"}, state=ELSEWHERE, names=None, intents=intents))
    assert refused.value.code == "unknown_plan"


@pytest.mark.parametrize("claim", [SAID, MISSING], ids=["announced", "missing"])
def test_deleting_such_a_document_lets_its_card_go(claim: dict[str, str]) -> None:
    order = order_of(decide(known(None, state=ELSEWHERE, names=None, claim=claim)))
    assert isinstance(order, Bury)
    assert (order.messages, order.trash, order.deleted_card) == ((), None, None)


def test_a_card_that_was_moved_back_to_one_of_ours_is_followed() -> None:
    step = decide(known({}, state=ELSEWHERE, names=None, view=listed()))
    assert isinstance(step, TakeCard)
    assert step.state.plan_id == "plan"
