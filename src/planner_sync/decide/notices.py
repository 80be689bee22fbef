"""The messages to agents, as values: each one of the contract, with its channel. Pure.

How much of a task's content a message shows is decided here and nowhere else.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from planner_sync.decide.interpret import Interpretation
from planner_sync.decide.merge import Conflict, Merged
from planner_sync.decide.observation import AnyFacts, Mapped, MaybeNames
from planner_sync.decide.rendering import fields_of, show_atom, shown_fields
from planner_sync.errors import Code
from planner_sync.model.card import Names
from planner_sync.model.orders import Channel
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

SYNC: Channel = "sync"
UPDATES: Channel = "updates"


def failure(task_id: str, at: int, code: Code, reason: str, *, retrying: bool) -> tuple[str, str]:
    """A refusal found outside a reconciliation: the record to keep, the message to publish."""
    record = {"code": code, "reason": reason, "field": None, "retrying": retrying, "at": at}
    message = {
        "action": "failed",
        "redisId": task_id,
        "plannerId": None,
        "timestamp": stamp(at),
        "reason": reason,
        "code": code,
        "retrying": retrying,
    }
    return json.dumps(record), json.dumps(message)


def conflict_message(
    seen: Mapped[Names], conflict: Conflict, atoms: Mapping[str, Value]
) -> dict[str, Any]:
    """The `conflict` message about one atom."""
    fields = fields_of(frozenset({conflict.atom}), seen.names)
    *_, field_name = shown_fields(fields, seen.document_fields)
    shown = {**atoms, **conflict.attributes}
    kept, lost = (
        show_atom(conflict.atom, value, shown, seen.names, seen.readable)
        for value in (conflict.kept, conflict.lost)
    )
    return _body(seen, "conflict", field=field_name, kept=kept, lost=lost, winner=conflict.winner)


def stamp(ms: int) -> str:
    """The server's time as messages carry it: UTC ISO 8601 with Z."""
    return (
        datetime.fromtimestamp(ms / 1000, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def renamed_fields(seen: Mapped[Names], reading: Interpretation) -> Iterable[str]:
    """Fields whose text a person changed by renaming a bucket or a label."""
    buckets, labels = dict(seen.names.buckets), seen.names.labels
    for key, identity in reading.name_bindings.items():
        kind, _, text = key.partition(" ")
        if key not in seen.state.name_bindings:
            continue
        if kind == "bucket" and buckets.get(identity, text) != text:
            yield "bucket"
        elif kind == "label" and labels.get(identity) not in (text, None):
            yield from fields_of(frozenset({f"labels {identity}"}), seen.names)


def uploads(seen: Mapped[MaybeNames]) -> list[tuple[Channel, str]]:
    """`uploaded`, if something has reached Planner that agents were not told of yet."""
    state = seen.state
    if not state.unreported_uploads and not state.created:
        return []
    fields = shown_fields(state.unreported_uploads, seen.document_fields)
    return [on_sync(seen, "uploaded", created=state.created, fields=fields)]


def conflicts(seen: Mapped[Names], merged: Merged) -> list[tuple[Channel, str]]:
    """`conflict`, for each atom that both sides had changed."""
    return [
        (SYNC, json.dumps(conflict_message(seen, conflict, merged.result)))
        for conflict in merged.conflicts
    ]


def unsent_messages(state: SyncState) -> list[tuple[Channel, str]]:
    """What an earlier reconciliation that did not come to its end still owes."""
    return [(SYNC, json.dumps(message)) for message in state.unsent_messages]


def conflict_on_delete(
    seen: Mapped[Names], *, kept: bool, lost: bool, winner: str
) -> tuple[Channel, str]:
    """`conflict` over a delete."""
    return on_sync(seen, "conflict", field="deleted", kept=kept, lost=lost, winner=winner)


def failed(seen: AnyFacts, code: Code, reason: str, retrying: bool) -> tuple[Channel, str]:
    """`failed`: refused, or not possible now."""
    return on_sync(seen, "failed", reason=reason, code=code, retrying=retrying)


def updated(seen: AnyFacts, action: str, text: str, changed: Iterable[str]) -> tuple[Channel, str]:
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


def on_sync(seen: AnyFacts, action: str, **more: Any) -> tuple[Channel, str]:
    """A message for the channel of confirmations."""
    return SYNC, json.dumps(_body(seen, action, **more))


def _body(seen: AnyFacts, action: str, **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "redisId": seen.task_id,
        "plannerId": seen.planner_id,
        "timestamp": stamp(seen.lease.now),
        **more,
    }
