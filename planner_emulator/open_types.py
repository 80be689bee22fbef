"""The values inside Planner's open types: what a client may send for one key, and what Planner
makes of it.

Every function takes (key, sent, present, act), where `sent` is not null and `present` is what
stands now or None, and returns (key, value to store); a value of None removes the key. ValueError:
the reason, for a 400.
"""

import re
import uuid
from collections.abc import Callable
from typing import Any

from planner_emulator import hints, refusals
from planner_emulator.actors import Act
from planner_emulator.resources import Json

Item = Callable[[str, Any, Any, Act], tuple[str, Any]]

# These five characters are encoded in keys:
# https://learn.microsoft.com/graph/api/resources/plannerexternalreferences
_REFERENCE_KEY = re.compile(r"(?:[^%.:@#]|%(?:25|2E|3A|40|23))+", re.IGNORECASE)
_CATEGORY = re.compile(r"category(?:[1-9]|1\d|2[0-5])")


def assignment(key: str, sent: Any, present: Any, act: Act) -> tuple[str, Any]:
    body = _typed(sent, "plannerAssignment", {"orderHint"})
    if "orderHint" not in body:
        raise ValueError("A non-null orderHint must be specified.")
    user = guid(key)
    if present is None and not act.knows_user(user) and act.switches.unknown_user != "accept":
        if act.switches.unknown_user == "403":
            raise refusals.forbidden(may_be_missing=True)
        raise ValueError(f"The user '{user}' does not exist.")
    made = present or {
        "@odata.type": "#microsoft.graph.plannerAssignment",
        "assignedBy": act.identity,
        "assignedDateTime": act.stamp,
    }
    return user, {**made, "orderHint": hints.settle(hint(body["orderHint"]), act.ticks) + "P"}


def category(key: str, sent: Any, present: Any, act: Act) -> tuple[str, Any]:
    check_category(key)
    if not isinstance(sent, bool):
        raise ValueError("A boolean value must be specified.")
    return key, True if sent else None


def checklist_item(key: str, sent: Any, present: Any, act: Act) -> tuple[str, Any]:
    body = _typed(sent, "plannerChecklistItem", {"title", "isChecked", "orderHint"})
    made = dict(
        present or {"title": None, "isChecked": False, "orderHint": hints.newest_first(act.ticks)}
    )
    if "title" in body:
        made["title"] = _text(body["title"], act.switches.checklist_title_max)
    if made["title"] is None:
        raise ValueError("A non-null title must be specified.")
    if "isChecked" in body:
        if not isinstance(body["isChecked"], bool):
            raise ValueError("isChecked must be a boolean.")
        made["isChecked"] = body["isChecked"]
    if "orderHint" in body:
        made["orderHint"] = hints.settle(hint(body["orderHint"]), act.ticks)
    return guid(key), _edited("plannerChecklistItem", made, present, act)


def reference(key: str, sent: Any, present: Any, act: Act) -> tuple[str, Any]:
    body = _typed(sent, "plannerExternalReference", {"alias", "type", "previewPriority"})
    if not _REFERENCE_KEY.fullmatch(key):
        raise ValueError(f"The property name '{key}' is invalid; encode the characters % . : @ #.")
    made = dict(
        present or {"alias": None, "type": None, "previewPriority": hints.newest_first(act.ticks)}
    )
    for name in body.keys() & {"alias", "type"}:
        if not isinstance(body[name], str | None):
            raise ValueError(f"{name} must be a string.")
        made[name] = body[name]
    if "previewPriority" in body:
        made["previewPriority"] = hints.settle(hint(body["previewPriority"]), act.ticks)
    return key, _edited("plannerExternalReference", made, present, act)


def label(key: str, sent: Any, present: Any, act: Act) -> tuple[str, Any]:
    """The name of a label in the plan's details."""
    check_category(key)
    return key, _text(sent, act.switches.title_max)


def shared_with(key: str, sent: Any, present: Any, act: Act) -> tuple[str, Any]:
    if not isinstance(sent, bool):
        raise ValueError("A boolean value must be specified.")
    return guid(key), True if sent else None


def assignee_hint(key: str, sent: Any, present: Any, act: Act) -> tuple[str, Any]:
    return guid(key), hints.settle(hint(sent), act.ticks)


def check_category(key: str) -> None:
    if not _CATEGORY.fullmatch(key):
        raise ValueError(f"There is no '{key}'; the labels are category1 to category25.")


def guid(key: str) -> str:
    """The key in lower case; ValueError where it is no GUID."""
    try:
        return str(uuid.UUID(key)) if len(key) == 36 else _not_a_guid(key)
    except ValueError:
        return _not_a_guid(key)


def hint(sent: Any) -> str:
    if not hints.is_request(sent):
        raise ValueError("The specified order hint is invalid.")
    return str(sent)


def _not_a_guid(key: str) -> str:
    raise ValueError(f"The property name '{key}' is invalid; a GUID must be specified.")


def _typed(sent: Any, name: str, known: set[str]) -> Json:
    """The members of an open type's value without its annotation, which must be there."""
    if not isinstance(sent, dict) or not sent:
        raise ValueError("An object that is not empty must be specified.")
    if str(sent.get("@odata.type", "")).removeprefix("#") != f"microsoft.graph.{name}":
        raise ValueError(f"The value must have the @odata.type '#microsoft.graph.{name}'.")
    body = {member: value for member, value in sent.items() if not member.startswith("@odata.")}
    for member in body.keys() - known - {"lastModifiedBy", "lastModifiedDateTime"}:
        raise ValueError(
            f"The property '{member}' does not exist on type 'microsoft.graph.{name}'."
        )
    for member in body.keys() - known:
        raise ValueError(f"The property '{member}' is read-only.")
    return body


def _text(sent: Any, longest: int) -> str:
    if not isinstance(sent, str):
        raise ValueError("A string must be specified.")
    if len(sent) > longest:
        raise ValueError(f"The value must be at most {longest} characters long.")
    return sent


def _edited(name: str, made: Json, present: Any, act: Act) -> Json:
    """The item stamped with its editor, or the present one where nothing differs."""
    if present is not None and all(present[member] == value for member, value in made.items()):
        return dict(present)
    return {
        **made,
        "@odata.type": f"#microsoft.graph.{name}",
        "lastModifiedBy": act.identity,
        "lastModifiedDateTime": act.stamp,
    }
