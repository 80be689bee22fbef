"""What agents are told: each message of the contract as a value, addressed to its channel. Pure.

What a message holds of a task's content is decided here and nowhere else.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from planner_sync.decide.interpret import Interpretation
from planner_sync.decide.merge import Conflict, Merged
from planner_sync.decide.observation import Observation
from planner_sync.decide.rendering import fields_of, show_atom, shown_fields
from planner_sync.errors import Code
from planner_sync.model.card import Names
from planner_sync.model.orders import Channel
from planner_sync.model.records import Refused
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

SYNC: Channel = "sync"
UPDATES: Channel = "updates"


def failure(
    task_id: str, at: int, code: Code, reason: str, *, retrying: bool
) -> tuple[Refused, str]:
    """A refusal that no look has found: the record to keep, and the message to publish."""
    record = Refused(code, reason, retrying=retrying, at=at)
    message = {"action": "failed", "redisId": task_id, "plannerId": None, "timestamp": stamp(at)}
    return record, json.dumps({**message, "reason": reason, "code": code, "retrying": retrying})


def conflict_message(
    seen: Observation, conflict: Conflict, atoms: Mapping[str, Value], names: Names
) -> dict[str, Any]:
    """The `conflict` message about one atom."""
    *_, field_name = shown_fields(fields_of(frozenset({conflict.atom}), names), _present(seen))
    shown = {**atoms, **conflict.attributes}
    values = (conflict.kept, conflict.lost)
    kept, lost = (show_atom(conflict.atom, value, shown, names, seen.document) for value in values)
    planner_id = seen.state.planner_id if seen.state else ""
    return _body(
        seen, "conflict", planner_id, field=field_name, kept=kept, lost=lost, winner=conflict.winner
    )


def conflict_on_delete_body(
    seen: Observation, *, kept: bool, lost: bool, winner: str
) -> dict[str, Any]:
    """The `conflict` message about a delete."""
    planner_id = seen.state.planner_id if seen.state else ""
    return _body(seen, "conflict", planner_id, field="deleted", kept=kept, lost=lost, winner=winner)


def stamp(ms: int) -> str:
    """The server's time as messages carry it: UTC ISO 8601 with Z."""
    return (
        datetime.fromtimestamp(ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _present(seen: Observation) -> Collection[str]:
    return seen.document.fields if seen.document else ()


def renamed_fields(reading: Interpretation, state: SyncState, names: Names) -> Iterable[str]:
    """Fields whose text a human changed by renaming a bucket or a label."""
    buckets = dict(names.buckets)
    for key, identity in reading.name_bindings.items():
        kind, _, text = key.partition(" ")
        if key not in state.name_bindings:
            continue
        if kind == "bucket" and buckets.get(identity, text) != text:
            yield "bucket"
        elif kind == "label" and names.labels.get(identity) not in (text, None):
            yield from fields_of(frozenset({f"labels {identity}"}), names)


def uploads(seen: Observation, state: SyncState) -> list[tuple[Channel, str]]:
    """`uploaded`, when something has reached Planner that agents were not told of yet."""
    if not state.unreported_uploads and not state.created:
        return []
    fields = shown_fields(state.unreported_uploads, _present(seen))
    return [on_sync(seen, "uploaded", state.planner_id, created=state.created, fields=fields)]


def conflicts(seen: Observation, merged: Merged, names: Names) -> list[tuple[Channel, str]]:
    """`conflict`, for each atom that both sides had changed."""
    return [
        (SYNC, json.dumps(conflict_message(seen, conflict, merged.result, names)))
        for conflict in merged.conflicts
    ]


def unsent_messages(state: SyncState) -> list[tuple[Channel, str]]:
    """What is still owed from a look that did not come to its end."""
    return [(SYNC, json.dumps(message)) for message in state.unsent_messages]


def conflict_on_delete(
    seen: Observation, *, kept: bool, lost: bool, winner: str
) -> tuple[Channel, str]:
    """`conflict` over a delete, addressed."""
    return SYNC, json.dumps(conflict_on_delete_body(seen, kept=kept, lost=lost, winner=winner))


def failed(seen: Observation, code: Code, reason: str, retrying: bool) -> tuple[Channel, str]:
    """`failed`: refused, or not possible now."""
    planner_id = seen.state.planner_id if seen.state else None
    return on_sync(seen, "failed", planner_id, reason=reason, code=code, retrying=retrying)


def updated(
    seen: Observation, action: str, text: str, changed: Iterable[str]
) -> tuple[Channel, str]:
    """What a person has changed, with the whole document (`text`)."""
    body = {
        "action": action,
        "taskId": seen.task_id,
        "task": json.loads(text),
        "changed": list(changed),
        "source": "planner",
        "timestamp": stamp(seen.lease.now),
    }
    return UPDATES, json.dumps(body)


def on_sync(
    seen: Observation, action: str, planner_id: str | None, **more: Any
) -> tuple[Channel, str]:
    """A message for the channel of confirmations."""
    return SYNC, json.dumps(_body(seen, action, planner_id, **more))


def _body(seen: Observation, action: str, planner_id: str | None, **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "redisId": seen.task_id,
        "plannerId": planner_id,
        "timestamp": stamp(seen.lease.now),
        **more,
    }
