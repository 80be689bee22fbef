"""Carries out what was decided, one step at a time: reads and writes Planner, and keeps what
Planner has told us.

A request that changes Planner is sent only after its note is stored, and the note is dropped only
when the answer tells that it was, or was not, carried out. No rules in here: those are in
`decide.py`.
"""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner_sync.decide import steps
from planner_sync.decide.mapped import card_atoms
from planner_sync.decide.observation import GONE, Owner, Seen
from planner_sync.decide.preconditions import uploaded
from planner_sync.decide.unmapped import created_belief
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
from planner_sync.model.orders import NoteKind, Order
from planner_sync.model.state import Belief
from planner_sync.model.task import Value
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.plans import Plans
from planner_sync.store.task_repository import TaskRepository
from planner_sync.store.telemetry import Vitals
from planner_sync.sync.task.brake import Brake, Side
from planner_sync.sync.task.names import PlanNames
from planner_sync.sync.task.people import People

LAG_MS = 60_000  # for so long after a settle a card may be read as it was before
YOUNG_MS = 5_000  # for so long after a create a 404 may mean "not yet"; later than the claim in a look that creates
Before = Callable[[], Awaitable[None]]


class ClaimLost(Exception):
    """Somebody else has the task now: leave everything as it is."""


class Recovering(Exception):
    """This Redis does not know the plan: no create and no delete before a pass has adopted its
    cards."""


