"""What a document means: its fields turned into atoms, names into ids. Pure.

A name in a document means the id that it meant when the document was last settled, unless the agent
changed the text; so a renamed bucket or label moves no card. A name that nobody knows stands as
`?name` until somebody makes it.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import quote, unquote

from planner_sync.decide.merge import DocumentAtoms, DocumentValue
from planner_sync.model.card import Names, item_id
from planner_sync.model.state import SyncState, token
from planner_sync.model.task import (
    AGENT_LABEL,
    DEFAULTS,
    ChecklistItem,
    Day,
    Document,
    Instant,
    Value,
    agent_of,
    is_guid,
    person_kind,
)

SLOT = re.compile(r"category([1-9]|1[0-9]|2[0-5])", re.IGNORECASE)
UNKNOWN = "?"
MEANT_KEPT = 60


@dataclass(frozen=True)
class Interpretation:
    """A document read: its document_atoms, the people still to be looked up, and what each name in it
    means.

    `items` are the ids of the checklist's items, in the document's order.
    """

    document_atoms: DocumentAtoms
    unresolved_people: tuple[str, ...]
    name_bindings: Mapping[str, str]
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """What the names in a document can refer to.

    `last` is the document as it was last settled, `items` the card's (or the base's) atoms that
    checklist items without an id are matched with; `planner_id` is empty while there is no card.
    """

    names: Names
    people: Mapping[str, str]
    state: SyncState | None
    last: Document | None
    planner_id: str
    atoms: Mapping[str, Value]


def interpret(document: Document, context: Context) -> Interpretation:
    """Turn the fields of a document into atoms."""
    return _Reader(document, context).read()


def label_fields(names: Names) -> Mapping[str, str]:
    """The field in which each agent's label shows: `assignedTo`; all others show in `labels`."""
    return {
        f"labels {slot}": "assignedTo"
        for slot, name in names.labels.items()
        if name and agent_of(name)
    }


