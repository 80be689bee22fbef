"""Carries out what was decided, one step at a time: reads and writes Planner, and keeps what
Planner has told us.

A request that changes Planner is sent only after its intent is stored, and the intent is dropped only
when the answer tells that it was, or was not, carried out. No rules in here: those are in
`decide.py`.
"""

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner_sync.decide import steps
from planner_sync.decide.mapped import card_atoms
from planner_sync.decide.observation import GONE, CardOwner, Observation
from planner_sync.decide.preconditions import with_uploads
from planner_sync.decide.unmapped import state_of_created_card
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
from planner_sync.model.card import Card, is_of_details, newer
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

LAG_MS = 60_000  # for so long after a settle a card may be read as it was before
NEW_CARD_MS = 5_000  # for so long after a create a 404 may mean "not yet"; later than the lease in a look that creates
Before = Callable[[], Awaitable[None]]


class LeaseLost(Exception):
    """Somebody else has the task now: leave everything as it is."""


class PlanNotAdopted(Exception):
    """This Redis does not know the plan: no create and no delete before a pass has adopted its
    cards."""


class StepFailed(Exception):
    """A GraphError, with what had been seen when it happened; `creating`: a card may have been made
    nevertheless.

    `reading`: nothing was to be changed, so it says nothing of the document.
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
    """What the steps of a look need; one for each process."""

    repository: TaskRepository
    mapper: IdMapper
    plans: PlanState
    planner: Planner
    names: PlanNames
    people: People
    brake: Brake

    async def act(self, seen: Observation, step: steps.Step) -> Observation:
        """Carry out one step. Raises Refusal, StepFailed, LeaseLost, PlanNotAdopted."""
        try:
            match step:
                case steps.ReadNames(fresh):
                    names_digest = seen.stored.names_digests.get(seen.plan_id)
                    names = await self.names.get(
                        seen.plan_id, names_digest=names_digest, fresh=fresh
                    )
                    return replace(seen, names=names, names_fresh=fresh or seen.names_fresh)
                case steps.MakeName(kind, name):
                    return replace(seen, names=await self.names.make(seen.plan_id, kind, name))
                case steps.FindPeople(texts):
                    await self.people.find(texts)
                    return replace(seen, people=dict(self.people.known))
                case steps.AskOwner(planner_id):
                    owner = (await self.mapper.task_ids([planner_id])).get(planner_id)
                    if owner is None and not await self.plans.knows(seen.plan_id):
                        owner = await self.mapper.public_task_id(planner_id)  # ours is lost
                    buried = planner_id in await self.mapper.tombstoned([planner_id])
                    by = await self.mapper.deleted_by(planner_id) if buried else None
                    return replace(
                        seen, owner=CardOwner(planner_id, owner, buried, by_agent=by == "agent")
                    )
                case steps.ReadCard(planner_id):
                    return await self._read_card(seen, planner_id)
                case steps.ReadDetails(planner_id):
                    details = await self._read_details(planner_id)
                    return replace(seen, card=card_with_details(seen, details))
                case steps.DropIntent(nonce, plan_id):
                    return await self._drop(seen, nonce, plan_id)
                case steps.TakeCard(state):
                    return await self._take(seen, state)
                case steps.CreateCard():
                    return await self._create(seen, step)
                case steps.PatchTask() | steps.PatchDetails():
                    return await self._patch(seen, step)
                case steps.DeleteCard(planner_id):
                    return await self._delete(seen, planner_id)
        except GraphError as error:
            reading = isinstance(step, (steps.ReadNames, steps.ReadCard, steps.ReadDetails))
            raise StepFailed(seen, error, reading=reading) from error
        raise AssertionError(f"{step} is no step that acts")

    async def _read_card(self, seen: Observation, planner_id: str) -> Observation:
        try:
            task = await self.planner.read_task(planner_id)
        except NotFound as error:
            if seen.state and -LAG_MS < seen.lease.now - seen.state.born < NEW_CARD_MS:
                raise NotYet(
                    f"the card {planner_id} was just made; it does not show yet"
                ) from error
            # 404 proves a delete only while the plan itself can be read.
            await self.planner.read_plan(seen.plan_id)
            return replace(seen, card=GONE, fresh=True)
        card = read_card(task, await self._read_details(planner_id))
        if seen.state and _is_behind(card, seen.state, seen.lease.now):
            raise NotYet(f"Planner shows card {planner_id} as it was before it told us more")
        return replace(seen, card=card, fresh=True)

    async def _read_details(self, planner_id: str) -> dict[str, Any]:
        try:
            return await self.planner.read_details(planner_id)
        except NotFound as error:
            raise NotYet(f"the details of card {planner_id} do not show yet") from error

    async def _drop(self, seen: Observation, nonce: str, plan_id: str) -> Observation:
        """At once, and in the intent's own plan: what comes next may be about another one."""
        await self._keep(seen, Record(plan_id, seen.stored.document, intents_done=(nonce,)))
        left = tuple(intent for intent in seen.intents if intent.nonce != nonce)
        return replace(seen, intents=left, create_candidates=None, dropped=True)

    async def _take(self, seen: Observation, state: SyncState) -> Observation:
        """A card that exists becomes this task's own, or is followed into another plan."""
        before = seen.state
        done = [intent.nonce for intent in seen.intents if intent.kind == "create"]
        taken = replace(
            seen,
            state=state,
            names=None if before and before.plan_id != state.plan_id else seen.names,
        )
        order = Record(
            plan_id=state.plan_id,
            document=seen.stored.document,
            card=LinkedCard.of(state, before.plan_id if before else ""),
            intents_done=tuple(done),
            epoch=seen.epoch,
        )
        await self._keep(seen, order)
        card = seen.card if isinstance(seen.card, Card) else None
        left = tuple(intent for intent in seen.intents if intent.nonce not in done)
        return replace(taken, intents=left, create_candidates=None, likely_card=None, card=card)

    async def _create(self, seen: Observation, step: steps.CreateCard) -> Observation:
        answer, seen, nonce = await self._send(
            seen,
            "create",
            step.atoms,
            (),
            lambda before: self.planner.create_task(
                create_body(step.plan_id, step.atoms), before=before
            ),
        )
        card = read_card(answer)
        state = replace(
            state_of_created_card(seen, card, step.atoms),
            born=(await self.plans.server_clock()).now,
        )
        order = Record(
            plan_id=state.plan_id,
            document=seen.stored.document,
            card=LinkedCard.of(state),
            intents_done=(nonce,),
            posted=Orphan(seen.task_id, seen.lease.now, step.atoms),
            counted="created",
        )
        await self._keep(seen, order)
        if card.created_by_app:
            await self._learn_application(card.created_by_app)
        return replace(seen, state=state, card=card)

    async def _patch(
        self, seen: Observation, step: steps.PatchTask | steps.PatchDetails
    ) -> Observation:
        state = seen.mapped_state
        if isinstance(step, steps.PatchTask):
            etag = seen.card.etag if isinstance(seen.card, Card) else state.etag
            body = task_patch(step.changes)
            update = self.planner.update_task
        else:
            known = seen.card.details_etag if isinstance(seen.card, Card) else None
            etag = known or state.details_etag
            body = details_patch(step.changes, card_atoms(seen, state))
            update = self.planner.update_details
        answer, seen, nonce = await self._send(
            seen,
            "update",
            step.changes,
            step.unsent_messages,
            lambda before: update(state.planner_id, body, etag, before=before),
        )
        owed = tuple(message for _, message in step.unsent_messages)
        news = {
            atom: value for atom, value in step.changes.items() if state.base.get(atom) != value
        }
        state = replace(
            with_uploads(seen, state, news), unsent_messages=(*state.unsent_messages, *owed)
        ).agree(step.changes)
        card = (
            card_with_task(seen, answer)
            if isinstance(step, steps.PatchTask)
            else card_with_details(seen, answer)
        )
        details_etag = card.details_etag or state.details_etag
        state = replace(state, etag=card.etag, details_etag=details_etag, settled_at=seen.lease.now)
        # The intent stays open until what else the answer shows is merged: its etag hides that from
        # every pass.
        order = Record(
            plan_id=state.plan_id,
            document=seen.stored.document,
            card=LinkedCard.of(state),
            counted="patched",
        )
        await self._keep(seen, order)
        return replace(seen, state=state, card=card, written=(*seen.written, nonce))

    async def _delete(self, seen: Observation, planner_id: str) -> Observation:
        await self.ask_brake(seen, "agents")
        etag = seen.card.etag if isinstance(seen.card, Card) else ""
        try:
            _, seen, _ = await self._send(
                seen,
                "delete",
                {},
                (),
                lambda before: self.planner.delete_task(planner_id, etag, before=before),
            )
        except StepFailed as trouble:
            if not isinstance(trouble.error, NotFound):
                raise
            seen = trouble.seen
        await self._keep(seen, Record(seen.plan_id, seen.stored.document, counted="deleted"))
        return replace(seen, card=GONE, fresh=True, lease=replace(seen.lease, announced="deleted"))

    # -- writing -----------------------------------------------------------------------------------
    async def _send(
        self,
        seen: Observation,
        kind: IntentKind,
        atoms: Mapping[str, Value | None],
        unsent_messages: steps.UnsentMessages,
        send: Callable[[Before], Awaitable[Any]],
    ) -> tuple[Any, Observation, str]:
        """Write the intent, send the request; what is known afterwards of the intent is in the seen
        that comes back."""
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

        try:
            return await send(intent), seen, nonce
        except AnswerLost as error:
            raise StepFailed(seen, error, creating=kind == "create") from error
        except (Forbidden, LimitReached) as error:
            # Planner has been seen to answer 403 to a create and to have created.
            done = seen if kind == "create" else _without(seen, nonce)
            raise StepFailed(done, error, creating=kind == "create") from error
        except GraphError as error:
            seen = replace(seen, not_created=seen.not_created or kind == "create")
            raise StepFailed(_without(seen, nonce), error) from error

    async def _keep(self, seen: Observation, order: Record) -> None:
        """Keep what Graph has told us, whatever the document says by now."""
        if await self.repository.settle(seen.lease, order) != "settled":
            raise LeaseLost

    async def _learn_application(self, application: str) -> None:
        if await self.plans.application() != application:
            await self.plans.set_application(application)

    async def ask_brake(self, seen: Observation, side: Side) -> None:
        """Raises Refusal (held) when deletes of the plan are held."""
        if await self.brake.stops(seen.plan_id, side, [seen.task_id] if side == "planner" else ()):
            raise Refusal(
                "held", f"deletes of plan {seen.plan_id} are held: too many tasks vanished at once"
            )


