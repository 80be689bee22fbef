"""The Graph endpoints of plans, their details, their buckets, and of the people of the
directory."""

from planner_emulator import plans, refusals, shaping, writing
from planner_emulator.replies import Reply, Request
from planner_emulator.resources import BUCKET, PLAN, PLAN_DETAILS
from planner_emulator.state import Plan
from planner_emulator.world import World


def create(world: World, request: Request) -> Reply:
    plan = plans.create(world.state, request.json(), world.act(world.client), world.random)
    return shaping.entity(request, world.switches, PLAN, plan.resource.json(), 201)


def get(world: World, request: Request, plan_id: str) -> Reply:
    plan = world.state.plan(plan_id, world.client)
    body = shaping.expand(
        request, plan.resource.json(), {"details": lambda: plans.details_json(plan)}
    )
    return shaping.entity(request, world.switches, PLAN, body)


def patch(world: World, request: Request, plan_id: str) -> Reply:
    plan = world.state.plan(plan_id, world.client)
    base = writing.version_seen(plan.resource, request.if_match, world.switches)
    plans.patch(world.state, plan, request.json(), base, world.act(world.client))
    return shaping.written(request, world.switches, PLAN, plan.resource.json())


def delete(world: World, request: Request, plan_id: str) -> Reply:
    plan = world.state.plan(plan_id, world.client)
    base = writing.version_seen(plan.resource, request.if_match, world.switches)
    plans.delete(world.state, plan, base, world.act(world.client))
    return Reply(204)


def get_details(world: World, request: Request, plan_id: str) -> Reply:
    return shaping.entity(
        request,
        world.switches,
        PLAN_DETAILS,
        plans.details_json(world.state.plan(plan_id, world.client)),
    )


def patch_details(world: World, request: Request, plan_id: str) -> Reply:
    plan = world.state.plan(plan_id, world.client)
    base = writing.version_seen(plan.details, request.if_match, world.switches)
    plans.patch_details(world.state, plan, request.json(), base, world.act(world.client))
    return shaping.written(request, world.switches, PLAN_DETAILS, plans.details_json(plan))


def of_group(world: World, request: Request, group_id: str) -> Reply:
    return _listed(
        world, request, [plan for plan in world.state.plans.values() if plan.group == group_id]
    )


def of_user(world: World, request: Request, user_id: str) -> Reply:
    """Plans shared with a user; everybody is a member of every group here."""
    world.state.user(user_id)
    return _listed(world, request, list(world.state.plans.values()))


def buckets(world: World, request: Request, plan_id: str) -> Reply:
    rows = [
        bucket.resource.json() for bucket in plans.in_order(world.state.plan(plan_id, world.client))
    ]
    return shaping.collection(request, world.switches, "plannerBucket", rows)


def create_bucket(world: World, request: Request) -> Reply:
    bucket = plans.create_bucket(world.state, request.json(), world.act(world.client), world.random)
    return shaping.entity(request, world.switches, BUCKET, bucket.resource.json(), 201)


def get_bucket(world: World, request: Request, bucket_id: str) -> Reply:
    return shaping.entity(
        request, world.switches, BUCKET, world.state.bucket(bucket_id, world.client).resource.json()
    )


def patch_bucket(world: World, request: Request, bucket_id: str) -> Reply:
    bucket = world.state.bucket(bucket_id, world.client)
    base = writing.version_seen(bucket.resource, request.if_match, world.switches)
    plans.patch_bucket(world.state, bucket, request.json(), base, world.act(world.client))
    return shaping.written(request, world.switches, BUCKET, bucket.resource.json())


def delete_bucket(world: World, request: Request, bucket_id: str) -> Reply:
    bucket = world.state.bucket(bucket_id, world.client)
    base = writing.version_seen(bucket.resource, request.if_match, world.switches)
    plans.delete_bucket(world.state, bucket, base, world.act(world.client))
    return Reply(204)


def all_buckets(world: World, request: Request) -> Reply:
    """Useless, but that is what Planner answers."""
    return shaping.collection(request, world.switches, "plannerBucket", [])


def user(world: World, request: Request, name: str) -> Reply:
    found = world.state.user(name)
    body = {
        "id": found.id,
        "displayName": found.name,
        "mail": found.email,
        "userPrincipalName": found.email,
    }
    context = f"{request.origin}/{request.version}/$metadata#users/$entity"
    return Reply(200, {"@odata.context": context, **shaping.selected(request, body)})


def me(world: World) -> str:
    """The signed-in user's id. Refused (400) for an application alone."""
    signed_in = world.client.user
    if signed_in is None:
        raise refusals.bad_request("/me request is only valid with delegated authentication flow.")
    return signed_in


def _listed(world: World, request: Request, found: list[Plan]) -> Reply:
    rows = [plan.resource.json() for plan in found if plan.readable]
    return shaping.collection(request, world.switches, "plannerPlan", rows)
