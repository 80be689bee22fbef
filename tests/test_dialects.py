"""Which texts are documents, in which dialect, and what the service wrote into them."""

import json

import pytest

from planner_sync.model.dialects import NESTING_MAX, dialect_of, parse, write
from planner_sync.model.task import DOCUMENT_MAX_BYTES, ChecklistItem, Day, Word
from tests.documents import document, field, refusal, written

# -- text ------------------------------------------------------------------


@pytest.mark.contract("§4 rule: refused as a whole")
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="a word"),
        pytest.param(b'{"title":"T"', id="cut off"),
        pytest.param(b'\xef\xbb\xbf{"title":"T"}', id="a byte order mark"),
        pytest.param(b'{"title":"\xff"}', id="not UTF-8"),
        pytest.param(b'{"title":"T","x":NaN}', id="NaN"),
        pytest.param(b'{"title":"T","x":-Infinity}', id="Infinity"),
        pytest.param(b'{"title":"T","x":1e999}', id="a number without end"),
        pytest.param(b'{"title":"T","x":' + b"9" * 10_000 + b"}", id="ten thousand digits"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="a hundred thousand levels"),
        pytest.param(
            b'{"a":' * (NESTING_MAX + 1) + b"1" + b"}" * (NESTING_MAX + 1),
            id="a few levels too many",
        ),
        pytest.param(b"[1]", id="an array"),
        pytest.param(b"null", id="null"),
        pytest.param(b'"T"', id="a string"),
    ],
)
def test_what_is_no_json_object_is_refused(text):
    assert refusal(text).code == "not_json"


def test_nesting_up_to_the_limit_is_kept():
    deep = b'{"title":"T","x":' + b"[" * (NESTING_MAX - 1) + b"]" * (NESTING_MAX - 1) + b"}"

    assert write(parse(deep), {}).encode() == deep


@pytest.mark.contract("§4 rule: refused as a whole")
def test_a_document_of_256_kib_is_read_and_one_of_a_byte_more_is_refused():
    empty = b'{"title":"T","x":""}'
    full = empty[:-2] + b"x" * (DOCUMENT_MAX_BYTES - len(empty)) + b'"}'

    assert parse(full).fields == {"title": "T"}
    assert refusal(full + b" ").code == "limit"
    assert "262145 bytes, 262144" in refusal(full + b" ").reason


# -- what the service writes ------------------------------------------------------------------


@pytest.mark.contract("§4 plannerId, _rev")
@pytest.mark.parametrize("name", ["plannerId", "planner_id"])
@pytest.mark.parametrize("other", [{"dueDate": None}, {"due_date": None}])
def test_the_planner_id_is_read_in_both_spellings(name, other):
    read = document(**{name: "xqQg5FS2LkCp935s-FIFm2QAFkHM", "_rev": 7, **other})

    assert (read.planner_id, read.rev) == ("xqQg5FS2LkCp935s-FIFm2QAFkHM", 7)


@pytest.mark.contract("§4 plannerId, _rev")
@pytest.mark.parametrize("value", [None, "", [], {}, True, -1, 1.5, 2**60, "a b", "a:b", "x" * 100])
def test_an_unreadable_planner_id_or_rev_counts_as_absent(value):
    read = document(plannerId=value, _rev=value)

    assert (read.planner_id, read.rev) == (None, None)


@pytest.mark.contract("§4 plannerId, _rev")
@pytest.mark.contract("§4 createdBy, createdAt")
@pytest.mark.parametrize(
    "name", ["plannerId", "planner_id", "_rev", "createdBy", "created_by", "createdAt"]
)
def test_what_the_service_writes_does_not_decide_the_dialect(name):
    assert dialect_of({"title": "T", name: "x"}) is None


