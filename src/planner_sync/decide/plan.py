"""The decision about one plan: which visits does a stage of a pass make? Pure.

    stage     card or task                                        visit
    known     known, its etags differ                             Reconcile
              known, moved to another plan                        Reconcile
              not known here, but has a task: moved here          Reconcile
              known, and Planner answers that it is gone          Bury; none while recovering
              names of the plan changed                           AnnounceNames
              known and as before, left out, or unreadable        none
    contents  a task with an open create                          ResolveCreate, by content
    orphans   gone, or in another plan                            ForgetOrphan
              its task has an open create, or had one at first    none: that may take it
              its task has another card; it is unchanged          DeleteOrphan
              its task has no card and a document                 PlaceOrphan
              any other without a task                            ForgetOrphan
    named     a document names it (adoption.py)                   Adopt
    likely    an application made it; a document has its title    TryLikely
              the same; the document's own card is gone           TakeRecreated
    places    a task with an open create                          ResolveCreate, by place in time
    rest      our own, a create is open, or seen fewer than       none: it waits and is counted
              three times (unless recovering)
              its details do not show yet                         none: it waits
              known to be deleted, or cannot be read              none
              any other without a task                            Import
              has a task whose document is lost                   Restore, while recovering

A stage is decided again after its visits, until it makes none: a create by its content or its place
and a document by its title may take a card that was meant for the next one. `known` is decided
before Planner is asked any `questions`, and again with the answers. `contents` and `places` need a
listing that shows all cards (`as_of`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

from planner_sync.decide.adoption import adopt_named, try_likely
from planner_sync.decide.lost_creates import candidates_for, match_by_creation_time
from planner_sync.decide.observation import CreateCandidates
from planner_sync.decide.plan_observation import Answer, PlanObservation, should_show
from planner_sync.decide.unmapped import IMPORT_ID
from planner_sync.decide.visits import (
    Adopt,
    AnnounceNames,
    Bury,
    CountUnmapped,
    DeleteOrphan,
    ForgetOrphan,
    Import,
    PlaceOrphan,
    Reconcile,
    ResolveCreate,
    Restore,
    TakeRecreated,
    TryLikely,
    Visit,
)
from planner_sync.model.card import Card
from planner_sync.model.fields import DEFAULTS
from planner_sync.model.records import Orphan

PASSES_UNMAPPED = 3

Stage = Literal["known", "contents", "orphans", "named", "likely", "places", "rest"]


def stages(seen: PlanObservation) -> tuple[Stage, ...]:
    """The stages of this pass after `known`, in their order.

    While recovering, a card that a document names or equals is no lost create's by its place.
    """
    if seen.recovering:
        return ("contents", "orphans", "named", "likely", "places", "rest")
    return ("contents", "places", "orphans", "rest")


def begin_stage(seen: PlanObservation, stage: Stage) -> PlanObservation:
    """Nothing was visited yet. The places in time are those of all creates that are open now."""
    places = _places_in_time(seen) if stage == "places" else {}
    return replace(seen, asked=frozenset(), places=places)


def decide_pass(seen: PlanObservation, stage: Stage) -> tuple[Visit, ...]:
    """The next visits of this stage; none when it is done."""
    return tuple(visit for visit in _STAGES[stage](seen) if visit.about not in seen.asked)


def after_visits(
    seen: PlanObservation, visits: Iterable[Visit], missed: Collection[str]
) -> PlanObservation:
    """Apply the results of the visits; `missed` are those that did not come to an end.

    A card that has a document must not get another one: it is not imported in this pass.
    """
    adopted = [v for v in visits if isinstance(v, Adopt | TryLikely | TakeRecreated)]
    spoken_for = {v.about for v in visits if isinstance(v, Adopt | PlaceOrphan | DeleteOrphan)}
    failed = {visit.about for visit in adopted if visit.about in missed}
    return replace(
        seen,
        asked=seen.asked.union(visit.about for visit in visits),
        held_back=seen.held_back | spoken_for | failed,
        adoption_failed=seen.adoption_failed or bool(failed),
    )


def is_adopted(seen: PlanObservation) -> bool:
    """Does Redis know the plan after this pass? An empty listing must prove that it is complete."""
    if not seen.recovering:
        return True
    # a card that cannot be read, or that the listing lacks, may be that of any document
    unread = bool(seen.unreadable & seen.unowned)
    unread = unread or any(card.id in seen.unread for card in seen.alone)
    unlisted = any(card.id not in seen.owners for card in seen.left_out)
    if unread or unlisted or seen.adoption_failed:
        return False
    return bool(seen.listed) or seen.as_of is not None


# -- cards that have a task ------------------------------------------------------------------------
def _known(seen: PlanObservation) -> Iterator[Visit]:
    if seen.names_now is not None and seen.names_now != seen.names_before:
        yield _announce(seen, seen.names_now)
    for pid, card in seen.cards.items():
        if pid in seen.owners:
            yield Reconcile(seen.owners[pid], card)
    for pid in seen.missing:
        answer = seen.answers.get(pid)
        if pid in seen.owners and isinstance(answer, Card) and answer.plan_id != seen.plan_id:
            yield Reconcile(seen.owners[pid], answer)
    if not seen.recovering:
        yield from (
            Bury(seen.owners[pid], pid, was_listed=pid in seen.listed_before) for pid in seen.gone
        )


def _announce(seen: PlanObservation, names: str) -> AnnounceNames:
    """The first names of a plan are in no document yet."""
    if seen.names_before is None:
        return AnnounceNames(names, ())
    return AnnounceNames(names, tuple(seen.owners[pid] for pid in seen.known))


# -- creates whose answer was lost -----------------------------------------------------------------
def _contents(seen: PlanObservation) -> Iterator[Visit]:
    return _resolve(seen, last=False)


def _places(seen: PlanObservation) -> Iterator[Visit]:
    return _resolve(seen, last=True)


def _resolve(seen: PlanObservation, *, last: bool) -> Iterator[Visit]:
    """One after the other, so that no card is offered to two."""
    as_of, task_id = seen.as_of, next((t for t in seen.creates if t not in seen.asked), None)
    if as_of is None or task_id is None:
        return
    found = _candidates(seen, seen.creates[task_id], as_of)
    alone = {card.id for card in seen.alone}
    left = [card for card in found.candidates if card.id in alone]
    own = seen.places.get(task_id)
    if own and own.id not in alone:
        own = None
    yield ResolveCreate(task_id, replace(found, candidates=left, last=last, own=own))


def _places_in_time(seen: PlanObservation) -> Mapping[str, Card]:
    """Task id -> the card at its place in time."""
    if seen.as_of is None:
        return {}
    alone = {card.id for card in seen.alone}
    candidates: dict[str, Card] = {}
    for at in seen.creates.values():
        found = _candidates(seen, at, seen.as_of).candidates
        candidates |= {card.id: card for card in found if card.id in alone}
    return match_by_creation_time(seen.creates, candidates.values())


def _candidates(seen: PlanObservation, recorded_at: int, as_of: int) -> CreateCandidates:
    unowned = (card for pid, card in seen.cards.items() if pid in seen.unowned)
    return candidates_for(unowned, seen.application, recorded_at, as_of)


# -- orphans ---------------------------------------------------------------------------------------
def _orphans(seen: PlanObservation) -> Iterator[Visit]:
    cards = {card.id: card for card in seen.alone_and_read}
    placed: set[str] = set()
    for pid, orphan in seen.orphans.items():
        answer = seen.answers.get(pid)
        if pid in cards and orphan.task_id not in placed:
            visit = _orphan_there(seen, orphan, cards[pid])
            if isinstance(visit, PlaceOrphan):
                placed.add(orphan.task_id)
            if visit:
                yield visit
        elif should_show(seen, pid, orphan) and _is_elsewhere(seen, answer):
            yield ForgetOrphan(pid)


def _is_elsewhere(seen: PlanObservation, answer: Answer) -> bool:
    return answer == "gone" or (isinstance(answer, Card) and answer.plan_id != seen.plan_id)


def _orphan_there(seen: PlanObservation, orphan: Orphan, card: Card) -> Visit | None:
    has_card = orphan.task_id in seen.with_card
    # its create may have taken the card, or made another one, since the owners were read
    if orphan.task_id in seen.creates or orphan.task_id in seen.ended_creates:
        return None
    if has_card and _is_untouched(card, orphan):
        return DeleteOrphan(card)
    if not has_card and orphan.task_id in seen.with_document:
        return PlaceOrphan(orphan.task_id, card)
    return ForgetOrphan(card.id)


def _is_untouched(card: Card, orphan: Orphan) -> bool:
    """Is the card what Planner made of the request, and no more?"""
    return dict(card.atoms) == {**DEFAULTS, **orphan.atoms}


# -- cards without a task --------------------------------------------------------------------------
def _rest(seen: PlanObservation) -> Iterator[Visit]:
    ready = [card for card in seen.alone_and_read if not _waits(seen, card)]
    waiting = _counted(seen)
    if waiting != seen.unmapped_passes:
        yield CountUnmapped(waiting)
    for card in ready:
        yield Import(f"{IMPORT_ID}{card.id}", card)
    if seen.recovering:
        yield from (Restore(task_id) for task_id in sorted(seen.documents.lost))


def _waits(seen: PlanObservation, card: Card) -> bool:
    """A create whose answer was lost may still take a card of our own.

    Until a 201 has told which application we are, any card may be our own.
    """
    orphan = seen.orphans.get(card.id)
    if orphan and orphan.task_id in seen.ended_creates:
        return True
    if seen.application and card.created_by_app != seen.application:
        return False
    if seen.creates:
        return True
    if not seen.application or seen.recovering:
        return False
    return seen.unmapped_passes.get(card.id, 0) < PASSES_UNMAPPED


def _counted(seen: PlanObservation) -> dict[str, int]:
    """Planner id -> passes that have seen it wait; the listing may leave a card out for a while."""
    before = seen.unmapped_passes
    left_out = seen.listed_now - seen.listed
    counted = {pid: passes for pid, passes in before.items() if pid in left_out}
    for card in seen.alone:
        passes = before.get(card.id, 0)
        if card.id in seen.unread:
            counted[card.id] = passes
        elif _waits(seen, card):
            counted[card.id] = passes + 1
    return counted


_STAGES: Mapping[Stage, Callable[[PlanObservation], Iterable[Visit]]] = {
    "known": _known,
    "contents": _contents,
    "orphans": _orphans,
    "named": adopt_named,
    "likely": try_likely,
    "places": _places,
    "rest": _rest,
}
