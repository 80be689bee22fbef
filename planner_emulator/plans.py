"""Writes to plans, their details and their buckets."""

from random import Random
from typing import Any

from planner_emulator import fields, hints, history, refusals, resources, writing
from planner_emulator import tasks as task_writes
from planner_emulator.actors import Act
from planner_emulator.resources import Json, Resource, Write
from planner_emulator.state import Bucket, Plan, State, check_id, new_id

_GROUPS = "https://graph.microsoft.com/v1.0/groups/"


def create(state: State, body: Json, act: Act, random: Random) -> Plan:
    """Make a plan in a group, with no bucket, as Planner does over Graph. Refused: 400, 403."""
    rest = dict(body)
    group = _group(rest.pop("container", None), rest.pop("owner", None))
    if rest.get("title") is None:
        raise refusals.invalid(
            "Plan", "Title", "A non-null value must be specified for this field."
        )
    owned = sum(plan.group == group for plan in state.plans.values())
    if owned >= act.switches.max_plans_in_group:
        raise refusals.limit_reached("MaximumPlannerPlans")
    if len(state.plans) >= act.switches.max_plans_owned:
        raise refusals.limit_reached("MaximumProjectsOwnedByUser")
    plan = blank(new_id(random), group, "", act)
    plan.resource.fields.update({w.field: w.value for w in fields.writes(plan.resource, rest, act)})
    state.plans[plan.resource.id] = plan
    state.revision += 1
    return plan


def blank(plan_id: str, group: str, title: str, act: Act) -> Plan:
    container = {"containerId": group, "type": "group", "url": _GROUPS + group}
    values = {
        "title": title,
        "owner": group,
        "container": container,
        "createdBy": act.identity,
        "createdDateTime": act.stamp,
    }
    details: Json = {"categoryDescriptions": {}, "sharedWith": {}}
    return Plan(
        Resource(resources.PLAN, plan_id, values),
        Resource(resources.PLAN_DETAILS, plan_id, details),
        group,
    )


def patch(state: State, plan: Plan, body: Json, base: int | None, act: Act) -> None:
    plan.resource.put(
        writing.settled(plan.resource, body, base, act), even_if_same=writing.noop_moves(act)
    )
    state.revision += 1


def patch_details(state: State, plan: Plan, body: Json, base: int | None, act: Act) -> None:
    writes = writing.settled(plan.details, body, base, act)
    _check_sharing(state, plan, writes, act)
    plan.details.put(writes, even_if_same=writing.noop_moves(act))
    state.revision += 1


def delete(state: State, plan: Plan, base: int | None, act: Act) -> None:
    """The plan goes with all that is in it; by the switch `ghosts`, users' listings still show its
    tasks."""
    writing.check_untouched(plan.resource, base)
    if act.switches.ghosts == "on":
        state.ghosts.extend(history.shown(task) for task in plan.tasks.values())
    del state.plans[plan.resource.id]
    state.revision += 1


def details_json(plan: Plan) -> Json:
    """All 25 labels, null where they have no name."""
    named = plan.details.fields["categoryDescriptions"]
    labels = {f"category{number}": named.get(f"category{number}") for number in range(1, 26)}
    return {**plan.details.json(), "categoryDescriptions": labels}


def create_bucket(state: State, body: Json, act: Act, random: Random) -> Bucket:
    rest = dict(body)
    plan_id = rest.pop("planId", None)
    if plan_id is None:
        raise refusals.invalid(
            "Bucket", "PlanId", "A non-null value must be specified for this field."
        )
    check_id(plan_id, "Bucket", "PlanId")
    if plan_id not in state.plans:
        raise refusals.forbidden(may_be_missing=True)
    plan = state.plan(plan_id, act.by)
    if rest.get("name") is None:
        raise refusals.invalid(
            "Bucket", "Name", "A non-null value must be specified for this field."
        )
    if len(plan.buckets) >= act.switches.max_buckets:
        raise refusals.limit_reached("MaximumBucketsInProject")
    bucket = blank_bucket(plan, new_id(random), "", hints.newest_first(act.ticks))
    bucket.resource.fields.update(
        {w.field: w.value for w in fields.writes(bucket.resource, rest, act)}
    )
    plan.buckets[bucket.resource.id] = bucket
    state.revision += 1
    return bucket


def blank_bucket(plan: Plan, bucket_id: str, name: str, hint: str) -> Bucket:
    values = {"name": name, "planId": plan.resource.id, "orderHint": hint}
    return Bucket(Resource(resources.BUCKET, bucket_id, values), plan.resource.id)


def patch_bucket(state: State, bucket: Bucket, body: Json, base: int | None, act: Act) -> None:
    bucket.resource.put(
        writing.settled(bucket.resource, body, base, act), even_if_same=writing.noop_moves(act)
    )
    state.revision += 1


def delete_bucket(state: State, bucket: Bucket, base: int | None, act: Act) -> None:
    """Its tasks live on without a bucket, or go with it, by the switch `bucket_delete`."""
    writing.check_untouched(bucket.resource, base)
    plan = state.plans[bucket.plan_id]
    del plan.buckets[bucket.resource.id]
    for task in [
        each
        for each in plan.tasks.values()
        if each.resource.fields["bucketId"] == bucket.resource.id
    ]:
        if act.switches.bucket_delete == "delete_tasks":
            task_writes.delete(state, task, None, act)
        else:
            task.resource.put([Write("bucketId", None, None)], even_if_same=False)
            task_writes.commit(state, task, act)
    state.revision += 1


def in_order(plan: Plan) -> list[Bucket]:
    return sorted(
        plan.buckets.values(),
        key=lambda bucket: (bucket.resource.fields["orderHint"], bucket.resource.id),
    )


def _group(container: Any, owner: Any) -> str:
    if isinstance(container, dict):
        named = (
            container.get("containerId") or str(container.get("url", "")).rpartition("/groups/")[2]
        )
        if named:
            return str(named)
    if isinstance(owner, str) and owner:
        return owner
    raise refusals.invalid(
        "Plan", "Container", "A non-null value must be specified for this field."
    )


def _check_sharing(state: State, plan: Plan, writes: list[Write], act: Act) -> None:
    shared = plan.details.fields["sharedWith"]
    new = {
        str(write.key) for write in writes if write.field == "sharedWith" and write.value
    } - shared.keys()
    if len(shared) + len(new) > act.switches.max_shared_with:
        raise refusals.limit_reached("MaximumUsersSharedWithProject")
    for user in new:
        if (
            sum(user in each.details.fields["sharedWith"] for each in state.plans.values())
            >= act.switches.max_plans_shared
        ):
            raise refusals.limit_reached("MaximumProjectsSharedWithUser")
