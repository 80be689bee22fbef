"""Planner's JSON ↔ the atoms of a card.

`READERS` and `WRITERS` have one function for each codec of `model/fields.py`. What Planner keeps
beyond the contract (order hints, who assigned whom) is no atom: it never counts as a change and is
never sent back.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from planner_sync.model.card import Card, Names
from planner_sync.model.fields import FIELDS, Codec, Field, Part, members
from planner_sync.model.task import (
    CHECKLIST_TITLE_MAX,
    Value,
    canonical_id,
    canonical_instant,
    canonical_text,
    url_trouble,
)

# https://learn.microsoft.com/graph/api/resources/plannerassignments: both members are required
_ASSIGNMENT = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
_CHECKLIST_ITEM = {"@odata.type": "microsoft.graph.plannerChecklistItem"}
_REFERENCE = {"@odata.type": "microsoft.graph.plannerExternalReference"}
# `%` comes first, so that it is not encoded twice.
# https://learn.microsoft.com/graph/api/resources/plannerexternalreferences
_ENCODED = {"%": "%25", ".": "%2E", ":": "%3A", "@": "%40", "#": "%23"}
_DECODED = {code: char for char, code in _ENCODED.items()}

Atoms = dict[str, Value]
Changes = Mapping[str, Value | None]  # None removes


def read_card(task: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> Card:
    """The card in Graph's answers. The details may also be inside the task, where `$expand=details`
    puts them.

    A link or a checklist item that no document could hold (another scheme, a blank title) is left
    out, and so left alone.
    """
    if details is None:
        details = task.get("details")
    atoms = _read_part("task", task)
    of_details: Atoms = {}
    details_etag = None
    if details is not None:
        of_details = _read_part("details", details)
        details_etag = details.get("@odata.etag") or ""
    creator = task.get("createdBy") or {}
    return Card(
        id=task["id"],
        plan_id=task.get("planId") or "",
        etag=task.get("@odata.etag") or "",
        details_etag=details_etag,
        atoms={**atoms, **of_details},
        order=(*members("checklist", of_details), *members("references", of_details)),
        created_by_user=(creator.get("user") or {}).get("id"),
        created_by_app=(creator.get("application") or {}).get("id"),
        created_at=canonical_instant(task.get("createdDateTime") or "") or "",
    )


def create_body(plan_id: str, atoms: Mapping[str, Value]) -> dict[str, Any]:
    """The body of POST /planner/tasks. Atoms of the details are left for a PATCH of the details."""
    return {"planId": plan_id, **task_patch(atoms)}


def task_patch(changes: Changes) -> dict[str, Any]:
    """The body of PATCH /planner/tasks/{id}; {} when no change is in the task. None removes."""
    return _write_part("task", changes, {})


def details_patch(changes: Changes, base: Mapping[str, Value]) -> dict[str, Any]:
    """The body of PATCH /planner/tasks/{id}/details; {} when no change is in the details.

    `base` has the atoms of the card before the changes. New checklist items keep the order that
    they have in `changes`.
    """
    return _write_part("details", changes, base)


def parse_plan_names(
    buckets: Iterable[Mapping[str, Any]], plan_details: Mapping[str, Any]
) -> Names:
    """The names in Graph's answers to /planner/plans/{id}/buckets and /details."""
    in_order = sorted(buckets, key=lambda bucket: (bucket.get("orderHint") or "", bucket["id"]))
    described = plan_details.get("categoryDescriptions") or {}
    return Names(
        buckets=tuple((bucket["id"], bucket.get("name") or "") for bucket in in_order),
        labels={f"category{n}": described.get(f"category{n}") or None for n in range(1, 26)},
        etag=plan_details.get("@odata.etag") or "",
    )


def encode_reference(url: str) -> str:
    """The URL as a key of Planner's references. A key of an open type may have none of `% . : @
    #`."""
    return re.sub(r"[%.:@#]", lambda match: _ENCODED[match[0]], url)


def decode_reference(key: str) -> str:
    return re.sub(
        r"%(?:25|2E|3A|40|23)", lambda match: _DECODED[match[0].upper()], key, flags=re.IGNORECASE
    )


# -- Graph's JSON to atoms -------------------------------------------------------------------------
def _read_part(part: Part, resource: Mapping[str, Any]) -> Atoms:
    atoms: Atoms = {}
    for field in FIELDS.values():
        if field.part == part and field.graph is not None:
            atoms |= READERS[field.codec](field, resource.get(field.graph))
    return atoms


def _read_title(field: Field, value: Any) -> Atoms:
    return {field.name: (value or "").strip()}


def _read_text(field: Field, value: Any) -> Atoms:
    text = canonical_text(value or "")
    return {field.name: text} if text else {}


def _read_instant(field: Field, value: Any) -> Atoms:
    at = canonical_instant(value or "")
    return {field.name: at} if at else {}


def _read_number(field: Field, value: Any) -> Atoms:
    number = field.default if value is None else value
    return {} if number is None else {field.name: number}


def _read_id(field: Field, value: Any) -> Atoms:
    return {field.name: value} if value else {}


def _read_people(field: Field, value: Any) -> Atoms:
    return {f"{field.name} {user.lower()}": True for user, _ in _items(value)}


