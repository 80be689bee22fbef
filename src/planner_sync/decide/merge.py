"""The three-way merge: what both sides should hold, given the base, the document and the card.

Each atom is settled on its own:

    document            card vs base     result
    not changed         same             nothing
    changed             same             send to Planner
    not changed         changed          write to the document
    changed             changed alike    agreed
    changed             changed apart    the winner's value; a conflict with the other one

Agents write back old copies, so a document that differs from the base has not always changed it.
For a document of revision r (without a revision, r is 0) that differs:

    r is not older than the last human change       changed: its writer had seen it
    r is older, and the atom once had this value    stale: an old copy; the card's value is put back
    r is older, the value is new                    apart: a conflict; the writer of r is notified
    r is older, the value is new, r was notified    changed: its writer insists

Items of checklists and references come and go as a whole:

    document            card                  result
    removed             there                 removed; a conflict if people edited it
    missing, stale      there                 kept
    there               there                 each attribute is settled on its own
    there               removed               removed; a conflict if the document edited it
    new                 -                     sent to Planner

Two disjoint edits can put the start after the due date. Then both dates count as one field.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from planner_sync.model.fields import DEFAULTS, ITEM_FIELDS
from planner_sync.model.state import FieldHistory, SyncState, token, value_of
from planner_sync.model.task import Day, Instant, Value, Word, is_after

Winner = Literal["planner", "agents"]
DocumentValue = Value | Day | Instant | Word | None
Verdict = Literal["same", "changed", "stale", "apart"]  # of the table of revisions above
EDITED: Final = ("changed", "apart")
DATES: Final = ("startDate", "dueDate")
ANY_REV: Final = 1  # older than any revision, newer than none
NO_ATTRIBUTES: Final[Mapping[str, Value]] = {}


@dataclass(frozen=True)
class DocumentAtoms:
    """A document's fields as atoms.

    An atom whose field is in `fields`, and which is in neither `atoms` nor `silent`, is meant to be
    absent. The document has no opinion about `silent` atoms and atoms of other fields.
    """

    fields: frozenset[str]
    atoms: Mapping[str, DocumentValue]
    silent: frozenset[str] = frozenset()
    label_field: Callable[[str], str] = lambda atom: "labels"

    def speaks_of(self, atom: str) -> bool:
        """Has the document an opinion about the atom?"""
        field_name = atom.split(" ", 1)[0]
        if field_name == "labels" and " " in atom:
            field_name = self.label_field(atom)
        return field_name in self.fields and atom not in self.silent


NO_OPINION: Final = DocumentAtoms(frozenset(), {})


@dataclass(frozen=True)
class Conflict:
    """Both sides changed an atom: `kept` stays, `lost` does not. For an item, `attributes` are
    those of the side that has it."""

    atom: str
    kept: Value | None
    lost: Value | None
    winner: Winner
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """What a merge decides.

    `result` is what both sides should hold, `to_card` what the card lacks of it (None: remove).
    `changed_by_people` and `changed_by_agent` are the atoms that each changed since the base.
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
    """Link a document to a card without a base. `state.base` are the card's atoms; the returned
    state makes the next merge do the following:

        document            card             result
        silent              there            the card's
        cleared             there            the card's
        there               -                the document's
        there               another value    the winner's value; a conflict with the other one

    Fields missing from the document count as human changes made after `rev`. For all other fields
    the history is unknown, so any older revision may not have seen them. Atoms in `void` are
    ignored without a conflict.
    """
    conflicts: list[Conflict] = []
    from_card: dict[str, FieldHistory] = {}
    from_document: set[str] = set()
    for atom in sorted({*state.base, *document_atoms.atoms}):
        mine, theirs = document_atoms.atoms.get(atom), state.base.get(atom)
        # The next merge takes a past value for an old copy, and puts the card's back.
        past = FieldHistory().remember(concrete(mine))
        if agree(mine, theirs):
            continue
        if atom in void and mine is not None:
            from_card[atom] = past
        elif theirs is None:
            # there | -
            from_document.add(atom)
        elif not document_atoms.speaks_of(atom):
            # silent | there
            if not _every_card_has(atom, theirs):
                from_card[atom] = FieldHistory()
        elif mine is None:
            # cleared | there
            from_card[atom] = past
        elif winner == "planner":
            # there | another value
            conflicts.append(Conflict(atom, theirs, concrete(mine), winner))
            from_card[atom] = past
        else:
            # there | another value
            conflicts.append(Conflict(atom, concrete(mine), theirs, winner))
            from_document.add(atom)
    linked = replace(
        state,
        histories={**dict.fromkeys(from_document, FieldHistory()), **from_card},
        adopted=max(rev, ANY_REV),
        rev=max(state.rev, rev + 1),
    )
    return linked.see_human(from_card, rev + 1), tuple(conflicts)


