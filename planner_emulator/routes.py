"""The table of Graph's Planner endpoints: method, path, and who answers."""

import re
from collections.abc import Callable

from planner_emulator import plan_routes, refusals, task_routes
from planner_emulator.replies import Reply, Request
from planner_emulator.resources import BOARDS
from planner_emulator.world import World

Handler = Callable[..., Reply]

_NO_FILTER = (
    "This entity set cannot be queried without a filter on planId or publication's id and "
    "publishedToPlanId."
)
_NO_OWNER = (
    "This entity set must be queried with a filter on owner property, or container type and "
    "container external id, or contextScenarioId"
)
_CONTAINED = (
    "Write requests are only supported on contained entities or navigation properties with "
    "bindings."
)


def dispatch(world: World, request: Request) -> Reply:
    """Answer one call. Refused: whatever the endpoint refuses, 400 for an unknown path, 405 for a
    wrong method."""
    path = "/".join(request.segments)
    methods = {}
    for method, pattern, handler in _TABLE:
        match = pattern.fullmatch(path)
        if match:
            methods[method] = (handler, match.groups())
    if not methods:
        raise refusals.bad_request(f"Resource not found for the segment '{request.segments[-1]}'.")
    if request.method not in methods:
        raise refusals.Refused(405, f"The method {request.method} is not supported here.")
    handler, ids = methods[request.method]
    return handler(world, request, *ids)


def _refuse(status: int, message: str, code: str = "") -> Handler:
    def handler(world: World, request: Request, *ids: str) -> Reply:
        raise refusals.Refused(status, message, code)

    return handler


def _for_me(handler: Handler) -> Handler:
    return lambda world, request: handler(world, request, plan_routes.me(world))


def _lost_in_back_end(world: World, request: Request, *ids: str) -> Reply:
    address = f"https://tasks.office.com:444/taskapi/v2.0{request.target}"
    raise refusals.Refused(
        404, f"No HTTP resource was found that matches the request URI '{address}'."
    )


_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "planner/tasks", _refuse(405, _NO_FILTER)),
    ("POST", "planner/tasks", task_routes.create),
    ("GET", "planner/tasks/{}", task_routes.get),
    ("PATCH", "planner/tasks/{}", task_routes.patch),
    ("DELETE", "planner/tasks/{}", task_routes.delete),
    ("GET", "planner/tasks/{}/details", task_routes.get_details),
    ("PATCH", "planner/tasks/{}/details", task_routes.patch_details),
    ("GET", "planner/tasks/{}/{board}", task_routes.get_board),
    ("PATCH", "planner/tasks/{}/{board}", task_routes.patch_board),
    ("GET", "planner/plans", _refuse(405, _NO_OWNER)),
    ("POST", "planner/plans", plan_routes.create),
    ("GET", "planner/plans/{}", plan_routes.get),
    ("PATCH", "planner/plans/{}", plan_routes.patch),
    ("DELETE", "planner/plans/{}", plan_routes.delete),
    ("GET", "planner/plans/{}/details", plan_routes.get_details),
    ("PATCH", "planner/plans/{}/details", plan_routes.patch_details),
    ("GET", "planner/plans/{}/tasks", task_routes.in_plan),
    ("GET", "planner/plans/{}/buckets", plan_routes.buckets),
    ("GET", "planner/buckets", plan_routes.all_buckets),
    ("POST", "planner/buckets", plan_routes.create_bucket),
    ("GET", "planner/buckets/{}", plan_routes.get_bucket),
    ("PATCH", "planner/buckets/{}", plan_routes.patch_bucket),
    ("DELETE", "planner/buckets/{}", plan_routes.delete_bucket),
    ("GET", "planner/buckets/{}/tasks", task_routes.in_bucket),
    ("GET", "groups/{}/planner/plans", plan_routes.of_group),
    ("GET", "users/{}", plan_routes.user),
    ("GET", "users/{}/planner/plans", plan_routes.of_user),
    ("GET", "users/{}/planner/tasks", task_routes.of_user),
    ("GET", "me", _for_me(plan_routes.user)),
    ("GET", "me/planner/plans", _for_me(plan_routes.of_user)),
    ("GET", "me/planner/tasks", _for_me(task_routes.of_user)),
    ("POST", "me/planner/tasks", _refuse(400, _CONTAINED, "BadRequest")),
    ("GET", "me/planner/plans/{}/tasks", _lost_in_back_end),
]


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(template.replace("{board}", f"({'|'.join(BOARDS)})").replace("{}", "([^/]+)"))


_TABLE = [(method, _pattern(template), handler) for method, template, handler in _ROUTES]