def _read_labels(field: Field, value: Any) -> Atoms:
    return {f"{field.name} {slot}": True for slot, _ in _items(value)}


def _read_checklist(field: Field, value: Any) -> Atoms:
    atoms: Atoms = {}
    for key, item in _in_order(_items(value), "orderHint"):
        title = (item.get("title") or "").strip()
        if 0 < len(title) <= CHECKLIST_TITLE_MAX:
            atom = f"{field.name} {canonical_id(key)}"
            atoms[atom] = True
            atoms[f"{atom} title"] = title
            atoms[f"{atom} isChecked"] = bool(item.get("isChecked"))
    return atoms


def _read_references(field: Field, value: Any) -> Atoms:
    atoms: Atoms = {}
    for key, reference in _in_order(_items(value), "previewPriority"):
        url = decode_reference(key)
        if url_trouble(url) is not None:
            continue
        atoms[f"{field.name} {url}"] = True
        for name in field.attributes:
            if text := (reference.get(name) or "").strip():
                atoms[f"{field.name} {url} {name}"] = text
    return atoms


READERS: Final[Mapping[Codec, Callable[[Field, Any], Atoms]]] = {
    "title": _read_title,
    "text": _read_text,
    "instant": _read_instant,
    "number": _read_number,
    "priority": _read_number,
    "bucketId": _read_id,
    "people": _read_people,
    "labels": _read_labels,
    "checklist": _read_checklist,
    "references": _read_references,
}


def _items(value: Any) -> list[tuple[str, Any]]:
    """The members of an open type, without OData's own and without those that are removed."""
    return [(key, item) for key, item in (value or {}).items() if item and "@" not in key]


def _in_order(items: list[tuple[str, Any]], hint: str) -> list[tuple[str, Any]]:
    # Hints sort as ordinal strings.
    # https://learn.microsoft.com/graph/api/resources/planner-order-hint-format
    return sorted(items, key=lambda item: (item[1].get(hint) or "", item[0]))


# -- atoms to Graph's JSON -------------------------------------------------------------------------
def _write_part(part: Part, changes: Changes, base: Mapping[str, Value]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for field in FIELDS.values():
        if field.part == part and field.graph is not None:
            own = _of_field(field, changes)
            if own:
                body[field.graph] = WRITERS[field.codec](field, own, base)
    return body


def _of_field(field: Field, changes: Changes) -> Changes:
    return {atom: value for atom, value in changes.items() if atom.split(" ", 1)[0] == field.atom}


def _write_value(field: Field, changes: Changes, base: Mapping[str, Value]) -> Any:
    value = changes[field.name]
    return field.default if value is None else value


def _write_text(field: Field, changes: Changes, base: Mapping[str, Value]) -> Any:
    return changes[field.name] or ""


def _write_people(field: Field, changes: Changes, base: Mapping[str, Value]) -> Any:
    body: dict[str, Any] = {}
    for user in members(field.name, changes):
        assigned = changes[f"{field.name} {user}"]
        body[user] = dict(_ASSIGNMENT) if assigned else None
    return body


def _write_labels(field: Field, changes: Changes, base: Mapping[str, Value]) -> Any:
    return {slot: bool(changes[f"{field.name} {slot}"]) for slot in members(field.name, changes)}


def _write_checklist(field: Field, changes: Changes, base: Mapping[str, Value]) -> Any:
    body: dict[str, Any] = {}
    hint = ""
    for key in _touched(changes):
        atom = f"{field.name} {key}"
        given = _attributes(field, atom, changes)
        if atom in changes and not changes[atom]:
            body[key] = None
        elif atom in base:
            body[key] = _CHECKLIST_ITEM | given
        else:
            # After the new item before it: a hint that is not saved yet may be part of the next.
            hint += " !"
            new = {"title": given["title"], "isChecked": bool(given.get("isChecked"))}
            body[key] = _CHECKLIST_ITEM | new | {"orderHint": hint}
    return body


def _write_references(field: Field, changes: Changes, base: Mapping[str, Value]) -> Any:
    # A link is always sent whole: whether Planner merges inside one is nowhere documented.
    after = {**base, **changes}
    body: dict[str, Any] = {}
    for url in _touched(changes):
        atom, key = f"{field.name} {url}", encode_reference(url)
        if not after.get(atom):
            body[key] = None
            continue
        body[key] = _REFERENCE | _attributes(field, atom, after)
        if atom not in base:
            body[key]["previewPriority"] = " !"
    return body


WRITERS: Final[Mapping[Codec, Callable[[Field, Changes, Mapping[str, Value]], Any]]] = {
    "title": _write_value,
    "text": _write_text,
    "instant": _write_value,
    "number": _write_value,
    "priority": _write_value,
    "bucketId": _write_value,
    "people": _write_people,
    "labels": _write_labels,
    "checklist": _write_checklist,
    "references": _write_references,
}


def _touched(changes: Changes) -> list[str]:
    """The items that the changes touch, each once, in the order of the changes."""
    return list(dict.fromkeys(atom.split(" ")[1] for atom in changes))


def _attributes(field: Field, atom: str, values: Changes) -> dict[str, Any]:
    return {
        name: values[f"{atom} {name}"] for name in field.attributes if f"{atom} {name}" in values
    }
