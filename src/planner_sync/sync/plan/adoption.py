"""Adoption: after Redis was lost, cards and documents that belong together find each other again.
Nothing is deleted.

Asked in this order: the public mapping where both directions agree; the `plannerId` inside a
document; the id `planner-{planner id}`; equality of a document with a card of ours; the title of a
document whose own card is gone, for the card may have been made anew in the seconds that were lost.
Whatever is left is imported like any new card.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from planner_sync.decide.observation import Gone, Listed, Unread
from planner_sync.decide.unmapped import IMPORT_ID
from planner_sync.errors import Refusal
from planner_sync.model import dialects
from planner_sync.model.card import Card
from planner_sync.model.fields import DEFAULTS
from planner_sync.model.task import TASK_ID, Document
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.plans import Plans
from planner_sync.store.sweep import Sweep
from planner_sync.store.task_repository import TaskRepository
from planner_sync.sync.plan.listing import PlanReader
from planner_sync.sync.task.reconcile import Trigger

SWEEP_SECONDS = 60.0
CARD_SHOWS_MS = 300_000  # after a lease: the time that its create may take, and a listing that lags
ReconcileAll = Callable[
    [Mapping[str, Trigger]], Awaitable[frozenset[str]]
]  # gives those that were not looked at


@dataclass(frozen=True)
class Documents:
    """Documents that may get a card: the `free` that have none, by the planner id inside or,
    without one, by title, and by title those that are `await_recreated_card`, whose card is gone. All are task
    ids.
    """

    free: frozenset[str]
    by_planner_id: Mapping[str, str]
    by_title: Mapping[str, list[str]]
    await_recreated_card: Mapping[str, list[str]]

    def drop(self, task_id: str) -> None:
        """This one has a card now."""
        for same in (*self.by_title.values(), *self.await_recreated_card.values()):
            if task_id in same:
                same.remove(task_id)


@dataclass
class Adoption:
    """Brings cards without a task to the documents that they belong to."""

    plans: Plans
    mapper: IdMapper
    repository: TaskRepository
    sweep: Sweep
    reader: PlanReader

    async def adopt(
        self, cards: dict[str, Card], gone: Sequence[str], began: int, reconcile_all: ReconcileAll
    ) -> bool:
        """Take out of `cards` all that have found their document. False: some could not be looked
        at now.

        Those are taken out too, for a card that has a document must not get another one; the next
        pass tries again. `gone` are planner ids that nothing answers to.
        """
        documents = await self._documents(gone)
        complete = True
        for card in list(cards.values()):
            public = await self.mapper.public_task_id(card.id)
            task_id = (
                public
                if public and TASK_ID.fullmatch(public)
                else documents.by_planner_id.get(card.id)
            )
            task_id = task_id or (
                by_own_id if (by_own_id := f"{IMPORT_ID}{card.id}") in documents.free else None
            )
            title = str(card.atoms.get("title")) if card.created_by_app is not None else ""
            twins, await_recreated_card = (
                documents.by_title.get(title),
                documents.await_recreated_card.get(title),
            )
            missed: frozenset[str] = frozenset()
            if task_id:
                missed = await reconcile_all(
                    {task_id: Trigger(Listed(card), began=began, recovering=True)}
                )
            elif twins:
                missed = await reconcile_all(
                    {twins[0]: Trigger(likely_card=card, began=began, recovering=True)}
                )
            elif await_recreated_card:
                await self.reader.planner.read_plan(
                    card.plan_id, interactive=False
                )  # so that gone means gone
                for view in (Gone(), Unread()):  # first it is buried
                    trigger = Trigger(view, likely_card=card, began=began, recovering=True)
                    missed |= await reconcile_all({await_recreated_card[0]: trigger})
            complete = complete and not missed
            owner = (await self.mapper.task_ids([card.id])).get(card.id)
            if owner or task_id or missed:
                cards.pop(card.id)
            if owner:
                documents.drop(owner)
        return complete

    async def named_cards(self) -> list[str]:
        """The cards that documents without a card of ours name: inside, or by their own id."""
        documents = await self._documents()
        by_own_id = [
            each.removeprefix(IMPORT_ID)
            for each in sorted(documents.free)
            if each.startswith(IMPORT_ID)
        ]
        return list(dict.fromkeys([*documents.by_planner_id, *by_own_id]))

    async def restore(self, plan_id: str, reconcile_all: ReconcileAll) -> None:
        """Documents that are lost while their card is known come back."""
        owners = await self.mapper.task_ids(list(await self.plans.cards(plan_id)))
        there = await self.repository.read_documents(list(owners.values()))
        lost = [task_id for task_id in owners.values() if task_id not in there]
        await reconcile_all({task_id: Trigger(recovering=True) for task_id in lost})

    async def place_orphans(
        self, plan_id: str, cards: dict[str, Card], began: int, reconcile_all: ReconcileAll
    ) -> None:
        """A card whose mapping was refused: its document's, if that has none; deleted, if nobody
        has touched it.

        What nobody can see in the plan any more is forgotten.
        """
        creating = await self.plans.creating(plan_id)
        owned = await self.mapper.all_task_ids()
        for planner_id, orphan in (await self.plans.orphans(plan_id)).items():
            card, task_id = cards.get(planner_id), orphan.task_id
            if card is None and orphan.at + CARD_SHOWS_MS < began:
                answer = await self.reader.ask(planner_id)
                if isinstance(answer, Gone) or (
                    isinstance(answer, Card) and answer.plan_id != plan_id
                ):
                    await self.plans.drop_orphan(plan_id, planner_id)
            if card is None or task_id in creating:
                continue
            if task_id in owned and _untouched(card, orphan.atoms):
                await self.reader.planner.delete_task(planner_id, card.etag)
                cards.pop(planner_id)
            elif task_id not in owned and await self.repository.read_documents([task_id]):
                missed = await reconcile_all({task_id: Trigger(Listed(card), began=began)})
                cards.pop(planner_id)
                if missed:
                    continue
            await self.plans.drop_orphan(plan_id, planner_id)

    async def _documents(self, gone: Sequence[str] = ()) -> Documents:
        """The planner id that a copy has brought along is none: that card belongs to another
        task."""
        swept = await self.sweep.run((), SWEEP_SECONDS)
        free = sorted(swept.present - await self.mapper.all_task_ids())
        by_planner_id: dict[str, str] = {}
        by_title: dict[str, list[str]] = {}
        await_recreated_card: dict[str, list[str]] = {}
        documents = await self._parsed(free)
        taken = await self.mapper.task_ids(
            [found.planner_id for found in documents.values() if found.planner_id]
        )
        for task_id, document in documents.items():
            if document.planner_id and document.planner_id not in taken:
                by_planner_id.setdefault(document.planner_id, task_id)
            else:
                by_title.setdefault(str(document.fields["title"]), []).append(task_id)
        owners = await self.mapper.task_ids(gone)
        for task_id, document in (await self._parsed(sorted(owners.values()))).items():
            await_recreated_card.setdefault(str(document.fields["title"]), []).append(task_id)
        return Documents(frozenset(free), by_planner_id, by_title, await_recreated_card)

    async def _parsed(self, task_ids: Sequence[str]) -> dict[str, Document]:
        """Of these tasks the documents that can be read."""
        found = {}
        for task_id, text in (await self.repository.read_documents(task_ids)).items():
            with suppress(Refusal):
                found[task_id] = dialects.parse(text)
        return found


def _untouched(card: Card, posted: Mapping[str, object]) -> bool:
    """Is the card what Planner made of the request, and no more? What people have set since is
    theirs."""
    return dict(card.atoms) == {**DEFAULTS, **posted}
