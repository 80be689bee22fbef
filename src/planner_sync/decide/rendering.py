"""Writes what both sides hold into a document: only the fields that differ, each in the form that
the document has it in."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from planner_sync.decide.interpret import Interpretation
from planner_sync.decide.merge import agree
from planner_sync.model.card import Names
from planner_sync.model.fields import FIELDS, Codec, Field, members
from planner_sync.model.task import (
    AGENT_LABEL,
    Day,
    Document,
    Instant,
    Value,
    Word,
    agent_of,
    priority_word,
)

# The order of new members in a document, and of fields in messages: plain values first.
_IN_ORDER: Final = sorted(FIELDS.values(), key=lambda field: not field.is_plain)


@dataclass(frozen=True)
class Wanted:
    """What a document should show.

    `items` is the order of list items, `names` the plan's names of now, `shown` the fields to
    carry. Fields that people have just changed are shown even when they were cleared.
    """

    atoms: Mapping[str, Value]
    items: Sequence[str]
    names: Names
    shown: frozenset[str]
    changed_by_people: frozenset[str]


def render(document: Document, interpretation: Interpretation, wanted: Wanted) -> dict[str, Any]:
    """The fields to write: by the contract's names, with values in the contract's form (None
    clears)."""
    changes: dict[str, Any] = {}
    for field in _IN_ORDER:
        name, present = field.name, field.name in document.fields
        if field.atom is None or not (present or name in wanted.shown):
            continue
        value = WRITERS[field.codec](field, document, interpretation, wanted)
        if present and _says(document, interpretation, field, value, wanted):
            continue
        if present or name in wanted.changed_by_people or not _is_default(field, value):
            changes[name] = value
    return changes


def fields_of(atoms: Iterable[str], names: Names) -> list[str]:
    """The contract's names of the fields that these atoms belong to."""
    agents = {f"labels {slot}" for slot, name in names.labels.items() if name and agent_of(name)}
    found = {"assignedTo" if atom in agents else atom.split(" ")[0] for atom in atoms}
    return [field.name for field in _IN_ORDER if field.name in found]


def show_atom(
    atom: str,
    value: Value | None,
    atoms: Mapping[str, Value],
    names: Names,
    document: Document | None,
) -> Any:
    """One value for a conflict message: in the contract's form; where that has several, in the
    document's."""
    name, *rest = atom.split(" ")
    field = FIELDS[name]
    if field.attributes:
        return _show_item(field, rest, value, atoms)
    match field.codec:
        case "bucketId" if document and "bucketId" not in document.fields:
            return dict(names.buckets).get(str(value), value)
        case "labels":
            return _label(rest[0], names) if value else None
        case "people":
            return rest[0] if value else None
    return _plain_value(field, document, value)


def shown_fields(fields: Iterable[str], present: Collection[str]) -> list[str]:
    """Fields as a document with these fields has them: its bucket may stand there by name, by id,
    or both ways."""
    ways = [way for way in ("bucket", "bucketId") if way in present] or ["bucketId"]
    shown: list[str] = []
    for name in fields:
        shown += ways if name == "bucketId" else [name]
    return shown


def bindings_as_written(
    name_bindings: Mapping[str, str], wanted: Wanted, fields: Collection[str]
) -> dict[str, str]:
    """What the names in a document with these fields mean once it is written; `name_bindings` is
    what they meant before.

    Two buckets or labels can have one name, in one plan or in two. Then it means the card's.
    """
    written = dict(name_bindings)
    for slot, text in _label_texts(name_bindings, wanted).items():
        # A label that stands by its slot for want of a name is shown by its name once it has one.
        if text != slot or not wanted.names.labels.get(slot):
            written[f"label {text}"] = slot
    bucket = str(wanted.atoms.get("bucketId"))
    name = dict(wanted.names.buckets).get(bucket)
    if name and "bucket" in fields:
        written[f"bucket {name}"] = bucket
    return written


def day_or_instant(at: str, written: object) -> str:
    """A date as a document shows it: in the form that it has there; else as a day, where it is at
    Planner's own hour."""
    day = Day.of(at)
    match written:
        case Day():
            return day.date
        case Instant():
            return at
    return day.date if day.at == at else at


def _says(
    document: Document, interpretation: Interpretation, field: Field, value: Any, wanted: Wanted
) -> bool:
    """Does the document have this value already?"""
    if field.is_plain:
        said = interpretation.document_atoms.atoms.get(field.name)
        return agree(said, wanted.atoms.get(field.name))
    return bool(value == _as_written(document, field))


def _as_written(document: Document, field: Field) -> Any:
    value = document.fields.get(field.name)
    if not field.is_list:
        return value
    if field.attributes:
        return [item.raw for item in value or ()]
    return list(value or ())


def _is_default(field: Field, value: Any) -> bool:
    if value in (None, "", []):
        return True
    if field.codec == "priority" and value == priority_word(field.default or 0).word:
        return True
    return bool(value == field.default)


# -- one writer for each codec ---------------------------------------------------------------------
def _plain(field: Field, document: Document, interpretation: Interpretation, wanted: Wanted) -> Any:
    return _plain_value(field, document, wanted.atoms.get(field.name))


def _bucket(
    field: Field, document: Document, interpretation: Interpretation, wanted: Wanted
) -> str | None:
    bucket = wanted.atoms.get("bucketId")
    return dict(wanted.names.buckets).get(str(bucket)) if bucket else None


def _bucket_id(
    field: Field, document: Document, interpretation: Interpretation, wanted: Wanted
) -> Any:
    return wanted.atoms.get("bucketId")


