"""Writes what both sides hold into a document: only the fields that differ, each in the form that
it has. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner_sync.decide.interpret import Interpretation, day_or_instant
from planner_sync.decide.merge import ITEM_FIELDS, agree
from planner_sync.model.card import Names
from planner_sync.model.task import (
    AGENT_LABEL,
    DEFAULTS,
    Document,
    Value,
    Word,
    agent_of,
    priority_word,
)

PLAIN = ("title", "startDate", "dueDate", "percentComplete", "priority", "description")


@dataclass(frozen=True)
class Wanted:
    """What a document should show: the atoms, the order of list items, the names of now, the fields
    to carry.

    `human` are the fields that a human has just changed: those are shown even when they were
    cleared.
    """

    atoms: Mapping[str, Value]
    items: Sequence[str]
    names: Names
    shown: frozenset[str]
    human: frozenset[str]


def render(document: Document, reading: Interpretation, wanted: Wanted) -> dict[str, Any]:
    """The fields to write, by the contract's names, with values in the contract's form (None
    clears)."""
    writers = {
        "bucket": _bucket,
        "bucketId": lambda d, r, w: w.atoms.get("bucketId"),
        "assignedTo": _people,
        "labels": _labels,
        "checklist": _checklist,
        "references": _references,
    }
    changes: dict[str, Any] = {}
    for name in (*PLAIN, *writers):
        present = name in document.fields
        if not present and name not in wanted.shown:
            continue
        if name in PLAIN:
            if present and agree(_meant(reading, name), wanted.atoms.get(name)):
                continue
            value = _plain(document, name, wanted.atoms.get(name))
        else:
            value = writers[name](document, reading, wanted)
            if present and value == _as_written(document, name):
                continue
        if present or name in wanted.human or not _is_default(name, value):
            changes[name] = value
    return changes


def fields_of(atoms: Sequence[str] | frozenset[str], names: Names) -> list[str]:
    """The contract's names of the fields that these atoms belong to, in the contract's order."""
    agents = {f"labels {slot}" for slot, name in names.labels.items() if name and agent_of(name)}
    found = {"assignedTo" if atom in agents else atom.split(" ")[0] for atom in atoms}
    order = [*PLAIN, "bucketId", "assignedTo", "labels", "checklist", "references"]
    return sorted(found, key=lambda name: order.index(name) if name in order else len(order))


def show_atom(
    atom: str,
    value: Value | None,
    atoms: Mapping[str, Value],
    names: Names,
    document: Document | None,
) -> Any:
    """One value for a conflict message, in the contract's form; where there are several, in the
    document's."""
    name, *rest = atom.split(" ")
    if name == "bucketId" and document and "bucketId" not in document.fields:
        return dict(names.buckets).get(str(value), value)
    if name == "labels":
        return _label(rest[0], names) if value else None
    if name == "assignedTo":
        return rest[0] if value else None
    if name in ITEM_FIELDS:
        key = "id" if name == "checklist" else "url"
        if len(rest) > 1:
            return {key: rest[0], rest[1]: value}
        return _item(name, rest[0], atoms) if value else None
    return _plain(document, name, value)


def shown_fields(fields: Iterable[str], present: Collection[str]) -> list[str]:
    """Fields as a document with these fields has them: its bucket may stand there by name, by id,
    or both ways."""
    shown: list[str] = []
    for name in fields:
        ways = [way for way in ("bucket", "bucketId") if way in present]
        shown += (ways or [name]) if name == "bucketId" else [name]
    return shown


def bindings_as_written(
    meant: Mapping[str, str], wanted: Wanted, fields: Collection[str]
) -> dict[str, str]:
    """What the names in a document with these fields mean once it is written; `meant` is what they
    meant before.

    Two buckets or labels can have one name, in one plan or in two: then it means that which the
    card has.
    """
    texts = _label_texts(meant, wanted)
    # One that stands by its slot for want of a name is shown by its name once it has one, or we
    # have read it.
    now = {
        f"label {text}": slot
        for slot, text in texts.items()
        if text != slot or not wanted.names.labels.get(slot)
    }
    bucket = wanted.atoms.get("bucketId")
    if "bucket" in fields and (name := dict(wanted.names.buckets).get(str(bucket))):
        now[f"bucket {name}"] = str(bucket)
    return {**meant, **now}


def _label_texts(meant: Mapping[str, str], wanted: Wanted) -> dict[str, str]:
    """How each label of the card is shown: by its name; of several with one name, all but one by
    their slots."""
    slots = [atom.split(" ")[1] for atom in wanted.atoms if atom.startswith("labels ")]
    slots.sort(key=lambda slot: int(slot.removeprefix("category")))
    slots.sort(key=lambda slot: meant.get(f"label {wanted.names.labels.get(slot)}") != slot)
    texts: dict[str, str] = {}
    for slot in slots:
        name = wanted.names.labels.get(slot)
        texts[slot] = name if name and name not in texts.values() else slot
    return texts


def _meant(reading: Interpretation, name: str) -> Any:
    return reading.document_atoms.atoms.get(name)


