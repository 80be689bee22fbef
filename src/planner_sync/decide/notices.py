"""What agents are told after a reconciliation: messages addressed to their channels. Pure.

What a message holds of a task's content is decided here; `model/messages.py` has the forms.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from planner_sync.decide.interpret import Interpretation
from planner_sync.decide.merge import Conflict, Merged
from planner_sync.decide.observation import Observation
from planner_sync.decide.rendering import fields_of, show_atom, shown_fields
from planner_sync.errors import Code
from planner_sync.model import messages
from planner_sync.model.card import Names
from planner_sync.model.messages import Body, Channel
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

Notice = tuple[Channel, str]


def failure(task_id: str, at: int, code: Code, reason: str, *, retrying: bool) -> tuple[str, str]:
    """A refusal found outside a reconciliation: the record to keep, and the message to publish."""
    record = {"code": code, "reason": reason, "field": None, "retrying": retrying, "at": at}
    message = messages.failed(task_id, None, at, reason=reason, code=code, retrying=retrying)
    return json.dumps(record), json.dumps(message)


def conflict_message(
    seen: Observation, conflict: Conflict, atoms: Mapping[str, Value], names: Names
) -> Body:
    """The `conflict` message about one atom."""
    *_, field_name = shown_fields(fields_of(frozenset({conflict.atom}), names), _present(seen))
    shown = {**atoms, **conflict.attributes}
    values = (conflict.kept, conflict.lost)
    kept, lost = (show_atom(conflict.atom, value, shown, names, seen.document) for value in values)
    return messages.conflict(
        seen.task_id,
        _planner_id(seen),
        seen.lease.now,
        field=field_name,
        kept=kept,
        lost=lost,
        winner=conflict.winner,
    )


def _planner_id(seen: Observation) -> str:
    return seen.state.planner_id if seen.state else ""


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


def uploads(seen: Observation, state: SyncState) -> list[Notice]:
    """`uploaded`, when something has reached Planner that agents were not told of yet."""
    if not state.unreported_uploads and not state.created:
        return []
    fields = shown_fields(state.unreported_uploads, _present(seen))
    message = messages.uploaded(
        seen.task_id, state.planner_id, seen.lease.now, created=state.created, fields=fields
    )
    return [_on_sync(message)]


def conflicts(seen: Observation, merged: Merged, names: Names) -> list[Notice]:
    """`conflict`, for each atom that both sides had changed."""
    return [
        _on_sync(conflict_message(seen, conflict, merged.result, names))
        for conflict in merged.conflicts
    ]


def unsent_messages(state: SyncState) -> list[Notice]:
    """Messages that are still owed from a reconciliation that was cut off."""
    return [_on_sync(message) for message in state.unsent_messages]


def conflict_on_delete(seen: Observation, *, kept: bool, lost: bool, winner: str) -> Notice:
    """`conflict` over a delete."""
    message = messages.conflict(
        seen.task_id,
        _planner_id(seen),
        seen.lease.now,
        field="deleted",
        kept=kept,
        lost=lost,
        winner=winner,
    )
    return _on_sync(message)


def deleted(seen: Observation, planner_id: str, by: Literal["agent", "planner"]) -> Notice:
    """`deleted`: a delete has reached the other side."""
    return _on_sync(messages.deleted(seen.task_id, planner_id, seen.lease.now, by=by))


def failed(seen: Observation, code: Code, reason: str, retrying: bool) -> Notice:
    """`failed`: refused, or not possible now."""
    planner_id = seen.state.planner_id if seen.state else None
    message = messages.failed(
        seen.task_id, planner_id, seen.lease.now, reason=reason, code=code, retrying=retrying
    )
    return _on_sync(message)


def document_created(seen: Observation, text: str, fields: Iterable[str]) -> Notice:
    """`created` on `tasks:updates`: a person made a card; `text` is its new document."""
    return _on_updates(seen, "created", text, fields)


def document_updated(seen: Observation, text: str, changed: Iterable[str]) -> Notice:
    """`updated` on `tasks:updates`: a person changed these fields; `text` is the whole document."""
    return _on_updates(seen, "updated", text, changed)


def document_deleted(seen: Observation) -> Notice:
    """`deleted` on `tasks:updates`: a person deleted the card."""
    return "updates", json.dumps(messages.person_delete(seen.task_id, seen.lease.now))


def _on_updates(
    seen: Observation, action: messages.Action, text: str, changed: Iterable[str]
) -> Notice:
    task = json.loads(text)
    message = messages.person_update(action, seen.task_id, seen.lease.now, task, changed)
    return "updates", json.dumps(message)


def _on_sync(message: Mapping[str, object]) -> Notice:
    return "sync", json.dumps(message)
