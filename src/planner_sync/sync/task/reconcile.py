"""One look at one task: observe, decide, act, until the decision is to finish; then settle.

Both wake-ups, a change in Redis and a change in Planner, end here. Every rule is in `decide.py`,
every step is carried out in `act.py`; what became of a look that could not be finished is said
here.
"""

import logging
from dataclasses import dataclass, field, replace
from typing import Any

from planner_sync.decide import endings, notices, steps
from planner_sync.decide.mapped import decide, judge_intents
from planner_sync.decide.observation import GONE, CreateCandidates, Observation, OpenIntent, Policy
from planner_sync.decide.unmapped import GRACE_MS
from planner_sync.errors import (
    AnswerLost,
    CardChanged,
    Forbidden,
    GraphError,
    LimitReached,
    NotFound,
    NotSent,
    NotYet,
    Refusal,
    Rejected,
    Throttled,
    Unauthorized,
)
from planner_sync.graph.planner import Planner
from planner_sync.model import dialects
from planner_sync.model.card import Card, newer
from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import End, Result, Stored
from planner_sync.model.records import Refused
from planner_sync.model.state import SyncState
from planner_sync.model.task import DOCUMENT_MAX_BYTES
from planner_sync.store.plan_state import PlanState
from planner_sync.store.task_repository import TaskRepository
from planner_sync.sync.task.act import NEW_CARD_MS, Actor, LeaseLost, PlanNotAdopted, StepFailed
from planner_sync.sync.task.names import dump

log = logging.getLogger(__name__)

MAX_STEPS = 60
MAX_ROUNDS = 5  # of reading the card again after 409 or 412
AGAIN_MS, UNAUTHORIZED_MS, RECOVERING_MS, RETRY_MS, RETRY_MAX_MS = (
    15_000,
    60_000,
    2_000,
    2_000,
    300_000,
)


@dataclass(frozen=True)
class Trigger:
    """What whoever wakes the reconciler knows already.

    A card of a listing that began at `began` (server's time, ms), or GONE; a listing for a lost
    create; a possible likely_card; whether the brake was asked already; whether an earlier listing showed
    the card that is GONE now; the epoch of the pass that found that nobody has the card.
    """

    card: Card | str | None = None
    began: int = 0
    create_candidates: CreateCandidates | None = None
    likely_card: Card | None = None
    recovering: bool = False
    may_bury: bool = False
    was_listed: bool = False
    epoch: str = ""


