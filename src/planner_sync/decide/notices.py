"""What agents are told after a reconciliation: messages addressed to their channels. Pure.

How much of a task's content a message shows is decided here; `model/messages.py` has the forms.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Literal

from planner_sync.decide.interpret import Interpretation
from planner_sync.decide.merge import Conflict, Merged
from planner_sync.decide.observation import AnyFacts, Mapped, MaybeNames
from planner_sync.decide.rendering import fields_of, show_atom, shown_fields
from planner_sync.errors import Code
from planner_sync.model import messages
from planner_sync.model.card import Names
from planner_sync.model.messages import Body, Channel
from planner_sync.model.records import Refused
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value

Notice = tuple[Channel, str]


def failure(
    task_id: str, at: int, code: Code, reason: str, *, retrying: bool
) -> tuple[Refused, str]:
    """A refusal found outside a reconciliation: the record to keep, and the message to publish."""
    record = Refused(code, reason, retrying=retrying, at=at)
    message = messages.failed(task_id, None, at, reason=reason, code=code, retrying=retrying)
    return record, json.dumps(message)


def conflict_message(seen: Mapped[Names], conflict: Conflict, atoms: Mapping[str, Value]) -> Body:
    """The `conflict` message about one atom."""
    fields = fields_of(frozenset({conflict.atom}), seen.names)
    *_, field_name = shown_fields(fields, seen.document_fields)
    shown = {**atoms, **conflict.attributes}
    kept, lost = (
        show_atom(conflict.atom, value, shown, seen.names, seen.readable)
        for value in (conflict.kept, conflict.lost)
    )
    return messages.conflict(
        seen.task_id,
        seen.planner_id,
        seen.lease.now,
        field=field_name,
        kept=kept,
        lost=lost,
        winner=conflict.winner,
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


def uploads(seen: Mapped[MaybeNames]) -> list[Notice]:
    """`uploaded`, if something has reached Planner that agents were not told of yet."""
    state = seen.state
    if not state.unreported_uploads and not state.created:
        return []
    fields = shown_fields(state.unreported_uploads, seen.document_fields)
    message = messages.uploaded(
        seen.task_id, seen.planner_id, seen.lease.now, created=state.created, fields=fields
    )
    return [_on_sync(message)]


def conflicts(seen: Mapped[Names], merged: Merged) -> list[Notice]:
    """`conflict`, for each atom that both sides had changed."""
    return [
        _on_sync(conflict_message(seen, conflict, merged.result)) for conflict in merged.conflicts
    ]


def unsent_messages(state: SyncState) -> list[Notice]:
    """Messages that are still owed from a reconciliation that was cut off."""
    return [_on_sync(message) for message in state.unsent_messages]


def conflict_on_delete(seen: Mapped[MaybeNames], *, kept: bool, lost: bool, winner: str) -> Notice:
    """`conflict` over a delete."""
    message = messages.conflict(
        seen.task_id,
        seen.planner_id,
        seen.lease.now,
        field="deleted",
        kept=kept,
        lost=lost,
        winner=winner,
    )
    return _on_sync(message)


def deleted(seen: Mapped[MaybeNames], by: Literal["agent", "planner"]) -> Notice:
    """`deleted`: a delete has reached the other side."""
    return _on_sync(messages.deleted(seen.task_id, seen.planner_id, seen.lease.now, by=by))


def failed(seen: AnyFacts, code: Code, reason: str, retrying: bool) -> Notice:
    """`failed`: refused, or not possible now."""
    message = messages.failed(
        seen.task_id, seen.planner_id, seen.lease.now, reason=reason, code=code, retrying=retrying
    )
    return _on_sync(message)


def document_created(seen: AnyFacts, text: str, fields: Iterable[str]) -> Notice:
    """`created` on `tasks:updates`: a person made a card; `text` is its new document."""
    return _on_updates(seen, "created", text, fields)


def document_updated(seen: AnyFacts, text: str, changed: Iterable[str]) -> Notice:
    """`updated` on `tasks:updates`: a person changed these fields; `text` is the whole document."""
    return _on_updates(seen, "updated", text, changed)


def document_deleted(seen: AnyFacts) -> Notice:
    """`deleted` on `tasks:updates`: a person deleted the card."""
    return "updates", json.dumps(messages.person_delete(seen.task_id, seen.lease.now))


def _on_updates(
    seen: AnyFacts, action: messages.Action, text: str, changed: Iterable[str]
) -> Notice:
    task = json.loads(text)
    message = messages.person_update(action, seen.task_id, seen.lease.now, task, changed)
    return "updates", json.dumps(message)


def _on_sync(message: Mapping[str, object]) -> Notice:
    return "sync", json.dumps(message)
