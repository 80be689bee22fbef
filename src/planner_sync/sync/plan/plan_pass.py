"""PlanPass: one pass over one plan. List it, find the cards that changed, vanished or are new, look
at their tasks.

Only a complete listing counts; whatever it lacks is asked for by its id. What a task becomes is
decided in `decide.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from planner_sync.decide.lost_creates import candidates_for, match_by_creation_time, true_as_of
from planner_sync.decide.observation import Gone, Listed
from planner_sync.decide.unmapped import IMPORT_ID
from planner_sync.errors import Forbidden, GraphError, NotFound, Throttled, Unauthorized
from planner_sync.graph.cards import read_card
from planner_sync.graph.planner import Planner
from planner_sync.identity.causes import with_advice
from planner_sync.model.card import Card
from planner_sync.model.lease import TaskLease
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.pending import Pending
from planner_sync.store.plans import LEASE_MS, Plans
from planner_sync.store.telemetry import Telemetry
from planner_sync.sync.plan.adoption import Adoption
from planner_sync.sync.plan.epochs import Epochs
from planner_sync.sync.plan.listing import FORBIDDEN, PlanReader
from planner_sync.sync.task.brake import Brake
from planner_sync.sync.task.names import PlanNames, dump
from planner_sync.sync.task.reconcile import Trigger

log = logging.getLogger(__name__)

CHUNK = 100
NAMES_EVERY = 10
DETAILS_AT_LEAST = 40
PASSES_UNMAPPED = 3
ASKED_WHEN_EMPTY = 20
Reconcile = Callable[[TaskLease, Trigger], Awaitable[bool]]  # did it come to an end?


@dataclass(frozen=True)
class Listing:
    """One complete listing: Graph's tasks by id, the server's time (ms) before it began, and the
    pass that read it."""

    plan_id: str
    tasks: Mapping[str, dict[str, Any]]
    began: int
    recovering: bool
    epoch: str


@dataclass(frozen=True)
class Missing:
    """The cards that a listing lacks: those that are `gone`, how many still answer, and as of when
    it is true for all that (server's time, ms; None: it proves nothing).
    """

    gone: Sequence[str]
    left_out: int
    as_of: int | None


@dataclass
class PlanPass:
    """The passes of one process. `waiting` are tasks that a pass releases: now the plan is
    known."""

    planner: Planner
    plans: Plans
    mapper: IdMapper
    pending: Pending
    names: PlanNames
    reader: PlanReader
    epochs: Epochs
    adoption: Adoption
    brake: Brake
    telemetry: Telemetry
    reconcile: Reconcile
    waiting: set[str]
    _passes: dict[str, int] = field(default_factory=dict)
    _swept: dict[str, str] = field(default_factory=dict)
    _listed: dict[str, frozenset[str]] = field(default_factory=dict)

    async def run(self, plan_id: str, min_gap_ms: int = 0) -> bool:
        """One pass. False: the plan could not be read, or another instance is at it or began within
        `min_gap_ms`."""
        if not await self.plans.take_lease(plan_id, min_gap_ms=min_gap_ms):
            return False
        renewing = asyncio.create_task(self._renew(plan_id))
        try:
            await self._pass(plan_id)
        except Throttled:
            return False
        except GraphError as error:
            code = (
                "unauthorized"
                if isinstance(error, (Unauthorized, Forbidden, NotFound))
                else "unreachable"
            )
            advice = "" if error.cause in str(error) else f"; {with_advice(error.cause)}"
            log.warning("plan %s: %s%s", plan_id, error, advice)
            await self.telemetry.pass_failed(plan_id, f"{code}: {error}")
            if not isinstance(error, (Forbidden, NotFound)):
                await self.telemetry.graph_failed(code, error.cause)
            return False
        finally:
            renewing.cancel()
            await self.plans.give_back(plan_id)
        return True

    async def _renew(self, plan_id: str) -> None:
        """Hold the lease as long as the pass runs; of a killed process it ends soon."""
        while True:
            await asyncio.sleep(LEASE_MS / 3000)
            await self.plans.take_lease(plan_id)

    async def _pass(self, plan_id: str) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        begun = await self.epochs.begin(plan_id)
        tasks = {task["id"]: task for task in await self.reader.list_tasks(plan_id)}
        if missing := self.planner.missing_right():  # we may read, and that is all
            await self.telemetry.graph_failed("unauthorized", missing)
        else:
            await self.telemetry.graph_ok()
        await self._read_names(plan_id)
        known, lost = await self._known(plan_id)
        listing = Listing(
            plan_id, tasks, begun.now, recovering=not begun.trusted or lost, epoch=str(begun)
        )
        await self._look_at_changed(listing, known)
        lacking = await self._look_at_missing(listing, known)
        complete = await self._look_at_unmapped(listing, known, lacking)
        if listing.recovering:
            await self.adoption.restore(plan_id, self._reconcile_all)
        if complete and await self.epochs.end(plan_id, begun):
            await self.pending.enqueue(
                self.waiting
            )  # the plan is known: what waited for that goes on
            self.waiting.clear()
        took = round((loop.time() - started) * 1000)
        await self.telemetry.pass_done(
            plan_id, took_ms=took, cards=len(tasks), left_out=lacking.left_out
        )

    async def _known(self, plan_id: str) -> tuple[dict[str, str], bool]:
        """The etags of the plan's mapped cards. True: some have lost their owner, and must be
        adopted again."""
        known = await self.plans.cards(plan_id)
        owners = await self.mapper.task_ids(list(known))
        unowned = await self.mapper.unowned(list(known), owners, plan_id)
        return {pid: etags for pid, etags in known.items() if pid not in unowned}, bool(unowned)

    async def _read_names(self, plan_id: str) -> None:
        """Names are read again every tenth pass; when a human renamed one, every document of the
        plan is looked at."""
        passes = self._passes[plan_id] = self._passes.get(plan_id, -1) + 1
        if passes % NAMES_EVERY:
            return
        text = dump(await self.names.get(plan_id, fresh=True))
        before = await self.plans.names(plan_id)
        if text == before:
            return
        await self.plans.set_names(plan_id, text)
        if before is not None:
            owners = await self.mapper.task_ids(list(await self.plans.cards(plan_id)))
            await self.pending.enqueue(owners.values())

    # -- cards that have a task --------------------------------------------------------------------
    async def _look_at_changed(self, listing: Listing, known: Mapping[str, str]) -> None:
        changed = [
            task
            for pid, task in listing.tasks.items()
            if pid in known and _differs(task, known[pid])
        ]
        for start in range(0, len(changed), CHUNK):
            await self._look_at_cards(
                listing, await self.reader.with_details(changed[start : start + CHUNK])
            )
        if not self.reader.brings_details:
            await self._sweep_details(listing, known, {task["id"] for task in changed})

    async def _look_at_cards(self, listing: Listing, cards: Sequence[Card]) -> None:
        owners = await self.mapper.task_ids([card.id for card in cards])
        trigger = {
            owners[card.id]: Trigger(Listed(card), began=listing.began)
            for card in cards
            if card.id in owners
        }
        await self._reconcile_all(trigger)

    async def _reconcile_all(self, trigger: Mapping[str, Trigger]) -> frozenset[str]:
        """Look at these tasks, many at once; gives those that were not looked at to the end.

        One that somebody else holds gets its card read by the next look.
        """
        batch = await self.pending.lease(len(trigger), list(trigger))
        ended = await asyncio.gather(
            *(self.reconcile(lease, trigger[lease.task_id]) for lease in batch.leases)
        )
        busy = set(trigger) - {lease.task_id for lease in batch.leases}
        await self.pending.enqueue(sorted(busy), reason="recheck")
        failed = {lease.task_id for lease, end in zip(batch.leases, ended, strict=True) if not end}
        return frozenset(busy | failed)

    async def _sweep_details(
        self, listing: Listing, known: Mapping[str, str], fresh: set[str]
    ) -> None:
        """An edit of a description may leave the task's etag alone: look at the details of some
        cards every time."""
        ids = sorted(pid for pid in listing.tasks if pid in known and pid not in fresh)
        after = self._swept.get(listing.plan_id, "")
        turn = [pid for pid in ids if pid > after][:DETAILS_AT_LEAST]
        turn += [pid for pid in ids if pid <= after][: DETAILS_AT_LEAST - len(turn)]
        if not turn:
            return
        self._swept[listing.plan_id] = turn[-1]
        cards = await self.reader.with_details([listing.tasks[pid] for pid in turn])
        moved = [card for card in cards if f"{card.etag} {card.details_etag}" != known[card.id]]
        await self._look_at_cards(listing, moved)

    # -- cards that have none ----------------------------------------------------------------------
    async def _look_at_unmapped(
        self, listing: Listing, known: Mapping[str, str], missing: Missing
    ) -> bool:
        """False: while adopting, some cards could not be brought to their documents yet."""
        as_of = missing.as_of
        ids = [pid for pid in listing.tasks if pid not in known]
        owners = await self.mapper.task_ids(ids)
        moved = [listing.tasks[pid] for pid in ids if pid in owners]
        if moved:  # a human moved them here from another plan
            await self._look_at_cards(listing, await self.reader.with_details(moved))
        buried = await self.mapper.tombstoned([pid for pid in ids if pid not in owners])
        alone = {pid: listing.tasks[pid] for pid in ids if pid not in owners and pid not in buried}
        if as_of is not None:
            # A create sends no details, so none are needed to know what it made; they may not show
            # yet.
            unclaimed = {pid: read_card(task) for pid, task in alone.items()}
            await self._resolve_creates(listing, unclaimed, as_of, last=False)
            if not listing.recovering:
                await self._resolve_creates(listing, unclaimed, as_of, last=True)
            alone = {pid: alone[pid] for pid in unclaimed}
        cards = {card.id: card for card in await self.reader.with_details(list(alone.values()))}
        unread = alone.keys() - cards.keys()
        await self.adoption.place_orphans(
            listing.plan_id, cards, listing.began, self._reconcile_all
        )
        complete = True
        if listing.recovering:
            adopted = await self.adoption.adopt(
                cards, missing.gone, listing.began, self._reconcile_all
            )
            complete = adopted and not unread and (as_of is not None or bool(listing.tasks))
            if (
                as_of is not None
            ):  # a card that a document equals, or names, is no lost create's by its place
                await self._resolve_creates(listing, cards, as_of, last=True)
        await self._import(listing, cards, unread)
        return complete

    async def _resolve_creates(
        self, listing: Listing, cards: dict[str, Card], as_of: int, *, last: bool
    ) -> None:
        """Open create intents: was the card made? First those that know their card by what it says,
        `last` by its place.

        Takes out of `cards` what has found its task.
        """
        application = await self.plans.application()
        creating = await self.plans.creating(listing.plan_id)
        found = {
            t: candidates_for(cards.values(), application, at, as_of) for t, at in creating.items()
        }
        seen = {card.id: card for each in found.values() for card in each.candidates}
        places = match_by_creation_time(creating, seen.values()) if last else {}
        for task_id, each in found.items():
            left = [card for card in each.candidates if card.id in cards]
            mine = replace(each, candidates=left, last=last, own=places.get(task_id))
            await self._reconcile_all(
                {task_id: Trigger(create_candidates=mine, began=listing.began)}
            )
            for planner_id in await self.mapper.task_ids(list(cards)):
                cards.pop(planner_id, None)

    async def _import(
        self, listing: Listing, cards: Mapping[str, Card], unread: Collection[str]
    ) -> None:
        """Every other card gets a document; one of our own waits while a lost create may still
        lease it, and one whose details were `unread` for the next pass."""
        creating = await self.plans.creating(listing.plan_id)
        application = await self.plans.application()
        unmapped_passes = await self.plans.unmapped_passes(listing.plan_id)
        left_out = self._listed[listing.plan_id] - listing.tasks.keys()
        waiting = {
            planner_id: passes
            for planner_id, passes in unmapped_passes.items()
            if planner_id in left_out
        }
        waiting |= {planner_id: unmapped_passes.get(planner_id, 0) for planner_id in unread}
        ready: dict[str, Trigger] = {}
        for card in cards.values():
            own = card.created_by_app == application if application else bool(creating)
            passes = unmapped_passes.get(card.id, 0)
            if own and (creating or (passes < PASSES_UNMAPPED and not listing.recovering)):
                waiting[card.id] = passes + 1
            else:
                ready[f"{IMPORT_ID}{card.id}"] = Trigger(
                    Listed(card), began=listing.began, epoch=listing.epoch
                )
        if waiting or unmapped_passes:
            await self.plans.set_unmapped_passes(listing.plan_id, waiting)
        tasks = list(ready)
        for start in range(0, len(tasks), CHUNK):
            await self._reconcile_all({task: ready[task] for task in tasks[start : start + CHUNK]})

    # -- cards that the listing lacks --------------------------------------------------------------
    async def _look_at_missing(self, listing: Listing, known: Mapping[str, str]) -> Missing:
        """Ask for each by its id, known or only listed before."""
        before = (
            self._listed.get(listing.plan_id, frozenset())
            | (await self.plans.unmapped_passes(listing.plan_id)).keys()
        )
        if listing.recovering and not listing.tasks:
            before |= set((await self.adoption.named_cards())[:ASKED_WHEN_EMPTY])
        missing = [
            pid for pid in (*known, *sorted(before - known.keys())) if pid not in listing.tasks
        ]
        answers = dict(
            zip(
                missing,
                await asyncio.gather(*(self.reader.ask(pid) for pid in missing)),
                strict=True,
            )
        )
        there = [answer for answer in answers.values() if isinstance(answer, Card)]
        await self._look_at_cards(
            listing, [card for card in there if card.plan_id != listing.plan_id]
        )
        gone = [pid for pid, answer in answers.items() if isinstance(answer, Gone) and pid in known]
        if gone and not listing.recovering:
            await self._bury(listing, gone)
        moved = {card.id for card in there if card.plan_id != listing.plan_id}
        left = [
            pid
            for pid, answer in answers.items()
            if not isinstance(answer, Gone) and pid not in moved
        ]
        self._listed[listing.plan_id] = frozenset({*listing.tasks, *left})
        left_out = len(there) - len(moved)
        if left_out:
            log.warning(
                "plan %s: the listing left out %d cards that still answer",
                listing.plan_id,
                left_out,
            )
        elsewhere = await self._elsewhere(
            listing, [pid for pid in left if answers[pid] == FORBIDDEN]
        )
        lacking = [answers[pid] for pid in left if pid not in elsewhere]
        return Missing(gone, left_out, true_as_of(listing.began, lacking))

    async def _elsewhere(self, listing: Listing, forbidden: Sequence[str]) -> frozenset[str]:
        """Which of these are in a plan that we may not read? Those that stay forbidden while this
        one answers."""
        if not forbidden or not await self.plans.creating(listing.plan_id):
            return frozenset()  # nobody needs to know
        await self.planner.read_plan(listing.plan_id, interactive=False)
        answers = await asyncio.gather(*(self.reader.ask(pid) for pid in forbidden))
        return frozenset(
            pid for pid, answer in zip(forbidden, answers, strict=True) if answer == FORBIDDEN
        )

    async def _bury(self, listing: Listing, gone: Sequence[str]) -> None:
        await self.planner.read_plan(listing.plan_id, interactive=False)
        owners = await self.mapper.task_ids(gone)
        held = await self.brake.stops(listing.plan_id, "planner", list(owners.values()))
        before = self._listed.get(listing.plan_id, frozenset())
        trigger = Trigger(Gone(), began=listing.began, may_bury=not held)
        for start in range(0, len(gone), CHUNK):
            known = {
                owners[pid]: pid in before for pid in gone[start : start + CHUNK] if pid in owners
            }
            await self._reconcile_all(
                {task: replace(trigger, was_listed=listed) for task, listed in known.items()}
            )


def _differs(task: Mapping[str, Any], etags: str) -> bool:
    etag, _, details_etag = etags.partition(" ")
    details = task.get("details")
    if task.get("@odata.etag") != etag:
        return True
    return details is not None and details.get("@odata.etag") != details_etag
