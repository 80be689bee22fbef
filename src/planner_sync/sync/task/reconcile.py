"""Reconciles one task: observe, decide and act until the decision is to finish, then settle.

A change in Redis and a change in Planner both end here. Every rule is in `decide/`, every step is
carried out in `act.py`. What follows from a step that failed is said here.
"""

import logging
from dataclasses import dataclass, field, replace

from planner_sync.decide import endings, notices, steps
from planner_sync.decide.mapped import decide
from planner_sync.decide.observation import (
    CardView,
    CreateCandidates,
    Facts,
    Mapped,
    Observation,
    OpenIntent,
    Policy,
    Unread,
    observed,
)
from planner_sync.decide.transitions import is_usable, to_read_again
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
from planner_sync.model.card import Card
from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import End, Result, Stored
from planner_sync.model.state import SyncState
from planner_sync.model.task import DOCUMENT_MAX_BYTES, Document
from planner_sync.store.pending import MAX_ATTEMPTS
from planner_sync.store.plan_state import PlanState
from planner_sync.store.task_repository import TaskRepository
from planner_sync.sync.task.act import Actor, LeaseLost, PlanNotAdopted, StepFailed
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
    """Why a task is reconciled now, and what the caller knows already.

    `view` is the card in a listing that began at `began` (server's time, ms). `was_listed`: an
    earlier listing had the card that is gone now. `may_bury`: the brake was asked already. `epoch`
    is that of the pass which found that no task has the card. The rest is as in `Facts` and
    `Cardless`.
    """

    view: CardView = field(default_factory=Unread)
    began: int = 0
    create_candidates: CreateCandidates | None = None
    likely_card: Card | None = None
    recovering: bool = False
    may_bury: bool = False
    was_listed: bool = False
    epoch: str = ""


@dataclass
class Reconciler:
    """What a reconciliation needs; one for each process.

    `waiting` are tasks that wait for their plan to be adopted.
    """

    actor: Actor
    repository: TaskRepository
    plans: PlanState
    planner: Planner
    policy: Policy
    waiting: set[str] = field(default_factory=set)

    async def reconcile(self, lease: TaskLease, trigger: Trigger | None = None) -> Result | None:
        """Reconcile one leased task and settle it. None: the lease was lost on the way."""
        trigger = trigger or Trigger()
        try:
            seen = await self._observe(lease, trigger)
            order = await self._run(seen, trigger)
            return await self.repository.settle(lease, order, listed_at=trigger.began)
        except LeaseLost:
            return None

    async def report_parked(self, lease: TaskLease) -> None:
        """Report a task that was leased again and again and never settled.

        Something in it may kill the process.
        """
        digest = await self.repository.digest(lease.task_id) or ""
        reason = (
            f"this task could not be processed after {MAX_ATTEMPTS} attempts; it is retried hourly"
        )
        record, message = notices.failure(
            lease.task_id, lease.now, "internal", reason, retrying=True
        )
        log.error("task %s: %s", lease.task_id, reason)
        await self.repository.report(lease.task_id, record, digest, message)

    # -- observe -----------------------------------------------------------------------------------
    async def _observe(self, lease: TaskLease, trigger: Trigger) -> Observation:
        stored = await self.repository.read(lease.task_id)
        state = SyncState.load(stored.state) if stored.state else None
        view = trigger.view
        if state and not is_usable(view, state, trigger.began, was_listed=trigger.was_listed):
            view, lease = Unread(), lease.to_recheck()
        facts = Facts(
            lease=lease,
            policy=self.policy,
            stored=stored,
            document=_parse(stored, state),
            last=dialects.parse_settled(stored.last) if stored.last else None,
            intents=tuple(OpenIntent.read(intent) for intent in stored.intents),
            names=None,
            people=self.actor.people.known,
            view=view,
            likely_card=trigger.likely_card,
            recovering=trigger.recovering,
            epoch=trigger.epoch,
        )
        return observed(facts, state, trigger.create_candidates)

    # -- decide, act -------------------------------------------------------------------------------
    async def _run(self, seen: Observation, trigger: Trigger) -> End:
        rounds = 0
        for _ in range(MAX_STEPS):
            try:
                step = decide(seen)
                if isinstance(step, steps.Ending):
                    return await self._end(seen, step, trigger)
                seen = await self.actor.act(seen, step)
            except Refusal as refusal:
                return endings.refused(seen, refusal)
            except PlanNotAdopted:
                self.waiting.add(seen.task_id)
                return endings.retry_later(seen, RECOVERING_MS)
            except StepFailed as failure:
                if _is_out_of_date(failure) and rounds < MAX_ROUNDS:
                    rounds += 1
                    seen = to_read_again(failure.seen)
                elif await self._names_changed(failure):
                    seen = replace(to_read_again(failure.seen), names=None)
                else:
                    return await self._give_up(failure)
        reason = f"not finished after {MAX_STEPS} steps"
        return endings.retry_later(seen, AGAIN_MS, "internal", reason, say_after=3)

    async def _end(self, seen: Observation, step: steps.Ending, trigger: Trigger) -> End:
        if isinstance(step, steps.BuryCard) and not trigger.may_bury:
            await self.actor.ask_brake(seen, "planner")
        return step.order

    # -- a step failed -----------------------------------------------------------------------------
    async def _names_changed(self, failure: StepFailed) -> bool:
        """Was the change refused because it used the id of a bucket that is gone?"""
        names = failure.seen.names
        if names is None or not isinstance(failure.error, Rejected):
            return False
        try:
            now = await self.actor.names.get(failure.seen.plan_id, fresh=True)
        except GraphError:
            return False
        return dump(now) != dump(names)

    async def _give_up(self, failure: StepFailed) -> End:
        seen, error = failure.seen, failure.error
        log.warning("task %s: %s", seen.task_id, error)
        if not isinstance(error, (Forbidden, NotFound)):
            return _after_failure(failure)
        # the plan is out of reach, not only the card
        if not await self._plan_answers(seen.plan_id):
            reason = f"plan {seen.plan_id} cannot be read: {error}"
            return endings.retry_later(seen, UNAUTHORIZED_MS, "unauthorized", reason)
        if isinstance(error, Forbidden):
            return _after_forbidden(failure)
        return endings.refused(seen, Refusal("refused_by_planner", str(error)))

    async def _plan_answers(self, plan_id: str) -> bool:
        try:
            await self.planner.read_plan(plan_id)
        except GraphError:
            return False
        return True


