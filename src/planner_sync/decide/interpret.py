"""What a document means: its fields turned into atoms, its names into ids.

A name in a document means the id that it had when the document was last settled, unless the agent
changed the text. So a renamed bucket or label moves no card. An unknown name stands as `?name`
until it is made.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote

from planner_sync.decide.item_ids import CardItems
from planner_sync.decide.merge import DocumentAtoms, DocumentValue
from planner_sync.model.card import Names
from planner_sync.model.fields import FIELDS, Codec, Field
from planner_sync.model.state import SyncState, token
from planner_sync.model.task import (
    AGENT_LABEL,
    ChecklistItem,
    Document,
    Value,
    agent_of,
    is_guid,
    person_kind,
)

SLOT = re.compile(r"category([1-9]|1[0-9]|2[0-5])", re.IGNORECASE)
UNKNOWN = "?"
OLD_BINDINGS_KEPT = 60


@dataclass(frozen=True)
class Interpretation:
    """A document as atoms.

    `unresolved_people` are still to be looked up. `name_bindings` says what each name in the
    document means. `items` are the ids of the checklist's items, in the document's order.
    """

    document_atoms: DocumentAtoms
    unresolved_people: tuple[str, ...]
    name_bindings: Mapping[str, str]
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What the names in a document can refer to.

    `people` maps what a document calls a person to a user id. `last` is the document as it was last
    settled. `atoms` are the card's (or the base's), with which checklist items without an id are
    matched. `planner_id` is empty while there is no card.
    """

    names: Names
    people: Mapping[str, str]
    state: SyncState | None
    last: Document | None
    planner_id: str
    atoms: Mapping[str, Value]


def interpret(document: Document, context: Context) -> Interpretation:
    """Turn the fields of a document into atoms."""
    return _Interpreter(document, context).run()


def label_fields(names: Names) -> Mapping[str, str]:
    """The field in which each agent's label shows: `assignedTo`. All others show in `labels`."""
    return {
        f"labels {slot}": "assignedTo"
        for slot, name in names.labels.items()
        if name and agent_of(name)
    }


def unknown_name(atom: str) -> str:
    """The name of a label that is still to be made, from its atom."""
    return unquote(atom.removeprefix(f"labels {UNKNOWN}"))


def remember_names(state: SyncState, name_bindings: Mapping[str, str]) -> SyncState:
    """Replace the bindings of names; the older ones are kept for a while under "was …"."""
    older = {
        key if key.startswith("was ") else f"was {key}": value
        for key, value in state.name_bindings.items()
    }
    replaced = {f"was {key}" for key in name_bindings}
    kept = [(key, value) for key, value in older.items() if key not in replaced]
    return replace(state, name_bindings={**dict(kept[-OLD_BINDINGS_KEPT:]), **name_bindings})


