"""The merge: what both sides should hold, from the base, the document and the card. Pure; knows
names of atoms only.

Each atom is settled on its own:

    document            card vs base     result
    not changed         same             nothing
    changed             same             send to Planner
    not changed         changed          write to the document
    changed             changed alike    agreed
    changed             changed apart    the winner's value; a conflict with the other one

Whether a document changed an atom is not a comparison with the base alone, because agents write
back old copies. For a document of revision r (none counts as 0) that differs from the base:

    r is not older than the last human change                 changed: its writer had seen it
    r is older, and the atom has had this value before        stale: carried along, never meant; put back
    r is older, and the value is new                          apart: changed on both sides; r now counts as told
    r is older, the value is new, and r was told before       changed: its writer knows, and insists

Items of checklists and references come and go as a whole, and are merged attribute by attribute
while both sides have them. A start that falls after the due date because of two disjoint edits
makes both dates one field.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from planner_sync.model.state import FieldHistory, SyncState, token
from planner_sync.model.task import DEFAULTS, Day, Value, Word

Winner = Literal["planner", "agents"]
DocumentValue = Value | Day | Word | None
Kind = Literal["same", "changed", "stale", "apart"]
ITEM_FIELDS: Final = {"checklist": ("title", "isChecked"), "references": ("alias", "type")}
DATES: Final = ("startDate", "dueDate")
ANY_REV: Final = 1  # older than any revision, newer than none
NO_ATTRIBUTES: Final[Mapping[str, Value]] = {}


@dataclass(frozen=True)
class DocumentAtoms:
    """What a document says, in atoms.

    An atom whose field is in `fields` and which is in neither `atoms` nor `silent` is meant to be
    absent; about atoms of other fields, and about `silent` ones, the document has no opinion.
    """

    fields: frozenset[str]
    atoms: Mapping[str, DocumentValue]
    silent: frozenset[str] = frozenset()
    label_field: Callable[[str], str] = lambda atom: "labels"

    def speaks_of(self, atom: str) -> bool:
        """Has the document an opinion about the atom?"""
        field_name = self.label_field(atom) if atom.startswith("labels ") else atom.split(" ", 1)[0]
        return field_name in self.fields and atom not in self.silent


NO_OPINION: Final = DocumentAtoms(frozenset(), {})


@dataclass(frozen=True)
class Conflict:
    """Both sides changed an atom: `kept` stays, `lost` does not; `attributes` are those of an item
    that one has."""

    atom: str
    kept: Value | None
    lost: Value | None
    winner: Winner
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """`result` is what both sides should hold, `to_card` what the card lacks of it (None: take away).

    `changed_by_people` are the atoms that a human changed since the base, `changed_by_agent` those that the document
    changed.
    """

    result: Mapping[str, Value]
    to_card: Mapping[str, Value | None]
    changed_by_people: frozenset[str]
    changed_by_agent: frozenset[str]
    conflicts: tuple[Conflict, ...]


def merge(
    state: SyncState,
    document_atoms: DocumentAtoms,
    rev: int,
    card: Mapping[str, Value],
    winner: Winner,
) -> Merged:
    """Merge a document of revision `rev` with the card's atoms, against the base."""
    return _Merge(state.base, state.history, document_atoms, rev, card, winner).run()