@dataclass
class Reconciler:
    """Everything that a look needs; one for each process. `waiting` are tasks that wait for a plan
    to be adopted."""

    actor: Actor
    repository: TaskRepository
    plans: PlanState
    planner: Planner
    policy: Policy
    waiting: set[str] = field(default_factory=set)

    async def reconcile(self, lease: TaskLease, trigger: Trigger | None = None) -> Result | None:
        """Look at one claimed task and settle it. None: the lease was lost on the way."""
        trigger = trigger or Trigger()
        try:
            seen = await self._observe(lease, trigger)
            order = await self._run(seen, trigger)
            return await self.repository.settle(lease, order, listed_at=trigger.began)
        except LeaseLost:
            return None

    async def report_parked(self, lease: TaskLease) -> None:
        """A task whose looks have never come to an end: something in it may kill the process."""
        digest = await self.repository.digest(lease.task_id) or ""
        reason = "no look at this task has come to an end; it is tried again once an hour"
        record, message = notices.failure(
            lease.task_id, lease.now, "internal", reason, retrying=True
        )
        log.error("task %s: %s", lease.task_id, reason)
        await self.repository.report(lease.task_id, record, digest, message)

    # -- observe -----------------------------------------------------------------------------------
    async def _observe(self, lease: TaskLease, trigger: Trigger) -> Observation:
        stored = await self.repository.read(lease.task_id)
        state = SyncState.load(stored.state) if stored.state else None
        last = dialects.parse_settled(stored.last) if stored.last else None
        document, refusal = _parse(stored, state)
        card: Any = trigger.card
        if card and state and not _usable(card, state, trigger):
            card, lease = None, lease.to_recheck()
        return Observation(
            lease=lease,
            policy=self.policy,
            stored=stored,
            document=document,
            refusal=refusal,
            last=last,
            state=state,
            intents=tuple(OpenIntent.read(intent) for intent in stored.intents),
            people=self.actor.people.known,
            card=card,
            fresh=card == GONE,
            create_candidates=trigger.create_candidates,
            likely_card=trigger.likely_card,
            recovering=trigger.recovering,
            epoch=trigger.epoch,
        )

    # -- decide, act -------------------------------------------------------------------------------
    async def _run(self, seen: Observation, trigger: Trigger) -> End:
        rounds = 0
        for _ in range(MAX_STEPS):
            try:
                if seen.state and seen.intents and seen.fresh and seen.names and seen.card != GONE:
                    seen = judge_intents(
                        seen
                    )  # once, before the next write changes the card that tells
                step = decide(seen)
                if isinstance(step, steps.Finish):
                    return step.order
                if isinstance(step, steps.BuryCard):
                    if not trigger.may_bury:
                        await self.actor.ask_brake(seen, "planner")
                    return step.order
                seen = await self.actor.act(seen, step)
            except Refusal as refusal:
                return endings.refused(seen, refusal)
            except PlanNotAdopted:
                self.waiting.add(seen.task_id)
                return endings.retry_later(seen, RECOVERING_MS)
            except StepFailed as trouble:
                seen, error = trouble.seen, trouble.error
                again = isinstance(error, CardChanged) or (
                    isinstance(error, NotFound) and seen.state
                )
                if again and rounds < MAX_ROUNDS:
                    rounds += 1
                    seen = _to_read_again(seen)
                    continue
                if isinstance(error, Rejected) and await self._names_moved(seen):
                    seen = replace(_to_read_again(seen), names=None)
                    continue
                return await self._give_back(trouble)
        return endings.retry_later(
            seen, AGAIN_MS, "internal", f"no end after {MAX_STEPS} steps", say_after=3
        )

    # -- trouble -----------------------------------------------------------------------------------
    async def _give_back(self, trouble: StepFailed) -> End:
        seen, error = trouble.seen, trouble.error
        log.warning("task %s: %s", seen.task_id, error)
        before = seen.stored.refusal or Refused("internal")
        wait = min(RETRY_MS * 2 ** min(before.tries, 8), RETRY_MAX_MS)
        match error:
            case Throttled():
                return endings.retry_later(seen, round(error.retry_after * 1000) + 1)
            case NotYet():
                return endings.retry_later(seen, RETRY_MS)
            case NotSent():
                return endings.retry_later(seen, wait, "unreachable", str(error), say_after=3)
            case AnswerLost():
                return endings.retry_later(
                    seen,
                    GRACE_MS if trouble.creating else wait,
                    "unreachable",
                    str(error),
                    say_after=3,
                )
            case Unauthorized():
                return endings.retry_later(seen, UNAUTHORIZED_MS, "unauthorized", str(error))
            case LimitReached():
                return endings.refused(
                    seen, Refusal("limit", f"{error.code}: Planner takes no more ({error})")
                )
            case Forbidden() | NotFound() if not await self._plan_answers(seen.plan_id):
                return endings.retry_later(
                    seen,
                    UNAUTHORIZED_MS,
                    "unauthorized",
                    f"plan {seen.plan_id} cannot be read: {error}",
                )
            case Forbidden() if trouble.reading:
                return endings.retry_later(seen, AGAIN_MS)  # the right came back in between
            case Forbidden() if before.code != "unauthorized":
                # Perhaps it did so here too: once more, and it is a refusal.
                return endings.retry_later(seen, AGAIN_MS, "unauthorized", str(error), say_after=2)
            case Rejected() | Forbidden() | NotFound():
                return endings.refused(seen, Refusal("refused_by_planner", str(error)))
        return endings.retry_later(seen, AGAIN_MS)

    async def _names_moved(self, seen: Observation) -> bool:
        """Are bucket and label names others by now? Then Planner may have refused an id that is
        gone."""
        if seen.names is None:
            return False
        try:
            return dump(await self.actor.names.get(seen.plan_id, fresh=True)) != dump(seen.names)
        except GraphError:
            return False

    async def _plan_answers(self, plan_id: str) -> bool:
        try:
            await self.planner.read_plan(plan_id)
        except GraphError:
            return False
        return True


def _parse(stored: Stored, state: SyncState | None) -> tuple[Any, Refusal | None]:
    document = stored.document
    if document.wrong_type:
        return None, Refusal(
            "not_json", "the key of the document holds something that is no string"
        )
    if document.text is None:
        return None, None
    if document.size is not None:
        reason = f"the document has {document.size} bytes, {DOCUMENT_MAX_BYTES} are allowed"
        return None, Refusal("limit", reason)
    try:
        return dialects.parse(document.text, state.dialect if state else None), None  # type: ignore[arg-type]
    except Refusal as refusal:
        return None, refusal


def _usable(card: Card | str, state: SyncState, trigger: Trigger) -> bool:
    """Does a listing count? Not one that may be older than what we know, or that cannot know a new
    card yet."""
    if state.settled_at >= trigger.began:
        return False
    if not isinstance(card, Card):
        return trigger.was_listed or state.born + NEW_CARD_MS < trigger.began
    if newer(state.etag, card.etag):
        return False
    return not (card.details_etag and newer(state.details_etag, card.details_etag))


def _to_read_again(seen: Observation) -> Observation:
    """Somebody changed the card, or the plan's names, since they were read."""
    seen = replace(seen, names_fresh=False)
    if seen.state is None:
        return seen
    return replace(seen, card=None, fresh=False, lease=seen.lease.to_recheck())
