"""The second writer: people at Planner's own page, who change the same cards without a token and
without an etag.

Every action ends in the same writes as a Graph call, so the same rules and limits hold. Refused: as
there.
"""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from planner_emulator import history, instants, plans, tasks
from planner_emulator.actors import Act
from planner_emulator.planner import Planner
from planner_emulator.resources import Json
from planner_emulator.state import Task

_MS = 10_000
_DETAILS = ("description", "checklist", "references", "previewType")
_ENCODED = (("%", "%25"), (".", "%2E"), (":", "%3A"), ("@", "%40"), ("#", "%23"))


class Humans:
    """What people can do. Every method returns the card as JSON with its `details`, or {} when none
    is left.

    `fields` are Graph's own names, of the task and of its details; checklist items, references and
    assignments may leave out what only programs write (`@odata.type`, hints), references are keyed
    by plain URLs.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._world = planner.world
        self._state = planner.world.state
        self._by = planner.world.human()

    def create(self, plan_id: str, title: str, user: str | None = None, **fields: Any) -> Json:
        """A new card, in the plan's first bucket unless `bucketId` says otherwise."""
        act = self._act(user)
        own, details = _parted(fields, act)
        buckets = plans.in_order(self._state.plan(plan_id, self._by))
        first = {"bucketId": buckets[0].resource.id} if buckets else {}
        body = {"planId": plan_id, "title": title, **first, **own}
        task, _ = tasks.create(self._state, body, act, self._world.random)
        if details:
            tasks.patch_details(self._state, task, details, None, act)
        return history.shown(task)

    def edit(self, task_id: str, fields: Json, user: str | None = None) -> Json:
        """Change any fields of a card; keys of checklist, references, assignments and labels merge,
        null removes."""
        task, act = self._task(task_id), self._act(user)
        own, details = _parted(fields, act)
        if own:
            tasks.patch(self._state, task, own, None, act)
        if details:
            tasks.patch_details(self._state, task, details, None, act)
        return history.shown(task)

    def complete(self, task_id: str, user: str | None = None) -> Json:
        return self.edit(task_id, {"percentComplete": 100}, user)

    def reopen(self, task_id: str, user: str | None = None) -> Json:
        return self.edit(task_id, {"percentComplete": 0}, user)

    def complete_recurring(self, task_id: str, days: int = 7, user: str | None = None) -> Json:
        """Complete a recurring task; the answer is the new task that Planner makes, due `days`
        later."""
        done = self.complete(task_id, user)
        due = instants.read(done["dueDateTime"]) if done["dueDateTime"] else self._world.now()
        following = instants.stamp(due + days * 24 * 3600 * 1000 * _MS)
        kept = {name: done[name] for name in ("bucketId", "priority") if done[name] is not None}
        labels = dict.fromkeys(done["appliedCategories"], True)
        people = dict.fromkeys(done["assignments"], True)
        fields = {
            **kept,
            "dueDateTime": following,
            "appliedCategories": labels,
            "assignments": people,
        }
        return self.create(
            done["planId"],
            done["title"],
            user,
            **fields,
            description=done["details"]["description"],
        )

    def move(self, task_id: str, bucket_id: str, user: str | None = None) -> Json:
        return self.edit(task_id, {"bucketId": bucket_id}, user)

    def transfer(
        self, task_id: str, plan_id: str, bucket_id: str | None = None, user: str | None = None
    ) -> Json:
        """Move a card to another plan, into a bucket there or into none."""
        task = self._task(task_id)
        tasks.transfer(
            self._state, task, self._state.plan(plan_id, self._by), bucket_id, self._act(user)
        )
        return history.shown(task)

    def relabel(
        self,
        task_id: str,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
        user: str | None = None,
    ) -> Json:
        """Put labels (category1 … category25) on a card, and take others off."""
        labels = {**dict.fromkeys(add, True), **dict.fromkeys(remove, False)}
        return self.edit(task_id, {"appliedCategories": labels}, user)

    def assign(
        self,
        task_id: str,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
        user: str | None = None,
    ) -> Json:
        """Give a card to people (user ids), and take it from others."""
        people: Json = {**dict.fromkeys(add, True), **dict.fromkeys(remove)}
        return self.edit(task_id, {"assignments": people}, user)

    def rehint(self, task_id: str) -> Json:
        """The service computes the card's order anew: the etag moves, nothing that people see
        does."""
        task = self._task(task_id)
        tasks.rehint(self._state, task, self._act(None))
        return history.shown(task)

    def hide(self, task_id: str, ms: int = 3_600_000) -> Json:
        """Listings leave the card out for a while, although it answers by its id; 0 shows it
        again."""
        task = self._task(task_id)
        task.hidden_until = self._world.now() + ms * _MS if ms else 0
        return history.shown(task)

    def delete(self, task_id: str, user: str | None = None) -> Json:
        tasks.delete(self._state, self._task(task_id), None, self._act(user))
        return {}

    def create_plan(self, title: str, user: str | None = None) -> Json:
        """A plan in a group of its own, with the one bucket that Planner's page makes."""
        act = self._act(user)
        group = str(uuid.UUID(int=self._world.random.getrandbits(128), version=4))
        plan = plans.create(self._state, {"title": title, "owner": group}, act, self._world.random)
        plans.create_bucket(
            self._state, {"planId": plan.resource.id, "name": "To do"}, act, self._world.random
        )
        return plan.resource.json()

    def delete_plan(self, plan_id: str, user: str | None = None) -> Json:
        plans.delete(self._state, self._state.plan(plan_id, self._by), None, self._act(user))
        return {}

    def unreadable(self, plan_id: str) -> Json:
        """The client loses its right: 403 for the plan and for all that is in it."""
        return self._set_readable(plan_id, readable=False)

    def readable(self, plan_id: str) -> Json:
        return self._set_readable(plan_id, readable=True)

    def create_bucket(self, plan_id: str, name: str, user: str | None = None) -> Json:
        body = {"planId": plan_id, "name": name, "orderHint": " !"}
        return plans.create_bucket(
            self._state, body, self._act(user), self._world.random
        ).resource.json()

    def rename_bucket(self, bucket_id: str, name: str, user: str | None = None) -> Json:
        bucket = self._state.bucket(bucket_id, self._by)
        plans.patch_bucket(self._state, bucket, {"name": name}, None, self._act(user))
        return bucket.resource.json()

    def delete_bucket(self, bucket_id: str, user: str | None = None) -> Json:
        plans.delete_bucket(
            self._state, self._state.bucket(bucket_id, self._by), None, self._act(user)
        )
        return {}

    def rename_label(
        self, plan_id: str, category: str, name: str | None, user: str | None = None
    ) -> Json:
        plan = self._state.plan(plan_id, self._by)
        plans.patch_details(
            self._state, plan, {"categoryDescriptions": {category: name}}, None, self._act(user)
        )
        return plans.details_json(plan)

    def _set_readable(self, plan_id: str, *, readable: bool) -> Json:
        self._state.plans[plan_id].readable = readable
        self._state.revision += 1
        return {}

    def _task(self, task_id: str) -> Task:
        self._planner.catch_up()
        return self._state.task(task_id, self._by)

    def _act(self, user: str | None) -> Act:
        return self._world.act(self._world.human(user))


