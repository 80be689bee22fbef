"""Adoption: after a loss of Redis, which document does a card belong to? Nothing is deleted.

Asked in this order; what is left is imported like any new card:

    the public mapping, where both directions agree         adopted
    the `plannerId` inside a document                       adopted
    the id `planner-{planner id}` of a document             adopted
    equality with a document, for a card of an application  adopted if everything is equal
    the title of a document whose own card is gone          adopted: it may have been recreated

A `plannerId` that already belongs to another task is ignored: the document is a copy.
"""

from collections.abc import Iterable

from planner_sync.decide.plan_observation import PlanObservation
from planner_sync.decide.unmapped import IMPORT_ID
from planner_sync.decide.visits import Adopt, TakeRecreated, TryLikely
from planner_sync.model.card import Card
from planner_sync.model.task import TASK_ID


def adopt_named(seen: PlanObservation) -> Iterable[Adopt]:
    """One visit for each card that a document names, and one for each document."""
    free = _free(seen)
    mapped = seen.documents.mapped.union(seen.owners.values())
    by_planner_id = _by_planner_id(seen, free)
    visited: set[str] = set()
    for card in seen.alone_and_read:
        task_id = (
            _by_mapping(seen, mapped, card) or by_planner_id.get(card.id) or _by_own_id(free, card)
        )
        if task_id and task_id not in visited:
            visited.add(task_id)
            yield Adopt(task_id, card)


def try_likely(seen: PlanObservation) -> Iterable[TryLikely | TakeRecreated]:
    """At most one visit for each title: what becomes of it decides who is next."""
    twins, awaiting = _by_title(seen, _unnamed(seen)), _by_title(seen, _awaiting(seen))
    titles: set[str] = set()
    for card in seen.alone_and_read:
        title = str(card.atoms.get("title"))
        if card.created_by_app is None or card.id in seen.asked or title in titles:
            continue
        if title in twins:
            titles.add(title)
            yield TryLikely(twins[title], card)
        elif title in awaiting:
            titles.add(title)
            yield TakeRecreated(awaiting[title], card)


def _by_mapping(seen: PlanObservation, mapped: frozenset[str], card: Card) -> str | None:
    """The task that the public mapping names, unless it has another card: others may write
    there."""
    task_id = seen.documents.public.get(card.id, "")
    return task_id if TASK_ID.fullmatch(task_id) and task_id not in mapped else None


def _by_own_id(free: frozenset[str], card: Card) -> str | None:
    task_id = f"{IMPORT_ID}{card.id}"
    return task_id if task_id in free else None


def _free(seen: PlanObservation) -> frozenset[str]:
    return seen.documents.free.difference(seen.owners.values())


def _by_planner_id(seen: PlanObservation, free: frozenset[str]) -> dict[str, str]:
    """Planner id -> the first document that names it."""
    found: dict[str, str] = {}
    for task_id in sorted(free):
        document = seen.documents.parsed.get(task_id)
        if document and document.planner_id and document.planner_id not in seen.owners:
            found.setdefault(document.planner_id, task_id)
    return found


def _unnamed(seen: PlanObservation) -> list[str]:
    """Documents without a card that do not name one."""
    unnamed = []
    for task_id in sorted(_free(seen)):
        document = seen.documents.parsed.get(task_id)
        named = document.planner_id if document else None
        if named is None or named in seen.owners:
            unnamed.append(task_id)
    return unnamed


def _awaiting(seen: PlanObservation) -> list[str]:
    """Tasks whose card is gone, and that have no other card in this plan by now."""
    waiting = {seen.owners[pid] for pid in seen.gone if pid in seen.owners}
    return sorted(waiting.difference(seen.owners[pid] for pid in seen.listed & seen.owners.keys()))


def _by_title(seen: PlanObservation, task_ids: Iterable[str]) -> dict[str, str]:
    """Title -> the first of these documents that has it."""
    found: dict[str, str] = {}
    for task_id in task_ids:
        if task_id in seen.documents.parsed:
            title = str(seen.documents.parsed[task_id].fields["title"])
            found.setdefault(title, task_id)
    return found