class Trouble(Exception):
    """A GraphError, with what had been seen when it happened; `creating`: a card may have been made
    nevertheless.

    `reading`: nothing was to be changed, so it says nothing of the document.
    """

    def __init__(
        self, seen: Seen, error: GraphError, *, creating: bool = False, reading: bool = False
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
    plans: Plans
    planner: Planner
    names: PlanNames
    people: People
    brake: Brake
    vitals: Vitals

    async def act(self, seen: Seen, step: steps.Step) -> Seen:
        """Carry out one step. Raises Refusal, Trouble, ClaimLost, Recovering."""
        try:
            match step:
                case steps.ReadNames(fresh):
                    naming = seen.stored.namings.get(seen.plan_id)
                    names = await self.names.get(seen.plan_id, naming=naming, fresh=fresh)
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
                    buried = planner_id in await self.mapper.buried([planner_id])
                    by = await self.mapper.deleted_by(planner_id) if buried else None
                    return replace(
                        seen, owner=Owner(planner_id, owner, buried, by_agent=by == "agent")
                    )
                case steps.ReadCard(planner_id):
                    return await self._read_card(seen, planner_id)
                case steps.ReadDetails(planner_id):
                    details = await self._read_details(planner_id)
                    return replace(seen, card=card_with_details(seen, details))
                case steps.DropNote(nonce, plan_id):
                    return await self._drop(seen, nonce, plan_id)
                case steps.TakeCard(belief):
                    return await self._take(seen, belief)
                case steps.CreateCard():
                    return await self._create(seen, step)
                case steps.PatchTask() | steps.PatchDetails():
                    return await self._patch(seen, step)
                case steps.DeleteCard(planner_id):
                    return await self._delete(seen, planner_id)
        except GraphError as error:
            reading = isinstance(step, (steps.ReadNames, steps.ReadCard, steps.ReadDetails))
            raise Trouble(seen, error, reading=reading) from error
        raise AssertionError(f"{step} is no step that acts")

    async def _read_card(self, seen: Seen, planner_id: str) -> Seen:
        try:
            task = await self.planner.read_task(planner_id)
        except NotFound as error:
            if seen.belief and -LAG_MS < seen.claim.now - seen.belief.born < YOUNG_MS:
                raise NotYet(
                    f"the card {planner_id} was just made; it does not show yet"
                ) from error
            # 404 proves a delete only while the plan itself can be read.
            await self.planner.read_plan(seen.plan_id)
            return replace(seen, card=GONE, fresh=True)
        card = read_card(task, await self._read_details(planner_id))
        if seen.belief and _is_behind(card, seen.belief, seen.claim.now):
            raise NotYet(f"Planner shows card {planner_id} as it was before it told us more")
        return replace(seen, card=card, fresh=True)

    async def _read_details(self, planner_id: str) -> dict[str, Any]:
        try:
            return await self.planner.read_details(planner_id)
        except NotFound as error:
            raise NotYet(f"the details of card {planner_id} do not show yet") from error

    async def _drop(self, seen: Seen, nonce: str, plan_id: str) -> Seen:
        """At once, and in the note's own plan: what comes next may be about another one."""
        order = Order(plan_id=plan_id, notes_done=[nonce], creating_done=True, release=False)
        if await self.repository.settle(seen.claim, order) != "settled":
            raise ClaimLost
        left = tuple(note for note in seen.notes if note.nonce != nonce)
        return replace(seen, notes=left, found=None, dropped=True)

    async def _take(self, seen: Seen, belief: Belief) -> Seen:
        """A card that exists becomes this task's own, or is followed into another plan."""
        before = seen.belief
        done = [note.nonce for note in seen.notes if note.kind == "create"]
        taken = replace(
            seen,
            belief=belief,
            names=None if before and before.plan_id != belief.plan_id else seen.names,
        )
        old_plan_id = before.plan_id if before else ""
        await self._record(taken, belief, done=done, old_plan_id=old_plan_id, epoch=seen.epoch)
        card = seen.card if isinstance(seen.card, Card) else None
        left = tuple(note for note in seen.notes if note.nonce not in done)
        return replace(taken, notes=left, found=None, twin=None, card=card)

    async def _create(self, seen: Seen, step: steps.CreateCard) -> Seen:
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
        belief = replace(
            created_belief(seen, card, step.atoms), born=(await self.plans.moment()).now
        )
        posted = json.dumps(
            {"taskId": seen.task_id, "at": seen.claim.now, "atoms": dict(step.atoms)}
        )
        await self._record(seen, belief, done=[nonce], created=True, posted=posted)
        if card.created_by_app:
            await self._learn_application(card.created_by_app)
        await self._count("created", seen)
        return replace(seen, belief=belief, card=card)

    async def _patch(self, seen: Seen, step: steps.PatchTask | steps.PatchDetails) -> Seen:
        belief = seen.believed
        if isinstance(step, steps.PatchTask):
            etag = seen.card.etag if isinstance(seen.card, Card) else belief.etag
            body = task_patch(step.changes)
            update = self.planner.update_task
        else:
            known = seen.card.details_etag if isinstance(seen.card, Card) else None
            etag = known or belief.details_etag
            body = details_patch(step.changes, card_atoms(seen, belief))
            update = self.planner.update_details
        answer, seen, nonce = await self._send(
            seen,
            "update",
            step.changes,
            step.unsaid,
            lambda before: update(belief.planner_id, body, etag, before=before),
        )
        owed = tuple(message for _, message in step.unsaid)
        news = {
            atom: value for atom, value in step.changes.items() if belief.base.get(atom) != value
        }
        belief = replace(uploaded(seen, belief, news), unsaid=(*belief.unsaid, *owed)).agree(
            step.changes
        )
        card = (
            card_with_task(seen, answer)
            if isinstance(step, steps.PatchTask)
            else card_with_details(seen, answer)
        )
        details_etag = card.details_etag or belief.details_etag
        belief = replace(
            belief, etag=card.etag, details_etag=details_etag, settled_at=seen.claim.now
        )
        # The note stays open until what else the answer shows is merged: its etag hides that from
        # every pass.
        await self._record(seen, belief, done=[])
        await self._count("patched", seen)
        return replace(seen, belief=belief, card=card, written=(*seen.written, nonce))

    async def _delete(self, seen: Seen, planner_id: str) -> Seen:
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
        except Trouble as trouble:
            if not isinstance(trouble.error, NotFound):
                raise
            seen = trouble.seen
        await self._count("deleted", seen)
        return replace(seen, card=GONE, fresh=True, claim=replace(seen.claim, said="deleted"))

    # -- writing -----------------------------------------------------------------------------------
    async def _send(
        self,
        seen: Seen,
        kind: NoteKind,
        atoms: Mapping[str, Value | None],
        unsaid: steps.Unsaid,
        send: Callable[[Before], Awaitable[Any]],
    ) -> tuple[Any, Seen, str]:
        """Write the note, send the request; what is known afterwards of the note is in the seen
        that comes back."""
        nonce = uuid.uuid4().hex
        plan_id = seen.plan_id
        body = json.dumps(
            {"kind": kind, "plan": plan_id, "atoms": dict(atoms), "unsaid": list(unsaid)}
        )

        async def note() -> None:
            answer = await self.repository.write_note(seen.claim, nonce, body, plan_id, kind)
            if answer == "overtaken":
                raise ClaimLost
            if answer == "recovering":
                raise Recovering

        try:
            return await send(note), seen, nonce
        except AnswerLost as error:
            raise Trouble(seen, error, creating=kind == "create") from error
        except (Forbidden, LimitReached) as error:
            # Planner has been seen to answer 403 to a create and to have created.
            done = seen if kind == "create" else _without(seen, nonce)
            raise Trouble(done, error, creating=kind == "create") from error
        except GraphError as error:
            seen = replace(seen, not_created=seen.not_created or kind == "create")
            raise Trouble(_without(seen, nonce), error) from error

    async def _record(
        self,
        seen: Seen,
        belief: Belief,
        *,
        done: list[str],
        created: bool = False,
        posted: str = "",
        old_plan_id: str = "",
        epoch: str = "",
    ) -> None:
        """Keep what Graph has told us, whatever the document says by now."""
        order = Order(
            plan_id=belief.plan_id,
            planner_id=belief.planner_id,
            old_plan_id=old_plan_id,
            etags=belief.etags,
            state=belief.dump(),
            notes_done=done,
            creating_done=True,
            created=created,
            posted=posted,
            epoch=epoch,
            release=False,
            expected=seen.stored.text,
        )
        if await self.repository.settle(seen.claim, order) != "settled":
            raise ClaimLost

    async def _learn_application(self, application: str) -> None:
        if await self.plans.application() != application:
            await self.plans.set_application(application)

    async def _count(self, name: str, seen: Seen) -> None:
        now = (await self.plans.moment()).now
        await asyncio.gather(
            self.vitals.count(name), self.vitals.lag("upload", now - seen.claim.due)
        )

    async def ask_brake(self, seen: Seen, side: Side) -> None:
        """Raises Refusal (held) when deletes of the plan are held."""
        if await self.brake.stops(seen.plan_id, side, [seen.task_id] if side == "planner" else ()):
            raise Refusal(
                "held", f"deletes of plan {seen.plan_id} are held: too many tasks vanished at once"
            )


def _is_behind(card: Card, belief: Belief, now: int) -> bool:
    """Is this from before what Planner has told us lately? Its servers need not agree at once."""
    behind = newer(belief.etag, card.etag) or newer(belief.details_etag, card.details_etag or "")
    return behind and abs(now - belief.settled_at) < LAG_MS


def _without(seen: Seen, nonce: str) -> Seen:
    return replace(seen, done_notes=(*seen.done_notes, nonce))


def card_with_task(seen: Seen, task: Mapping[str, Any]) -> Card:
    """The card after a PATCH of the task: what was read of the details stays."""
    card, old = read_card(task), seen.card
    if not isinstance(old, Card) or old.details_etag is None:
        return card
    details = {atom: value for atom, value in old.atoms.items() if is_of_details(atom)}
    return replace(
        card, atoms={**card.atoms, **details}, details_etag=old.details_etag, order=old.order
    )


def card_with_details(seen: Seen, details: Mapping[str, Any]) -> Card:
    """The card with its details; a task that was not read in this look is taken as it was last
    agreed."""
    known = seen.card
    card = read_card(
        {"id": known.id if isinstance(known, Card) else seen.believed.planner_id}, details
    )
    own = {atom: value for atom, value in card.atoms.items() if is_of_details(atom)}
    if isinstance(known, Card):
        task = {atom: value for atom, value in known.atoms.items() if not is_of_details(atom)}
        return replace(
            known, atoms={**task, **own}, details_etag=card.details_etag, order=card.order
        )
    belief = seen.believed
    task = {atom: value for atom, value in belief.base.items() if not is_of_details(atom)}
    return replace(card, plan_id=belief.plan_id, etag=belief.etag, atoms={**task, **own})
