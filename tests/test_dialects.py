"""Documents in both dialects: what is read, what is refused, and that a write changes nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner_sync.dialects import NESTING_MAX, REMOVE, dialect_of, new_document, parse, write
from planner_sync.errors import Refusal
from planner_sync.fields import FIELDS
from planner_sync.task import DOCUMENT_MAX_BYTES, ChecklistItem, Day, Dialect, Document, Instant, Reference, Word

GUID = "fbab97d0-4932-4511-b675-204639209557"


def document(previous: Dialect | None = None, **members: Any) -> Document:
    return parse(json.dumps({"title": "T", **members}).encode(), previous)


def field(name: str, previous: Dialect | None = None, **members: Any) -> Any:
    return document(previous, **members).fields[name]


def refusal(text: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        parse(text)
    return refused.value


def refused_or_read(text: bytes) -> Refusal | None:
    try:
        parse(text)
    except Refusal as refused:
        return refused
    return None


def written(before: Document, **changes: Any) -> dict[str, Any]:
    return json.loads(write(before, changes))


# -- text ----------------------------------------------------------------------------------------------------------


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
        pytest.param(b'{"a":' * (NESTING_MAX + 1) + b"1" + b"}" * (NESTING_MAX + 1), id="a few levels too many"),
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


# -- one field -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        pytest.param("title", " T ", "T", id="title", marks=pytest.mark.contract("§4 title")),
        pytest.param("planId", "p1", "p1", id="planId", marks=pytest.mark.contract("§4 planId")),
        pytest.param("bucket", "To do ", "To do", id="bucket", marks=pytest.mark.contract("§4 bucket or bucketId")),
        pytest.param("bucketId", "b1", "b1", id="bucketId", marks=pytest.mark.contract("§4 bucket or bucketId")),
        pytest.param(
            "assignedTo",
            [GUID, " ann@contoso.com", "writer"],
            (GUID, "ann@contoso.com", "writer"),
            id="assignedTo",
            marks=pytest.mark.contract("§4 assignedTo"),
        ),
        pytest.param(
            "startDate",
            "2026-01-31",
            Day("2026-01-31"),
            id="a date",
            marks=pytest.mark.contract("§4 startDate, dueDate"),
        ),
        pytest.param(
            "dueDate",
            "2026-01-31T12:00:00+02:00",
            Instant("2026-01-31T10:00:00Z"),
            id="an instant",
            marks=pytest.mark.contract("§4 startDate, dueDate"),
        ),
        pytest.param("percentComplete", 50, 50, id="a percentage", marks=pytest.mark.contract("§4 percentComplete")),
        pytest.param("percentComplete", 50.0, 50, id="a percentage with a point"),
        pytest.param("percentComplete", 1, 1, id="one percent"),
        pytest.param("priority", 10, 10, id="a priority", marks=pytest.mark.contract("§4 priority")),
        pytest.param("priority", "Urgent", Word("urgent"), id="a word", marks=pytest.mark.contract("§4 priority")),
        pytest.param(
            "labels",
            ["Blocked", "category3"],
            ("Blocked", "category3"),
            id="labels",
            marks=pytest.mark.contract("§4 labels"),
        ),
        pytest.param("description", "a\r\nb", "a\nb", id="description", marks=pytest.mark.contract("§4 description")),
        pytest.param(
            "checklist",
            [{"title": " one "}, {"title": "two", "isChecked": True, "id": GUID.upper()}, {"title": "three", "id": 3}],
            (ChecklistItem("one"), ChecklistItem("two", True, GUID), ChecklistItem("three", None, "3")),
            id="checklist",
            marks=pytest.mark.contract("§4 checklist"),
        ),
        pytest.param(
            "references",
            [{"url": "https://a.b/c"}, {"url": "http://d.e", "alias": "D", "type": "Word"}, {"url": "http://f"}],
            (Reference("https://a.b/c"), Reference("http://d.e", "D", "Word"), Reference("http://f")),
            id="references",
            marks=pytest.mark.contract("§4 references"),
        ),
    ],
)
def test_a_field_is_read(name, value, read):
    assert parse(json.dumps({"title": "T", name: value}).encode()).fields[name] == read


BAD = [
    ("title", 1, "bad_field"),
    ("title", "  ", "bad_field"),
    ("title", "x" * 256, "limit"),
    ("title", "a\x00b", "bad_field"),
    ("title", "\ud800", "bad_field"),
    ("planId", 7, "bad_field"),
    ("bucket", ["b"], "bad_field"),
    ("bucket", "  ", "bad_field"),
    ("bucketId", False, "bad_field"),
    ("assignedTo", "ann@contoso.com", "bad_field"),
    ("assignedTo", [7], "bad_field"),
    ("assignedTo", [" "], "bad_field"),
    ("assignedTo", [f"p{n}@contoso.com" for n in range(21)], "limit"),
    ("startDate", "tomorrow", "bad_field"),
    ("startDate", 20260131, "bad_field"),
    ("dueDate", "2026-02-30", "bad_field"),
    ("dueDate", "2026-01-31T25:00:00Z", "bad_field"),
    ("percentComplete", "50", "bad_field"),
    ("percentComplete", 50.5, "bad_field"),
    ("percentComplete", True, "bad_field"),
    ("percentComplete", 101, "bad_field"),
    ("percentComplete", -1, "bad_field"),
    ("priority", "soon", "bad_field"),
    ("priority", 11, "bad_field"),
    ("priority", False, "bad_field"),
    ("labels", "Blocked", "bad_field"),
    ("labels", [None], "bad_field"),
    ("description", 1, "bad_field"),
    ("description", "x" * 32_769, "limit"),
    ("description", "\x00", "bad_field"),
    ("checklist", "one", "bad_field"),
    ("checklist", ["one"], "bad_field"),
    ("checklist", [{"isChecked": True}], "bad_field"),
    ("checklist", [{"title": "one", "isChecked": "yes"}], "bad_field"),
    ("checklist", [{"title": "one", "id": GUID}, {"title": "two", "id": GUID}], "bad_field"),
    ("checklist", [{"title": "x" * 101}], "limit"),
    ("checklist", [{"title": str(n)} for n in range(21)], "limit"),
    ("references", {"url": "http://a"}, "bad_field"),
    ("references", [{"alias": "A"}], "bad_field"),
    ("references", [{"url": "javascript:alert(1)"}], "bad_field"),
    ("references", [{"url": "http://a", "alias": 0}], "bad_field"),
    ("references", [{"url": "http://a/" + "x" * 2048}], "limit"),
    ("references", [{"url": f"http://a/{n}"} for n in range(16)], "limit"),
]


@pytest.mark.contract("§4 rule: refused as a whole")
@pytest.mark.parametrize(("name", "value", "code"), [pytest.param(*row, id=f"{row[0]} {row[1]!r:.30}") for row in BAD])
def test_a_bad_value_is_refused_with_the_field_named(name, value, code):
    refused = refusal(json.dumps({"title": "T", name: value}).encode())

    assert (refused.code, refused.field) == (code, name)
    assert refused.reason.startswith(f"{name}: ")


@pytest.mark.contract("§4 title")
@pytest.mark.parametrize("members", [{}, {"title": None}, {"title": ""}, {"title": []}])
def test_a_document_without_a_title_is_refused(members):
    refused = refusal(json.dumps(members).encode())

    assert (refused.code, refused.field) == ("bad_field", "title")


def test_a_reason_names_the_value_and_the_limit():
    assert refusal(b'{"title":"T","percentComplete":150}').reason == (
        "percentComplete: 150 is not a whole number from 0 to 100"
    )


def test_a_reason_uses_the_table_s_name_in_either_dialect():
    assert refusal(b'{"title":"T","notes":7}').reason == "description: 7 is not a string"


@pytest.mark.contract("§4 assignedTo")
def test_agents_do_not_count_as_assignees():
    agents = [f"agent-{n}" for n in range(25)]

    assert field("assignedTo", assignedTo=agents) == tuple(agents)


@pytest.mark.contract("§4 rule: absent is no opinion")
@pytest.mark.parametrize("nothing", [None, "", []])
@pytest.mark.parametrize("name", [name for name in FIELDS if name != "title"])
def test_null_empty_text_and_empty_array_clear_any_field(name, nothing):
    assert parse(json.dumps({"title": "T", name: nothing}).encode()).fields[name] is None


@pytest.mark.contract("§4 rule: absent is no opinion")
def test_an_absent_field_is_absent():
    assert document().fields == {"title": "T"}


def test_an_item_keeps_the_members_of_the_agents_own():
    (item,) = field("checklist", checklist=[{"title": "one", "effort": 3}])

    assert item.raw == {"title": "one", "effort": 3}


@pytest.mark.contract("§4 id")
@pytest.mark.parametrize("inside", ["another", 7, None])
def test_an_id_inside_is_a_private_field(inside):
    assert written(document(id=inside), title="U") == {"title": "U", "id": inside}


# -- what the service writes ---------------------------------------------------------------------------------------


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
@pytest.mark.parametrize("name", ["plannerId", "planner_id", "_rev", "createdBy", "created_by", "createdAt"])
def test_what_the_service_writes_does_not_decide_the_dialect(name):
    assert dialect_of({"title": "T", name: "x"}) is None


# -- dialects ------------------------------------------------------------------------------------------------------


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    ("members", "dialect"),
    [
        pytest.param(["due_date"], "snake_case", id="snake only"),
        pytest.param(["notes"], "snake_case", id="notes is snake"),
        pytest.param(["checklist_items"], "snake_case", id="checklist_items is snake"),
        pytest.param(["dueDate"], "camelCase", id="camel only"),
        pytest.param(["due_date", "planId"], "camelCase", id="mixed is camel"),
        pytest.param(["title", "priority", "labels", "references", "bucket"], None, id="names of both decide nothing"),
        pytest.param(["description", "checklist"], None, id="names that snake may use decide nothing"),
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
    [(0, 0), (0.29, 29), (0.57, 57), (0.58, 58), (0.145, 15), (0.005, 1), (1, 100), (1.0, 100), (2, 2), (50, 50)],
)
def test_a_number_up_to_one_is_a_fraction_in_snake_case(number, percent):
    assert field("percentComplete", percent_complete=number) == percent


@pytest.mark.parametrize("number", [-0.5, 1.5, 101, True, "0.5"])
def test_a_number_that_is_neither_fraction_nor_percentage_is_refused(number):
    refused = refusal(json.dumps({"title": "T", "percent_complete": number}).encode())

    assert (refused.code, refused.field) == ("bad_field", "percentComplete")


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize("word", ["low", "normal", "medium", "high", "urgent", "critical", "important"])
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
    assert written(before, description="M") == {"title": "T", "notes": "M", "description": {"my": "own"}}


@pytest.mark.contract("§4 rule: two dialects")
def test_in_a_camel_case_document_snake_names_are_private():
    before = document(dueDate="2026-01-31", due_date=7, assigned_to={"my": "own"})

    assert before.fields == {"title": "T", "dueDate": Day("2026-01-31")}
    assert written(before, dueDate=None)["due_date"] == 7


# -- writing -------------------------------------------------------------------------------------------------------


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        pytest.param({"dueDate": "x"}, {"dueDate": "2026-01-31"}, {"dueDate": "2026-01-31"}, id="camelCase"),
        pytest.param({"due_date": "x"}, {"dueDate": "2026-01-31"}, {"due_date": "2026-01-31"}, id="snake_case"),
        pytest.param({"notes": ""}, {"percentComplete": 29}, {"notes": "", "percent_complete": 0.29}, id="a fraction"),
        pytest.param({"percent_complete": 7}, {"percentComplete": 100}, {"percent_complete": 1.0}, id="all of it"),
        pytest.param({"dueDate": None}, {"priority": "important"}, {"dueDate": None, "priority": "important"}, id="w1"),
        pytest.param({"notes": ""}, {"priority": "important"}, {"notes": "", "priority": "high"}, id="high"),
        pytest.param({"notes": ""}, {"priority": 4}, {"notes": "", "priority": 4}, id="an integer"),
        pytest.param({"assigned_to": "a"}, {"assignedTo": ["b"]}, {"assigned_to": "b"}, id="a string stays one"),
        pytest.param({"assigned_to": "a"}, {"assignedTo": ["a", "b"]}, {"assigned_to": ["a", "b"]}, id="until two"),
        pytest.param({"assigned_to": ["a"]}, {"assignedTo": ["b"]}, {"assigned_to": ["b"]}, id="a list stays one"),
        pytest.param({"assigned_to": "a"}, {"assignedTo": None}, {"assigned_to": ""}, id="no text"),
        pytest.param({"assigned_to": ["a"]}, {"assignedTo": None}, {"assigned_to": []}, id="no list"),
        pytest.param({"due_date": None}, {"assignedTo": ["b"]}, {"due_date": None, "assigned_to": "b"}, id="new"),
        pytest.param({"due_date": None}, {"description": "D"}, {"due_date": None, "notes": "D"}, id="notes"),
        pytest.param(
            {"due_date": None, "description": "x"},
            {"description": "D"},
            {"due_date": None, "description": "D"},
            id="description where the document says so",
        ),
        pytest.param(
            {"due_date": None},
            {"checklist": [{"title": "one"}]},
            {"due_date": None, "checklist_items": [{"title": "one"}]},
            id="checklist_items",
        ),
        pytest.param(
            {"notes": ""},
            {"plannerId": "p", "_rev": 3, "createdBy": "human", "createdAt": "t"},
            {"notes": "", "planner_id": "p", "_rev": 3, "created_by": "human", "created_at": "t"},
            id="the service's fields",
        ),
        pytest.param({"notes": "", "plannerId": "p"}, {"plannerId": "q"}, {"notes": "", "plannerId": "q"}, id="as is"),
    ],
)
def test_a_change_is_written_in_the_dialect_of_the_document(before, changes, after):
    raw = {"title": "T", **before}
    kept = Document(raw, dialect_of(raw) or "camelCase", {})

    assert json.loads(write(kept, changes)) == {"title": "T", **after}


@pytest.mark.contract("§4 rule: a field that a human cleared")
@pytest.mark.parametrize(
    ("name", "cleared"),
    [("bucket", ""), ("description", ""), ("dueDate", None), ("priority", None), ("labels", []), ("checklist", [])],
)
def test_a_cleared_field_is_written_as_null_or_empty(name, cleared):
    assert written(document(dueDate="2026-01-31"), **{name: None})[name] == cleared


def test_a_removed_field_leaves_the_document():
    assert written(document(due_date="2026-01-31"), dueDate=REMOVE) == {"title": "T"}


def test_members_keep_their_order_and_new_ones_come_last():
    before = parse(b'{"z":1,"title":"T","a":2}')

    assert write(before, {"title": "U", "_rev": 1}) == '{"z":1,"title":"U","a":2,"_rev":1}'


def test_a_word_of_the_other_dialect_is_translated_when_a_write_decides_the_dialect():
    """Else the service's own write would have the document refused."""
    before = document(priority="high")
    after = write(before, {"dueDate": "2026-01-31"})

    assert parse(after.encode()).fields["priority"] == Word("important")