def adopt(
    state: SyncState,
    document_atoms: DocumentAtoms,
    rev: int,
    winner: Winner,
    void: Collection[str] = (),
) -> tuple[SyncState, tuple[Conflict, ...]]:
    """Meet a card without a base: `state.base` are the card's atoms, and becomes what both are
    held to agree on.

    Where a document is silent or clears, the card counts; what only the document has is the agent's
    change; sets and lists are united; where both have a value the winner decides. Whatever of the
    document does not count is remembered as a value of the past, so that the next merge puts it
    back. What the document was silent of, a human may have set since: it shows from the next
    revision on. Who set the rest, and what it was before, is forgotten: an older copy, or an object
    of an agent that carries no revision, may not have seen any of it. Of the `void` atoms the
    document says nothing that counts, and nobody need hear of it.
    """
    conflicts, stale = [], {}
    for atom in sorted({*state.base, *document_atoms.atoms}):
        mine, theirs = document_atoms.atoms.get(atom), state.base.get(atom)
        if atom in void and mine is not None and not agree(mine, theirs):
            stale[atom] = FieldHistory().remember(concrete(mine))
            continue
        if theirs is None or agree(mine, theirs):
            continue
        if not document_atoms.speaks_of(atom):
            if atom != "bucketId" and theirs != DEFAULTS.get(
                atom
            ):  # those a card has without anybody's doing
                stale[atom] = FieldHistory()
            continue
        if mine is not None:
            kept, lost = (
                (theirs, concrete(mine)) if winner == "planner" else (concrete(mine), theirs)
            )
            conflicts.append(Conflict(atom, kept, lost, winner))
        if mine is None or winner == "planner":
            stale[atom] = FieldHistory().remember(concrete(mine))
    sent = {
        conflict.atom for conflict in conflicts if conflict.winner == "agents"
    } | document_atoms.atoms.keys() - state.base
    histories = {**dict.fromkeys(sent, FieldHistory()), **stale}
    known = replace(
        state, histories=histories, adopted=max(rev, ANY_REV), rev=max(state.rev, rev + 1)
    )
    return known.see_human(stale, rev + 1), tuple(conflicts)


def agree(meant: DocumentValue, value: Value | None) -> bool:
    """Does what a document says equal a card's value? A day equals all its instants, a word all its
    range."""
    match meant:
        case Day(date):
            return isinstance(value, str) and value.startswith(date)
        case Word():
            return isinstance(value, int) and meant.low <= value <= meant.high
    return type(meant) is type(value) and meant == value


def concrete(meant: DocumentValue) -> Value | None:
    """The value that is sent for what a document says."""
    match meant:
        case Day(date):
            return f"{date}T10:00:00Z"
        case Word():
            return meant.write
    return meant


