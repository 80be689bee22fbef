"""Planner's JSON ↔ the atoms of a card. Pure: no network, no Redis, no clock.

A card is a flat map of atoms, one for each thing that can change by itself: `title`, `labels
category3`, `checklist {id} isChecked`. An absent atom is not set. What Planner keeps beyond the
contract (order hints, who assigned whom) is no atom: it never counts as a change and is never sent
back.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from planner_sync.model.card import Card, Names
from planner_sync.model.task import (
    CHECKLIST_TITLE_MAX,
    DEFAULTS,
    Value,
    canonical_id,
    canonical_instant,
    canonical_text,
    url_trouble,
)

TASK_FIELDS = frozenset(
    (
        "title",
        "bucketId",
        "startDate",
        "dueDate",
        "percentComplete",
        "priority",
        "assignedTo",
        "labels",
    )
)

_PLANNER_NAMES = {"startDate": "startDateTime", "dueDate": "dueDateTime"}

# https://learn.microsoft.com/graph/api/resources/plannerassignments: type and order hint are required
_ASSIGNMENT = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
_CHECKLIST_ITEM = {"@odata.type": "microsoft.graph.plannerChecklistItem"}
_REFERENCE = {"@odata.type": "microsoft.graph.plannerExternalReference"}
# https://learn.microsoft.com/graph/api/resources/plannerexternalreferences: % first, so that it is not encoded twice
_ENCODED = {"%": "%25", ".": "%2E", ":": "%3A", "@": "%40", "#": "%23"}
_DECODED = {code: char for char, code in _ENCODED.items()}


def read_card(task: Mapping[str, Any], details: Mapping[str, Any] | None = None) -> Card:
    """The card in Graph's answers; details may also stand inside the task, where `$expand=details`
    puts them.

    A link or a checklist item that no document could hold (another scheme, a blank title) is left
    out, and so left alone.
    """
    details = task.get("details") if details is None else details
    checklist, references = (
        (_checklist(details), _references(details)) if details is not None else ({}, {})
    )
    atoms = _task_atoms(task)
    if details is not None:
        atoms |= _details_atoms(details, checklist, references)
    creator = task.get("createdBy") or {}
    return Card(
        id=task["id"],
        plan_id=task.get("planId") or "",
        etag=task.get("@odata.etag") or "",
        details_etag=None if details is None else details.get("@odata.etag") or "",
        atoms=atoms,
        order=(*checklist, *references),
        created_by_user=(creator.get("user") or {}).get("id"),
        created_by_app=(creator.get("application") or {}).get("id"),
        created_at=canonical_instant(task.get("createdDateTime") or "") or "",
        has_description=bool(task.get("hasDescription")),
        checklist_count=task.get("checklistItemCount") or 0,
        reference_count=task.get("referenceCount") or 0,
    )


def create_body(plan_id: str, atoms: Mapping[str, Value]) -> dict[str, Any]:
    """The body of POST /planner/tasks; atoms of the details are left for a PATCH of the details."""
    return {"planId": plan_id, **task_patch(atoms)}


def task_patch(changes: Mapping[str, Value | None]) -> dict[str, Any]:
    """The body of PATCH /planner/tasks/{id}; {} when no change is one of the task. None clears or
    takes off."""
    body: dict[str, Any] = {}
    for atom, value in changes.items():
        name, _, key = atom.partition(" ")
        if name == "assignedTo":
            body.setdefault("assignments", {})[key] = dict(_ASSIGNMENT) if value else None
        elif name == "labels":
            body.setdefault("appliedCategories", {})[key] = bool(value)
        elif name in TASK_FIELDS:
            body[_PLANNER_NAMES.get(name, name)] = DEFAULTS.get(name) if value is None else value
    return body


def details_patch(changes: Mapping[str, Value | None], base: Mapping[str, Value]) -> dict[str, Any]:
    """The body of PATCH /planner/tasks/{id}/details; {} when no change is one of the details.

    `base` has the atoms of the card before the changes. New checklist items keep the order that
    they have in `changes`.
    """
    body: dict[str, Any] = {}
    if "description" in changes:
        body["description"] = changes["description"] or ""
    if items := _grouped("checklist", changes):
        body["checklist"] = _checklist_patch(items, changes, base)
    if urls := _grouped("references", changes):
        after = {**base, **changes}
        body["references"] = {
            encode_reference(url): _reference_patch(url, after, new=f"references {url}" not in base)
            for url in urls
        }
    return body


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
    """The URL as a key of Planner's references; a key of an open type may hold none of `% . : @
    #`."""
    return re.sub(r"[%.:@#]", lambda match: _ENCODED[match[0]], url)


