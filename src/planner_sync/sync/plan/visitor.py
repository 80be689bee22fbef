"""Carries out the visits of a pass: most are reconciliations, many at once, each under a lease."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from planner_sync.decide.observation import CardView, Gone, Listed, Unread
from planner_sync.decide.plan_observation import PlanObservation
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
from planner_sync.errors import CardChanged, NotFound
from planner_sync.model.card import Card
from planner_sync.model.lease import TaskLease
from planner_sync.store.pending import Pending
from planner_sync.store.plan_names import NameRecords
from planner_sync.store.plan_state import PlanState
from planner_sync.sync.plan.listing import PlanReader, log_unreadable
from planner_sync.sync.task.brake import Brake
from planner_sync.sync.task.reconcile import Trigger

CHUNK = 100
ReconcileTask = Callable[[TaskLease, Trigger], Awaitable[bool]]  # did it come to an end?


@dataclass
class Visitor:
    """Carries out visits, for one process."""

    reader: PlanReader
    plans: PlanState
    names: NameRecords
    pending: Pending
    brake: Brake
    reconcile: ReconcileTask

    async def carry_out(self, seen: PlanObservation, visits: Sequence[Visit]) -> frozenset[str]:
        """All visits, in their order; those of one kind together.

        Returns what those are about that did not come to an end.
        """
        missed: set[str] = set()
        for _, group in groupby(visits, key=type):
            alike = list(group)
            about = {getattr(visit, "task_id", ""): visit.about for visit in alike}
            missed |= {about[task_id] for task_id in await self._carry_out_alike(seen, alike)}
        return frozenset(missed)

    async def _carry_out_alike(self, seen: PlanObservation, alike: list[Any]) -> AbstractSet[str]:
        """Visits of one kind; returns the tasks of those that did not come to an end."""
        match alike[0]:
            case Reconcile():
                await self._reconcile_cards(seen, alike)
            case Bury():
                await self._bury(seen, alike)
            case PlaceOrphan():
                return await self._place_orphans(seen, alike)
            case TakeRecreated():
                return await self._take_recreated(seen, alike)
            case AnnounceNames() | CountUnmapped() | ForgetOrphan() | DeleteOrphan():
                for visit in alike:
                    await self._record(seen, visit)
            case _:
                return await self._reconcile({v.task_id: _trigger(seen, v) for v in alike})
        return frozenset()

    async def _reconcile_cards(self, seen: PlanObservation, visits: Sequence[Reconcile]) -> None:
        """The details are read for some cards at a time, so that a long pass gets on."""
        for start in range(0, len(visits), CHUNK):
            some = visits[start : start + CHUNK]
            cards = await self.reader.complete([visit.card for visit in some])
            triggers = {}
            for visit in some:
                if card := cards.get(visit.card.id):
                    triggers[visit.task_id] = Trigger(view=Listed(card), began=seen.began)
                elif visit.card.id in cards:
                    log_unreadable(seen.plan_id, visit.card.id)
            await self._reconcile(triggers)

    async def _bury(self, seen: PlanObservation, visits: Sequence[Bury]) -> None:
        """Ask the brake once for all of them."""
        await self.reader.check_plan(seen.plan_id)
        gone = [visit.task_id for visit in visits]
        may_bury = not await self.brake.stops(seen.plan_id, "planner", gone)
        triggers = {}
        for visit in visits:
            triggers[visit.task_id] = Trigger(
                view=Gone(visit.about),
                began=seen.began,
                may_bury=may_bury,
                was_listed=visit.was_listed,
            )
        await self._reconcile(triggers)

    async def _place_orphans(
        self, seen: PlanObservation, visits: Sequence[PlaceOrphan]
    ) -> AbstractSet[str]:
        missed = await self._reconcile(
            {visit.task_id: Trigger(view=Listed(visit.card), began=seen.began) for visit in visits}
        )
        for visit in visits:
            if visit.task_id not in missed:
                await self.plans.drop_orphan(seen.plan_id, visit.card.id)
        return missed

    async def _take_recreated(
        self, seen: PlanObservation, visits: Sequence[TakeRecreated]
    ) -> AbstractSet[str]:
        """First end the old card, then take the new one."""
        await self.reader.check_plan(seen.plan_id)

        def trigger(own: CardView, card: Card) -> Trigger:
            return Trigger(view=own, likely_card=card, began=seen.began, recovering=True)

        buried = await self._reconcile({v.task_id: trigger(Gone(), v.card) for v in visits})
        taken = await self._reconcile({v.task_id: trigger(Unread(), v.card) for v in visits})
        return buried | taken

    async def _record(
        self,
        seen: PlanObservation,
        visit: AnnounceNames | CountUnmapped | ForgetOrphan | DeleteOrphan,
    ) -> None:
        match visit:
            case AnnounceNames(names, task_ids):
                await self.pending.enqueue(task_ids)
                await self.names.set_announced(seen.plan_id, names)
            case CountUnmapped(passes):
                await self.plans.set_unmapped_passes(seen.plan_id, passes)
            case ForgetOrphan(planner_id):
                await self.plans.drop_orphan(seen.plan_id, planner_id)
            case DeleteOrphan(card):
                await self._delete_orphan(seen, card)

    async def _delete_orphan(self, seen: PlanObservation, card: Card) -> None:
        """One that was changed since stays on record: the next pass sees the change."""
        try:
            await self.reader.planner.delete_task(card.id, card.etag)
        except CardChanged:
            return
        except NotFound:
            pass
        await self.plans.drop_orphan(seen.plan_id, card.id)

    async def _reconcile(self, triggers: Mapping[str, Trigger]) -> AbstractSet[str]:
        """Reconcile these tasks, many at once; returns those that did not come to an end.

        If another worker has the lease, the next reconciliation of that task reads its card.
        """
        missed: set[str] = set()
        task_ids = list(triggers)
        for start in range(0, len(task_ids), CHUNK):
            some = task_ids[start : start + CHUNK]
            batch = await self.pending.lease(len(some), some)
            ended = await asyncio.gather(
                *(self.reconcile(lease, triggers[lease.task_id]) for lease in batch.leases)
            )
            busy = set(some) - {lease.task_id for lease in batch.leases}
            await self.pending.enqueue(sorted(busy), reason="recheck")
            pairs = zip(batch.leases, ended, strict=True)
            missed |= busy | {lease.task_id for lease, end in pairs if not end}
        return missed


def _trigger(
    seen: PlanObservation, visit: ResolveCreate | Adopt | TryLikely | Import | Restore
) -> Trigger:
    match visit:
        case ResolveCreate(_, candidates):
            return Trigger(create_candidates=candidates, began=seen.began)
        case Adopt(_, card):
            return Trigger(view=Listed(card), began=seen.began, recovering=True)
        case TryLikely(_, card):
            return Trigger(likely_card=card, began=seen.began, recovering=True)
        case Import(_, card):
            return Trigger(view=Listed(card), began=seen.began, epoch=seen.epoch)
        case Restore():
            return Trigger(recovering=True)
