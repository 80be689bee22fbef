"""The endings of a reconciliation: each returns the order that the store carries out. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from planner_sync.decide.interpret import Context, Interpretation, interpret, remember_names
from planner_sync.decide.merge import NO_OPINION, Merged
from planner_sync.decide.notices import (
    conflict_on_delete,
    conflicts,
    document_created,
    document_updated,
    failed,
    renamed_fields,
    unsent_messages,
    uploads,
)
from planner_sync.decide.observation import AnyFacts, Mapped, Missing
from planner_sync.decide.rendering import (
    Wanted,
    bindings_as_written,
    fields_of,
    render,
    shown_fields,
)
from planner_sync.errors import Code, Refusal
from planner_sync.model import dialects
from planner_sync.model.card import Card, Names
from planner_sync.model.fields import DEFAULTS
from planner_sync.model.orders import Forget, LinkedCard, Messages, Postpone, Settle
from planner_sync.model.records import Refused
from planner_sync.model.state import SyncState
from planner_sync.model.task import Document, Value

HOUR_MS = 3_600_000
# Refusals with a cause outside the document: it may go away, so they are tried again.
HOURLY: frozenset[Code] = frozenset({"limit", "no_free_label", "unknown_person", "unknown_bucket"})


def settled(
    seen: Mapped[Names], document: Document, merged: Merged, reading: Interpretation
) -> Settle:
    """Both sides hold `merged.result`: write the document where it differs, and publish that."""
    state, names = seen.state, seen.names
    human = frozenset(fields_of(merged.changed_by_people, names))
    renamed = frozenset(renamed_fields(seen, reading))
    shown = _shown(document, state, human) | _agents_of(merged.result, names)
    wanted = Wanted(merged.result, _item_order(seen), names, shown, human)
    changes = render(document, reading, wanted)
    if document.fields.get("planId") not in (None, state.plan_id):
        changes["planId"] = state.plan_id
    advance = bool(
        changes or merged.changed_by_people or state.unreported_uploads or document.rev is None
    )
    rev = _next_rev(state, seen.lease.now) if advance else state.rev
    written = bindings_as_written(reading.name_bindings, wanted, {*document.fields, *changes})
    after = learn(seen, merged, written, rev, shown)
    stamped = document.planner_id == state.planner_id and document.rev == rev
    told = sorted({*human, *renamed, *state.unreported_edits})
    new = None
    if changes or not stamped:
        stamps = {"plannerId": state.planner_id, "_rev": rev}
        new = dialects.write(document, {**changes, **stamps}).encode()
    said: Messages = ()
    if told:
        text = (new or seen.stored.text or b"").decode()
        changed = dict.fromkeys(shown_fields(told, {*document.fields, *changes}))
        said = (document_updated(seen, text, changed),)
    return Settle(
        plan_id=state.plan_id,
        document=seen.stored.document,
        card=LinkedCard.of(after, state.plan_id),
        state_moved=replace(after, unreported_edits=tuple(told)).dump(),
        intents_done=(*seen.done_intents, *seen.written),
        new=new,
        messages=(*uploads(seen), *conflicts(seen, merged), *unsent_messages(state)),
        document_messages=said,
    )


def learn(
    seen: Mapped[Names],
    merged: Merged,
    name_bindings: Mapping[str, str],
    rev: int,
    shown: Iterable[str],
) -> SyncState:
    """The state after a merge.

    What people changed is agreed, and what agents lost is remembered.
    """
    state = seen.state
    for conflict in merged.conflicts:
        if conflict.winner == "planner":
            attributes = conflict.attributes if conflict.lost else {}
            for atom, lost in {conflict.atom: conflict.lost, **attributes}.items():
                state = state.tell(atom, seen.rev, lost)
    state = state.agree({atom: merged.result.get(atom) for atom in merged.changed_by_people})
    state = state.see_human(merged.changed_by_people, rev)
    state = remember_names(state, name_bindings)
    return replace(
        state,
        etag=seen.task_etag,
        details_etag=seen.details_etag,
        rev=rev,
        shown=tuple(sorted(shown)),
        dialect=seen.readable.dialect if seen.readable else state.dialect,
        created=False,
        unreported_uploads=(),
        unreported_edits=(),
        unsent_messages=(),
        settled_at=seen.lease.now,
    )


def imported(seen: Missing[Names], card: Card) -> Settle:
    """A card that a person made gets its document."""
    names = seen.names
    state = SyncState(
        card.id, card.plan_id, card.etag, card.details_etag or "", base=dict(card.atoms)
    )
    human = frozenset(fields_of(frozenset(card.atoms), names))
    human = frozenset(name for name in human if not _is_default(name, card.atoms))
    rev = _next_rev(state, seen.lease.now)
    empty = dialects.new_document()
    reading = Interpretation(NO_OPINION, (), {})
    shown = _with_bucket(human)
    wanted = Wanted(card.atoms, list(card.order), names, shown, frozenset())
    changes = {"id": seen.task_id, **render(empty, reading, wanted), "planId": card.plan_id}
    changes |= {"createdBy": card.created_by_user or "planner", "createdAt": card.created_at}
    text = dialects.write(empty, {**changes, "plannerId": card.id, "_rev": rev})
    state = replace(state, rev=rev, shown=tuple(sorted(shown)), settled_at=seen.lease.now)
    bindings = _bindings_of(text, Context(names, seen.people, None, None, card.id, card.atoms))
    state = remember_names(state, bindings_as_written(bindings, wanted, changes))
    return Settle(
        plan_id=card.plan_id,
        document=seen.stored.document,
        card=LinkedCard.of(state),
        epoch=seen.epoch,
        new=text.encode(),
        document_messages=(document_created(seen, text, sorted(human)),),
    )


def _bindings_of(text: str, context: Context) -> Mapping[str, str]:
    try:
        return interpret(dialects.parse(text.encode()), context).name_bindings
    except Refusal:
        return {}  # a card may break a document's limits; the next reconciliation reports it


def restored(
    seen: Mapped[Names],
    document: Document,
    merged: Merged,
    reading: Interpretation,
    *,
    conflict: bool,
) -> Settle:
    """A document that an agent deleted, or that Redis lost, comes back with what the card holds
    now.

    `document` is as it was last settled; `conflict`: a person's change undoes an agent's delete.
    """
    state = seen.state
    # The lost document may have had values that reached the card and were never settled. So
    # everything that the card has is shown.
    fields = {
        name
        for name in fields_of(frozenset(merged.result), seen.names)
        if not _is_default(name, merged.result)
    }
    fields = {*_with_bucket(frozenset(fields))} if seen.last is None else fields - {"bucketId"}
    showing = replace(state, shown=(*state.shown, *sorted(fields)))
    order = settled(replace(seen, state=showing), document, merged, reading)
    new = order.new or seen.stored.last or b""
    messages = order.messages
    if conflict:
        messages += (conflict_on_delete(seen, kept=False, lost=True, winner="planner"),)
    changed = dict.fromkeys(
        [*fields_of(merged.changed_by_people, seen.names), *state.unreported_edits]
    )
    return replace(
        order,
        new=new,
        messages=messages,
        document_messages=(document_updated(seen, new.decode(), changed),),
    )


def refused(seen: AnyFacts, refusal: Refusal) -> Postpone:
    """Nothing is sent and the document stays as it is. The reason is recorded, and published
    once."""
    retrying = refusal.code in HOURLY
    document = seen.stored.document
    found = Refused(
        code=refusal.code,
        reason=refusal.reason,
        field=refusal.field,
        retrying=retrying,
        at=seen.lease.now,
        hash="" if document.text is None else document.hash,
    )
    order = _left(seen, due_ms=HOUR_MS if retrying else -1)
    said: Messages = ()
    if not _is_the_same(found, seen.stored.refusal):
        said = (failed(seen, refusal.code, refusal.reason, retrying),)
    return replace(order, refusal=found, messages=(*order.messages, *said))


def _is_the_same(found: Refused, before: Refused | None) -> bool:
    """Was this published before, about the same document?"""
    if before is None:
        return False
    # Planner's reasons have another request id each time.
    if found.code not in ("refused_by_planner", "limit") and before.reason != found.reason:
        return False
    kept = (before.code, before.field, before.retrying, before.hash)
    return kept == (found.code, found.field, found.retrying, found.hash)


def retry_later(
    seen: AnyFacts,
    due_ms: int,
    code: Code | None = None,
    reason: str = "",
    *,
    say_after: int = 1,
) -> Postpone:
    """Try again after `due_ms`.

    With a code the failure is recorded, and is published once: when it happens for the
    `say_after`-th time in a row.
    """
    order = replace(_left(seen, due_ms=due_ms), unfinished=True)
    if code is None:
        return order
    before = seen.stored.refusal
    if before is None or before.code != code:
        before = Refused(code)
    tries = before.tries + 1
    say = not before.said and tries >= say_after
    found = Refused(
        code=code,
        reason=reason,
        retrying=True,
        at=seen.lease.now,
        tries=tries,
        said=before.said or say,
    )
    said: Messages = (failed(seen, code, reason, retrying=True),) if say else ()
    return replace(order, refusal=found, messages=(*order.messages, *said))


def forgotten(seen: AnyFacts) -> Forget:
    """There is neither document nor card: nothing is kept."""
    return Forget(plan_id=seen.plan_id, document=seen.stored.document)


def waiting(seen: AnyFacts) -> Postpone:
    """The document is missing and no delete was announced: the next sweep decides."""
    return _left(seen, due_ms=-1)


def _left(seen: AnyFacts, due_ms: int) -> Postpone:
    """The document stays as it is. Changes that have reached Planner are published."""
    order = Postpone(
        plan_id=seen.plan_id,
        document=seen.stored.document,
        intents_done=seen.done_intents,
        not_created=seen.not_created,
        due_ms=due_ms,
    )
    if not isinstance(seen, Mapped):
        return order
    said = replace(seen.state, created=False, unreported_uploads=(), unsent_messages=())
    messages = (*uploads(seen), *unsent_messages(seen.state))
    return replace(order, card=LinkedCard.of(said), messages=messages)


def _next_rev(state: SyncState, now_ms: int) -> int:
    return max(state.rev + 1, now_ms // 1000)


def _shown(document: Document, state: SyncState, human: frozenset[str]) -> frozenset[str]:
    shown = frozenset({*state.shown, *document.fields}) - {"planId"}
    return shown | (
        _with_bucket(human) if not shown & {"bucket", "bucketId"} else human - {"bucketId"}
    )


def _agents_of(want: Mapping[str, Value], names: Names) -> frozenset[str]:
    """`assignedTo`, if a label has become an agent's name since it was shown as a label."""
    labels = [atom for atom in want if atom.startswith("labels ")]
    return frozenset(fields_of(labels, names)) & {"assignedTo"}


def _with_bucket(fields: frozenset[str]) -> frozenset[str]:
    return fields | {"bucket"} if "bucketId" in fields else fields


def _is_default(name: str, atoms: Mapping[str, Value]) -> bool:
    return atoms.get(name) == DEFAULTS.get(name, object())


def _item_order(seen: AnyFacts) -> list[str]:
    return list(seen.card.order) if seen.card else []
