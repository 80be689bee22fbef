"""The shape of a task document, for editors and type checkers.

    task: TaskFields = {"title": "Write the report", "dueDate": "2026-03-01", "priority": "urgent"}

Private members are allowed everywhere and are no part of these types: a document that has some is a
plain `dict`. None clears a field; a field that is left out is left alone.
"""

from typing import Literal, Required, TypedDict

Priority = Literal["urgent", "important", "medium", "low"]


class ChecklistItemFields(TypedDict, total=False):
    """One item. `title` has 1 to 100 characters; without `id` the item is known by its title."""

    title: Required[str]
    isChecked: bool | None
    id: str | None


class ReferenceFields(TypedDict, total=False):
    """One link: an http or https URL."""

    url: Required[str]
    alias: str | None
    type: str | None


class TaskFields(TypedDict, total=False):
    """The members that the sync knows, camelCase; README's "A task" has the limits of each."""

    id: str
    title: str
    planId: str | None
    bucket: str | None
    bucketId: str | None
    assignedTo: list[str] | None
    startDate: str | None
    dueDate: str | None
    percentComplete: int | None
    priority: Priority | int | None
    labels: list[str] | None
    description: str | None
    checklist: list[ChecklistItemFields] | None
    references: list[ReferenceFields] | None
    # Written by the service; carry them along when you write a document back.
    plannerId: str
    _rev: int
    createdBy: str
    createdAt: str
