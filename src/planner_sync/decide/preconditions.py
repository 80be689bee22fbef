"""What must be known or made before anything is sent: people, buckets, labels. And the limits.
Pure."""

from collections.abc import Mapping

from planner_sync.decide.interpret import UNKNOWN, Interpretation, unknown_name
from planner_sync.decide.observation import Facts
from planner_sync.decide.steps import FindPeople, MakeName, ReadNames, Step
from planner_sync.errors import Refusal
from planner_sync.model.card import Names
from planner_sync.model.task import (
    ASSIGNEES_MAX,
    CHECKLIST_MAX,
    REFERENCES_MAX,
    Value,
    check_dates,
)


def find_people(reading: Interpretation) -> Step:
    """Look up the people that are named and not known yet."""
    return FindPeople(tuple(dict.fromkeys(reading.unresolved_people)))


def resolve(
    seen: Facts[Names], reading: Interpretation, sent: Mapping[str, Value | None]
) -> Step | None:
    """What must come before `sent`: people to look up, a bucket or a label to make. None: nothing.

    Raises Refusal for a bucket id that the plan does not have.
    """
    if reading.unresolved_people:
        return find_people(reading)
    bucket = sent.get("bucketId")
    unknown_bucket = is_unknown_bucket(sent, seen.names)
    labels = [
        atom for atom, value in sent.items() if value and atom.startswith(f"labels {UNKNOWN}")
    ]
    if (labels or unknown_bucket) and not seen.names_fresh:
        return ReadNames(fresh=True)
    if unknown_bucket:
        text = str(bucket)
        if text.startswith(UNKNOWN):
            return MakeName("bucket", text.removeprefix(UNKNOWN))
        raise Refusal("unknown_bucket", f"bucketId: the plan has no bucket {text}", "bucketId")
    return MakeName("label", unknown_name(labels[0])) if labels else None


def is_unknown_bucket(atoms: Mapping[str, Value | None], names: Names) -> bool:
    """Is the bucket not among the names? It was made since they were read, or it does not exist."""
    bucket = atoms.get("bucketId")
    return bucket is not None and bucket not in dict(names.buckets)


def check(want: Mapping[str, Value]) -> None:
    """Raises Refusal over Planner's limits. What is on the card already counts towards them."""
    check_dates(_text(want, "startDate"), _text(want, "dueDate"))
    for name, most in (
        ("assignedTo", ASSIGNEES_MAX),
        ("checklist", CHECKLIST_MAX),
        ("references", REFERENCES_MAX),
    ):
        count = sum(atom.startswith(f"{name} ") and atom.count(" ") == 1 for atom in want)
        if count > most:
            reason = f"{name}: {count} with what the card has; Planner takes {most}"
            raise Refusal("limit", reason, name)


def _text(want: Mapping[str, Value], atom: str) -> str | None:
    value = want.get(atom)
    return None if value is None else str(value)
