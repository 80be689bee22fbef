"""A write changes what it should, in the dialect of the document, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner_sync.model.dialects import REMOVE, dialect_of, new_document, parse, write
from planner_sync.model.fields import FIELDS
from planner_sync.model.task import Document, Word
from tests.documents import GUID, document, refused_or_read, written

# -- writing ------------------------------------------------------------------


@pytest.mark.contract("§4 rule: two dialects")
@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        pytest.param(
            {"dueDate": "x"}, {"dueDate": "2026-01-31"}, {"dueDate": "2026-01-31"}, id="camelCase"
        ),
        pytest.param(
            {"due_date": "x"},
            {"dueDate": "2026-01-31"},
            {"due_date": "2026-01-31"},
            id="snake_case",
        ),
        pytest.param(
            {"notes": ""},
            {"percentComplete": 29},
            {"notes": "", "percent_complete": 0.29},
            id="a fraction",
        ),
        pytest.param(
            {"percent_complete": 7},
            {"percentComplete": 100},
            {"percent_complete": 1.0},
            id="all of it",
        ),
        pytest.param(
            {"dueDate": None},
            {"priority": "important"},
            {"dueDate": None, "priority": "important"},
            id="w1",
        ),
        pytest.param(
            {"notes": ""}, {"priority": "important"}, {"notes": "", "priority": "high"}, id="high"
        ),
        pytest.param({"notes": ""}, {"priority": 4}, {"notes": "", "priority": 4}, id="an integer"),
        pytest.param(
            {"assigned_to": "a"},
            {"assignedTo": ["b"]},
            {"assigned_to": "b"},
            id="a string stays one",
        ),
        pytest.param(
            {"assigned_to": "a"},
            {"assignedTo": ["a", "b"]},
            {"assigned_to": ["a", "b"]},
            id="until two",
        ),
        pytest.param(
            {"assigned_to": ["a"]},
            {"assignedTo": ["b"]},
            {"assigned_to": ["b"]},
            id="a list stays one",
        ),
        pytest.param({"assigned_to": "a"}, {"assignedTo": None}, {"assigned_to": ""}, id="no text"),
        pytest.param(
            {"assigned_to": ["a"]}, {"assignedTo": None}, {"assigned_to": []}, id="no list"
        ),
        pytest.param(
            {"due_date": None},
            {"assignedTo": ["b"]},
            {"due_date": None, "assigned_to": "b"},
            id="new",
        ),
        pytest.param(
            {"due_date": None}, {"description": "D"}, {"due_date": None, "notes": "D"}, id="notes"
        ),
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
        pytest.param(
            {"notes": "", "plannerId": "p"},
            {"plannerId": "q"},
            {"notes": "", "plannerId": "q"},
            id="as is",
        ),
    ],
)
def test_a_change_is_written_in_the_dialect_of_the_document(before, changes, after):
    raw = {"title": "T", **before}
    kept = Document(raw, dialect_of(raw) or "camelCase", {})

    assert json.loads(write(kept, changes)) == {"title": "T", **after}


@pytest.mark.contract("§4 rule: a field that a human cleared")
@pytest.mark.parametrize(
    ("name", "cleared"),
    [
        ("bucket", ""),
        ("description", ""),
        ("dueDate", None),
        ("priority", None),
        ("labels", []),
        ("checklist", []),
    ],
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
    assert json.loads(
        write(new_document(), {"id": "planner-p", "title": "T", "plannerId": "p"})
    ) == {
        "id": "planner-p",
        "title": "T",
        "plannerId": "p",
    }


# -- for any document ------------------------------------------------------------------


numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(), max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
titles = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20
).filter(str.strip)
days = st.dates().map(lambda day: day.isoformat())
agents = st.lists(
    st.sampled_from(["ann@contoso.com", GUID, "writer", "reader"]), min_size=1, unique=True
)
values = {
    "title": titles,
    "bucket": titles.map(str.strip),
    "assignedTo": agents,
    "dueDate": days,
    "percentComplete": st.integers(0, 100),
    "priority": st.integers(0, 10) | st.sampled_from(["urgent", "important", "medium", "low"]),
    "labels": agents,
    "description": titles,
    "checklist": st.lists(
        st.fixed_dictionaries({"title": titles, "isChecked": st.booleans()}), min_size=1, max_size=3
    ),
    "references": st.just([{"url": "https://a.b/c", "alias": "C"}]),
}
changes = st.fixed_dictionaries({}, optional=values)
starts = st.sampled_from(
    [{}, {"dueDate": None}, {"due_date": None}, {"assigned_to": "x"}, {"notes": "n"}]
)
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
