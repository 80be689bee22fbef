"""Carries out one step: reads and writes Planner, and stores what Planner answered.

A request that changes Planner is sent only after its intent is stored. The intent is deleted only
when the answer tells that the change was, or was not, carried out. No rules in here: those are in
`decide/`.
"""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner_sync.decide import steps, transitions
from planner_sync.decide.observation import (
    Cardless,
    CardOwner,
    CardView,
    Fresh,
    Gone,
    Mapped,
    Observation,
    Unmapped,
    named,
)
from planner_sync.errors import (
    AnswerLost,
    Forbidden,
    GraphError,
    LimitReached,
    NotFound,
    NotYet,
    Refusal,
)
from planner_sync.graph.cards import create_body, details_patch, read_card, task_patch
from planner_sync.graph.planner import Planner
from planner_sync.model.card import Card, Names
from planner_sync.model.orders import IntentKind, LinkedCard, Record
from planner_sync.model.records import Orphan, Side
from planner_sync.model.state import SyncState
from planner_sync.model.task import Value
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.plan_state import PlanState
from planner_sync.store.task_repository import TaskRepository
from planner_sync.sync.task.brake import Brake
from planner_sync.sync.task.names import PlanNames
from planner_sync.sync.task.people import People

Before = Callable[[], Awaitable[None]]
READING = (steps.ReadNames, steps.ReadCard, steps.ReadDetails)


class LeaseLost(Exception):
    """The order was not carried out: leave everything as it is.

    Another worker has the task, another task has the card, or Redis has lost the plan's epoch.
    """


class PlanNotAdopted(Exception):
    """This Redis does not know the plan: no create and no delete before a pass has adopted it."""


class StepFailed(Exception):
    """Planner did not do what a step asked for; `seen` is what is known after that.

    `creating`: a card may have been made nevertheless. `reading`: nothing was to be changed, so the
    failure says nothing about the document.
    """

    def __init__(
        self, seen: Observation, error: GraphError, *, creating: bool = False, reading: bool = False
    ) -> None:
        super().__init__(str(error))
        self.seen = seen
        self.error = error
        self.creating = creating
        self.reading = reading


