"""The types of a task document name what the contract names."""

from typing import get_args, get_type_hints

import pytest

import planner_sync.agents
from planner_sync.agents import ChecklistItemFields, ReferenceFields, TaskFields
from planner_sync.model.dialects import SERVICE_FIELDS
from planner_sync.model.fields import FIELDS


def test_a_task_has_every_field_of_the_table_and_of_the_service():
    assert get_type_hints(TaskFields).keys() == FIELDS.keys() | SERVICE_FIELDS.keys()


@pytest.mark.parametrize(
    ("shape", "name"), [(ChecklistItemFields, "checklist"), (ReferenceFields, "references")]
)
def test_an_item_has_its_identity_and_its_attributes(shape, name):
    assert get_type_hints(shape).keys() == {FIELDS[name].key, *FIELDS[name].attributes}


def test_every_field_can_be_cleared_but_the_title():
    """The members of the service are not for agents to clear."""
    hints = get_type_hints(TaskFields)

    assert {name for name in FIELDS if type(None) not in get_args(hints.get(name))} == {"title"}


def test_all_that_is_exported_is_there():
    assert [
        name for name in planner_sync.agents.__all__ if not hasattr(planner_sync.agents, name)
    ] == []
