"""The table of the synced fields: how each is spelled, read, checked against Planner's limits, and
cleared.

What is here is true in both dialects; `dialects.py` knows what differs. This module never sees JSON
text.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from planner_sync.errors import Refusal
from planner_sync.model.task import (
    ASSIGNEES_MAX,
    CHECKLIST_MAX,
    CHECKLIST_TITLE_MAX,
    DESCRIPTION_MAX,
    DOCUMENT_MAX_BYTES,
    NAME_MAX,
    PERCENT_MAX,
    PRIORITY_MAX,
    REFERENCES_MAX,
    TITLE_MAX,
    URL_MAX,
    ChecklistItem,
    Day,
    FieldValue,
    Instant,
    Reference,
    Word,
    canonical_id,
    canonical_instant,
    canonical_text,
    is_guid,
    parse_day,
    parse_word,
    person_kind,
    refuse,
    url_trouble,
)

_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Field:
    """One row of the table: the spellings in a snake_case document (the preferred one first), how a
    value that is not a clearing one is read, and how a cleared one is written."""

    name: str
    snake: tuple[str, ...]
    read: Callable[[str, Any], FieldValue | None]
    cleared: str | list[Any] | None


def read_field(name: str, value: Any) -> FieldValue | None:
    """The value of field `name`, which stands in a document as `value` in the table's form; None
    when it is cleared.

    Raises Refusal (bad_field, limit) with the field and the value named.
    """
    # `null`, "" and [] clear, whatever the field's own type is.
    cleared = value is None or value == "" or value == []
    return None if cleared else FIELDS[name].read(name, value)


def _text(name: str, value: Any, longest: int, what: str = "") -> str:
    if not isinstance(value, str):
        raise refuse(name, value, f"is not a string{what}")
    if _UNSENDABLE.search(value):
        raise refuse(name, value, f"has a character that Planner cannot store{what}")
    if len(value) > longest:
        raise refuse(name, value, f"is longer than {longest} characters{what}", "limit")
    return value


def _name(name: str, value: Any, longest: int = NAME_MAX, what: str = "") -> str:
    text = _text(name, value.strip() if isinstance(value, str) else value, longest, what)
    if not text:
        raise refuse(name, value, f"is blank{what}")
    return text


def _title(name: str, value: Any) -> str:
    return _name(name, value, TITLE_MAX)


def _description(name: str, value: Any) -> str:
    return _text(name, canonical_text(value) if isinstance(value, str) else value, DESCRIPTION_MAX)


def _moment(name: str, value: Any) -> Day | Instant:
    text = _text(name, value, NAME_MAX).strip()
    if at := canonical_instant(text):
        return Instant(at)
    if day := parse_day(text):
        return day
    raise refuse(name, value, "is neither a date YYYY-MM-DD nor an ISO 8601 instant")


def _integer(name: str, value: Any, highest: int, otherwise: str = "") -> int:
    # JSON has one type of number: 50.0 is 50. In Python True is a number, in JSON it is not.
    if type(value) in (int, float) and value == int(value) and 0 <= value <= highest:
        return int(value)
    raise refuse(name, value, f"is not a whole number from 0 to {highest}{otherwise}")


def _percent(name: str, value: Any) -> int:
    return _integer(name, value, PERCENT_MAX)


def _priority(name: str, value: Any) -> int | Word:
    if isinstance(value, str) and (word := parse_word(value)):
        return word
    return _integer(name, value, PRIORITY_MAX, " or a word for it")


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise refuse(name, value, "is not an array")
    return value


def _names(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_name(name, entry) for entry in _list(name, value))


def _assignees(name: str, value: Any) -> tuple[str, ...]:
    entries = _names(name, value)
    people = {entry.lower() for entry in entries if person_kind(entry) != "agent"}
    _at_most(name, len(people), ASSIGNEES_MAX, "people")
    return entries


def _checklist(name: str, value: Any) -> tuple[ChecklistItem, ...]:
    items = tuple(_checklist_item(name, entry, n) for n, entry in enumerate(_list(name, value), 1))
    _at_most(name, len(items), CHECKLIST_MAX, "items")
    seen: set[str] = set()
    for item in items:
        if item.id and is_guid(item.id):
            if item.id in seen:
                raise refuse(name, item.id, "is the id of two items")
            seen.add(item.id)
    return items


def _checklist_item(name: str, value: Any, n: int) -> ChecklistItem:
    if not isinstance(value, dict):
        raise refuse(name, value, f"is not an object (item {n})")
    title = _name(name, value.get("title"), CHECKLIST_TITLE_MAX, f" (title of item {n})")
    checked = value.get("isChecked")
    if checked is not None and not isinstance(checked, bool):
        raise refuse(name, checked, f"is not true or false (isChecked of item {n})")
    item_id = value.get("id")
    if (
        type(item_id) is int
    ):  # an id of the agent's own counting: like any that is no GUID, Planner never sees it
        item_id = str(item_id)
    known_as = _optional(name, item_id, NAME_MAX, f" (id of item {n})")
    return ChecklistItem(title, checked, canonical_id(known_as) if known_as else None, value)


def _references(name: str, value: Any) -> tuple[Reference, ...]:
    references = tuple(_reference(name, entry, n) for n, entry in enumerate(_list(name, value), 1))
    _at_most(name, len({reference.url for reference in references}), REFERENCES_MAX, "links")
    return references


def _reference(name: str, value: Any, n: int) -> Reference:
    if not isinstance(value, dict):
        raise refuse(name, value, f"is not an object (item {n})")
    url = _name(name, value.get("url"), DOCUMENT_MAX_BYTES, f" (url of item {n})")
    if trouble := url_trouble(url):
        raise refuse(
            name,
            url,
            f"{trouble} (url of item {n})",
            "limit" if len(url) > URL_MAX else "bad_field",
        )
    alias = _optional(name, value.get("alias"), URL_MAX, f" (alias of item {n})")
    kind = _optional(name, value.get("type"), NAME_MAX, f" (type of item {n})")
    return Reference(url, alias, kind, value)


def _optional(name: str, value: Any, longest: int, what: str) -> str | None:
    return None if value is None else _text(name, value, longest, what).strip() or None


def _at_most(name: str, count: int, most: int, what: str) -> None:
    if count > most:
        raise Refusal("limit", f"{name}: {count} {what}, Planner allows {most}", name)


FIELDS: Mapping[str, Field] = {
    field.name: field
    for field in (
        Field("title", ("title",), _title, ""),
        Field("planId", ("plan_id",), _name, ""),
        Field("bucket", ("bucket",), _name, ""),
        Field("bucketId", ("bucket_id",), _name, ""),
        Field("assignedTo", ("assigned_to",), _assignees, []),
        Field("startDate", ("start_date",), _moment, None),
        Field("dueDate", ("due_date",), _moment, None),
        Field("percentComplete", ("percent_complete",), _percent, None),
        Field("priority", ("priority",), _priority, None),
        Field("labels", ("labels",), _names, []),
        Field("description", ("notes", "description"), _description, ""),
        Field("checklist", ("checklist_items", "checklist"), _checklist, []),
        Field("references", ("references",), _references, []),
    )
}
