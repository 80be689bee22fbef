"""The table of the synced fields, one row each.

A row tells how the field is spelled and read in a document, where it is in Graph, and which codec
turns it into atoms and back. An atom is one thing that can change by itself:

    one value       `title`
    a set           `labels category3`: True, one for each member
    a list of items `checklist {id}`: True, and `checklist {id} title` for each attribute

What is here is true in both dialects; `dialects.py` knows the differences.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

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

Part = Literal["task", "details"]  # Graph's two resources of one card, each with its own etag
PlainCodec = Literal["title", "text", "instant", "number", "priority"]
Codec = Literal[
    PlainCodec, "plan", "bucket", "bucketId", "people", "labels", "checklist", "references"
]

_PLAIN: Final[tuple[PlainCodec, ...]] = ("title", "text", "instant", "number", "priority")
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Field:
    """One row of the table.

    `name` is the contract's name, `snake` the spellings in a snake_case document, the preferred one
    first. `read` reads a value that does not clear; `cleared` is what a cleared value is written
    as. `limit` is Planner's: characters, the highest number, or members.

    `atom` is the first word of the field's atoms; None: it has none. `attributes` are those of one
    item of a list, and `key` is the member that has the item's identity in a document.

    `part` is the resource in Graph that has the field, `graph` its name there; None: it is not sent
    as a field. `default` is the value that every new card has.

    `codec` names the rules that graph/cards.py, decide/interpret.py and decide/rendering.py each
    keep for it. Plain fields share theirs.
    """

    name: str
    snake: tuple[str, ...]
    read: Callable[["Field", Any], FieldValue | None]
    cleared: str | list[Any] | None
    codec: Codec
    atom: str | None
    part: Part | None
    graph: str | None
    limit: int | None = None
    default: int | None = None
    key: str = ""
    attributes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Is it one value that stands in the document as it stands on the card?"""
        return self.codec in _PLAIN

    @property
    def is_list(self) -> bool:
        """Is it an array in a document?"""
        return self.cleared == []


def read_field(name: str, value: Any) -> FieldValue | None:
    """The value of field `name`; `value` is in the table's form. None when it is cleared.

    Raises Refusal (bad_field, limit) that names the field and the value.
    """
    # `null`, "" and [] clear a field of any type.
    cleared = value is None or value == "" or value == []
    if cleared:
        return None
    field = FIELDS[name]
    return field.read(field, value)


def members(name: str, atoms: Iterable[str]) -> list[str]:
    """The keys of the members or items of field `name` that these atoms have."""
    keys = []
    for atom in atoms:
        first, *rest = atom.split(" ")
        if first == name and len(rest) == 1:
            keys.append(rest[0])
    return keys


# -- readers ---------------------------------------------------------------------------------------
def _text(name: str, value: Any, longest: int | None, what: str = "") -> str:
    if not isinstance(value, str):
        raise refuse(name, value, f"is not a string{what}")
    if _UNSENDABLE.search(value):
        raise refuse(name, value, f"has a character that Planner cannot store{what}")
    if longest is not None and len(value) > longest:
        raise refuse(name, value, f"is longer than {longest} characters{what}", "limit")
    return value


def _name(name: str, value: Any, longest: int | None = NAME_MAX, what: str = "") -> str:
    text = _text(name, value.strip() if isinstance(value, str) else value, longest, what)
    if not text:
        raise refuse(name, value, f"is blank{what}")
    return text


def _line(field: Field, value: Any) -> str:
    return _name(field.name, value, field.limit)


def _paragraphs(field: Field, value: Any) -> str:
    text = canonical_text(value) if isinstance(value, str) else value
    return _text(field.name, text, field.limit)


def _moment(field: Field, value: Any) -> Day | Instant:
    text = _text(field.name, value, NAME_MAX).strip()
    if at := canonical_instant(text):
        return Instant(at)
    if day := parse_day(text):
        return day
    raise refuse(field.name, value, "is neither a date YYYY-MM-DD nor an ISO 8601 instant")


def _integer(field: Field, value: Any, otherwise: str = "") -> int:
    # JSON has one type of number: 50.0 is 50. In Python True is a number, in JSON it is not.
    if type(value) in (int, float) and value == int(value) and 0 <= value <= (field.limit or 0):
        return int(value)
    rule = f"is not a whole number from 0 to {field.limit}{otherwise}"
    raise refuse(field.name, value, rule)


def _priority(field: Field, value: Any) -> int | Word:
    word = parse_word(value) if isinstance(value, str) else None
    return word or _integer(field, value, " or a word for it")


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise refuse(name, value, "is not an array")
    return value


def _names(field: Field, value: Any) -> tuple[str, ...]:
    return tuple(_name(field.name, entry) for entry in _list(field.name, value))


def _assignees(field: Field, value: Any) -> tuple[str, ...]:
    entries = _names(field, value)
    people = {entry.lower() for entry in entries if person_kind(entry) != "agent"}
    _check_count(field, len(people), "people")
    return entries