class _Reader:
    def __init__(self, document: Document, context: Context) -> None:
        self.document = document
        self.context = context
        self.atoms: dict[str, DocumentValue] = {}
        self.silent: set[str] = set()
        self.unresolved_people: list[str] = []
        self.name_bindings: dict[str, str] = {}
        self.items: list[str] = []
        self.labels = {
            name: slot for slot, name in reversed(list(context.names.labels.items())) if name
        }
        self.buckets = {name: bucket for bucket, name in reversed(context.names.buckets)}
        self.fields = set(document.fields) - {"planId", "bucket"}

    def read(self) -> Interpretation:
        fields = self.document.fields
        for name in ("title", "description"):
            if fields.get(name) is not None:
                self.atoms[name] = fields[name]
        for name in ("startDate", "dueDate"):
            value = fields.get(name)
            self._set(name, value.at if isinstance(value, Instant) else value)
        for name, default in DEFAULTS.items():
            if name in fields:
                self.atoms[name] = default if fields[name] is None else fields[name]
        if "bucket" in fields or "bucketId" in fields:
            self._read_bucket()
        for text in fields.get("assignedTo") or ():
            self._read_person(text)
        for text in fields.get("labels") or ():
            self.atoms[f"labels {self._slot(text)}"] = True
        self._read_references()
        self._read_checklist()
        label_field = _LabelFields(label_fields(self.context.names), self.atoms)
        document_atoms = DocumentAtoms(
            frozenset(self.fields), self.atoms, frozenset(self.silent), label_field
        )
        return Interpretation(
            document_atoms, tuple(self.unresolved_people), self.name_bindings, tuple(self.items)
        )

    def _set(self, atom: str, value: DocumentValue) -> None:
        if value is not None:
            self.atoms[atom] = value

    def _known(self, kind: str, text: str, current: Mapping[str, str]) -> str | None:
        """What a name means: as in the last document; else what Planner calls so now; else what it
        ever meant."""
        key = f"{kind} {text}"
        before = self.context.state.name_bindings if self.context.state else {}
        found = before.get(key) or current.get(text) or before.get(f"was {key}")
        if found:
            self.name_bindings[key] = found
        return found

    def _read_bucket(self) -> None:
        fields, last = self.document.fields, self.context.last
        by_name = "bucketId" not in fields
        if "bucket" in fields and "bucketId" in fields and last is not None:
            renamed = fields["bucket"] != last.fields.get("bucket")
            same_id = fields["bucketId"] == last.fields.get("bucketId")
            by_name = (same_id and renamed) or self._carries_old_bucket()
        text = fields["bucket"] if by_name else fields["bucketId"]
        self.fields.add("bucketId")
        if text is None:
            first = self.context.names.buckets[:1]
            self._set("bucketId", first[0][0] if first else None)
        elif by_name:
            found = self._known("bucket", text, self.buckets)
            if found and self._is_gone(found):
                found = self.name_bindings[f"bucket {text}"] = self.buckets.get(
                    text, UNKNOWN + text
                )
            self.atoms["bucketId"] = found or UNKNOWN + text
        else:
            self.atoms["bucketId"] = text
            name = fields.get("bucket")
            if name is not None and dict(self.context.names.buckets).get(text) == name:
                self.name_bindings[f"bucket {name}"] = text

    def _is_gone(self, bucket: str) -> bool:
        """Was it deleted, or left behind in another plan, as who wrote this has seen? Then its name
        is free again."""
        state = self.context.state
        if (
            state is None
            or bucket == state.base.get("bucketId")
            or bucket in dict(self.context.names.buckets)
        ):
            return False
        return (self.document.rev or 0) >= state.history("bucketId").last_human_rev

    def _carries_old_bucket(self) -> bool:
        """Has the agent changed the name alone, in a copy from before the id became what it is
        now?"""
        fields, state = self.document.fields, self.context.state
        if state is None or (self.document.rev or 0) >= state.rev:
            return False
        had = token(fields["bucketId"]) in state.history("bucketId").past_values
        return had and dict(self.context.names.buckets).get(fields["bucketId"]) != fields["bucket"]

    def _read_person(self, text: str) -> None:
        kind = person_kind(text)
        if kind == "agent":
            self.atoms[f"labels {self._slot(AGENT_LABEL + text)}"] = True
        elif user := self._known("person", text.lower(), self.context.people):
            self.atoms[f"assignedTo {user}"] = True
        elif kind == "user" and f"assignedTo {text.lower()}" in self.context.atoms:
            self.atoms[f"assignedTo {text.lower()}"] = True
        else:
            self.unresolved_people.append(text)

    def _slot(self, text: str) -> str:
        if SLOT.fullmatch(text):
            slot, key = text.lower(), f"label {text}"
            before = self.context.state.name_bindings if self.context.state else {}
            if key in before or not self.context.names.labels.get(slot):
                self.name_bindings[key] = (
                    slot  # it stands for a label without a name; once that has one, it is shown
                )
            return slot
        return self._known("label", text, self.labels) or UNKNOWN + quote(text, safe="")

    def _read_references(self) -> None:
        for reference in self.document.fields.get("references") or ():
            atom = f"references {reference.url}"
            self.atoms[atom] = True
            for name, value in (("alias", reference.alias), ("type", reference.type)):
                if name not in reference.raw:
                    self.silent.add(f"{atom} {name}")
                elif value:
                    self.atoms[f"{atom} {name}"] = value

    def _read_checklist(self) -> None:
        items = self.document.fields.get("checklist")
        if not items:
            return
        if not self.context.planner_id:
            self.fields.discard("checklist")
            return
        self.items = self._item_ids(items)
        for item, identity in zip(items, self.items, strict=True):
            atom = f"checklist {identity}"
            self.atoms[atom] = True
            self.atoms[f"{atom} title"] = item.title
            if item.isChecked is None:
                self.silent.add(f"{atom} isChecked")
            else:
                self.atoms[f"{atom} isChecked"] = item.isChecked

    def _item_ids(self, items: Iterable[ChecklistItem]) -> list[str]:
        """Each item's id: its own; else that of the item with this title, now or once; else a new
        one.

        Items that are gone count too: who has not seen that a human took one off must not bring it
        back as a new one.
        """
        free = [
            atom.split(" ")[1]
            for atom in self.context.atoms
            if atom.startswith("checklist ") and atom.count(" ") == 1
        ]
        there, gone = tuple(free), self._gone_items(free)
        found: list[str | None] = []
        for item in items:
            own = self._own_id(item)
            for among in (free, gone):
                if own in among:
                    among.remove(own)
            found.append(own)
        for among, is_called in (
            (free, self._is_called),
            (free, self._was_called),
            (gone, self._was_called),
        ):
            for nth, item in enumerate(items):
                match = next(
                    (i for i in among if found[nth] is None and is_called(i, item.title)), None
                )
                if match is not None:
                    found[nth] = match
                    among.remove(match)
        ids: list[str] = []
        for item, identity in zip(items, found, strict=True):
            made = identity or self._new_id(item.title, {*there, *found, *ids})
            if item.id and not is_guid(item.id):
                self.name_bindings[f"item {item.id}"] = made
            ids.append(made)
        return ids

    def _new_id(self, title: str, taken: Container[str | None]) -> str:
        """An item may still have the id that was made for this title when it was called so."""
        ids = (item_id(self.context.planner_id, title, nth) for nth in count())
        return next(made for made in ids if made not in taken)

    def _own_id(self, item: ChecklistItem) -> str | None:
        if item.id is None:
            return None
        if is_guid(item.id):
            return item.id.lower()
        return self._known("item", item.id, {})

    def _is_called(self, identity: str, title: str) -> bool:
        atom, state = f"checklist {identity} title", self.context.state
        return title in (self.context.atoms.get(atom), state.base.get(atom) if state else None)

    def _gone_items(self, there: Iterable[str]) -> list[str]:
        state = self.context.state
        known = (
            {atom.split(" ")[1] for atom in state.histories if atom.startswith("checklist ")}
            if state
            else set()
        )
        return sorted(known.difference(there))

    def _was_called(self, identity: str, title: str) -> bool:
        state = self.context.state
        return (
            state is not None
            and token(title) in state.history(f"checklist {identity} title").past_values
        )