class _Interpreter:
    """Collects the atoms of one document, field by field."""

    def __init__(self, document: Document, context: Context) -> None:
        self.document = document
        self.context = context
        self.names = _NameBindings(context)
        # The first words of the atoms that the document has an opinion about.
        self.fields: set[str] = set()
        self.atoms: dict[str, DocumentValue] = {}
        self.silent: set[str] = set()
        self.unresolved_people: list[str] = []
        self.items: list[str] = []

    def run(self) -> Interpretation:
        for name, field in FIELDS.items():
            if name in self.document.fields and field.atom is not None:
                self.fields.add(field.atom)
                READERS[field.codec](self, field)
        document_atoms = DocumentAtoms(
            frozenset(self.fields),
            self.atoms,
            frozenset(self.silent),
            _LabelFields(label_fields(self.context.names)),
        )
        return Interpretation(
            document_atoms,
            tuple(self.unresolved_people),
            self.names.bindings,
            tuple(self.items),
        )

    # -- one reader for each codec -----------------------------------------------------------------
    def plain(self, field: Field) -> None:
        value = self.document.fields[field.name]
        if value is None:
            value = field.default
        if value is not None:
            self.atoms[field.name] = value

    def bucket(self, field: Field) -> None:
        text = self.document.fields["bucket"]
        if "bucketId" in self.document.fields and not self._names_bucket():
            self._bucket_of_id(self.document.fields["bucketId"])
        elif text is None:
            self._first_bucket()
        else:
            self.atoms["bucketId"] = self._bucket_of_name(text)

    def bucket_id(self, field: Field) -> None:
        if "bucket" not in self.document.fields:
            self._bucket_of_id(self.document.fields["bucketId"])

    def people(self, field: Field) -> None:
        for text in self.document.fields[field.name] or ():
            self._person(text)

    def labels(self, field: Field) -> None:
        for text in self.document.fields[field.name] or ():
            self.atoms[f"labels {self.names.slot(text)}"] = True

    def references(self, field: Field) -> None:
        for reference in self.document.fields[field.name] or ():
            atom = f"references {reference.url}"
            self.atoms[atom] = True
            for name, value in (("alias", reference.alias), ("type", reference.type)):
                if name not in reference.raw:
                    self.silent.add(f"{atom} {name}")
                elif value:
                    self.atoms[f"{atom} {name}"] = value

    def checklist(self, field: Field) -> None:
        items = self.document.fields[field.name]
        if not items:
            return
        if not self.context.planner_id:
            # Ids are made from the card's: the items are sent once there is one.
            self.fields.discard(field.name)
            return
        card_items = CardItems(self.context.planner_id, self.context.atoms, self.context.state)
        self.items = card_items.match(items, self._own_item_id)
        for item, key in zip(items, self.items, strict=True):
            self._item(item, f"checklist {key}")
            if item.id and not is_guid(item.id):
                self.names.bindings[f"item {item.id}"] = key

    # -- bucket ------------------------------------------------------------------------------------
    def _names_bucket(self) -> bool:
        """With both a name and an id: has the agent changed the name alone?"""
        name: str | None = self.document.fields["bucket"]
        bucket: str | None = self.document.fields["bucketId"]
        last = self.context.last
        if last is None:
            return False
        if name != last.fields.get("bucket") and bucket == last.fields.get("bucketId"):
            return True
        return self._is_old_bucket(bucket) and self._bucket_names.get(str(bucket)) != name

    def _is_old_bucket(self, bucket: str | None) -> bool:
        """Is the document a copy from before the id became what it is now?"""
        state = self.context.state
        if state is None or (self.document.rev or 0) >= state.rev:
            return False
        return token(bucket) in state.history("bucketId").past_values

    def _first_bucket(self) -> None:
        buckets = self.context.names.buckets
        if buckets:
            self.atoms["bucketId"] = buckets[0][0]

    def _bucket_of_id(self, bucket: str | None) -> None:
        if bucket is None:
            self._first_bucket()
            return
        self.atoms["bucketId"] = bucket
        name = self.document.fields.get("bucket")
        if name is not None and self._bucket_names.get(bucket) == name:
            self.names.bindings[f"bucket {name}"] = bucket

    def _bucket_of_name(self, name: str) -> str:
        found = self.names.bucket(name)
        if found and self._bucket_is_gone(found):
            found = self.names.rebind_bucket(name)
        return found or UNKNOWN + name

    def _bucket_is_gone(self, bucket: str) -> bool:
        """Was it deleted, or left behind in another plan, and has the writer seen that? Then its
        name is free again."""
        state = self.context.state
        if state is None or bucket == state.base.get("bucketId") or bucket in self._bucket_names:
            return False
        return (self.document.rev or 0) >= state.history("bucketId").last_human_rev

    @property
    def _bucket_names(self) -> dict[str, str]:
        return dict(self.context.names.buckets)

    # -- people and items --------------------------------------------------------------------------
    def _person(self, text: str) -> None:
        kind = person_kind(text)
        if kind == "agent":
            self.atoms[f"labels {self.names.slot(AGENT_LABEL + text)}"] = True
        elif user := self.names.person(text.lower()):
            self.atoms[f"assignedTo {user}"] = True
        elif kind == "user" and f"assignedTo {text.lower()}" in self.context.atoms:
            self.atoms[f"assignedTo {text.lower()}"] = True
        else:
            self.unresolved_people.append(text)

    def _own_item_id(self, item: ChecklistItem) -> str | None:
        if item.id is None:
            return None
        return item.id.lower() if is_guid(item.id) else self.names.item(item.id)

    def _item(self, item: ChecklistItem, atom: str) -> None:
        self.atoms[atom] = True
        self.atoms[f"{atom} title"] = item.title
        if item.isChecked is None:
            self.silent.add(f"{atom} isChecked")
        else:
            self.atoms[f"{atom} isChecked"] = item.isChecked


READERS: Final[Mapping[Codec, Callable[[_Interpreter, Field], None]]] = {
    "title": _Interpreter.plain,
    "text": _Interpreter.plain,
    "instant": _Interpreter.plain,
    "number": _Interpreter.plain,
    "priority": _Interpreter.plain,
    "bucket": _Interpreter.bucket,
    "bucketId": _Interpreter.bucket_id,
    "people": _Interpreter.people,
    "labels": _Interpreter.labels,
    "checklist": _Interpreter.checklist,
    "references": _Interpreter.references,
}


class _NameBindings:
    """What the names in one document mean. `bindings` has those that were asked for."""

    def __init__(self, context: Context) -> None:
        names = context.names
        self.bindings: dict[str, str] = {}
        self._before = context.state.name_bindings if context.state else {}
        self._people = context.people
        self._slot_names = names.labels
        # Of several with one name the first counts.
        self._buckets = {name: bucket for bucket, name in reversed(names.buckets)}
        self._slots = {name: slot for slot, name in reversed(list(names.labels.items())) if name}

    def bucket(self, name: str) -> str | None:
        return self._known("bucket", name, self._buckets)

    def rebind_bucket(self, name: str) -> str:
        """Forget what the name meant."""
        bucket = self._buckets.get(name, UNKNOWN + name)
        self.bindings[f"bucket {name}"] = bucket
        return bucket

    def person(self, text: str) -> str | None:
        return self._known("person", text, self._people)

    def item(self, text: str) -> str | None:
        return self._known("item", text, {})

    def slot(self, text: str) -> str:
        """The label of this name, or of this slot (`category7`)."""
        if not SLOT.fullmatch(text):
            return self._known("label", text, self._slots) or UNKNOWN + quote(text, safe="")
        slot, key = text.lower(), f"label {text}"
        if key in self._before or not self._slot_names.get(slot):
            # It stands for a label without a name; once that has one, the name is shown.
            self.bindings[key] = slot
        return slot

    def _known(self, kind: str, text: str, current: Mapping[str, str]) -> str | None:
        """What a name means: what it meant in the last document, else what Planner calls so now,
        else what it ever meant."""
        key = f"{kind} {text}"
        found = self._before.get(key) or current.get(text) or self._before.get(f"was {key}")
        if found:
            self.bindings[key] = found
        return found


@dataclass(frozen=True)
class _LabelFields:
    """The field that an atom of `labels` belongs to. For a label that is still to be made, its name
    tells."""

    known: Mapping[str, str]

    def __call__(self, atom: str) -> str:
        if atom.startswith(f"labels {UNKNOWN}"):
            return "assignedTo" if agent_of(unknown_name(atom)) else "labels"
        return self.known.get(atom, "labels")