def _checklist(field: Field, value: Any) -> tuple[ChecklistItem, ...]:
    entries = enumerate(_list(field.name, value), 1)
    items = tuple(_checklist_item(field.name, entry, n) for n, entry in entries)
    _check_count(field, len(items), "items")
    seen: set[str] = set()
    for item in items:
        if item.id and is_guid(item.id):
            if item.id in seen:
                raise refuse(field.name, item.id, "is the id of two items")
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
    if type(item_id) is int:
        # The agent counts its items. Like any id that is no GUID, Planner never sees it.
        item_id = str(item_id)
    known_as = _optional(name, item_id, NAME_MAX, f" (id of item {n})")
    return ChecklistItem(title, checked, canonical_id(known_as) if known_as else None, value)


def _references(field: Field, value: Any) -> tuple[Reference, ...]:
    entries = enumerate(_list(field.name, value), 1)
    references = tuple(_reference(field.name, entry, n) for n, entry in entries)
    _check_count(field, len({reference.url for reference in references}), "links")
    return references


def _reference(name: str, value: Any, n: int) -> Reference:
    if not isinstance(value, dict):
        raise refuse(name, value, f"is not an object (item {n})")
    url = _name(name, value.get("url"), DOCUMENT_MAX_BYTES, f" (url of item {n})")
    if trouble := url_trouble(url):
        code: Literal["limit", "bad_field"] = "limit" if len(url) > URL_MAX else "bad_field"
        raise refuse(name, url, f"{trouble} (url of item {n})", code)
    alias = _optional(name, value.get("alias"), URL_MAX, f" (alias of item {n})")
    kind = _optional(name, value.get("type"), NAME_MAX, f" (type of item {n})")
    return Reference(url, alias, kind, value)


def _optional(name: str, value: Any, longest: int, what: str) -> str | None:
    if value is None:
        return None
    return _text(name, value, longest, what).strip() or None


def _check_count(field: Field, count: int, what: str) -> None:
    if field.limit is not None and count > field.limit:
        reason = f"{field.name}: {count} {what}, Planner allows {field.limit}"
        raise Refusal("limit", reason, field.name)


# -- the table -------------------------------------------------------------------------------------
# fmt: off
_ROWS = (
    Field("title", ("title",), _line, "", "title",
          atom="title", part="task", graph="title", limit=TITLE_MAX),
    # Cannot change once the card exists, so it is no atom; a create names it.
    Field("planId", ("plan_id",), _line, "", "plan",
          atom=None, part=None, graph=None, limit=NAME_MAX),
    Field("bucket", ("bucket",), _line, "", "bucket",
          atom="bucketId", part=None, graph=None, limit=NAME_MAX),
    Field("bucketId", ("bucket_id",), _line, "", "bucketId",
          atom="bucketId", part="task", graph="bucketId", limit=NAME_MAX),
    # An agent in it is an atom of `labels`.
    Field("assignedTo", ("assigned_to",), _assignees, [], "people",
          atom="assignedTo", part="task", graph="assignments", limit=ASSIGNEES_MAX),
    Field("startDate", ("start_date",), _moment, None, "instant",
          atom="startDate", part="task", graph="startDateTime"),
    Field("dueDate", ("due_date",), _moment, None, "instant",
          atom="dueDate", part="task", graph="dueDateTime"),
    Field("percentComplete", ("percent_complete",), _integer, None, "number",
          atom="percentComplete", part="task", graph="percentComplete",
          limit=PERCENT_MAX, default=0),
    Field("priority", ("priority",), _priority, None, "priority",
          atom="priority", part="task", graph="priority", limit=PRIORITY_MAX, default=5),
    Field("labels", ("labels",), _names, [], "labels",
          atom="labels", part="task", graph="appliedCategories"),
    Field("description", ("notes", "description"), _paragraphs, "", "text",
          atom="description", part="details", graph="description", limit=DESCRIPTION_MAX),
    Field("checklist", ("checklist_items", "checklist"), _checklist, [], "checklist",
          atom="checklist", part="details", graph="checklist", limit=CHECKLIST_MAX,
          key="id", attributes=("title", "isChecked")),
    Field("references", ("references",), _references, [], "references",
          atom="references", part="details", graph="references", limit=REFERENCES_MAX,
          key="url", attributes=("alias", "type")),
)
# fmt: on

FIELDS: Final[Mapping[str, Field]] = {field.name: field for field in _ROWS}

# What every card has, no matter who made it.
DEFAULTS: Final[Mapping[str, int]] = {
    field.name: field.default for field in _ROWS if field.default is not None
}
# The lists whose items come and go whole, with the attributes of one item.
ITEM_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    field.name: field.attributes for field in _ROWS if field.attributes
}
# The first words of the atoms under the etag of the details.
DETAILS_FIELDS: Final = frozenset(field.name for field in _ROWS if field.part == "details")
