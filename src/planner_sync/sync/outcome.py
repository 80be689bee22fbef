"""How a look ends: one function for each ending, each giving the order that the store carries out. Pure.

Messages are the contract's (§5); what they hold of a task's content is decided here and nowhere else.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from planner_sync import dialects
from planner_sync.errors import Code, Refusal
from planner_sync.graph.cards import Card, Names
from planner_sync.store.task_repository import Channel, Order, document_hash
from planner_sync.sync.belief import Belief
from planner_sync.sync.meaning import PERCENT_DEFAULT, Reading, remember_meant
from planner_sync.sync.merge import NO_OPINION, Conflict, Merged
from planner_sync.sync.rendering import Wanted, fields_of, render, show_atom, shown_fields
from planner_sync.sync.renewal import renewed
from planner_sync.sync.seen import Seen
from planner_sync.task import PRIORITY_DEFAULT, Document, Value

HOUR_MS = 3_600_000
# A refusal that its surroundings caused may pass by itself.
HOURLY: frozenset[Code] = frozenset({"limit", "no_free_label", "unknown_person", "unknown_bucket"})
SYNC: Channel = "sync"
UPDATES: Channel = "updates"


def settled(seen: Seen, belief: Belief, merged: Merged, reading: Reading, names: Names) -> Order:
    """Both sides are known to hold `merged.want`: write the document where it differs, tell who is to be told."""
    document = seen.document
    if document is None:
        raise ValueError(f"task {seen.task_id}: nothing to settle")
    human = frozenset(fields_of(merged.human, names))
    renamed = frozenset(_renamed(reading, belief, names))
    shown = _shown(document, belief, human)
    wanted = Wanted(merged.want, _item_order(seen), names, shown, human)
    changes = render(document, reading, wanted)
    if document.fields.get("planId") not in (None, belief.plan_id):
        changes["planId"] = belief.plan_id
    advance = bool(changes or merged.human or belief.uploaded or document.rev is None)
    rev = _next_rev(belief, seen.claim.now) if advance else belief.rev
    after = learn(seen, belief, merged, reading, rev, shown)
    stamped = document.planner_id == belief.planner_id and document.rev == rev
    told = sorted({*human, *renamed, *belief.untold})
    order = Order(
        plan_id=belief.plan_id,
        planner_id=belief.planner_id,
        old_plan_id=seen.belief.plan_id if seen.belief else "",
        etags=after.etags,
        state=after.dump(),
        state_moved=replace(after, untold=tuple(told)).dump(),
        notes_done=(*seen.done_notes, *seen.written),
        creating_done=True,
        expected=seen.stored.text,
        messages=[*_uploaded(seen, belief), *_conflicts(seen, merged, names), *_unsaid(belief)],
    )
    if changes or not stamped:
        text = dialects.write(document, {**changes, "plannerId": belief.planner_id, "_rev": rev})
        order.write, order.new = "set", text.encode()
    if told:
        text = order.new.decode() if order.write == "set" else (seen.stored.text or b"").decode()
        changed = dict.fromkeys(shown_fields(told, {*document.fields, *changes}))
        order.document_messages = [_updated(seen, "updated", text, changed)]
    return order


def learn(seen: Seen, belief: Belief, merged: Merged, reading: Reading, rev: int, shown: Iterable[str]) -> Belief:
    """The belief after a merge: what humans changed is agreed, what agents lost is remembered."""
    for conflict in merged.conflicts:
        if conflict.winner == "planner":
            attributes = conflict.attributes if conflict.lost else {}
            for atom, lost in {conflict.atom: conflict.lost, **attributes}.items():
                belief = belief.tell(atom, seen.rev, lost)
    belief = belief.agree({atom: merged.want.get(atom) for atom in merged.human})
    belief = belief.see_human(merged.human, rev)
    belief = remember_meant(belief, reading.meant)
    if isinstance(seen.card, Card):
        belief = replace(belief, etag=seen.card.etag, details_etag=seen.card.details_etag or belief.details_etag)
    return replace(
        belief,
        rev=rev,
        shown=tuple(sorted(shown)),
        dialect=seen.document.dialect if seen.document else belief.dialect,
        created=False,
        uploaded=(),
        untold=(),
        unsaid=(),
        settled_at=seen.claim.now,
    )


def imported(seen: Seen, card: Card, names: Names) -> Order:
    """A card that a human made gets its document."""
    belief = Belief(card.id, card.plan_id, card.etag, card.details_etag or "", base=dict(card.atoms))
    human = frozenset(fields_of(frozenset(card.atoms), names))
    human = frozenset(name for name in human if not _is_default(name, card.atoms))
    rev = _next_rev(belief, seen.claim.now)
    empty = dialects.new_document()
    reading = Reading(NO_OPINION, (), {})
    shown = _with_bucket(human)
    wanted = Wanted(card.atoms, list(card.order), names, shown, frozenset())
    changes = {"id": seen.task_id, **render(empty, reading, wanted), "planId": card.plan_id}
    changes |= {"createdBy": card.created_by_user or "planner", "createdAt": card.created_at}
    text = dialects.write(empty, {**changes, "plannerId": card.id, "_rev": rev})
    belief = replace(belief, rev=rev, shown=tuple(sorted(shown)), settled_at=seen.claim.now)
    return Order(
        plan_id=card.plan_id,
        planner_id=card.id,
        etags=belief.etags,
        state=belief.dump(),
        expected=None,
        write="set",
        new=text.encode(),
        document_messages=[_updated(seen, "created", text, sorted(human))],
    )


def restored(seen: Seen, belief: Belief, merged: Merged, reading: Reading, names: Names, conflict: bool) -> Order:
    """A document that an agent deleted, or that Redis lost, comes back whole, with what the card says now."""
    # What it said may have reached the card without ever being settled: all that the card has is shown.
    fields = {name for name in fields_of(frozenset(merged.want), names) if not _is_default(name, merged.want)}
    shown = _with_bucket(frozenset(fields)) if seen.last is None else fields - {"bucketId"}
    order = settled(seen, replace(belief, shown=(*belief.shown, *sorted(shown))), merged, reading, names)
    order.expected = None
    if order.write != "set":
        order.write, order.new = "set", seen.stored.last or b""
    if conflict:
        order.messages.append(_deleted_conflict(seen, kept=False, lost=True, winner="planner"))
    order.document_messages = [_updated(seen, "updated", order.new.decode(), fields_of(merged.human, names))]
    return order


def refused(seen: Seen, refusal: Refusal) -> Order:
    """Nothing is sent, the document stays as it is, the reason is said once and kept."""
    retrying = refusal.code in HOURLY
    text = seen.stored.text
    digest = document_hash(text, seen.stored.size) if text is not None else ""
    kept = {
        "code": refusal.code,
        "reason": refusal.reason,
        "field": refusal.field,
        "retrying": retrying,
        "hash": digest,
    }
    before = json.loads(seen.stored.refusal) if seen.stored.refusal else {}
    order = _left(seen, due_ms=HOUR_MS if retrying else -1)
    order.refusal = json.dumps({**kept, "at": seen.claim.now})
    same = kept.keys() - ({"reason"} if refusal.code == "refused_by_planner" else set())  # each has a request id
    if any(before.get(name) != kept[name] for name in same):
        order.messages.append(_failed(seen, refusal.code, refusal.reason, retrying))
    return order


def later(seen: Seen, due_ms: int, code: Code | None = None, reason: str = "", *, say_after: int = 1) -> Order:
    """Not now: look again after `due_ms`. With a code the trouble is kept, and said once when it has lasted a while."""
    order = _left(seen, due_ms=due_ms)
    order.keep_said = order.keep_look = True
    if code is None:
        order.refusal = None
        return order
    before = json.loads(seen.stored.refusal) if seen.stored.refusal else {}
    same = before.get("code") == code
    tries = before.get("tries", 0) + 1 if same else 1
    said = same and before.get("said", False)
    say = not said and tries >= say_after
    kept = {"code": code, "reason": reason, "field": None, "retrying": True, "tries": tries, "said": said or say}
    order.refusal = json.dumps({**kept, "at": seen.claim.now})
    if say:
        order.messages.append(_failed(seen, code, reason, retrying=True))
    return order


def forgotten(seen: Seen) -> Order:
    """There is neither document nor card: nothing to remember."""
    return Order(plan_id=seen.plan_id, forget=True, expected=None, notes_done=seen.done_notes)


def waiting(seen: Seen) -> Order:
    """The document is missing, and nobody has said why: the next sweeps will tell."""
    return replace(_left(seen, due_ms=-1), refusal=None)


def buried(seen: Seen, belief: Belief, names: Names, by: Literal["agent", "planner"], *, edited: bool = False) -> Order:
    """The card is gone: document and card go to the trash, the mapping ends, the card is known to be deleted."""
    last = seen.stored.text if seen.stored.text is not None else seen.stored.last
    entry = {
        "taskId": seen.task_id,
        "plannerId": belief.planner_id,
        "planId": belief.plan_id,
        "document": (last or b"").decode("utf-8", "replace"),
        "card": dict(belief.base),
        "renewed": renewed(seen, belief, names),
        "by": by,
        "at": seen.claim.now,
    }
    grave = {"planner_id": belief.planner_id, "title": belief.base.get("title"), "at": seen.claim.now, "by": by}
    messages = [_sync(seen, "deleted", belief.planner_id, by=by)]
    if edited:
        messages.append(_deleted_conflict(seen, kept=True, lost=False, winner="planner"))
    order = Order(
        plan_id=belief.plan_id,
        planner_id=belief.planner_id,
        bury=True,
        forget=True,
        grave=json.dumps(grave),
        trash=(f"{seen.task_id} {belief.planner_id}", json.dumps(entry)),
        expected=seen.stored.text,
        messages=messages,
    )
    if by == "planner":
        order.only_same = True
        order.write = "delete" if seen.stored.text is not None else "keep"
        body = {"action": "deleted", "taskId": seen.task_id, "source": "planner", "timestamp": stamp(seen.claim.now)}
        order.document_messages = [(UPDATES, json.dumps(body))]
    return order


def deleted_unanswered(seen: Seen, belief: Belief, names: Names) -> Order:
    """Our own delete, whose answer was lost, was carried out; a document that is there by now gets a new card."""
    order = buried(seen, belief, names, "agent")
    if seen.stored.text is not None:
        order.trash = None
        order.write, order.due_ms = "leave", 0
    return order


def made_anew(seen: Seen, belief: Belief, names: Names, *, conflict: bool) -> Order:
    """A human deleted the card, and an agent that was editing wins, or an operator: the document gets a new card."""
    order = buried(seen, belief, names, "agent")
    order.trash = None
    order.uncounted = True
    order.write, order.due_ms = "leave", 0
    if seen.document is not None:
        order.write, order.new = "set", renewed(seen, belief, names).encode()
    order.messages = [_deleted_conflict(seen, kept=False, lost=True, winner="agents")] if conflict else []
    return order


def failure(task_id: str, at: int, code: Code, reason: str, *, retrying: bool) -> tuple[str, str]:
    """A refusal that no look has found: the record to keep, and the message to publish."""
    record = {"code": code, "reason": reason, "field": None, "retrying": retrying, "at": at}
    message = {"action": "failed", "redisId": task_id, "plannerId": None, "timestamp": stamp(at)}
    return json.dumps(record), json.dumps({**message, "reason": reason, "code": code, "retrying": retrying})


def let_go(seen: Seen, belief: Belief) -> Order:
    """The document is gone, and its card is in a plan that is not ours: the card stays, and belongs to nobody."""
    return Order(
        plan_id=belief.plan_id,
        planner_id=belief.planner_id,
        bury=True,
        keep_card=True,
        uncounted=True,
        forget=True,
        expected=None,
    )


def conflict_message(seen: Seen, conflict: Conflict, atoms: Mapping[str, Value], names: Names) -> dict[str, Any]:
    """The `conflict` message about one atom."""
    *_, field_name = shown_fields(fields_of(frozenset({conflict.atom}), names), _present(seen))
    shown = {**atoms, **conflict.attributes}
    values = (conflict.kept, conflict.lost)
    kept, lost = (show_atom(conflict.atom, value, shown, names, seen.document) for value in values)
    planner_id = seen.belief.planner_id if seen.belief else ""
    return _body(seen, "conflict", planner_id, field=field_name, kept=kept, lost=lost, winner=conflict.winner)


def deleted_conflict(seen: Seen, *, kept: bool, lost: bool, winner: str) -> dict[str, Any]:
    """The `conflict` message about a delete."""
    planner_id = seen.belief.planner_id if seen.belief else ""
    return _body(seen, "conflict", planner_id, field="deleted", kept=kept, lost=lost, winner=winner)


def stamp(ms: int) -> str:
    """The server's time as messages carry it: UTC ISO 8601 with Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _present(seen: Seen) -> Collection[str]:
    return seen.document.fields if seen.document else ()


