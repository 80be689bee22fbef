"""Random cards, documents and bases for the laws of the merge: small maps of atoms, a few edits
apart."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from planner_sync.decide.merge import DocumentAtoms
from planner_sync.model.fields import FIELDS as TABLE
from planner_sync.model.fields import ITEM_FIELDS
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

Atoms = dict[str, Value]
ITEMS = ("checklist 1", "checklist 2", "references https://a.example/")
MEMBERS = ("labels category1", "labels category2", "assignedTo ann", "assignedTo bob")
DAYS = [f"2026-03-0{n}T10:00:00Z" for n in range(1, 5)]
FIELDS = frozenset(field.atom for field in TABLE.values() if field.atom)
PLAIN: Mapping[str, st.SearchStrategy[Any]] = {
    "title": st.sampled_from(["A", "B", "C"]),
    "percentComplete": st.sampled_from([0, 50, 100]),
    "priority": st.sampled_from([1, 5, 9]),
    "bucketId": st.sampled_from(["todo", "doing"]),
    "description": st.none() | st.sampled_from(["x", "y"]),
    "startDate": st.none() | st.sampled_from(DAYS),
    "dueDate": st.none() | st.sampled_from(DAYS),
}
ATTRIBUTES: Mapping[str, st.SearchStrategy[Any]] = {
    "title": st.sampled_from(["one", "two", "three"]),
    "isChecked": st.booleans(),
    "alias": st.none() | st.sampled_from(["link", "page"]),
    "type": st.none() | st.sampled_from(["Word", "Excel"]),
}


@st.composite
def edited(draw: st.DrawFn, before: Atoms | None = None) -> Atoms:
    """Any card, or one that is `before` with a few edits; never one that starts after it is due."""
    atoms = {} if before is None else dict(before)
    names = [*PLAIN, *MEMBERS, *ITEMS]
    for name in names if before is None else draw(st.lists(st.sampled_from(names), max_size=4)):
        if name in PLAIN:
            put(atoms, name, draw(PLAIN[name]))
        elif name in MEMBERS:
            put(atoms, name, draw(st.sampled_from([True, None])))
        else:
            _edit_item(draw, atoms, name)
    if str(atoms.get("startDate", "")) > str(atoms.get("dueDate", "9")):
        del atoms["startDate"]
    return atoms


def _edit_item(draw: st.DrawFn, atoms: Atoms, item: str) -> None:
    attributes = ITEM_FIELDS[item.split(" ")[0]]
    there = item in atoms
    if not draw(st.sampled_from([True, True, False])):
        for name in (item, *(f"{item} {attribute}" for attribute in attributes)):
            atoms.pop(name, None)
        return
    atoms[item] = True
    for attribute in attributes:
        if not there or draw(st.booleans()):
            put(atoms, f"{item} {attribute}", draw(ATTRIBUTES[attribute]))


@st.composite
def sides(draw: st.DrawFn) -> tuple[Atoms, Atoms, Atoms]:
    """A base, and what a document and a card have made of it."""
    base = draw(edited())
    return base, draw(edited(base)), draw(edited(base))


def put(atoms: Atoms, name: str, value: Value | None) -> None:
    if value is None:
        atoms.pop(name, None)
    else:
        atoms[name] = value


def believing(base: Mapping[str, Value]) -> SyncState:
    return SyncState("card", "plan", "etag", base=dict(base), rev=1)


def saying(
    atoms: Mapping[str, Any], fields: frozenset[str] = FIELDS, silent: frozenset[str] = frozenset()
) -> DocumentAtoms:
    """A document that says all of `fields`, and of those nothing but `atoms`."""
    spoken = {
        atom: value
        for atom, value in atoms.items()
        if atom.split(" ")[0] in fields and atom not in silent
    }
    return DocumentAtoms(fields, spoken, silent)


def applied(card: Mapping[str, Value], changes: Mapping[str, Value | None]) -> Atoms:
    """The card after a request."""
    after = dict(card)
    for atom, value in changes.items():
        put(after, atom, value)
    return after