def decode_reference(key: str) -> str:
    return re.sub(
        r"%(?:25|2E|3A|40|23)", lambda match: _DECODED[match[0].upper()], key, flags=re.IGNORECASE
    )


def _task_atoms(task: Mapping[str, Any]) -> dict[str, Value]:
    atoms: dict[str, Value] = {
        "title": (task.get("title") or "").strip(),
        "percentComplete": task.get("percentComplete") or DEFAULTS["percentComplete"],
        "priority": DEFAULTS["priority"] if task.get("priority") is None else task["priority"],
    }
    if bucket_id := task.get("bucketId"):
        atoms["bucketId"] = bucket_id
    for name in ("startDate", "dueDate"):
        if at := canonical_instant(task.get(_PLANNER_NAMES[name]) or ""):
            atoms[name] = at
    atoms |= {f"assignedTo {user.lower()}": True for user, _ in _members(task, "assignments")}
    atoms |= {f"labels {slot}": True for slot, _ in _members(task, "appliedCategories")}
    return atoms


def _details_atoms(
    details: Mapping[str, Any], checklist: Mapping[str, Any], references: Mapping[str, Any]
) -> dict[str, Value]:
    atoms: dict[str, Value] = {}
    if description := canonical_text(details.get("description") or ""):
        atoms["description"] = description
    for key, item in checklist.items():
        title, checked = item["title"].strip(), bool(item.get("isChecked"))
        atoms |= {
            f"checklist {key}": True,
            f"checklist {key} title": title,
            f"checklist {key} isChecked": checked,
        }
    for url, reference in references.items():
        atoms[f"references {url}"] = True
        texts = {name: (reference.get(name) or "").strip() for name in ("alias", "type")}
        atoms |= {f"references {url} {name}": text for name, text in texts.items() if text}
    return atoms


def _checklist(details: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    items = _in_order(_members(details, "checklist"), "orderHint")
    return {
        canonical_id(key): item
        for key, item in items
        if 0 < len((item.get("title") or "").strip()) <= CHECKLIST_TITLE_MAX
    }


def _references(details: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    items = _in_order(_members(details, "references"), "previewPriority")
    by_url = {decode_reference(key): reference for key, reference in items}
    return {url: reference for url, reference in by_url.items() if url_trouble(url) is None}


def _members(resource: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    """The members of an open type, without OData's own and without those that are taken off."""
    return [
        (key, value)
        for key, value in (resource.get(name) or {}).items()
        if value and "@" not in key
    ]


def _in_order(members: list[tuple[str, Any]], hint: str) -> list[tuple[str, Any]]:
    # https://learn.microsoft.com/graph/api/resources/planner-order-hint-format: hints sort as ordinal strings
    return sorted(members, key=lambda member: (member[1].get(hint) or "", member[0]))


def _grouped(name: str, changes: Mapping[str, Value | None]) -> list[str]:
    """The keys of one open type that the changes touch, each once, in the order of the changes."""
    touched = (atom.split(" ") for atom in changes if atom.startswith(f"{name} "))
    return list(dict.fromkeys(parts[1] for parts in touched))


def _checklist_patch(
    items: list[str], changes: Mapping[str, Value | None], base: Mapping[str, Value]
) -> dict[str, dict[str, Any] | None]:
    body: dict[str, dict[str, Any] | None] = {}
    hint = ""
    for key in items:
        atom = f"checklist {key}"
        if atom in changes and not changes[atom]:
            body[key] = None
        elif atom in base:
            given = {
                name: changes[f"{atom} {name}"]
                for name in ("title", "isChecked")
                if f"{atom} {name}" in changes
            }
            body[key] = _CHECKLIST_ITEM | given
        else:
            hint += " !"  # after the new item before it: a hint that is not saved yet may stand in the next one
            checked = bool(changes.get(f"{atom} isChecked"))
            body[key] = _CHECKLIST_ITEM | {
                "title": changes[f"{atom} title"],
                "isChecked": checked,
                "orderHint": hint,
            }
    return body


def _reference_patch(
    url: str, after: Mapping[str, Value | None], *, new: bool
) -> dict[str, Any] | None:
    """A link is always sent with its alias and type: whether Planner merges inside one is nowhere
    written."""
    atom = f"references {url}"
    if not after.get(atom):
        return None
    given = {
        name: after[f"{atom} {name}"] for name in ("alias", "type") if f"{atom} {name}" in after
    }
    return _REFERENCE | given | ({"previewPriority": " !"} if new else {})