def test_a_stamp_translates_nothing():
    assert written(document(priority="high"), plannerId="p", _rev=1)["priority"] == "high"


@pytest.mark.contract("§4 rule: unknown fields are the agents' own")
def test_half_a_character_in_a_private_field_survives():
    before = parse(b'{"title":"T\xc3\xa9","x":"\\ud800"}')

    assert parse(write(before, {"title": "Ü"}).encode()).raw == {"title": "Ü", "x": "\ud800"}


def test_other_alphabets_are_written_as_they_are():
    assert write(parse('{"title":"Übung 🎉"}'.encode()), {}) == '{"title":"Übung 🎉"}'


def test_an_import_starts_from_an_empty_document():
    assert json.loads(write(new_document(), {"id": "planner-p", "title": "T", "plannerId": "p"})) == {
        "id": "planner-p",
        "title": "T",
        "plannerId": "p",
    }


# -- for any document ----------------------------------------------------------------------------------------------

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(), max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
titles = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20).filter(str.strip)
days = st.dates().map(lambda day: day.isoformat())
agents = st.lists(st.sampled_from(["ann@contoso.com", GUID, "writer", "reader"]), min_size=1, unique=True)
values = {
    "title": titles,
    "bucket": titles.map(str.strip),
    "assignedTo": agents,
    "dueDate": days,
    "percentComplete": st.integers(0, 100),
    "priority": st.integers(0, 10) | st.sampled_from(["urgent", "important", "medium", "low"]),
    "labels": agents,
    "description": titles,
    "checklist": st.lists(st.fixed_dictionaries({"title": titles, "isChecked": st.booleans()}), min_size=1, max_size=3),
    "references": st.just([{"url": "https://a.b/c", "alias": "C"}]),
}
changes = st.fixed_dictionaries({}, optional=values)
starts = st.sampled_from([{}, {"dueDate": None}, {"due_date": None}, {"assigned_to": "x"}, {"notes": "n"}])
private = st.dictionaries(texts.map("x-".__add__), anything, max_size=4)
quick = settings(max_examples=100, deadline=None)