@dataclass
class Actor:
    """What the steps need; one for each process."""

    repository: TaskRepository
    mapper: IdMapper
    plans: PlanState
    planner: Planner
    names: PlanNames
    people: People
    brake: Brake

    async def act(self, seen: Observation, step: steps.Question | steps.Change) -> Observation:
        """Carry out one step. Raises Refusal, StepFailed, LeaseLost, PlanNotAdopted."""
        try:
            if isinstance(step, steps.Question):
                return await self._find_out(seen, step)
            return await self._change(seen, step)
        except GraphError as error:
            raise StepFailed(seen, error, reading=isinstance(step, READING)) from error

    async def _find_out(self, seen: Observation, step: steps.Question) -> Observation:
        match step:
            case steps.ReadNames(fresh):
                return await self._read_names(seen, fresh)
            case steps.ReadCard(planner_id):
                return replace(seen, view=await self._read_card(seen, planner_id))
            case steps.ReadDetails(planner_id):
                details = await self._read_details(planner_id)
                return transitions.with_details(seen, details)
            case steps.AskOwner(planner_id):
                return await self._ask_owner(seen, planner_id)
            case steps.FindPeople(texts):
                await self.people.find(texts)
                return replace(seen, people=dict(self.people.known))

    async def _change(self, seen: Observation, step: steps.Change) -> Observation:
        match step:
            case steps.MakeName(kind, name):
                return replace(seen, names=await self.names.make(seen.plan_id, kind, name))
            case steps.DropIntent(nonce, plan_id):
                return await self._drop(seen, nonce, plan_id)
            case steps.TakeCard(state):
                return await self._take(seen, state)
            case steps.CloseIntents(state):
                return transitions.intents_closed(seen, state)
            case steps.CreateCard() if isinstance(seen, Unmapped) and named(seen):
                return await self._create(seen, step)
            case steps.PatchTask() if isinstance(seen, Mapped) and named(seen):
                return await self._patch_task(seen, step)
            case steps.PatchDetails() if isinstance(seen, Mapped) and named(seen):
                return await self._patch_details(seen, step)
            case steps.DeleteCard(planner_id):
                return await self._delete(seen, planner_id)
        raise AssertionError(f"{step} does not fit a task that is {type(seen).__name__}")

    # -- reading -----------------------------------------------------------------------------------
    async def _read_names(self, seen: Observation, fresh: bool) -> Observation:
        names_digest = seen.stored.names_digests.get(seen.plan_id)
        names = await self.names.get(seen.plan_id, names_digest=names_digest, fresh=fresh)
        return replace(seen, names=names, names_fresh=fresh or seen.names_fresh)

    async def _read_card(self, seen: Observation, planner_id: str) -> CardView:
        try:
            task = await self.planner.read_task(planner_id)
        except NotFound as error:
            if transitions.may_not_show_yet(seen):
                reason = f"the card {planner_id} was just made; it does not show yet"
                raise NotYet(reason) from error
            # 404 proves a delete only while the plan itself can be read.
            await self.planner.read_plan(seen.plan_id)
            return Gone()
        card = read_card(task, await self._details_of(planner_id))
        if transitions.is_behind(seen, card):
            raise NotYet(f"Planner shows card {planner_id} as it was before our last change")
        return Fresh(card)

    async def _read_details(self, planner_id: str) -> Card:
        return read_card({"id": planner_id}, await self._details_of(planner_id))

    async def _details_of(self, planner_id: str) -> dict[str, Any]:
        try:
            return await self.planner.read_details(planner_id)
        except NotFound as error:
            raise NotYet(f"the details of card {planner_id} do not show yet") from error

    async def _ask_owner(self, seen: Observation, planner_id: str) -> Observation:
        if not isinstance(seen, Cardless):
            raise AssertionError(f"task {seen.task_id} has a card")
        task_id = (await self.mapper.task_ids([planner_id])).get(planner_id)
        if task_id is None and not await self.plans.knows(seen.plan_id):
            task_id = await self.mapper.public_task_id(planner_id)  # our own mapping is lost
        deleted = planner_id in await self.mapper.tombstoned([planner_id])
        by = await self.mapper.deleted_by(planner_id) if deleted else None
        owner = CardOwner(planner_id, task_id, deleted, by_agent=by == "agent")
        return replace(seen, owner=owner)

    # -- changing ----------------------------------------------------------------------------------
    async def _drop(self, seen: Observation, nonce: str, plan_id: str) -> Observation:
        """At once, and in the intent's own plan: the next create may be in another one."""
        await self._record(seen, Record(plan_id, seen.stored.document, intents_done=(nonce,)))
        return transitions.create_dropped(seen, nonce)

    async def _take(self, seen: Observation, state: SyncState) -> Observation:
        taken = transitions.card_taken(seen, state)
        old_plan_id = seen.plan_id if isinstance(seen, Mapped) else ""
        order = Record(
            plan_id=taken.plan_id,
            document=seen.stored.document,
            card=LinkedCard.of(state, old_plan_id),
            intents_done=tuple(intent.nonce for intent in transitions.creates(seen)),
            epoch=seen.epoch,
        )
        await self._record(seen, order)
        return taken

    async def _create(self, seen: Unmapped[Names], step: steps.CreateCard) -> Observation:
        body = create_body(step.plan_id, step.atoms)
        answer, nonce = await self._send(
            seen,
            "create",
            step.atoms,
            (),
            lambda before: self.planner.create_task(body, before=before),
        )
        card = read_card(answer)
        born = (await self.plans.server_clock()).now
        created = transitions.created(seen, card, step.atoms, born)
        order = Record(
            plan_id=created.plan_id,
            document=seen.stored.document,
            card=LinkedCard.of(created.state),
            intents_done=(nonce,),
            posted=Orphan(seen.task_id, seen.lease.now, step.atoms),
            counted="created",
        )
        await self._record(seen, order)
        if card.created_by_app:
            await self._learn_application(card.created_by_app)
        return created

    async def _patch_task(self, seen: Mapped[Names], step: steps.PatchTask) -> Observation:
        body, etag = task_patch(step.changes), seen.task_etag
        answer, nonce = await self._send(
            seen,
            "update",
            step.changes,
            step.unsent_messages,
            lambda before: self.planner.update_task(seen.planner_id, body, etag, before=before),
        )
        return await self._patched(transitions.task_patched(seen, step, read_card(answer), nonce))

    async def _patch_details(self, seen: Mapped[Names], step: steps.PatchDetails) -> Observation:
        body, etag = details_patch(step.changes, seen.card_atoms), seen.details_etag
        answer, nonce = await self._send(
            seen,
            "update",
            step.changes,
            step.unsent_messages,
            lambda before: self.planner.update_details(seen.planner_id, body, etag, before=before),
        )
        details = read_card({"id": seen.planner_id}, answer)
        return await self._patched(transitions.details_patched(seen, step, details, nonce))

    async def _patched(self, seen: Mapped[Names]) -> Observation:
        order = Record(
            plan_id=seen.plan_id,
            document=seen.stored.document,
            card=LinkedCard.of(seen.state),
            counted="patched",
        )
        await self._record(seen, order)
        return seen

    async def _delete(self, seen: Observation, planner_id: str) -> Observation:
        await self.ask_brake(seen, "agents")
        etag = seen.card.etag if seen.card else ""
        try:
            await self._send(
                seen,
                "delete",
                {},
                (),
                lambda before: self.planner.delete_task(planner_id, etag, before=before),
            )
        except StepFailed as failure:
            if not isinstance(failure.error, NotFound):
                raise
            seen = failure.seen
        await self._record(seen, Record(seen.plan_id, seen.stored.document, counted="deleted"))
        return transitions.deleted(seen)

    # -- writing -----------------------------------------------------------------------------------
    async def _send(
        self,
        seen: Observation,
        kind: IntentKind,
        atoms: Mapping[str, Value | None],
        unsent_messages: steps.UnsentMessages,
        send: Callable[[Before], Awaitable[Any]],
    ) -> tuple[Any, str]:
        """Store the intent and send the request: the answer, and the intent's nonce."""
        nonce = uuid.uuid4().hex
        plan_id = seen.plan_id
        body = json.dumps(
            {
                "kind": kind,
                "plan": plan_id,
                "atoms": dict(atoms),
                "unsent_messages": list(unsent_messages),
            }
        )

        async def intent() -> None:
            answer = await self.repository.record_intent(seen.lease, nonce, body, plan_id, kind)
            if answer == "overtaken":
                raise LeaseLost
            if answer == "recovering":
                raise PlanNotAdopted

        creating = kind == "create"
        try:
            return await send(intent), nonce
        except AnswerLost as error:
            raise StepFailed(seen, error, creating=creating) from error
        except (Forbidden, LimitReached) as error:
            # Planner has been seen to answer 403 to a create and to have created.
            known = seen if creating else transitions.not_written(seen, nonce)
            raise StepFailed(known, error, creating=creating) from error
        except GraphError as error:
            known = transitions.not_written(seen, nonce, creating=creating)
            raise StepFailed(known, error) from error

    async def _record(self, seen: Observation, order: Record) -> None:
        """Store what Planner has told us, whatever the document says by now."""
        if await self.repository.settle(seen.lease, order) != "settled":
            raise LeaseLost

    async def _learn_application(self, application: str) -> None:
        if await self.plans.application() != application:
            await self.plans.set_application(application)

    async def ask_brake(self, seen: Observation, side: Side) -> None:
        """Raises Refusal (held) when deletes of the plan are held."""
        gone = [seen.task_id] if side == "planner" else []
        if await self.brake.stops(seen.plan_id, side, gone):
            reason = f"deletes of plan {seen.plan_id} are held: too many tasks vanished at once"
            raise Refusal("held", reason)