# -- dialects ------------------------------------------------------------------


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    ("members", "dialect"),
    [
        pytest.param(["due_date"], "snake_case", id="snake only"),
        pytest.param(["notes"], "snake_case", id="notes is snake"),
        pytest.param(["checklist_items"], "snake_case", id="checklist_items is snake"),
        pytest.param(["dueDate"], "camelCase", id="camel only"),
        pytest.param(["due_date", "planId"], "camelCase", id="mixed is camel"),
        pytest.param(
            ["title", "priority", "labels", "references", "bucket"],
            None,
            id="names of both decide nothing",
        ),
        pytest.param(
            ["description", "checklist"], None, id="names that snake may use decide nothing"
        ),
    ],
)
def test_the_names_of_the_members_decide_the_dialect(members, dialect):
    assert dialect_of(dict.fromkeys(members)) == dialect


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    ("previous", "dialect"),
    [(None, "camelCase"), ("camelCase", "camelCase"), ("snake_case", "snake_case")],
)
def test_while_nothing_decides_a_document_keeps_its_dialect(previous, dialect):
    assert document(previous).dialect == dialect


@pytest.mark.contract("§4 rule: two dialects")
def test_what_decides_overrules_the_dialect_it_had():
    assert document("snake_case", dueDate="2026-01-31").dialect == "camelCase"


@pytest.mark.contract("§4 rule: two dialects")
def test_a_snake_case_document_is_read():
    read = document(
        plan_id="p1",
        bucket_id="b1",
        assigned_to="writer",
        due_date="2026-01-31",
        start_date="2026-01-30",
        percent_complete=0.5,
        priority="high",
        notes="N",
        checklist_items=[{"title": "one"}],
    )

    assert read.dialect == "snake_case"
    assert read.fields == {
        "title": "T",
        "planId": "p1",
        "bucketId": "b1",
        "assignedTo": ("writer",),
        "dueDate": Day("2026-01-31"),
        "startDate": Day("2026-01-30"),
        "percentComplete": 50,
        "priority": Word("high"),
        "description": "N",
        "checklist": (ChecklistItem("one"),),
    }


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    ("number", "percent"),
    [
        (0, 0),
        (0.29, 29),
        (0.57, 57),
        (0.58, 58),
        (0.145, 15),
        (0.005, 1),
        (1, 100),
        (1.0, 100),
        (2, 2),
        (50, 50),
    ],
)
def test_a_number_up_to_one_is_a_fraction_in_snake_case(number, percent):
    assert field("percentComplete", percent_complete=number) == percent


@pytest.mark.parametrize("number", [-0.5, 1.5, 101, True, "0.5"])
def test_a_number_that_is_neither_fraction_nor_percentage_is_refused(number):
    refused = refusal(json.dumps({"title": "T", "percent_complete": number}).encode())

    assert (refused.code, refused.field) == ("bad_field", "percentComplete")


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    "word", ["low", "normal", "medium", "high", "urgent", "critical", "important"]
)
def test_while_nothing_decides_priority_words_of_both_dialects_are_read(word):
    assert field("priority", priority=word) == Word(word)
    assert field("priority", "snake_case", priority=word) == Word(word)


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    "members",
    [
        {"priority": "high", "dueDate": None},
        {"priority": "normal", "dueDate": None},
        {"priority": "critical", "dueDate": None},
        {"priority": "important", "due_date": None},
    ],
)
def test_a_priority_word_of_the_other_dialect_is_refused(members):
    refused = refusal(json.dumps({"title": "T", **members}).encode())

    assert (refused.code, refused.field) == ("bad_field", "priority")


@pytest.mark.contract("§4 rule: two dialects")
def test_snake_case_may_say_description_and_checklist_where_the_snake_name_is_absent():
    read = document(due_date=None, description="D", checklist=[{"title": "one"}])

    assert read.fields["description"] == "D"
    assert read.fields["checklist"] == (ChecklistItem("one"),)


@pytest.mark.contract("§4 rule: two dialects")
def test_beside_its_snake_name_a_plain_name_is_private():
    before = document(notes="N", description={"my": "own"})

    assert before.fields["description"] == "N"
    assert written(before, description="M") == {
        "title": "T",
        "notes": "M",
        "description": {"my": "own"},
    }


@pytest.mark.contract("§4 rule: two dialects")
def test_in_a_camel_case_document_snake_names_are_private():
    before = document(dueDate="2026-01-31", due_date=7, assigned_to={"my": "own"})

    assert before.fields == {"title": "T", "dueDate": Day("2026-01-31")}
    assert written(before, dueDate=None)["due_date"] == 7
