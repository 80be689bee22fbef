"""Builds the observation of a pass: one listing of Planner, one reading of Redis, and the answers
to what those leave open.
"""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from planner_sync.decide.plan_observation import (
    Answer,
    Documents,
    PlanObservation,
    forbidden,
    questions,
)
from planner_sync.errors import Refusal
from planner_sync.model import dialects
from planner_sync.model.card import Card
from planner_sync.model.task import Document
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.plan_state import PlanSnapshot, PlanState
from planner_sync.store.sweep import Sweep
from planner_sync.store.task_repository import TaskRepository
from planner_sync.sync.plan.epochs import Begun
from planner_sync.sync.plan.listing import PlanReader, Tasks, card_of, differs
from planner_sync.sync.task.names import PlanNames, dump

SWEEP_SECONDS = 60.0
NAMES_EVERY = 10


@dataclass
class Memory:
    """What a process remembers of a plan: passes so far, the cards that the last one saw, and the
    card at which its reading of details ended.
    """

    passes: int = 0
    listed: frozenset[str] = frozenset()
    details_after: str = ""


@dataclass
class PlanObserver:
    """Observes the plans of one process."""

    reader: PlanReader
    plans: PlanState
    mapper: IdMapper
    repository: TaskRepository
    sweep: Sweep
    names: PlanNames
    _memory: dict[str, Memory] = field(default_factory=dict)

    async def observe(self, plan_id: str, begun: Begun, tasks: Tasks) -> PlanObservation:
        """The plan as the listing (`tasks`) and Redis show it."""
        memory = self._memory.setdefault(plan_id, Memory())
        names = await self._names(plan_id, memory)
        before = sorted(memory.listed - tasks.keys())
        snapshot = await self.plans.read(plan_id, [*tasks, *before])
        return replace(
            _observed(plan_id, begun, tasks, snapshot),
            brings_details=self.reader.brings_details,
            names_now=names,
            listed_before=memory.listed,
            details_after=memory.details_after,
        )

    async def ask_for_cards(self, seen: PlanObservation) -> PlanObservation:
        """The same, with the documents that count, and with Planner's answers about the cards that
        the listing lacks.
        """
        if seen.recovering:
            seen = await self._with_documents(seen)
        if seen.orphans:
            made_for = sorted({orphan.task_id for orphan in seen.orphans.values()})
            documents = await self.repository.read_documents(made_for)
            seen = replace(seen, with_document=frozenset(documents))
        asked = questions(seen)
        seen = replace(seen, answers=await self._answers(asked.cards))
        if again := list(forbidden(seen)):
            seen = await self._ask_again(seen, again)
        return await self.again(seen)

    async def read_details(self, seen: PlanObservation, tasks: Tasks) -> PlanObservation:
        """The same, with the details that the listing did not bring."""
        asked = questions(seen)
        if asked.by_turns:
            self._memory[seen.plan_id].details_after = asked.by_turns[-1]
        turns = [card for card in map(card_of, (tasks[pid] for pid in asked.by_turns)) if card]
        completed = await self.reader.complete([*(seen.cards[pid] for pid in asked.new), *turns])
        return _with_details(seen, completed, asked.new)

    async def again(self, seen: PlanObservation) -> PlanObservation:
        """What the visits have changed, if anything that comes later depends on it."""
        if not (seen.unowned or seen.creates):
            return seen
        changes = await self.plans.read_again(seen.plan_id, sorted(seen.unowned))
        return seen.refreshed(changes.owners, changes.creates, changes.application)

    def remember(self, seen: PlanObservation) -> None:
        """The next pass finds all of this again, or asks for it."""
        self._memory[seen.plan_id].listed = seen.listed_now

    # -- names -------------------------------------------------------------------------------------
    async def _names(self, plan_id: str, memory: Memory) -> str | None:
        """The plan's names (JSON), read again every tenth pass."""
        due = memory.passes % NAMES_EVERY == 0
        memory.passes += 1
        return dump(await self.names.get(plan_id, fresh=True)) if due else None

    # -- what Planner is asked ---------------------------------------------------------------------
    async def _answers(self, planner_ids: Collection[str]) -> dict[str, Answer]:
        answers = await asyncio.gather(*(self.reader.ask(pid) for pid in planner_ids))
        return dict(zip(planner_ids, answers, strict=True))

    async def _ask_again(self, seen: PlanObservation, planner_ids: list[str]) -> PlanObservation:
        """Cards that stay forbidden while the plan answers are in a plan that we may not read."""
        await self.reader.check_plan(seen.plan_id)
        answers = dict(seen.answers)
        for pid, answer in (await self._answers(planner_ids)).items():
            if answer == "forbidden":
                answers[pid] = "elsewhere"
        return replace(seen, answers=answers)

    # -- the agents' side, after a loss ------------------------------------------------------------
    async def _with_documents(self, seen: PlanObservation) -> PlanObservation:
        """The owners are read after the documents: a card made in between is seen."""
        swept = await self.sweep.run((), SWEEP_SECONDS)
        mapped = await self.mapper.all_task_ids()
        free = swept.present - mapped
        missing = {seen.owners[pid] for pid in seen.known if pid not in seen.listed}
        parsed = await self._parsed([*sorted(free), *sorted(missing)])
        named = sorted({each.planner_id for each in parsed.values() if each.planner_id})
        owners = {**seen.owners, **await self.mapper.task_ids(named)}
        documents = Documents(
            free=free,
            parsed=parsed,
            mapped=mapped,
            public=await self.mapper.public_task_ids(sorted(seen.unowned)),
            lost=frozenset(await self.repository.missing(sorted(_of_this_plan(seen)))),
        )
        return replace(seen, owners=owners, documents=documents)

    async def _parsed(self, task_ids: Collection[str]) -> dict[str, Document]:
        """Of these tasks the documents that can be read."""
        found = {}
        for task_id, text in (await self.repository.read_documents(list(task_ids))).items():
            with suppress(Refusal):
                found[task_id] = dialects.parse(text)
        return found


