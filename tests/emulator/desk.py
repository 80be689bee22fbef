"""A Planner in memory with the few calls that tests make of it."""

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from planner_emulator.humans import Humans
from planner_emulator.planner import Planner
from planner_emulator.replies import Response
from planner_emulator.switches import Switches
from planner_emulator.world import DEFAULT_PLAN

ITEM = "0e00e000-0000-4000-8000-00000000000a"
OTHER_ITEM = "0e00e000-0000-4000-8000-00000000000b"
LINK = "https%3A//example%2Ecom/notes"
STRANGER = "0e00e000-0000-4000-8000-0000000000ee"
NOBODY_ID = "A" * 28

Json = dict[str, Any]


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, ms: int) -> None:
        self.now += timedelta(milliseconds=ms)


class Desk:
    """`Desk(page_size=2)`: switches by keyword."""

    def __init__(self, **switches: object) -> None:
        from planner_emulator.__main__ import seed

        self.clock = Clock()
        chosen = Switches.parse(f"{name}={value}" for name, value in switches.items())
        self.planner = Planner(clock=self.clock, random=Random(7), switches=chosen)
        seed(self.planner.world, [], [])
        self.human = Humans(self.planner)
        self.plan = DEFAULT_PLAN
        self.users = list(self.planner.world.state.users)
        self.buckets = list(self.planner.world.state.plans[DEFAULT_PLAN].buckets)

    def call(
        self, method: str, path: str, body: Any = None, version: str = "v1.0", **headers: str
    ) -> Response:
        """`if_match="…"` becomes the header If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = b"" if body is None else json.dumps(body).encode()
        if raw:
            named.setdefault("content-type", "application/json")
        return self.planner.handle(method, f"/{version}/{path.lstrip('/')}", named, raw)

    def get(self, path: str) -> Json:
        response = self.call("GET", path)
        assert response.status == 200, response.body
        body: Json = response.json()
        return body

    def patch(self, path: str, body: Json, etag: str | None = None, **headers: str) -> Response:
        """Without an etag: with the present one."""
        headers["if_match"] = self.etag(path) if etag is None else etag
        return self.call("PATCH", path, body, **headers)

    def patched(self, path: str, body: Json, etag: str | None = None) -> Json:
        """The resource after the PATCH."""
        response = self.patch(path, body, etag, prefer="return=representation")
        assert response.status == 200, response.body
        after: Json = response.json()
        return after

    def task(self, **fields: Any) -> Json:
        """A new task; `title` and `planId` are there already."""
        response = self.call(
            "POST", "planner/tasks", {"planId": self.plan, "title": "Task", **fields}
        )
        assert response.status == 201, response.body
        task: Json = response.json()
        return task

    def etag(self, path: str) -> str:
        return str(self.get(path)["@odata.etag"])


def path_of(task: Json) -> str:
    return f"planner/tasks/{task['id']}"


def details_of(task: Json) -> str:
    return f"planner/tasks/{task['id']}/details"


def assigned(*users: str) -> Json:
    return {
        user: {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
        for user in users
    }


def item(**members: Any) -> Json:
    return {"@odata.type": "microsoft.graph.plannerChecklistItem", **members}


def link(**members: Any) -> Json:
    return {"@odata.type": "microsoft.graph.plannerExternalReference", **members}


def error(response: Response) -> tuple[int, str, str]:
    """(status, code, message)"""
    body = response.json()["error"]
    return response.status, body["code"], body["message"]
