"""What is sent to Planner for a change of atoms."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner_sync.graph.cards import create_body, details_patch, read_card, task_patch
from planner_sync.model.fields import DEFAULTS, FIELDS
from planner_sync.model.task import Value

ANN = "fbab97d0-4932-4511-b675-204639209557"
ONE = "95e27074-6c4a-447a-aa24-9d718a0b86fa"
TWO = "d280ed1a-9f6b-4f9c-a962-fb4d00dc50ff"
ASSIGNMENT = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
ITEM = {"@odata.type": "microsoft.graph.plannerChecklistItem"}
LINK = {"@odata.type": "microsoft.graph.plannerExternalReference"}


@pytest.mark.parametrize(
    ("atom", "value", "body"),
    [
        pytest.param("title", "T", {"title": "T"}, id="title"),
        pytest.param("bucketId", "b", {"bucketId": "b"}, id="bucket"),
        pytest.param(
            "startDate",
            "2026-01-31T10:00:00Z",
            {"startDateTime": "2026-01-31T10:00:00Z"},
            id="start",
        ),
        pytest.param("dueDate", None, {"dueDateTime": None}, id="no due date"),
        pytest.param("percentComplete", 50, {"percentComplete": 50}, id="percent"),
        pytest.param("percentComplete", None, {"percentComplete": 0}, id="no percent is none done"),
        pytest.param("priority", None, {"priority": 5}, id="no priority is the default"),
        pytest.param("priority", 0, {"priority": 0}, id="priority zero"),
        pytest.param(f"assignedTo {ANN}", True, {"assignments": {ANN: ASSIGNMENT}}, id="assign"),
        pytest.param(f"assignedTo {ANN}", None, {"assignments": {ANN: None}}, id="unassign"),
        pytest.param(
            "labels category3", True, {"appliedCategories": {"category3": True}}, id="label"
        ),
        pytest.param(
            "labels category3", None, {"appliedCategories": {"category3": False}}, id="label off"
        ),
        pytest.param("description", "D", {}, id="a description is not of the task"),
        pytest.param(f"checklist {ONE}", None, {}, id="nor is a checklist"),
    ],
)
def test_a_task_patch_has_the_changed_keys_only(atom, value, body):
    assert task_patch({atom: value}) == body


def test_a_create_names_the_plan_and_has_no_details():
    assert create_body("plan", {"title": "T", "labels category1": True, "description": "D"}) == {
        "planId": "plan",
        "title": "T",
        "appliedCategories": {"category1": True},
    }


CHECKLIST = {
    f"checklist {ONE}": True,
    f"checklist {ONE} title": "one",
    f"checklist {ONE} isChecked": False,
}
URL, KEY = "https://a.b/c", "https%3A//a%2Eb/c"
REFERENCES = {
    f"references {URL}": True,
    f"references {URL} alias": "A",
    f"references {URL} type": "Word",
}


@pytest.mark.parametrize(
    ("changes", "base", "body"),
    [
        pytest.param({"description": "D"}, {}, {"description": "D"}, id="description"),
        pytest.param(
            {"description": None}, {"description": "D"}, {"description": ""}, id="no description"
        ),
        pytest.param(
            CHECKLIST,
            {},
            {"checklist": {ONE: {**ITEM, "title": "one", "isChecked": False, "orderHint": " !"}}},
            id="a new item is sent whole",
        ),
        pytest.param(
            {f"checklist {ONE}": True, f"checklist {ONE} title": "one"},
            {},
            {"checklist": {ONE: {**ITEM, "title": "one", "isChecked": False, "orderHint": " !"}}},
            id="a new item that says nothing is not checked",
        ),
        pytest.param(
            {f"checklist {ONE} isChecked": True},
            CHECKLIST,
            {"checklist": {ONE: {**ITEM, "isChecked": True}}},
            id="a checked item is sent in part",
        ),
        pytest.param(
            {f"checklist {ONE} title": "uno"},
            CHECKLIST,
            {"checklist": {ONE: {**ITEM, "title": "uno"}}},
            id="a renamed item is sent in part",
        ),
        pytest.param(
            dict.fromkeys(CHECKLIST),
            CHECKLIST,
            {"checklist": {ONE: None}},
            id="a removed item is null",
        ),
        pytest.param(
            REFERENCES,
            {},
            {"references": {KEY: {**LINK, "alias": "A", "type": "Word", "previewPriority": " !"}}},
            id="a new link",
        ),
        pytest.param(
            {f"references {URL}": True},
            {},
            {"references": {KEY: {**LINK, "previewPriority": " !"}}},
            id="a new link without a name",
        ),
        pytest.param(
            {f"references {URL} alias": "B"},
            REFERENCES,
            {"references": {KEY: {**LINK, "alias": "B", "type": "Word"}}},
            id="a renamed link keeps its type",
        ),
        pytest.param(
            {f"references {URL} alias": None},
            REFERENCES,
            {"references": {KEY: {**LINK, "alias": None, "type": "Word"}}},
            id="a link that lost its name",
        ),
        pytest.param(
            {f"references {URL}": None},
            REFERENCES,
            {"references": {KEY: None}},
            id="a removed link",
        ),
        pytest.param(
            {"title": "T", "labels category1": True}, {}, {}, id="a title is not of the details"
        ),
    ],
)
def test_a_details_patch_has_the_changed_keys_only(changes, base, body):
    assert details_patch(changes, base) == body


def test_new_items_keep_the_order_of_the_document():
    """Each asks for the place after the one before it, which has no hint of Planner's yet."""
    changes: dict[str, Value | None] = {}
    for key in (TWO, ONE):
        changes |= {f"checklist {key}": True, f"checklist {key} title": key}
    body = details_patch(changes, {})["checklist"]

    assert [(key, item["orderHint"]) for key, item in body.items()] == [(TWO, " !"), (ONE, " ! !")]


