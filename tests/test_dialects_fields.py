"""The fields of a document: what is read, and what is refused with which reason."""

import json

import pytest

from planner_sync.model.dialects import parse
from planner_sync.model.fields import FIELDS
from planner_sync.model.task import ChecklistItem, Day, Instant, Reference, Word
from tests.documents import GUID, document, field, refusal, written


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        pytest.param("title", " T ", "T", id="title", marks=pytest.mark.contract("§4 title")),
        pytest.param("planId", "p1", "p1", id="planId", marks=pytest.mark.contract("§4 planId")),
        pytest.param(
            "bucket",
            "To do ",
            "To do",
            id="bucket",
            marks=pytest.mark.contract("§4 bucket or bucketId"),
        ),
        pytest.param(
            "bucketId",
            "b1",
            "b1",
            id="bucketId",
            marks=pytest.mark.contract("§4 bucket or bucketId"),
        ),
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
        pytest.param(
            "percentComplete",
            50,
            50,
            id="a percentage",
            marks=pytest.mark.contract("§4 percentComplete"),
        ),
        pytest.param("percentComplete", 50.0, 50, id="a percentage with a point"),
        pytest.param("percentComplete", 1, 1, id="one percent"),
        pytest.param(
            "priority", 10, 10, id="a priority", marks=pytest.mark.contract("§4 priority")
        ),
        pytest.param(
            "priority",
            "Urgent",
            Word("urgent"),
            id="a word",
            marks=pytest.mark.contract("§4 priority"),
        ),
        pytest.param(
            "labels",
            ["Blocked", "category3"],
            ("Blocked", "category3"),
            id="labels",
            marks=pytest.mark.contract("§4 labels"),
        ),
        pytest.param(
            "description",
            "a\r\nb",
            "a\nb",
            id="description",
            marks=pytest.mark.contract("§4 description"),
        ),
        pytest.param(
            "checklist",
            [
                {"title": " one "},
                {"title": "two", "isChecked": True, "id": GUID.upper()},
                {"title": "three", "id": 3},
            ],
            (
                ChecklistItem("one"),
                ChecklistItem("two", True, GUID),
                ChecklistItem("three", None, "3"),
            ),
            id="checklist",
            marks=pytest.mark.contract("§4 checklist"),
        ),
        pytest.param(
            "references",
            [
                {"url": "https://a.b/c"},
                {"url": "http://d.e", "alias": "D", "type": "Word"},
                {"url": "http://f"},
            ],
            (
                Reference("https://a.b/c"),
                Reference("http://d.e", "D", "Word"),
                Reference("http://f"),
            ),
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
@pytest.mark.parametrize(
    ("name", "value", "code"), [pytest.param(*row, id=f"{row[0]} {row[1]!r:.30}") for row in BAD]
)
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