@dataclass(frozen=True)
class _LabelFields:
    """Which field an atom of `labels` belongs to; a label that is still to be made belongs where
    its name says."""

    known: Mapping[str, str]
    atoms: Mapping[str, DocumentValue]

    def __call__(self, atom: str) -> str:
        if atom.startswith(f"labels {UNKNOWN}"):
            return "assignedTo" if agent_of(unknown_name(atom)) else "labels"
        return self.known.get(atom, "labels")


def unknown_name(atom: str) -> str:
    """The name of a label that is still to be made, from its atom."""
    return unquote(atom.removeprefix(f"labels {UNKNOWN}"))


def remember_names(state: SyncState, meant: Mapping[str, str]) -> SyncState:
    """Keep what the names of the settled document mean; what older ones meant is kept for a while
    too."""
    older = {
        key if key.startswith("was ") else f"was {key}": value
        for key, value in state.name_bindings.items()
    }
    current = {f"was {key}" for key in meant}
    kept = [(key, value) for key, value in older.items() if key not in current][-MEANT_KEPT:]
    return replace(state, name_bindings={**dict(kept), **meant})


def day_or_instant(value: Value, like: DocumentValue | Instant) -> str:
    """A date as a document shows it: a day where the document has days, or Planner's own hour; else
    the instant."""
    text = str(value)
    whole_day = isinstance(like, Day) or (
        not isinstance(like, Instant) and text.endswith("T10:00:00Z")
    )
    return text[:10] if whole_day else text