def _plain(document: Document | None, name: str, value: Value | None) -> Any:
    written = document.fields.get(name) if document else None
    if value is None:
        return None
    if name in ("startDate", "dueDate"):
        return day_or_instant(value, written)
    if name == "priority" and isinstance(value, int):
        by_word = document is not None and (written is None or isinstance(written, Word))
        return priority_word(value).word if by_word else value
    return value


def _bucket(document: Document, reading: Interpretation, wanted: Wanted) -> Any:
    bucket = wanted.atoms.get("bucketId")
    return dict(wanted.names.buckets).get(str(bucket)) if bucket else None


def _people(document: Document, reading: Interpretation, wanted: Wanted) -> list[str]:
    left = [atom.split(" ")[1] for atom in sorted(wanted.atoms) if atom.startswith("assignedTo ")]
    agents = [agent for name in _names_of_labels(wanted) if (agent := agent_of(name))]
    written = list(document.fields.get("assignedTo") or ())
    kept: list[str] = []
    seen: set[str] = set()
    for text in written:
        user = reading.name_bindings.get(f"person {text.lower()}", text.lower())
        slot = reading.name_bindings.get(f"label {AGENT_LABEL}{text}", "")
        agent = (
            agent_of(wanted.names.labels.get(slot) or "")
            if f"labels {slot}" in wanted.atoms
            else None
        )
        if user in left:
            kept.append(text)
            seen.add(user)
        elif agent:
            kept.append(agent)
            seen.add(agent)
    return (
        kept
        + [user for user in left if user not in seen]
        + [name for name in agents if name not in seen]
    )


def _labels(document: Document, reading: Interpretation, wanted: Wanted) -> list[str]:
    texts = _label_texts(reading.name_bindings, wanted)
    plain = [slot for slot in texts if not agent_of(wanted.names.labels.get(slot) or "")]
    plain.sort(key=lambda slot: int(slot.removeprefix("category")))
    kept, seen = [], set()
    for text in document.fields.get("labels") or ():
        slot = reading.name_bindings.get(f"label {text}", text.lower())
        if slot in plain and slot not in seen:
            by_slot = text.lower() == slot and f"label {text}" not in reading.name_bindings
            kept.append(text if by_slot else texts[slot])
            seen.add(slot)
    return kept + [texts[slot] for slot in plain if slot not in seen]


def _names_of_labels(wanted: Wanted) -> list[str]:
    slots = sorted(atom.split(" ")[1] for atom in wanted.atoms if atom.startswith("labels "))
    return [name for slot in slots if (name := wanted.names.labels.get(slot))]


def _label(slot: str, names: Names) -> str:
    return names.labels.get(slot) or slot


def _checklist(document: Document, reading: Interpretation, wanted: Wanted) -> list[dict[str, Any]]:
    written = dict(zip(reading.items, document.fields.get("checklist") or (), strict=False))
    # The order of a card that was not read is unknown; what it holds must be shown all the same.
    keys = _keys(wanted, "checklist")
    rows = []
    for identity in dict.fromkeys([*written, *wanted.items, *keys]):
        if identity not in keys:
            continue
        row = _item("checklist", identity, wanted.atoms)
        if item := written.get(identity):
            if item.isChecked is None and not row["isChecked"]:
                del row["isChecked"]
            row = {**item.raw, **row}
        rows.append(row)
    return rows


def _references(
    document: Document, reading: Interpretation, wanted: Wanted
) -> list[dict[str, Any]]:
    urls = [reference.url for reference in document.fields.get("references") or ()]
    keys = _keys(wanted, "references")
    ordered = [url for url in urls if url in keys]
    ordered += [url for url in wanted.items if url in keys and url not in ordered]
    ordered += [url for url in keys if url not in ordered]
    raw = {reference.url: reference.raw for reference in document.fields.get("references") or ()}
    return [{**raw.get(url, {}), **_item("references", url, wanted.atoms)} for url in ordered]


def _keys(wanted: Wanted, name: str) -> list[str]:
    return [
        atom.split(" ")[1]
        for atom in sorted(wanted.atoms)
        if atom.startswith(f"{name} ") and atom.count(" ") == 1
    ]


def _item(name: str, identity: str, atoms: Mapping[str, Value]) -> dict[str, Any]:
    key = "id" if name == "checklist" else "url"
    values = {
        attribute: atoms.get(f"{name} {identity} {attribute}") for attribute in ITEM_FIELDS[name]
    }
    return {
        key: identity,
        **{attribute: value for attribute, value in values.items() if value is not None},
    }


def _as_written(document: Document, name: str) -> Any:
    value = document.fields.get(name)
    if value is None:
        return [] if name in ("assignedTo", "labels", "checklist", "references") else None
    if name in ("checklist", "references"):
        return [item.raw for item in value]
    return list(value) if name in ("assignedTo", "labels") else value


def _is_default(name: str, value: Any) -> bool:
    return (
        value in (None, "", [])
        or DEFAULTS.get(name) == value
        or (name == "priority" and value == "medium")
    )
