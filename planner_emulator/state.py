"""All that the emulator holds: plans, buckets, tasks with their details and board formats, people.

It finds things and refuses what is missing or unreadable; what a write means is decided elsewhere.
"""

import base64
import hashlib
import re
import string
from dataclasses import dataclass, field
from random import Random

from planner_emulator import refusals
from planner_emulator.actors import Actor, User
from planner_emulator.resources import Json, Resource
from planner_emulator.switches import Switches

_ALPHABET = string.ascii_letters + string.digits + "_-"
_ID = re.compile(r"[A-Za-z0-9_-]{28}")


@dataclass
class Bucket:
    resource: Resource
    plan_id: str


@dataclass
class Task:
    """Listings leave it out until `hidden_until` (ticks); `reads_refused` reads of its details
    still meet a 404."""

    resource: Resource
    details: Resource
    boards: dict[str, Resource]
    plan_id: str
    created: int
    hidden_until: int = 0
    reads_refused: int = 0


@dataclass
class Plan:
    """`past` has, per task id, what listings of earlier instants show; it is kept only with the
    switch list_lag_ms."""

    resource: Resource
    details: Resource
    group: str
    readable: bool = True
    buckets: dict[str, Bucket] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    past: dict[str, list[tuple[int, Json | None]]] = field(default_factory=dict)


@dataclass
class State:
    """`revision` grows with every change of anything.

    `ghosts` are tasks of deleted plans that users' listings still show; `unsettled` are tasks whose
    etag moves once more before the next call.
    """

    switches: Switches
    plans: dict[str, Plan] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    sources: dict[tuple[str, str], str] = field(default_factory=dict)
    ghosts: list[Json] = field(default_factory=list)
    unsettled: list[Task] = field(default_factory=list)
    revision: int = 0

    def plan(self, plan_id: str, by: Actor) -> Plan:
        """The plan, if it may be read. Refused: 400 for a badly formed id, 404 (403 by switch) when
        missing, 403."""
        check_id(plan_id, "Plan", "Id")
        found = self.plans.get(plan_id)
        if found is None:
            raise (
                refusals.forbidden(True)
                if self.switches.missing_plan == "403"
                else refusals.not_found()
            )
        if not found.readable and not by.is_human:
            raise refusals.forbidden()
        return found

    def task(self, task_id: str, by: Actor) -> Task:
        check_id(task_id, "Task", "Id")
        for plan in self.plans.values():
            if task_id in plan.tasks:
                return self.plan(plan.resource.id, by).tasks[task_id]
        raise refusals.not_found()

    def bucket(self, bucket_id: str, by: Actor) -> Bucket:
        check_id(bucket_id, "Bucket", "Id")
        for plan in self.plans.values():
            if bucket_id in plan.buckets:
                return self.plan(plan.resource.id, by).buckets[bucket_id]
        raise refusals.not_found()

    def user(self, name: str) -> User:
        """A user by id, or by user principal name, which is the e-mail."""
        for user in self.users.values():
            if name.lower() in (user.id, user.email.lower()):
                return user
        raise refusals.Refused(
            404,
            f"Resource '{name}' does not exist or one of its queried reference-property objects "
            "are not present.",
            "Request_ResourceNotFound",
        )


def check_id(text: object, entity: str, field_name: str) -> None:
    """Refused (400) unless `text` is formed like an id of Planner."""
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise refusals.invalid(entity, field_name, "The specified identifier is invalid.")


def new_id(random: Random) -> str:
    return "".join(random.choices(_ALPHABET, k=28))


def derived_id(*words: str) -> str:
    """An id that is always the same for the same words."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return base64.urlsafe_b64encode(digest[:21]).decode()
