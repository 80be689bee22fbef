"""How a look ends: one function for each ending, each giving the order that the store carries out.
Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from planner_sync.decide.interpret import Context, Reading, read_meaning, remember_meant
from planner_sync.decide.merge import NO_OPINION, Merged
from planner_sync.decide.notices import (
    conflicts,
    delete_conflict,
    failed,
    renamed_fields,
    unsaid,
    updated,
    uploads,
)
from planner_sync.decide.observation import Seen
from planner_sync.decide.rendering import Wanted, fields_of, meant_as_written, render, shown_fields
from planner_sync.errors import Code, Refusal
from planner_sync.model import dialects
from planner_sync.model.card import Card, Names
from planner_sync.model.orders import Order, document_hash
from planner_sync.model.state import Belief
from planner_sync.model.task import DEFAULTS, Document, Value

HOUR_MS = 3_600_000
# A refusal that its surroundings caused may pass by itself.
HOURLY: frozenset[Code] = frozenset({"limit", "no_free_label", "unknown_person", "unknown_bucket"})


def settled(seen: Seen, belief: Belief, merged: Merged, reading: Reading, names: Names) -> Order:
    """Both sides are known to hold `merged.want`: write the document where it differs, tell who is
    to be told."""
    document = seen.document
    if document is None:
        raise ValueError(f"task {seen.task_id}: nothing to settle")
    human = frozenset(fields_of(merged.human, names))
    renamed = frozenset(renamed_fields(reading, belief, names))
    shown = _shown(document, belief, human) | _agents_of(merged.want, names)
    wanted = Wanted(merged.want, _item_order(seen), names, shown, human)
    changes = render(document, reading, wanted)
    if document.fields.get("planId") not in (None, belief.plan_id):
        changes["planId"] = belief.plan_id
    advance = bool(changes or merged.human or belief.uploaded or document.rev is None)
    rev = _next_rev(belief, seen.claim.now) if advance else belief.rev
    written = meant_as_written(reading.meant, wanted, {*document.fields, *changes})
    after = learn(seen, belief, merged, replace(reading, meant=written), rev, shown)
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
        messages=[*uploads(seen, belief), *conflicts(seen, merged, names), *unsaid(belief)],
    )
    if changes or not stamped:
        text = dialects.write(document, {**changes, "plannerId": belief.planner_id, "_rev": rev})
        order.write, order.new = "set", text.encode()
    if told:
        text = order.new.decode() if order.write == "set" else (seen.stored.text or b"").decode()
        changed = dict.fromkeys(shown_fields(told, {*document.fields, *changes}))
        order.document_messages = [updated(seen, "updated", text, changed)]
    return order


def learn(
    seen: Seen, belief: Belief, merged: Merged, reading: Reading, rev: int, shown: Iterable[str]
) -> Belief:
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
        belief = replace(
            belief, etag=seen.card.etag, details_etag=seen.card.details_etag or belief.details_etag
        )
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
    belief = Belief(
        card.id, card.plan_id, card.etag, card.details_etag or "", base=dict(card.atoms)
    )
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
    meant = _meant_by(text, Context(names, seen.people, None, None, card.id, card.atoms))
    belief = remember_meant(belief, meant_as_written(meant, wanted, changes))
    return Order(
        plan_id=card.plan_id,
        planner_id=card.id,
        etags=belief.etags,
        state=belief.dump(),
        epoch=seen.epoch,
        expected=None,
        write="set",
        new=text.encode(),
        document_messages=[updated(seen, "created", text, sorted(human))],
    )


def _meant_by(text: str, context: Context) -> Mapping[str, str]:
    try:
        return read_meaning(dialects.parse(text.encode()), context).meant
    except Refusal:
        return {}  # a card may hold what no document may: the next look says so


def restored(
    seen: Seen, belief: Belief, merged: Merged, reading: Reading, names: Names, conflict: bool
) -> Order:
    """A document that an agent deleted, or that Redis lost, comes back whole, with what the card
    says now."""
    # What it said may have reached the card without ever being settled: all that the card has is
    # shown.
    fields = {
        name
        for name in fields_of(frozenset(merged.want), names)
        if not _is_default(name, merged.want)
    }
    shown = _with_bucket(frozenset(fields)) if seen.last is None else fields - {"bucketId"}
    order = settled(
        seen, replace(belief, shown=(*belief.shown, *sorted(shown))), merged, reading, names
    )
    order.expected = None
    if order.write != "set":
        order.write, order.new = "set", seen.stored.last or b""
    if conflict:
        order.messages.append(delete_conflict(seen, kept=False, lost=True, winner="planner"))
    changed = dict.fromkeys([*fields_of(merged.human, names), *belief.untold])
    order.document_messages = [updated(seen, "updated", order.new.decode(), changed)]
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
    by_planner = refusal.code in ("refused_by_planner", "limit")
    same = kept.keys() - ({"reason"} if by_planner else set())  # each has a request id
    if any(before.get(name) != kept[name] for name in same):
        order.messages.append(failed(seen, refusal.code, refusal.reason, retrying))
    return order


def later(
    seen: Seen, due_ms: int, code: Code | None = None, reason: str = "", *, say_after: int = 1
) -> Order:
    """Not now: look again after `due_ms`. With a code the trouble is kept, and said once when it
    has lasted a while."""
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
    kept = {
        "code": code,
        "reason": reason,
        "field": None,
        "retrying": True,
        "tries": tries,
        "said": said or say,
    }
    order.refusal = json.dumps({**kept, "at": seen.claim.now})
    if say:
        order.messages.append(failed(seen, code, reason, retrying=True))
    return order


def forgotten(seen: Seen) -> Order:
    """There is neither document nor card: nothing to remember."""
    return Order(plan_id=seen.plan_id, forget=True, expected=None, notes_done=seen.done_notes)


def waiting(seen: Seen) -> Order:
    """The document is missing, and nobody has said why: the next sweeps will tell."""
    return replace(_left(seen, due_ms=-1), refusal=None)


def _left(seen: Seen, due_ms: int) -> Order:
    """The document stays as it is; what has reached Planner nevertheless is said."""
    belief = seen.belief
    messages = [*uploads(seen, belief), *unsaid(belief)] if belief else []
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
    return shown | (
        _with_bucket(human) if not shown & {"bucket", "bucketId"} else human - {"bucketId"}
    )


def _agents_of(want: Mapping[str, Value], names: Names) -> frozenset[str]:
    """A label that has become an agent's name since it was shown as a label is shown as the
    agent."""
    return frozenset(fields_of([atom for atom in want if atom.startswith("labels ")], names)) & {
        "assignedTo"
    }


def _with_bucket(fields: frozenset[str]) -> frozenset[str]:
    return fields | {"bucket"} if "bucketId" in fields else fields


def _is_default(name: str, atoms: Mapping[str, Value]) -> bool:
    return atoms.get(name) == DEFAULTS.get(name, object())


def _item_order(seen: Seen) -> list[str]:
    return list(seen.card.order) if isinstance(seen.card, Card) else []