ACTIONS: dict[str, Callable[..., Json]] = {
    name.replace("_", "-"): method
    for name, method in vars(Humans).items()
    if not name.startswith("_")
}


def encoded(url: str) -> str:
    """A URL as a key of `references`."""
    for plain, code in _ENCODED:
        url = url.replace(plain, code)
    return url


def _parted(fields: Json, act: Act) -> tuple[Json, Json]:
    """Fields of the task and fields of its details, as a program would send them."""
    whole = {name: _completed(name, value) for name, value in fields.items()}
    if isinstance(whole.get("description"), str) and act.switches.human_newlines == "crlf":
        whole["description"] = whole["description"].replace("\r\n", "\n").replace("\n", "\r\n")
    details = {name: value for name, value in whole.items() if name in _DETAILS}
    return {name: value for name, value in whole.items() if name not in _DETAILS}, details


def _completed(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    match name:
        case "assignments":
            given = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
            return {user: given if there else None for user, there in value.items()}
        case "checklist":
            return {key: _with_type(item, "plannerChecklistItem") for key, item in value.items()}
        case "references":
            return {
                encoded(url): _with_type(item, "plannerExternalReference")
                for url, item in value.items()
            }
    return value


def _with_type(item: Any, name: str) -> Any:
    return None if item is None else {"@odata.type": f"#microsoft.graph.{name}", **item}
