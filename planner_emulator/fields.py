"""Which fields each kind of resource has, and what a client may write into them.

A body becomes a list of writes, or a 400. What no client may write (ids, counts, stamps) is
refused, not ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from planner_emulator import hints, instants, open_types, refusals, resources
from planner_emulator.actors import Act
from planner_emulator.open_types import Item
from planner_emulator.resources import Json, Kind, Resource, Write

Check = Callable[[Any, Act], Any]

PREVIEWS = ("automatic", "noPreview", "checklist", "description", "reference")
# Planner's own names of fields, as they stand in its messages.
_SPELLING = {"dueDateTime": "DueDate", "startDateTime": "StartDate"}


def text(limit: str, *, nullable: bool = True, trims: bool = False) -> Check:
    """A string of at most as many characters as the switch `limit` says."""

    def check(value: Any, act: Act) -> Any:
        if value is None and nullable:
            return None
        if not isinstance(value, str) or (not nullable and not value.strip()):
            raise ValueError("A non-null value must be specified for this field.")
        longest = getattr(act.switches, limit)
        if len(value) > longest:
            raise ValueError(f"The field must be a string with a maximum length of '{longest}'.")
        return value.strip() if trims and act.switches.trim_titles == "on" else value

    return check


def number(least: int, most: int) -> Check:
    def check(value: Any, act: Act) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("A value of type Edm.Int32 must be specified.")
        if not least <= value <= most:
            raise ValueError(f"The field must be between {least} and {most}.")
        return value

    return check


def instant(value: Any, act: Act) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("A value of type Edm.DateTimeOffset must be specified.")
    return instants.stamp(instants.read(value))


def order_hint(value: Any, act: Act) -> Any:
    return hints.settle(open_types.hint(value), act.ticks)


def plain_text(value: Any, act: Act) -> Any:
    if not isinstance(value, str | None):
        raise ValueError("A string must be specified.")
    return value


def description(value: Any, act: Act) -> Any:
    return text("description_max")(value, act) or ""


def preview(value: Any, act: Act) -> Any:
    if value not in PREVIEWS:
        raise ValueError(f"The value must be one of {', '.join(PREVIEWS)}.")
    return value


SCALARS: Mapping[Kind, Mapping[str, Check]] = {
    resources.TASK: {
        "title": text("title_max", nullable=False, trims=True),
        "bucketId": plain_text,
        "percentComplete": number(0, 100),
        "priority": number(0, 10),
        "startDateTime": instant,
        "dueDateTime": instant,
        "orderHint": order_hint,
        "assigneePriority": order_hint,
        "conversationThreadId": plain_text,
    },
    resources.DETAILS: {"description": description, "previewType": preview},
    resources.PLAN: {"title": text("title_max", nullable=False, trims=True)},
    resources.PLAN_DETAILS: {},
    resources.BUCKET: {"name": text("title_max", nullable=False), "orderHint": order_hint},
    resources.BOARDS["assignedToTaskBoardFormat"]: {"unassignedOrderHint": order_hint},
    resources.BOARDS["bucketTaskBoardFormat"]: {"orderHint": order_hint},
    resources.BOARDS["progressTaskBoardFormat"]: {"orderHint": order_hint},
}

OPEN: Mapping[Kind, Mapping[str, Item]] = {
    resources.TASK: {
        "assignments": open_types.assignment,
        "appliedCategories": open_types.category,
    },
    resources.DETAILS: {"checklist": open_types.checklist_item, "references": open_types.reference},
    resources.PLAN_DETAILS: {
        "categoryDescriptions": open_types.label,
        "sharedWith": open_types.shared_with,
    },
    resources.BOARDS["assignedToTaskBoardFormat"]: {
        "orderHintsByAssignee": open_types.assignee_hint
    },
}

_CATEGORIES = {"appliedCategories", "categoryDescriptions"}
_UNDELETABLE = {"orderHintsByAssignee"}


def writes(resource: Resource, body: Json, act: Act) -> list[Write]:
    """The body as writes into `resource`. Refused (400): an unknown or read-only field, a wrong
    value."""
    found: list[Write] = []
    for name, value in body.items():
        if name.startswith("@odata."):
            continue
        try:
            found.extend(_field_writes(resource, name, value, act))
        except ValueError as why:
            raise refusals.invalid(resource.kind.entity, spelled(name), str(why)) from why
    return found


def spelled(name: str) -> str:
    """A field's name as Planner's messages have it."""
    return _SPELLING.get(name, name[:1].upper() + name[1:])


def _field_writes(resource: Resource, name: str, value: Any, act: Act) -> list[Write]:
    scalars, opens = SCALARS[resource.kind], OPEN.get(resource.kind, {})
    if name in scalars:
        return [Write(name, None, scalars[name](value, act))]
    if name in opens:
        return _key_writes(resource, name, value, act)
    return _unwritable(resource, name)


def _key_writes(resource: Resource, name: str, value: Any, act: Act) -> list[Write]:
    if not isinstance(value, dict):
        raise ValueError("An object must be specified.")
    check = OPEN[resource.kind][name]
    present = resource.fields[name]
    found = []
    for key, sent in value.items():
        if key.startswith("@odata."):
            continue
        if sent is None:
            if name in _UNDELETABLE:
                raise ValueError("Keys cannot be removed.")
            if name in _CATEGORIES:
                open_types.check_category(key)
            found.append(Write(name, _stored_key(present, key), None))
        else:
            found.append(
                Write(name, *check(key, sent, present.get(_stored_key(present, key)), act))
            )
    return found


def _stored_key(present: Json, key: str) -> str:
    """GUID keys are stored in lower case; all others as they are."""
    return key.lower() if key not in present and key.lower() in present else key


def _unwritable(resource: Resource, name: str) -> NoReturn:
    if name in resource.fields or name == "id":
        raise refusals.bad_request(f"The property '{name}' is read-only and cannot be set.")
    entity = resource.kind.entity[:1].lower() + resource.kind.entity[1:]
    raise refusals.bad_request(
        f"The property '{name}' does not exist on type 'microsoft.graph.planner{entity}'."
    )