def _of_this_plan(seen: PlanObservation) -> set[str]:
    """The tasks of the cards that are known or listed here."""
    ids = seen.listed | seen.known.keys()
    return {seen.owners[pid] for pid in ids if pid in seen.owners}


def _observed(plan_id: str, begun: Begun, tasks: Tasks, snapshot: PlanSnapshot) -> PlanObservation:
    """Card and owner are taken and dropped in one step: a card that has lost its owner shows that
    Redis has lost something.
    """
    known = {pid: etags for pid, etags in snapshot.cards.items() if pid in snapshot.owners}
    cards, unreadable = _parsed_cards(tasks, known)
    return PlanObservation(
        plan_id=plan_id,
        began=begun.clock.now,
        epoch=str(begun),
        recovering=not begun.trusted or len(known) < len(snapshot.cards),
        listed=frozenset(tasks),
        cards=cards,
        unreadable=unreadable,
        names_before=snapshot.names,
        known=known,
        owners=snapshot.owners,
        unowned=frozenset(tasks) - snapshot.owners.keys() - snapshot.tombstones,
        tombstones=snapshot.tombstones,
        creates=snapshot.creates,
        unmapped_passes=snapshot.unmapped_passes,
        orphans=snapshot.orphans,
        mapped=snapshot.mapped,
        application=snapshot.application,
    )


def _parsed_cards(tasks: Tasks, known: Mapping[str, str]) -> tuple[dict[str, Card], frozenset[str]]:
    """The cards that are not in the known state, and the ids of those that cannot be read."""
    cards, unreadable = {}, set()
    for pid, task in tasks.items():
        if pid in known and not differs(task, known[pid]):
            continue
        card = card_of(task)
        if card:
            cards[pid] = card
        else:
            unreadable.add(pid)
    return cards, frozenset(unreadable)


def _with_details(
    seen: PlanObservation, completed: Mapping[str, Card | None], new: Collection[str]
) -> PlanObservation:
    """Cards without a task get their details; a known one joins if its details changed."""
    cards, unreadable = dict(seen.cards), set(seen.unreadable)
    for pid, card in completed.items():
        if card is None:
            unreadable.add(pid)
            cards.pop(pid, None)
        elif f"{card.etag} {card.details_etag}" != seen.known.get(pid):
            cards[pid] = card
    unread = frozenset(new) - completed.keys()
    return replace(seen, cards=cards, unreadable=frozenset(unreadable), unread=unread)