@dataclass
class _Merge:
    base: Mapping[str, Value]
    history: Callable[[str], FieldHistory]
    document_atoms: DocumentAtoms
    rev: int
    card: Mapping[str, Value]
    winner: Winner
    result: dict[str, Value] = field(default_factory=dict)
    changed_by_people: set[str] = field(default_factory=set)
    changed_by_agent: set[str] = field(default_factory=set)
    conflicts: list[Conflict] = field(default_factory=list)

    def run(self) -> Merged:
        atoms = sorted({*self.base, *self.card, *self.document_atoms.atoms})
        for atom in atoms:
            parts = atom.split(" ")
            if parts[0] not in ITEM_FIELDS:
                self._settle(atom)
            elif len(parts) == 2:
                self._settle_item(atom, ITEM_FIELDS[parts[0]])
        self._settle_dates()
        send: dict[str, Value | None] = {
            a: v for a, v in self.result.items() if self.card.get(a) != v
        }
        send.update((atom, None) for atom in self.card if atom not in self.result)
        return Merged(
            self.result,
            send,
            frozenset(self.changed_by_people),
            frozenset(self.changed_by_agent),
            tuple(self.conflicts),
        )

    def _kind(self, atom: str) -> Kind:
        if not self.document_atoms.speaks_of(atom):
            return "same"
        mine, history = self.document_atoms.atoms.get(atom), self.history(atom)
        if agree(mine, self.base.get(atom)):
            return "same"
        if self.rev >= history.last_human_rev:
            return "changed"
        if any(_agree_past(mine, past) for past in history.past_values):
            return "stale"
        return "changed" if self.rev in history.notified_revs else "apart"

    def _settle(self, atom: str) -> None:
        was, now, kind = self.base.get(atom), self.card.get(atom), self._kind(atom)
        mine = concrete(self.document_atoms.atoms.get(atom))
        if kind == "changed":
            self.changed_by_agent.add(atom)
        if now != was:
            self.changed_by_people.add(atom)
            apart = kind in ("changed", "apart") and not agree(
                self.document_atoms.atoms.get(atom), now
            )
            self._keep(atom, self._decide(atom, mine, now) if apart else now)
        elif kind == "changed":
            self._keep(atom, mine)
        elif kind == "apart":
            self._keep(atom, self._decide(atom, mine, was))
        else:
            self._keep(atom, was)

    def _settle_item(self, item: str, attributes: Iterable[str]) -> None:
        names = [f"{item} {attribute}" for attribute in attributes]
        was, now, kind = item in self.base, item in self.card, self._kind(item)
        touched = [name for name in names if self.base.get(name) != self.card.get(name)]
        edited = [name for name in names if self._kind(name) in ("changed", "apart")]
        removed = self.document_atoms.speaks_of(item) and item not in self.document_atoms.atoms
        if now != was or touched:
            self.changed_by_people.add(
                item
            )  # so that whoever has not seen the edit cannot take the item off unasked
        if removed and kind in ("changed", "apart") and now:
            self.changed_by_agent.add(item)
            apart = kind == "apart" or bool(touched)
            theirs = {name: self.card[name] for name in names if name in self.card}
            if apart and self._decide(item, None, True, theirs) is not None:
                self._take_from_card(item, names, touched)
        elif not now and (was or kind == "stale"):
            self.changed_by_people.update(touched)
            mine = {
                name: value
                for name in names
                if (value := self._mine_or(name, self.base.get(name))) is not None
            }
            edits = self.document_atoms.atoms.get(item) is not None and bool(edited)
            if edits and self._decide(item, True, None, mine) is not None:
                self.result.update({item: True, **self._new(names), **mine})
            elif edits and was:
                self.changed_by_people.update(
                    mine
                )  # they went with the item, also those that it had never had
        elif now and removed:
            self._take_from_card(item, names, touched)
        elif now:
            self._keep(item, True)
            for name in names:
                self._settle(name)
        elif kind in ("changed", "apart") and not removed:
            self.changed_by_agent.update([item, *edited])
            self._keep(item, True)
            self.result.update(self._new(names))
            for name in names:
                self._keep(name, self._mine_or(name, self.result.get(name)))

    def _take_from_card(self, item: str, names: list[str], touched: list[str]) -> None:
        self._keep(item, True)
        self.changed_by_people.update(touched)
        for name in names:
            self._keep(name, self.card.get(name))

    def _new(self, names: Iterable[str]) -> Mapping[str, Value]:
        """Planner ticks no new item; that it says so afterwards must not look like a human's
        change."""
        return {name: False for name in names if name.endswith(" isChecked")}

    def _mine_or(self, atom: str, other: Value | None) -> Value | None:
        return (
            concrete(self.document_atoms.atoms.get(atom))
            if self.document_atoms.speaks_of(atom)
            else other
        )

    def _settle_dates(self) -> None:
        """Two disjoint edits can put the start after the due date, which Planner refuses: then both
        are one field."""
        start, due = (self.result.get(atom) for atom in DATES)
        if start is None or due is None or str(start) <= str(due):
            return
        mine = [atom for atom in DATES if atom in self.changed_by_agent]
        if not mine or not any(
            atom in self.changed_by_people or self.history(atom).last_human_rev > self.rev
            for atom in DATES
        ):
            return
        for atom in mine:
            value = concrete(self.document_atoms.atoms.get(atom))
            if self.winner == "planner" and self.result.get(atom) != self.card.get(atom):
                self.changed_by_people.add(atom)
                self._keep(atom, self._decide(atom, value, self.card.get(atom)))
        for atom in DATES:
            if self.winner == "agents" and atom not in mine:
                theirs, unseen = self.card.get(atom), self.history(atom).last_human_rev > self.rev
                before = (
                    self.base.get(atom)
                    if theirs != self.base.get(atom)
                    else self._mine_or(atom, theirs)
                )
                if before != theirs and (unseen or theirs != self.base.get(atom)):
                    self._keep(atom, self._decide(atom, before, theirs))

    def _decide(
        self,
        atom: str,
        mine: Value | None,
        theirs: Value | None,
        attributes: Mapping[str, Value] = NO_ATTRIBUTES,
    ) -> Value | None:
        kept, lost = (theirs, mine) if self.winner == "planner" else (mine, theirs)
        self.conflicts.append(Conflict(atom, kept, lost, self.winner, attributes))
        return kept

    def _keep(self, atom: str, value: Value | None) -> None:
        if value is None:
            self.result.pop(atom, None)
        else:
            self.result[atom] = value


def _agree_past(meant: DocumentValue, past: str) -> bool:
    match meant:
        case Day(date):
            return past.startswith(f'"{date}')
        case Word():
            return past.isdigit() and meant.low <= int(past) <= meant.high
    return token(meant) == past