def _left(seen: Seen, due_ms: int) -> Order:
    """The document stays as it is; what has reached Planner nevertheless is said."""
    belief = seen.belief
    messages = [*_uploaded(seen, belief), *_unsaid(belief)] if belief else []
    if belief:
        belief = replace(belief, created=False, uploaded=(), unsaid=())
    return Order(
        plan_id=seen.plan_id,
        planner_id=belief.planner_id if belief else "",
        etags=belief.etags if belief else "",
        state=belief.dump() if belief else None,
        notes_done=seen.done_notes,
        creating_done=seen.not_created,
        write="leave",
        expected=seen.stored.text,
        size=seen.stored.size,
        wrong_type=seen.stored.wrong_type,
        due_ms=due_ms,
        keep_said=seen.stored.text is None,
        messages=messages,
    )


def _next_rev(belief: Belief, now_ms: int) -> int:
    return max(belief.rev + 1, now_ms // 1000)


def _shown(document: Document, belief: Belief, human: frozenset[str]) -> frozenset[str]:
    shown = frozenset({*belief.shown, *document.fields}) - {"planId"}
    return shown | (_with_bucket(human) if not shown & {"bucket", "bucketId"} else human - {"bucketId"})


def _with_bucket(fields: frozenset[str]) -> frozenset[str]:
    return fields | {"bucket"} if "bucketId" in fields else fields


def _is_default(name: str, atoms: Mapping[str, Value]) -> bool:
    return atoms.get(name) == {"percentComplete": PERCENT_DEFAULT, "priority": PRIORITY_DEFAULT}.get(name, object())


def _item_order(seen: Seen) -> list[str]:
    return list(seen.card.order) if isinstance(seen.card, Card) else []


def _renamed(reading: Reading, belief: Belief, names: Names) -> Iterable[str]:
    """Fields whose text a human changed by renaming a bucket or a label."""
    buckets = dict(names.buckets)
    for key, identity in reading.meant.items():
        kind, _, text = key.partition(" ")
        if key not in belief.meant:
            continue
        if kind == "bucket" and buckets.get(identity, text) != text:
            yield "bucket"
        elif kind == "label" and names.labels.get(identity) not in (text, None):
            yield from fields_of(frozenset({f"labels {identity}"}), names)


def _uploaded(seen: Seen, belief: Belief) -> list[tuple[Channel, str]]:
    if not belief.uploaded and not belief.created:
        return []
    fields = shown_fields(belief.uploaded, _present(seen))
    return [_sync(seen, "uploaded", belief.planner_id, created=belief.created, fields=fields)]


def _conflicts(seen: Seen, merged: Merged, names: Names) -> list[tuple[Channel, str]]:
    return [(SYNC, json.dumps(conflict_message(seen, conflict, merged.want, names))) for conflict in merged.conflicts]


def _unsaid(belief: Belief) -> list[tuple[Channel, str]]:
    return [(SYNC, json.dumps(message)) for message in belief.unsaid]


def _deleted_conflict(seen: Seen, *, kept: bool, lost: bool, winner: str) -> tuple[Channel, str]:
    return SYNC, json.dumps(deleted_conflict(seen, kept=kept, lost=lost, winner=winner))


def _failed(seen: Seen, code: Code, reason: str, retrying: bool) -> tuple[Channel, str]:
    planner_id = seen.belief.planner_id if seen.belief else None
    return _sync(seen, "failed", planner_id, reason=reason, code=code, retrying=retrying)


def _updated(seen: Seen, action: str, text: str, changed: Iterable[str]) -> tuple[Channel, str]:
    body = {
        "action": action,
        "taskId": seen.task_id,
        "task": json.loads(text),
        "changed": list(changed),
        "source": "planner",
        "timestamp": stamp(seen.claim.now),
    }
    return UPDATES, json.dumps(body)


def _sync(seen: Seen, action: str, planner_id: str | None, **more: Any) -> tuple[Channel, str]:
    return SYNC, json.dumps(_body(seen, action, planner_id, **more))


def _body(seen: Seen, action: str, planner_id: str | None, **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "redisId": seen.task_id,
        "plannerId": planner_id,
        "timestamp": stamp(seen.claim.now),
        **more,
    }