def _people(
    field: Field, document: Document, interpretation: Interpretation, wanted: Wanted
) -> list[str]:
    """People and agents: those that the document names, in its words and order; then the others."""
    users = members("assignedTo", sorted(wanted.atoms))
    agents = _agents(wanted)
    texts: list[str] = []
    seen: set[str] = set()
    for text in document.fields.get(field.name) or ():
        user = interpretation.name_bindings.get(f"person {text.lower()}", text.lower())
        agent = _agent_called(text, interpretation, wanted)
        if user in users:
            texts.append(text)
            seen.add(user)
        elif agent:
            texts.append(agent)
            seen.add(agent)
    return texts + [name for name in (*users, *agents) if name not in seen]


def _labels(
    field: Field, document: Document, interpretation: Interpretation, wanted: Wanted
) -> list[str]:
    """Labels that are no agents: those that the document names, in its order; then the others."""
    names, bindings = wanted.names, interpretation.name_bindings
    texts = _label_texts(bindings, wanted)
    slots = [slot for slot in texts if not agent_of(names.labels.get(slot) or "")]
    slots.sort(key=_slot_number)
    kept: list[str] = []
    seen: set[str] = set()
    for text in document.fields.get(field.name) or ():
        slot = bindings.get(f"label {text}", text.lower())
        if slot in slots and slot not in seen:
            by_slot = text.lower() == slot and f"label {text}" not in bindings
            kept.append(text if by_slot else texts[slot])
            seen.add(slot)
    return kept + [texts[slot] for slot in slots if slot not in seen]


def _checklist(
    field: Field, document: Document, interpretation: Interpretation, wanted: Wanted
) -> list[dict[str, Any]]:
    """Items in the document's order, then as people see them."""
    written = dict(zip(interpretation.items, document.fields.get(field.name) or (), strict=False))
    rows = []
    for key in _item_order(field, written, wanted):
        row = _item(field, key, wanted.atoms)
        if item := written.get(key):
            if item.isChecked is None and not row["isChecked"]:
                del row["isChecked"]
            row = {**item.raw, **row}
        rows.append(row)
    return rows


def _references(
    field: Field, document: Document, interpretation: Interpretation, wanted: Wanted
) -> list[dict[str, Any]]:
    """Links in the document's order, then as people see them."""
    written = document.fields.get(field.name) or ()
    raw = {reference.url: reference.raw for reference in written}
    rows = []
    for url in _item_order(field, [reference.url for reference in written], wanted):
        rows.append({**raw.get(url, {}), **_item(field, url, wanted.atoms)})
    return rows


WRITERS: Final[Mapping[Codec, Callable[[Field, Document, Interpretation, Wanted], Any]]] = {
    "title": _plain,
    "text": _plain,
    "instant": _plain,
    "number": _plain,
    "priority": _plain,
    "bucket": _bucket,
    "bucketId": _bucket_id,
    "people": _people,
    "labels": _labels,
    "checklist": _checklist,
    "references": _references,
}


# -- one value -------------------------------------------------------------------------------------
def _plain_value(field: Field, document: Document | None, value: Value | None) -> Any:
    written = document.fields.get(field.name) if document else None
    if value is None:
        return None
    if field.codec == "instant":
        return day_or_instant(str(value), written)
    if field.codec == "priority" and document is not None and isinstance(value, int):
        by_word = written is None or isinstance(written, Word)
        return priority_word(value).word if by_word else value
    return value


# -- labels and agents -----------------------------------------------------------------------------
def _label_texts(name_bindings: Mapping[str, str], wanted: Wanted) -> dict[str, str]:
    """How each label of the card is shown: by its name; of several with one name, all but one by
    their slots."""
    names = wanted.names.labels
    slots = sorted(members("labels", wanted.atoms), key=_slot_number)
    # The one that the name means comes first, and so has it.
    slots.sort(key=lambda slot: name_bindings.get(f"label {names.get(slot)}") != slot)
    texts: dict[str, str] = {}
    for slot in slots:
        name = names.get(slot)
        texts[slot] = name if name and name not in texts.values() else slot
    return texts


def _slot_number(slot: str) -> int:
    return int(slot.removeprefix("category"))


def _label(slot: str, names: Names) -> str:
    return names.labels.get(slot) or slot


def _agents(wanted: Wanted) -> list[str]:
    """The agents whose labels are on the card."""
    slots = members("labels", sorted(wanted.atoms))
    labels = (wanted.names.labels.get(slot) or "" for slot in slots)
    return [agent for label in labels if (agent := agent_of(label))]


def _agent_called(text: str, interpretation: Interpretation, wanted: Wanted) -> str | None:
    """The agent that this text of a document names, if its label is on the card."""
    slot = interpretation.name_bindings.get(f"label {AGENT_LABEL}{text}", "")
    if f"labels {slot}" not in wanted.atoms:
        return None
    return agent_of(wanted.names.labels.get(slot) or "")


# -- items of lists --------------------------------------------------------------------------------
def _item_order(field: Field, written: Iterable[str], wanted: Wanted) -> list[str]:
    # The order of a card that was not read is unknown. What it holds must be shown all the same.
    keys = members(field.name, sorted(wanted.atoms))
    order = [key for key in written if key in keys]
    others = dict.fromkeys([*wanted.items, *keys])
    return order + [key for key in others if key in keys and key not in order]


def _item(field: Field, key: str, atoms: Mapping[str, Value]) -> dict[str, Any]:
    item: dict[str, Any] = {field.key: key}
    for attribute in field.attributes:
        value = atoms.get(f"{field.name} {key} {attribute}")
        if value is not None:
            item[attribute] = value
    return item


def _show_item(
    field: Field, rest: Sequence[str], value: Value | None, atoms: Mapping[str, Value]
) -> dict[str, Any] | None:
    key, *attribute = rest
    if attribute:
        return {field.key: key, attribute[0]: value}
    return _item(field, key, atoms) if value else None
