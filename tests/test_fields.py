"""The table of the synced fields: what each row needs elsewhere is there."""

import pytest

from planner_emulator import fields as emulator
from planner_emulator import resources
from planner_sync.decide import interpret, rendering
from planner_sync.graph import cards
from planner_sync.model.fields import DEFAULTS, DETAILS_FIELDS, FIELDS, ITEM_FIELDS, members

RESOURCES = {"task": resources.TASK, "details": resources.DETAILS}


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_every_module_between_document_and_card_knows_the_codec_of_a_field(field):
    tables = {
        "decide/interpret.py: READERS": (interpret.READERS, field.atom),
        "decide/rendering.py: WRITERS": (rendering.WRITERS, field.atom),
        "graph/cards.py: READERS": (cards.READERS, field.graph),
        "graph/cards.py: WRITERS": (cards.WRITERS, field.graph),
    }

    missing = [
        f"{where} has no row for codec {field.codec!r}, which the field {field.name} names"
        for where, (table, needed) in tables.items()
        if needed and field.codec not in table
    ]
    assert missing == []


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_a_field_of_graph_names_the_resource_that_has_it(field):
    assert (field.part is None) == (field.graph is None)


@pytest.mark.parametrize("field", [f for f in FIELDS.values() if f.graph], ids=lambda f: f.name)
def test_the_emulator_takes_every_field_that_is_sent(field):
    kind = RESOURCES[field.part]

    assert field.graph in {**emulator.SCALARS[kind], **emulator.OPEN[kind]}, (
        f"planner_emulator/fields.py has no {field.graph} in {kind.entity}"
    )


@pytest.mark.parametrize("field", FIELDS.values(), ids=FIELDS)
def test_the_atoms_of_a_field_have_its_name_or_that_of_the_other_spelling(field):
    assert field.atom in (field.name, None) or FIELDS[field.atom].atom == field.atom


def test_a_list_of_items_says_what_identifies_one_and_what_it_has():
    assert {name: (FIELDS[name].key, attributes) for name, attributes in ITEM_FIELDS.items()} == {
        "checklist": ("id", ("title", "isChecked")),
        "references": ("url", ("alias", "type")),
    }


def test_every_card_has_a_progress_and_a_priority():
    assert DEFAULTS == {"percentComplete": 0, "priority": 5}


def test_the_details_are_a_resource_of_their_own():
    assert {"description", "checklist", "references"} == DETAILS_FIELDS


def test_the_members_of_a_field_are_the_keys_of_its_atoms_without_their_attributes():
    atoms = ["checklist 1", "checklist 1 title", "checklists 3", "checklist 2", "title"]

    assert members("checklist", atoms) == ["1", "2"]
