"""No request leaves that names a plan outside the allow-list, whatever the id and wherever it
stands."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner_sync.errors import Rejected
from planner_sync.graph.client import Graph
from planner_sync.graph.gate import Gate
from planner_sync.identity.tokens import ReadyToken

OURS = "xqQg5FS2LkCp935s-FIFm2QAFkHM"
IDS = st.text("abcXYZ019_-", min_size=1, max_size=28).filter(lambda text: text != OURS)
PLACES: list[Any] = [
    lambda plan: ("GET", f"/planner/plans/{plan}", None),
    lambda plan: ("GET", f"/planner/plans/{plan}/tasks?$expand=details", None),
    lambda plan: ("GET", f"/planner/PLANS/{plan}/buckets", None),
    lambda plan: ("GET", f"/planner/plans('{plan}')/details", None),
    lambda plan: ("GET", f"/planner/%70lans/{plan}/tasks", None),
    lambda plan: ("GET", f"/planner/plans/{OURS}/../{plan}/tasks", None),
    lambda plan: ("GET", f"/planner/plans/{OURS}/%2E%2E/{plan}/tasks", None),
    lambda plan: ("GET", f"/planner/tasks?$filter={quote(f'planId eq {plan!r}')}", None),
    lambda plan: ("PATCH", f"/planner/plans/{plan}/details", {"categoryDescriptions": {}}),
    lambda plan: ("POST", "/planner/tasks", {"planId": plan, "title": "a"}),
    lambda plan: ("POST", "/planner/buckets", {"PLANID": plan, "name": "a"}),
    lambda plan: (
        "POST",
        "/planner/tasks",
        {"title": "a", "details": {"deep": [{"planId": plan}]}},
    ),
    lambda plan: ("DELETE", f"/planner/plans/{plan}", None),
]


class Wire(httpx.AsyncBaseTransport):
    """Keeps what would leave."""

    def __init__(self) -> None:
        self.left: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.left.append(f"{request.method} {request.url} {(await request.aread()).decode()}")
        return httpx.Response(200, json={"id": "a", "value": []})


async def send(method: Any, path: str, json: Any) -> tuple[list[str], bool]:
    wire = Wire()
    base = "https://graph.example/v1.0"
    graph = Graph(base, ReadyToken("t"), Gate(deadline=5.0), frozenset({OURS}), transport=wire)
    try:
        await graph.request(method, path, json=json)
    except Rejected:
        return wire.left, True
    finally:
        await graph.aclose()
    return wire.left, False


@pytest.mark.parametrize("place", PLACES)
@given(plan=IDS)
def test_no_request_leaves_that_names_a_foreign_plan(place: Any, plan: str) -> None:
    assert asyncio.run(send(*place(plan))) == ([], True)


@pytest.mark.parametrize("place", [PLACES[0], PLACES[1], PLACES[9]])
def test_requests_about_our_own_plan_leave(place: Any) -> None:
    left, refused = asyncio.run(send(*place(OURS)))
    assert (len(left), refused) == (1, False)