def _is_behind(card: Card, state: SyncState, now: int) -> bool:
    """Is this from before what Planner has told us lately? Its servers need not agree at once."""
    behind = newer(state.etag, card.etag) or newer(state.details_etag, card.details_etag or "")
    return behind and abs(now - state.settled_at) < LAG_MS


def _without(seen: Observation, nonce: str) -> Observation:
    return replace(seen, done_intents=(*seen.done_intents, nonce))


def card_with_task(seen: Observation, task: Mapping[str, Any]) -> Card:
    """The card after a PATCH of the task: what was read of the details stays."""
    card, old = read_card(task), seen.card
    if not isinstance(old, Card) or old.details_etag is None:
        return card
    details = {atom: value for atom, value in old.atoms.items() if is_of_details(atom)}
    return replace(
        card, atoms={**card.atoms, **details}, details_etag=old.details_etag, order=old.order
    )


def card_with_details(seen: Observation, details: Mapping[str, Any]) -> Card:
    """The card with its details; a task that was not read in this look is taken as it was last
    agreed."""
    known = seen.card
    card = read_card(
        {"id": known.id if isinstance(known, Card) else seen.mapped_state.planner_id}, details
    )
    own = {atom: value for atom, value in card.atoms.items() if is_of_details(atom)}
    if isinstance(known, Card):
        task = {atom: value for atom, value in known.atoms.items() if not is_of_details(atom)}
        return replace(
            known, atoms={**task, **own}, details_etag=card.details_etag, order=card.order
        )
    state = seen.mapped_state
    task = {atom: value for atom, value in state.base.items() if not is_of_details(atom)}
    return replace(card, plan_id=state.plan_id, etag=state.etag, atoms={**task, **own})
