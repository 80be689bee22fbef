"""The Graph endpoints of tasks, their details and their board formats."""

from planner_emulator import history, refusals, shaping, tasks, writing
from planner_emulator.replies import Reply, Request
from planner_emulator.resources import BOARDS, DETAILS, TASK, Json
from planner_emulator.state import Task
from planner_emulator.world import World


def create(world: World, request: Request) -> Reply:
    body = request.json()
    if "creationSource" in body and (
        world.switches.creation_source == "off" or request.version != "beta"
    ):
        raise refusals.bad_request(
            "The property 'creationSource' does not exist on type 'microsoft.graph.plannerTask'."
        )
    task, is_new = tasks.create(world.state, body, world.act(world.client), world.random)
    status = 201 if is_new else int(world.switches.creation_source_repeat)
    return shaping.entity(request, world.switches, TASK, task.resource.json(), status)


def get(world: World, request: Request, task_id: str) -> Reply:
    task = world.state.task(task_id, world.client)
    parts = {name: board.json for name, board in task.boards.items()}
    body = shaping.expand(
        _with_details_switch(world, request),
        task.resource.json(),
        parts | {"details": task.details.json},
    )
    return shaping.entity(request, world.switches, TASK, body)


def patch(world: World, request: Request, task_id: str) -> Reply:
    task = world.state.task(task_id, world.client)
    base = writing.version_seen(task.resource, request.if_match, world.switches)
    tasks.patch(world.state, task, request.json(), base, world.act(world.client))
    return shaping.written(request, world.switches, TASK, task.resource.json())


def delete(world: World, request: Request, task_id: str) -> Reply:
    task = world.state.task(task_id, world.client)
    base = writing.version_seen(task.resource, request.if_match, world.switches)
    tasks.delete(world.state, task, base, world.act(world.client))
    return Reply(204)


def get_details(world: World, request: Request, task_id: str) -> Reply:
    task = _with_details(world, task_id)
    if task.reads_refused:
        task.reads_refused -= 1
        raise refusals.not_found()
    return shaping.entity(request, world.switches, DETAILS, task.details.json())


def patch_details(world: World, request: Request, task_id: str) -> Reply:
    task = _with_details(world, task_id)
    base = writing.version_seen(task.details, request.if_match, world.switches)
    tasks.patch_details(world.state, task, request.json(), base, world.act(world.client))
    return shaping.written(request, world.switches, DETAILS, task.details.json())


def get_board(world: World, request: Request, task_id: str, name: str) -> Reply:
    return shaping.entity(
        request,
        world.switches,
        BOARDS[name],
        world.state.task(task_id, world.client).boards[name].json(),
    )


def patch_board(world: World, request: Request, task_id: str, name: str) -> Reply:
    task = world.state.task(task_id, world.client)
    base = writing.version_seen(task.boards[name], request.if_match, world.switches)
    tasks.patch_board(world.state, task, name, request.json(), base, world.act(world.client))
    return shaping.written(request, world.switches, BOARDS[name], task.boards[name].json())


def in_plan(world: World, request: Request, plan_id: str) -> Reply:
    plan = world.state.plan(plan_id, world.client)
    return _listed(world, request, history.tasks(world.state, plan, world.now()))


def in_bucket(world: World, request: Request, bucket_id: str) -> Reply:
    plan = world.state.plan(world.state.bucket(bucket_id, world.client).plan_id, world.client)
    rows = history.tasks(world.state, plan, world.now())
    return _listed(world, request, [row for row in rows if row["bucketId"] == bucket_id])


def of_user(world: World, request: Request, user_id: str) -> Reply:
    """The tasks assigned to a user; here $expand=details has always worked."""
    user = world.state.user(user_id)
    plans = [plan for plan in world.state.plans.values() if plan.readable]
    rows = [
        row for plan in plans for row in history.tasks(world.state, plan, world.now())
    ] + world.state.ghosts
    mine = [row for row in rows if user.id in row["assignments"]]
    return _rows(world, request, mine, with_details="details" in shaping.expanded(request))


def _listed(world: World, request: Request, rows: list[Json]) -> Reply:
    asked = shaping.expanded(_with_details_switch(world, request))
    return _rows(world, request, rows, with_details="details" in asked)


def _rows(world: World, request: Request, rows: list[Json], *, with_details: bool) -> Reply:
    shown = (
        rows if with_details else [{k: v for k, v in row.items() if k != "details"} for row in rows]
    )
    return shaping.collection(request, world.switches, "plannerTask", shown)


def _with_details_switch(world: World, request: Request) -> Request:
    """The request as Planner understands it: $expand=details honoured, ignored or rejected."""
    if "details" not in shaping.expanded(request) or world.switches.expand_details == "honour":
        return request
    if world.switches.expand_details == "reject":
        raise refusals.bad_request(
            "The query specified in the URI is not valid. $expand is not supported."
        )
    return request.without_query("$expand")


def _with_details(world: World, task_id: str) -> Task:
    """The task, unless its details cannot be found yet (switch `details_404_ms`)."""
    task = world.state.task(task_id, world.client)
    if world.now() - task.created < world.switches.details_404_ms * 10_000:
        raise refusals.not_found()
    return task
