"""Planner's JSON read into the atoms of a card."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner_sync.graph.cards import decode_reference, encode_reference, parse_plan_names, read_card
from planner_sync.model.card import etag_order, item_id, newer
from planner_sync.model.fields import DETAILS_FIELDS

ANN = "fbab97d0-4932-4511-b675-204639209557"
ONE = "95e27074-6c4a-447a-aa24-9d718a0b86fa"
TWO = "d280ed1a-9f6b-4f9c-a962-fb4d00dc50ff"

# As captured from Graph, ids shortened.
TASK = {
    "@odata.etag": 'W/"JzEtVGFzayAgQEBAQEBAQEBAQEBAQEBARCc="',
    "planId": "plan",
    "bucketId": "bucket",
    "title": "do this ",
    "orderHint": "8584964728139267910",
    "assigneePriority": "",
    "percentComplete": 25,
    "startDateTime": None,
    "createdDateTime": "2024-01-13T08:21:11.5507897Z",
    "dueDateTime": "2023-10-30T22:00:00Z",
    "hasDescription": True,
    "previewType": "automatic",
    "completedDateTime": None,
    "completedBy": None,
    "referenceCount": 1,
    "checklistItemCount": 2,
    "activeChecklistItemCount": 1,
    "conversationThreadId": None,
    "priority": 3,
    "id": "task",
    "createdBy": {
        "user": {"displayName": None, "id": "ann"},
        "application": {"displayName": None, "id": "app"},
    },
    "appliedCategories": {"category3": True},
    "assignments": {
        ANN.upper(): {
            "@odata.type": "#microsoft.graph.plannerAssignment",
            "assignedDateTime": "2024-01-13T08:21:11.5507897Z",
            "orderHint": "8584964728740986700P]",
            "assignedBy": {"user": {"displayName": None, "id": "ann"}},
        }
    },
}
DETAILS = {
    "@odata.etag": 'W/"JzEtVGFza0RldGFpbHMgQEBAQEBAQEBAQEBAQEBARCc="',
    "id": "task",
    "description": "first\r\nsecond",
    "previewType": "automatic",
    "checklist": {
        ONE: {
            "title": "one",
            "isChecked": False,
            "orderHint": "858P",
            "lastModifiedBy": {"user": {"id": "ann"}},
        },
        TWO.upper(): {"title": " two ", "isChecked": True, "orderHint": "857P"},
    },
    "references": {
        "https%3A//contoso%2Ecom/a%2520b": {
            "alias": "A",
            "type": "Other",
            "previewPriority": "858",
        },
        "https%3A//contoso%2Ecom/c": {"alias": None, "type": None, "previewPriority": "857"},
    },
}


def test_a_task_alone_gives_the_task_s_atoms():
    card = read_card(TASK)

    assert card.details_etag is None
    assert card.atoms == {
        "title": "do this",
        "bucketId": "bucket",
        "dueDate": "2023-10-30T22:00:00Z",
        "percentComplete": 25,
        "priority": 3,
        f"assignedTo {ANN}": True,
        "labels category3": True,
    }


def test_details_add_their_atoms():
    card = read_card(TASK, DETAILS)

    assert card.details_etag == DETAILS["@odata.etag"]
    assert {
        atom: value for atom, value in card.atoms.items() if atom.split()[0] in DETAILS_FIELDS
    } == {
        "description": "first\nsecond",
        f"checklist {ONE}": True,
        f"checklist {ONE} title": "one",
        f"checklist {ONE} isChecked": False,
        f"checklist {TWO}": True,
        f"checklist {TWO} title": "two",
        f"checklist {TWO} isChecked": True,
        "references https://contoso.com/a%20b": True,
        "references https://contoso.com/a%20b alias": "A",
        "references https://contoso.com/a%20b type": "Other",
        "references https://contoso.com/c": True,
    }


def test_details_are_also_read_where_expand_puts_them():
    assert read_card({**TASK, "details": DETAILS}) == read_card(TASK, DETAILS)


def test_items_stand_in_the_order_in_which_people_see_them():
    assert read_card(TASK, DETAILS).order == (
        TWO,
        ONE,
        "https://contoso.com/c",
        "https://contoso.com/a%20b",
    )


def test_what_planner_knows_besides_is_read():
    card = read_card(TASK)

    assert (card.id, card.plan_id, card.etag) == ("task", "plan", TASK["@odata.etag"])
    assert (card.created_by_user, card.created_by_app) == ("ann", "app")
    assert card.created_at == "2024-01-13T08:21:11.5507897Z"


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(TASK.keys() - {"id"})])
def test_a_task_that_says_little_has_planner_s_defaults(nothing):
    card = read_card({**nothing, "id": "task"}, dict.fromkeys(DETAILS))

    assert card.atoms == {"title": "", "percentComplete": 0, "priority": 5}
    assert (card.created_by_user, card.created_by_app, card.created_at) == (None, None, "")


def test_priority_zero_is_no_default():
    assert read_card({**TASK, "priority": 0}).atoms["priority"] == 0


def test_fields_that_microsoft_adds_are_no_atoms():
    assert (
        read_card({**TASK, "isArchived": True, "assignments@odata.context": "x"}).atoms
        == read_card(TASK).atoms
    )


def test_an_empty_open_type_and_one_that_is_taken_off_have_no_atoms():
    card = read_card(
        {"id": "task", "assignments": {ANN: None}, "appliedCategories": {"category1": False}}
    )

    assert card.atoms == {"title": "", "percentComplete": 0, "priority": 5}


def test_what_no_document_could_hold_is_left_alone():
    """Else the document that the service writes would be refused."""
    details = {
        "checklist": {ONE: {"title": " "}, TWO: {"title": "x" * 101}},
        "references": {"onenote%3Ahttps%3A//contoso": {}, "https%3A//contoso%2Ecom/a b": {}},
    }

    assert read_card(TASK, details).order == ()


@pytest.mark.contract("§4 startDate, dueDate")
def test_an_instant_of_planner_is_canonical():
    card = read_card({**TASK, "startDateTime": "2024-01-13T08:21:11.5500000Z"})

    assert card.atoms["startDate"] == "2024-01-13T08:21:11.55Z"


def etag(count: int) -> str:
    digits = ""
    for _ in range(16):
        digits = chr(0x40 + count % 64) + digits
        count //= 64
    return 'W/"' + base64.b64encode(f"'1-Task  {digits}'".encode()).decode() + '"'


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_a_later_etag_is_newer(a, b):
    assert newer(etag(a), etag(b)) is (a > b)


def test_the_text_of_an_etag_would_mislead():
    assert etag(3328) < etag(3327)
    assert newer(etag(3328), etag(3327))


@pytest.mark.parametrize("text", ["", "*", 'W/""', 'W/"é"', 'W/"a"', "JzEt", '"a b"'])
def test_an_unreadable_etag_has_no_order(text):
    assert etag_order(text) is None
    assert not newer(text, etag(4))
    assert not newer(etag(4), text)


def test_the_id_made_for_an_item_is_always_the_same_and_differs_by_card_title_and_occurrence():
    ids = [
        item_id("card", "one", 0),
        item_id("card", "one", 1),
        item_id("card", "two", 0),
        item_id("other", "one", 0),
    ]

    assert item_id("card", "one", 0) == ids[0]
    assert len(set(ids)) == 4


@pytest.mark.contract("§4 references")
@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://developer.microsoft.com/en-us", "https%3A//developer%2Emicrosoft%2Ecom/en-us"),
        ("http://a/?b=c&d#e@f", "http%3A//a/?b=c&d%23e%40f"),
        ("http://a/%2E%25", "http%3A//a/%252E%2525"),
    ],
)
def test_a_link_is_a_key_with_five_characters_encoded(url, key):
    assert encode_reference(url) == key
    assert decode_reference(key) == url


@given(st.text(alphabet="%.:@#25eE4 0a/é", max_size=20))
def test_a_decoded_key_is_the_link_that_was_encoded(url):
    assert decode_reference(encode_reference(url)) == url


def test_a_plan_names_its_buckets_in_board_order_and_its_labels():
    buckets = [
        {"id": "b", "name": "Done", "orderHint": "85P"},
        {"id": "a", "name": "To do", "orderHint": "85"},
        {"id": "c", "name": "Later", "orderHint": "85PA"},
    ]
    names = parse_plan_names(
        buckets,
        {"@odata.etag": "e", "categoryDescriptions": {"category1": "Red", "category2": None}},
    )

    assert names.buckets == (("a", "To do"), ("b", "Done"), ("c", "Later"))
    assert names.etag == "e"
    assert names.labels["category1"] == "Red"
    assert list(names.labels) == [f"category{n}" for n in range(1, 26)]
    assert sum(name is None for name in names.labels.values()) == 24


def test_a_plan_without_details_has_25_free_labels():
    assert set(parse_plan_names([], {}).labels.values()) == {None}
