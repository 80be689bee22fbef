"""State, time and chance in one place: what every call, every human and every fault works on.

Clock and randomness are arguments, so that the same seed and the same calls give the same answers.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from random import Random

from planner_emulator import hints, instants, plans
from planner_emulator.actors import EMULATOR_APPLICATION, PLANNER_APPLICATION, Act, Actor, User
from planner_emulator.state import Plan, State, derived_id
from planner_emulator.switches import Switches

_GROUPS = uuid.UUID("0e00e000-0000-4000-8000-000000009009")
DEFAULT_PLAN = derived_id("plan")
SEEDED_USERS = ("mira.novak@example.com", "jonas.berg@example.com", "aiko.tanaka@example.com")
SEEDED_BUCKETS = ("To do", "Doing", "Done")


def utc_now() -> datetime:
    return datetime.now(UTC)


class World:
    """`clock` gives aware datetimes; ticks never repeat, so that everything has an order."""

    def __init__(self, clock: Callable[[], datetime], random: Random, switches: Switches) -> None:
        self.clock = clock
        self.random = random
        self.switches = switches
        self.state = State(switches)
        self._last_ticks = 0

    def now(self) -> int:
        """The present in ticks; unlike `tick` it may repeat."""
        return max(instants.ticks(self.clock()), self._last_ticks)

    def tick(self) -> int:
        self._last_ticks = max(instants.ticks(self.clock()), self._last_ticks + 1)
        return self._last_ticks

    def act(self, by: Actor) -> Act:
        return Act(by, self.tick(), self.switches, self.state.users.__contains__)

    @property
    def client(self) -> Actor:
        """Whoever holds the token: the application alone, or with the first user (switch
        `sign_in`)."""
        delegated = self.switches.sign_in == "delegated"
        return Actor(
            next(iter(self.state.users), None) if delegated else None, EMULATOR_APPLICATION
        )

    def human(self, user_id: str | None = None) -> Actor:
        """A person at Planner's own page; the first user where none is named."""
        return Actor(user_id or next(iter(self.state.users), None), PLANNER_APPLICATION)

    def add_user(self, user: User) -> User:
        self.state.users[user.id] = user
        return user

    def add_plan(self, plan_id: str, title: str, buckets: Sequence[str] = SEEDED_BUCKETS) -> Plan:
        """A plan with buckets whose ids follow from the plan's id and their names."""
        act = self.act(self.human())
        plan = plans.blank(plan_id, str(uuid.uuid5(_GROUPS, plan_id)), title, act)
        for place, name in enumerate(buckets):
            bucket_id = derived_id(plan_id, name)
            hint = hints.newest_first(act.ticks - place)
            plan.buckets[bucket_id] = plans.blank_bucket(plan, bucket_id, name, hint)
        self.state.plans[plan_id] = plan
        self.state.revision += 1
        return plan