def agree(mine: DocumentValue, value: Value | None) -> bool:
    """Does a document's value equal a card's? A day equals all its instants, a word its range."""
    match mine:
        case Day() | Instant():
            return isinstance(value, str) and mine.holds(value)
        case Word():
            return isinstance(value, int) and mine.holds(value)
    return type(mine) is type(value) and mine == value


def concrete(mine: DocumentValue) -> Value | None:
    """What is sent to Planner for a document's value."""
    match mine:
        case Day() | Instant():
            return mine.at
        case Word():
            return mine.write
    return mine


@dataclass
class _Merge:
    base: Mapping[str, Value]
    history: Callable[[str], FieldHistory]
    document: DocumentAtoms
    rev: int
    card: Mapping[str, Value]
    winner: Winner
    result: dict[str, Value] = field(default_factory=dict)
    changed_by_people: set[str] = field(default_factory=set)
    changed_by_agent: set[str] = field(default_factory=set)
    conflicts: list[Conflict] = field(default_factory=list)

    def run(self) -> Merged:
        for atom in sorted({*self.base, *self.card, *self.document.atoms}):
            name, *rest = atom.split(" ")
            if name not in ITEM_FIELDS:
                self._settle(atom)
            elif len(rest) == 1:
                self._settle_item(atom, [f"{atom} {part}" for part in ITEM_FIELDS[name]])
        self._settle_dates()
        return Merged(
            self.result,
            self._to_card(),
            frozenset(self.changed_by_people),
            frozenset(self.changed_by_agent),
            tuple(self.conflicts),
        )

    def _to_card(self) -> dict[str, Value | None]:
        changes: dict[str, Value | None] = {}
        for atom, value in self.result.items():
            if self.card.get(atom) != value:
                changes[atom] = value
        for atom in self.card:
            if atom not in self.result:
                changes[atom] = None
        return changes

    def _verdict(self, atom: str) -> Verdict:
        mine, history = self.document.atoms.get(atom), self.history(atom)
        if not self.document.speaks_of(atom) or agree(mine, self.base.get(atom)):
            return "same"
        if self.rev >= history.last_human_rev:
            return "changed"
        if any(_agrees_with_past(mine, past) for past in history.past_values):
            return "stale"
        if self.rev in history.notified_revs:
            return "changed"
        return "apart"

    # -- one value ---------------------------------------------------------------------------------
    def _settle(self, atom: str) -> None:
        was, now, verdict = self.base.get(atom), self.card.get(atom), self._verdict(atom)
        mine = self.document.atoms.get(atom)
        if verdict == "changed":
            self.changed_by_agent.add(atom)
        if now != was:
            self.changed_by_people.add(atom)
        if verdict not in EDITED:
            # not changed | same or changed
            self._keep(atom, now)
        elif now != was and agree(mine, now):
            # changed | changed alike
            self._keep(atom, now)
        elif now != was or verdict == "apart":
            # changed | changed apart
            self._keep(atom, self._decide(atom, concrete(mine), now))
        else:
            # changed | same
            self._keep(atom, concrete(mine))

    # -- an item of a list -------------------------------------------------------------------------
    def _settle_item(self, item: str, parts: Sequence[str]) -> None:
        """`parts` are the atoms of the item's attributes."""
        was, now, verdict = item in self.base, item in self.card, self._verdict(item)
        touched = [part for part in parts if self.base.get(part) != self.card.get(part)]
        removed = self.document.speaks_of(item) and item not in self.document.atoms
        if now != was or touched:
            # So that a writer who has not seen the edit cannot remove the item without a conflict.
            self.changed_by_people.add(item)
        if now and removed and verdict in EDITED:
            # removed | there
            self._removed_here(item, parts, touched, apart=verdict == "apart")
        elif now and removed:
            # missing, stale | there
            self._only_there(item, parts, touched)
        elif now:
            # there | there
            self._both(item, parts)
        elif was or verdict == "stale":
            # there | removed
            self._removed_there(item, parts, touched, was=was)
        elif verdict in EDITED:
            # new | -
            self._only_here(item, parts)

    def _removed_here(
        self, item: str, parts: Sequence[str], touched: Sequence[str], *, apart: bool
    ) -> None:
        self.changed_by_agent.add(item)
        if not apart and not touched:
            return  # it stays out of the result: removed
        theirs = {part: self.card[part] for part in parts if part in self.card}
        if self._decide(item, None, True, theirs):
            self._only_there(item, parts, touched)

    def _only_there(self, item: str, parts: Sequence[str], touched: Sequence[str]) -> None:
        self.changed_by_people.update(touched)
        self._keep(item, True)
        for part in parts:
            self._keep(part, self.card.get(part))

    def _both(self, item: str, parts: Sequence[str]) -> None:
        self._keep(item, True)
        for part in parts:
            self._settle(part)

    def _removed_there(
        self, item: str, parts: Sequence[str], touched: Sequence[str], *, was: bool
    ) -> None:
        self.changed_by_people.update(touched)
        edited = any(self._verdict(part) in EDITED for part in parts)
        if item not in self.document.atoms or not edited:
            return  # it stays out of the result: removed
        mine: dict[str, Value] = {}
        for part in parts:
            value = self._mine_or(part, self.base.get(part))
            if value is not None:
                mine[part] = value
        if self._decide(item, True, None, mine):
            self.result.update({item: True, **_unticked(parts), **mine})
        elif was:
            # All of it went with the item, even attributes that it never had.
            self.changed_by_people.update(mine)

    def _only_here(self, item: str, parts: Sequence[str]) -> None:
        self.changed_by_agent.add(item)
        self.changed_by_agent.update(part for part in parts if self._verdict(part) in EDITED)
        self._keep(item, True)
        self.result.update(_unticked(parts))
        for part in parts:
            self._keep(part, self._mine_or(part, self.result.get(part)))

    # -- start and due date ------------------------------------------------------------------------
    def _settle_dates(self) -> None:
        """Planner refuses a start after the due date. Where both sides caused that, the winner's
        dates stay."""
        if not self._dates_cross():
            return
        by_agent = [atom for atom in DATES if atom in self.changed_by_agent]
        by_people = any(atom in self.changed_by_people or self._is_unseen(atom) for atom in DATES)
        if not by_agent or not by_people:
            return  # one side alone caused it: the check before sending refuses it
        if self.winner == "planner":
            self._yield_to_people(by_agent)
        else:
            self._yield_to_agent(atom for atom in DATES if atom not in by_agent)

    def _dates_cross(self) -> bool:
        start, due = (self.result.get(atom) for atom in DATES)
        return start is not None and due is not None and is_after(str(start), str(due))

    def _yield_to_people(self, by_agent: Iterable[str]) -> None:
        """The dates that the agent changed stay as the card has them."""
        for atom in by_agent:
            theirs = self.card.get(atom)
            if self.result.get(atom) != theirs:
                self.changed_by_people.add(atom)
                self._keep(atom, self._decide(atom, self._mine(atom), theirs))

    def _yield_to_agent(self, others: Iterable[str]) -> None:
        """The other dates go back to what the agent has seen: people's edits since are lost."""
        for atom in others:
            was, now = self.base.get(atom), self.card.get(atom)
            seen = was
            if now == was and self._is_unseen(atom):
                seen = self._mine_or(atom, now)
            if seen != now:
                self._keep(atom, self._decide(atom, seen, now))

    def _is_unseen(self, atom: str) -> bool:
        """Is the last human change newer than the document?"""
        return self.history(atom).last_human_rev > self.rev

    # -- results -----------------------------------------------------------------------------------
    def _mine(self, atom: str) -> Value | None:
        return concrete(self.document.atoms.get(atom))

    def _mine_or(self, atom: str, other: Value | None) -> Value | None:
        """The document's value; the other one where it has no opinion."""
        return self._mine(atom) if self.document.speaks_of(atom) else other

    def _decide(
        self,
        atom: str,
        mine: Value | None,
        theirs: Value | None,
        attributes: Mapping[str, Value] = NO_ATTRIBUTES,
    ) -> Value | None:
        """The winner's value, and a conflict with the other one."""
        kept, lost = (theirs, mine) if self.winner == "planner" else (mine, theirs)
        self.conflicts.append(Conflict(atom, kept, lost, self.winner, attributes))
        return kept

    def _keep(self, atom: str, value: Value | None) -> None:
        if value is None:
            self.result.pop(atom, None)
        else:
            self.result[atom] = value


def _every_card_has(atom: str, value: Value) -> bool:
    """Does a card have this without anybody's doing?"""
    return atom == "bucketId" or value == DEFAULTS.get(atom)


def _agrees_with_past(mine: DocumentValue, past: str) -> bool:
    match mine:
        case Day() | Word():
            # The tokens of dates and priorities are never hashes.
            return agree(mine, value_of(past))
    return token(concrete(mine)) == past


def _unticked(parts: Iterable[str]) -> dict[str, Value]:
    """Planner ticks no new item; reading that back later must not look like a human change."""
    return {part: False for part in parts if part.endswith(" isChecked")}