def _is_out_of_date(failure: StepFailed) -> bool:
    """Did someone else change or delete the card since it was read?"""
    if isinstance(failure.error, CardChanged):
        return True
    return isinstance(failure.error, NotFound) and isinstance(failure.seen, Mapped)


def _after_failure(failure: StepFailed) -> End:
    seen, error = failure.seen, failure.error
    tries = seen.stored.refusal.tries if seen.stored.refusal else 0
    wait = min(RETRY_MS * 2 ** min(tries, 8), RETRY_MAX_MS)
    match error:
        case Throttled():
            return endings.retry_later(seen, round(error.retry_after * 1000) + 1)
        case NotYet():
            return endings.retry_later(seen, RETRY_MS)
        case AnswerLost() if failure.creating:
            return endings.retry_later(seen, GRACE_MS, "unreachable", str(error), say_after=3)
        case NotSent() | AnswerLost():
            return endings.retry_later(seen, wait, "unreachable", str(error), say_after=3)
        case Unauthorized():
            return endings.retry_later(seen, UNAUTHORIZED_MS, "unauthorized", str(error))
        case LimitReached():
            return endings.refused(seen, Refusal("limit", f"{error.code}: limit reached ({error})"))
        case Rejected():
            return endings.refused(seen, Refusal("refused_by_planner", str(error)))
    return endings.retry_later(seen, AGAIN_MS)


def _after_forbidden(failure: StepFailed) -> End:
    """The plan can be read again, or still."""
    seen, error = failure.seen, failure.error
    # the right came back in between
    if failure.reading:
        return endings.retry_later(seen, AGAIN_MS)
    # perhaps it did so here too: once more
    before = seen.stored.refusal
    if before is None or before.code != "unauthorized":
        return endings.retry_later(seen, AGAIN_MS, "unauthorized", str(error), say_after=2)
    return endings.refused(seen, Refusal("refused_by_planner", str(error)))


def _parse(stored: Stored, state: SyncState | None) -> Document | Refusal | None:
    seen = stored.document
    if seen.wrong_type:
        return Refusal("not_json", "the key of the document holds something that is no string")
    if seen.text is None:
        return None
    if seen.size is not None:
        reason = f"the document has {seen.size} bytes, {DOCUMENT_MAX_BYTES} are allowed"
        return Refusal("limit", reason)
    try:
        return dialects.parse(
            seen.text,
            state.dialect if state else None,  # type: ignore[arg-type]
        )
    except Refusal as refusal:
        return refusal
