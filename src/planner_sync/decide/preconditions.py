"""What a document needs before anything of it is sent: names and people found, limits kept. Pure.

And what it is to show once something has reached Planner.
"""

from collections.abc import Mapping
from dataclasses import replace

from planner_sync.decide.interpret import UNKNOWN, Context, Interpretation, interpret, unknown_name
from planner_sync.decide.merge import Merged
from planner_sync.decide.observation import Observation
from planner_sync.decide.rendering import fields_of
from planner_sync.decide.steps import (
    FindPeople,
    MakeName,
    ReadNames,
    Step,
)
from planner_sync.errors import Refusal
from planner_sync.model.card import Names
from planner_sync.model.state import SyncState
from planner_sync.model.task import (
    ASSIGNEES_MAX,
    CHECKLIST_MAX,
    REFERENCES_MAX,
    Document,
    Value,
    check_dates,
)


def with_uploads(
    seen: Observation, state: SyncState, atoms: Mapping[str, Value | None]
) -> SyncState:
    """These atoms have reached Planner: the agents will be told of their fields, and the document
    is to show them, also when its writer has left them out since."""
    fields = fields_of(frozenset(atoms), seen.names) if seen.names else []
    ways = {"bucket", "bucketId"} & {
        *state.shown,
        *(seen.document.fields if seen.document else ()),
    } or {"bucket"}
    shown = {way for name in fields for way in (ways if name == "bucketId" else {name})}
    return replace(
        state,
        unreported_uploads=tuple(dict.fromkeys((*state.unreported_uploads, *fields))),
        shown=tuple(sorted({*state.shown, *shown})),
    )


def accepted(seen: Observation) -> Document:
    """The document as it was read. Raises its refusal."""
    if seen.refusal:
        raise seen.refusal
    if seen.document is None:
        raise ValueError(f"task {seen.task_id}: there is no document")
    return seen.document


def read(
    seen: Observation,
    document: Document,
    names: Names,
    *,
    planner_id: str,
    atoms: Mapping[str, Value],
) -> Interpretation:
    """The document's document_atoms, with names as they are known in this look."""
    return interpret(
        document, Context(names, seen.people, seen.state, seen.last, planner_id, atoms)
    )


def find_people(seen: Observation, reading: Interpretation) -> Step:
    """Look up whoever is named and not known."""
    return FindPeople(tuple(dict.fromkeys(reading.unresolved_people)))


def resolve(
    seen: Observation, reading: Interpretation, merged: Merged, sent: Mapping[str, Value | None]
) -> Step | None:
    """People to look up, buckets and labels to make, ids to check: whatever must be known before
    anything is sent."""
    if reading.unresolved_people:
        return find_people(seen, reading)
    names = seen.names
    bucket = sent.get("bucketId")
    wanted = [
        atom for atom, value in sent.items() if atom.startswith(f"labels {UNKNOWN}") and value
    ]
    unknown = isinstance(bucket, str) and bucket not in dict(names.buckets if names else ())
    if (wanted or unknown) and not seen.names_fresh:
        return ReadNames(fresh=True)
    if isinstance(bucket, str) and bucket.startswith(UNKNOWN):
        return MakeName("bucket", bucket.removeprefix(UNKNOWN))
    if unknown:
        raise Refusal("unknown_bucket", f"bucketId: the plan has no bucket {bucket}", "bucketId")
    return MakeName("label", unknown_name(wanted[0])) if wanted else None


def check(want: Mapping[str, Value]) -> None:
    """Planner's limits, which what is on the card already counts towards."""
    check_dates(_text(want, "startDate"), _text(want, "dueDate"))
    for name, most in (
        ("assignedTo", ASSIGNEES_MAX),
        ("checklist", CHECKLIST_MAX),
        ("references", REFERENCES_MAX),
    ):
        count = sum(atom.startswith(f"{name} ") and atom.count(" ") == 1 for atom in want)
        if count > most:
            raise Refusal(
                "limit", f"{name}: {count} with what the card has; Planner takes {most}", name
            )


def _text(want: Mapping[str, Value], atom: str) -> str | None:
    value = want.get(atom)
    return None if value is None else str(value)