# -- round trips ------------------------------------------------------------------

OPEN_TYPES = ("assignments", "appliedCategories", "checklist", "references")


def merged(resource: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """The resource after a PATCH: open types merge per key and per member, null and false take
    off."""
    after = {**resource, **{name: value for name, value in patch.items() if name not in OPEN_TYPES}}
    for name in OPEN_TYPES:
        items = dict(resource.get(name, {}))
        for key, value in patch.get(name, {}).items():
            if isinstance(value, dict):
                items[key] = {**items.get(key, {}), **value}
            elif value:
                items[key] = value
            else:
                items.pop(key, None)
        after[name] = items
    return after


instants = st.datetimes().map(lambda at: at.replace(microsecond=0).isoformat() + "Z")
texts = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=10)
guids = st.uuids().map(str)
VALUES = {
    "title": texts,
    "text": texts,
    "instant": instants,
    "number": st.integers(0, 10),
    "priority": st.integers(0, 10),
}
PLAIN = {field.name: VALUES[field.codec] for field in FIELDS.values() if field.is_plain}
urls = st.from_regex(r"https://[a-z]{1,3}\.[a-z]{2}/[a-z%.:@#]{0,5}", fullmatch=True)


@st.composite
def cards(draw: st.DrawFn) -> dict[str, Value]:
    always = {name: PLAIN[name] for name in ("title", *DEFAULTS)}
    others = {name: values for name, values in PLAIN.items() if name not in always}
    atoms = draw(st.fixed_dictionaries(always, optional={**others, "bucketId": texts}))
    atoms |= {
        f"assignedTo {user}": True for user in draw(st.sets(st.sampled_from([ANN, ONE, TWO])))
    }
    atoms |= {f"labels category{n}": True for n in draw(st.sets(st.integers(1, 3)))}
    for key in draw(st.sets(st.sampled_from([ANN, ONE, TWO]))):
        title, checked = draw(texts), draw(st.booleans())
        atoms |= {
            f"checklist {key}": True,
            f"checklist {key} title": title,
            f"checklist {key} isChecked": checked,
        }
    for url in draw(
        st.sets(st.sampled_from(["https://a.b/%25#c", "http://a:8@b"]) | urls, max_size=2)
    ):
        atoms[f"references {url}"] = True
        atoms |= draw(
            st.fixed_dictionaries(
                {}, optional={f"references {url} {n}": texts for n in ("alias", "type")}
            )
        )
    return atoms


def created(atoms: dict[str, Value]) -> tuple[dict[str, Any], dict[str, Any]]:
    task = merged({"id": "task"}, create_body("plan", atoms))
    return task, merged({"@odata.etag": "e"}, details_patch(atoms, {}))


@settings(max_examples=100, deadline=None)
@given(atoms=cards())
def test_what_is_created_is_what_is_read(atoms):
    assert read_card(*created(atoms)).atoms == atoms


@settings(max_examples=100, deadline=None)
@given(before=cards(), after=cards())
def test_patches_of_the_difference_lead_from_any_card_to_any_other(before, after):
    task, details = created(before)
    changes = {
        atom: after.get(atom) for atom in before | after if before.get(atom) != after.get(atom)
    }
    task, details = (
        merged(task, task_patch(changes)),
        merged(details, details_patch(changes, before)),
    )

    assert read_card(task, details).atoms == after