@quick
@given(start=starts, own=private)
def test_reading_and_writing_keeps_every_document_as_it_is(start, own):
    before = parse(json.dumps({"title": "T", **start, **own}).encode())

    assert parse(write(before, {}).encode()).raw == before.raw


@pytest.mark.contract("§4 rule: unknown fields are the agents' own")
@quick
@given(start=starts, own=private, change=changes)
def test_private_fields_survive_every_write(start, own, change):
    before = document(**start, **own)
    after = written(before, **change)

    assert {name: after[name] for name in own} == own


@quick
@given(start=starts, change=changes)
def test_what_is_written_is_what_is_read(start, change):
    after = parse(write(document(**start), change).encode())
    expected = parse(json.dumps({"title": "T", "planId": "decides camelCase", **change}).encode())

    for name in change:
        assert _meant(after.fields[name]) == _meant(expected.fields[name])


def _meant(value: Any) -> Any:
    return value.write if isinstance(value, Word) else value


@quick
@given(name=st.sampled_from(sorted(FIELDS)), value=anything)
def test_a_value_is_read_or_refused_with_its_field_named(name, value):
    refused = refused_or_read(json.dumps({"title": "T", "dueDate": None, name: value}).encode())

    assert refused is None or refused.field == name
    assert refused is None or refused.reason.startswith(f"{name}: ")
    assert refused is None or refused.reason.encode()


@quick
@given(text=st.binary(max_size=40) | anything.map(json.dumps).map(str.encode))
def test_any_bytes_are_read_or_refused(text):
    refused = refused_or_read(text)

    assert refused is None or refused.code in ("not_json", "bad_field", "limit")
