"""A document whose card is gone, as it can come back: with a new card, and with all that the old
one had. Pure.

It goes to the trash beside the document as it was, so that restoring it needs neither Planner nor
this engine; and it is what stands in the key when a card is made anew.
"""

from typing import Any

from planner_sync.decide.interpret import UNKNOWN, Interpretation
from planner_sync.decide.merge import NO_OPINION, Merged
from planner_sync.decide.observation import Observation
from planner_sync.decide.rendering import Wanted, fields_of, render
from planner_sync.model import dialects
from planner_sync.model.card import Names
from planner_sync.model.state import SyncState
from planner_sync.model.task import Document

NOTHING_READ = Interpretation(NO_OPINION, (), {})


def document_for_new_card(seen: Observation, state: SyncState, names: Names) -> str:
    """The document's text for a new card; a refused or missing one as it was last settled.

    What it says stays, what only the card had is added. Bucket and labels stand by their names,
    since ids end with what they name. Without `plannerId` and `_rev` it is no stale copy.
    """
    document = seen.document or seen.last or _nothing(state)
    changes = {
        name: value for name, value in _of_card(state, names).items() if name not in document.fields
    }
    changes |= _bucket_by_name(document, state, names)
    if "id" not in document.raw:
        changes["id"] = seen.task_id
    changes |= {"planId": state.plan_id, "plannerId": dialects.REMOVE, "_rev": dialects.REMOVE}
    return dialects.write(document, changes)


def without_stale_values(
    document: Document, reading: Interpretation, merged: Merged, names: Names
) -> Document:
    """The document without what its writer never meant: where an old copy differs, what both sides
    should hold stands.

    A field that names what is not known yet (a new label or bucket, somebody to look up) stays as
    it is.
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


def _of_card(state: SyncState, names: Names) -> dict[str, Any]:
    shown = frozenset(fields_of(frozenset(state.base), names)) - {"bucketId"}
    return render(
        dialects.new_document(), NOTHING_READ, Wanted(state.base, (), names, shown, frozenset())
    )


def _bucket_by_name(document: Document, state: SyncState, names: Names) -> dict[str, Any]:
    if "bucket" in document.fields and "bucketId" not in document.fields:
        return {}
    known = dict(names.buckets)
    name = known.get(str(document.fields.get("bucketId"))) or document.fields.get("bucket")
    name = name or known.get(str(state.base.get("bucketId")))
    changes: dict[str, Any] = {"bucketId": dialects.REMOVE} if "bucketId" in document.fields else {}
    return {**changes, "bucket": name} if name else changes
