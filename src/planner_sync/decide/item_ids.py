"""Which checklist item of the card each item of a document is.

Agents may leave ids out, so items are matched in rounds, and each item of the card is taken once:

    1. by the document's own id, among the card's items, then among removed ones
    2. by title, among the card's items: the title of now or of the base
    3. by title, among the card's items: a title of the past
    4. by title, among removed items: a title of the past
    5. else it is a new item

Removed items count too: a writer who has not seen that people removed an item must not bring it
back as a new one.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from planner_sync.model.card import item_id
from planner_sync.model.fields import members
from planner_sync.model.state import SyncState, token
from planner_sync.model.task import ChecklistItem, Value


@dataclass(frozen=True)
class CardItems:
    """The checklist items of one card, those that `atoms` have and those that only the history
    of `state` knows."""

    planner_id: str
    atoms: Mapping[str, Value]
    state: SyncState | None

    def match(
        self, items: Sequence[ChecklistItem], own_id: Callable[[ChecklistItem], str | None]
    ) -> list[str]:
        """The id of each item; `own_id` is the one that the document gives it, if any."""
        there = members("checklist", self.atoms)
        gone = self._gone(there)
        free_there, free_gone = list(there), list(gone)
        found = [own_id(item) for item in items]
        for own in found:
            _take(own, free_there)
            _take(own, free_gone)
        self._match_titles(items, found, free_there, self._is_called)
        self._match_titles(items, found, free_there, self._was_called)
        self._match_titles(items, found, free_gone, self._was_called)
        taken: set[str | None] = {*there, *found}
        ids: list[str] = []
        for item, known in zip(items, found, strict=True):
            ids.append(known or self._new_id(item.title, taken))
            taken.add(ids[-1])
        return ids

    def _match_titles(
        self,
        items: Sequence[ChecklistItem],
        found: list[str | None],
        free: list[str],
        has_title: Callable[[str, str], bool],
    ) -> None:
        """Fill in `found` from the ids in `free` that have the title of an item."""
        for nth, item in enumerate(items):
            if found[nth] is not None:
                continue
            matching = (key for key in free if has_title(key, item.title))
            found[nth] = next(matching, None)
            _take(found[nth], free)

    def _gone(self, there: Iterable[str]) -> list[str]:
        if self.state is None:
            return []
        histories = (atom for atom in self.state.histories if atom.startswith("checklist "))
        return sorted({atom.split(" ")[1] for atom in histories}.difference(there))

    def _is_called(self, key: str, title: str) -> bool:
        atom = f"checklist {key} title"
        return title == self.atoms.get(atom) or (
            self.state is not None and title == self.state.base.get(atom)
        )

    def _was_called(self, key: str, title: str) -> bool:
        if self.state is None:
            return False
        return token(title) in self.state.history(f"checklist {key} title").past_values

    def _new_id(self, title: str, taken: Container[str | None]) -> str:
        """An id made from the title. An item that has been renamed since may still have the first
        one."""
        ids = (item_id(self.planner_id, title, nth) for nth in count())
        return next(new for new in ids if new not in taken)


def _take(key: str | None, free: list[str]) -> None:
    if key in free:
        free.remove(key)
