"""The document of a card that is gone, written so that it gets a new card with all that was on the
old one. Pure.

It is what a recreated card starts from. It also goes to the trash beside the document as it was, so
that restoring it needs neither Planner nor this engine.
"""

from typing import Any

from planner_sync.decide.interpret import UNKNOWN, Interpretation
from planner_sync.decide.merge import NO_OPINION, Merged
from planner_sync.decide.observation import Mapped
from planner_sync.decide.rendering import Wanted, fields_of, render
from planner_sync.model import dialects
from planner_sync.model.card import Names
from planner_sync.model.state import SyncState
from planner_sync.model.task import Document

NOTHING_READ = Interpretation(NO_OPINION, (), {})


def document_for_new_card(seen: Mapped[Names]) -> str:
    """The document's text for a new card; of a refused or missing one, as it was last settled.

    What it says stays, what only the card had is added. Bucket and labels stand by their names,
    since their ids may be gone by then. Without `plannerId` and `_rev` it is no stale copy.
    """
    document = seen.readable or seen.last or _nothing(seen.state)
    of_card = _of_card(seen)
    changes = {name: value for name, value in of_card.items() if name not in document.fields}
    changes |= _bucket_by_name(document, seen)
    if "id" not in document.raw:
        changes["id"] = seen.task_id
    changes |= {"planId": seen.plan_id, "plannerId": dialects.REMOVE, "_rev": dialects.REMOVE}
    return dialects.write(document, changes)


def without_stale_values(
    document: Document, reading: Interpretation, merged: Merged, names: Names
) -> Document:
    """The document with the merged values, so that nothing of an old copy comes back.

    A field that names something unknown stays as it is: a new label or bucket, or a person who was
    not looked up yet.
    """
    atoms = {
        atom: value
        for atom, value in merged.result.items()
        if not atom.startswith(f"labels {UNKNOWN}")
    }
    changes = render(
        document, reading, Wanted(atoms, (), names, frozenset(document.fields), frozenset())
    )
    for name in _unknown_fields(reading, merged, names):
        changes.pop(name, None)
    return dialects.parse_settled(dialects.write(document, changes).encode(), document.dialect)


def _unknown_fields(reading: Interpretation, merged: Merged, names: Names) -> set[str]:
    fields = {"assignedTo"} if reading.unresolved_people else set()
    if any(atom.startswith(f"labels {UNKNOWN}") for atom in merged.result):
        fields |= {"labels", "assignedTo"}
    if merged.result.get("bucketId") not in dict(names.buckets):
        fields |= {"bucket", "bucketId"}
    return fields


def _nothing(state: SyncState) -> Document:
    return dialects.new_document("snake_case" if state.dialect == "snake_case" else "camelCase")


def _of_card(seen: Mapped[Names]) -> dict[str, Any]:
    base, names = seen.state.base, seen.names
    shown = frozenset(fields_of(frozenset(base), names)) - {"bucketId"}
    wanted = Wanted(base, (), names, shown, frozenset())
    return render(dialects.new_document(), NOTHING_READ, wanted)


def _bucket_by_name(document: Document, seen: Mapped[Names]) -> dict[str, Any]:
    if "bucket" in document.fields and "bucketId" not in document.fields:
        return {}
    known = dict(seen.names.buckets)
    name = (
        known.get(str(document.fields.get("bucketId")))
        or document.fields.get("bucket")
        or known.get(str(seen.state.base.get("bucketId")))
    )
    changes: dict[str, Any] = {}
    if "bucketId" in document.fields:
        changes["bucketId"] = dialects.REMOVE
    if name:
        changes["bucket"] = name
    return changes
