"""The emulator's own endpoints under `/_emulator/`: faults, journal, state, tokens, and what people
do.

They are no part of Graph. They are for tests and for the board page, need no token, and answer
loopback only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from planner_emulator import plans
from planner_emulator.faults import Fault
from planner_emulator.history import shown
from planner_emulator.humans import ACTIONS, Humans
from planner_emulator.planner import Planner
from planner_emulator.refusals import Refused
from planner_emulator.resources import Json
from planner_emulator.state import Plan
from planner_emulator.tokens import Tokens


class Control:
    """One method, `answer`, over everything that a test may turn."""

    def __init__(self, planner: Planner, tokens: Tokens) -> None:
        self.planner = planner
        self.tokens = tokens
        self.humans = Humans(planner)
        self.in_flight = 0
        self.most_in_flight = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Around a call over the wire, so that a test can see how many were under way at once."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """(status, JSON or None) of one call; `path` is what follows `/_emulator/`."""
        try:
            return self._route(method, path, query, body)
        except Refused as no:
            return no.status, {"error": {"code": no.code, "message": no.message}}
        except (KeyError, TypeError, ValueError) as wrong:
            return 400, {
                "error": {"code": "emulator", "message": f"{type(wrong).__name__}: {wrong}"}
            }

    def _route(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        match method, path.split("/"):
            case "GET", ["state"]:
                return self._state(query)
            case "GET", ["requests"]:
                return 200, {
                    "value": self.planner.journal.rows(),
                    "mostInFlight": self.most_in_flight,
                }
            case "DELETE", ["requests"]:
                self.planner.journal.clear()
                self.most_in_flight = self.in_flight
                return 204, None
            case "GET", ["faults"]:
                return 200, {"value": [vars(fault) for fault in self.planner.faults.present]}
            case "POST", ["faults"]:
                return 201, vars(self.planner.faults.add(Fault.read(body)))
            case "DELETE", ["faults"]:
                self.planner.faults.present.clear()
                return 204, None
            case "PUT", ["tokens"]:
                self.tokens.replace(body["accept"])
                return 204, None
            case "POST", ["human", action] if action in ACTIONS:
                return 200, ACTIONS[action](self.humans, **body)
        return 404, {
            "error": {"code": "emulator", "message": f"there is no {method} /_emulator/{path}"}
        }

    def _state(self, query: dict[str, str]) -> tuple[int, Any]:
        """Everything there is; 204 when nothing changed since the revision `known`."""
        self.planner.catch_up()
        state = self.planner.world.state
        if query.get("known") == str(state.revision):
            return 204, None
        users = [vars(user) for user in state.users.values()]
        found = [_plan_state(plan) for plan in state.plans.values()]
        return 200, {"revision": state.revision, "users": users, "plans": found}


def _plan_state(plan: Plan) -> Json:
    return {
        "id": plan.resource.id,
        "title": plan.resource.fields["title"],
        "group": plan.group,
        "readable": plan.readable,
        "labels": plan.details.fields["categoryDescriptions"],
        "buckets": [bucket.resource.json() for bucket in plans.in_order(plan)],
        "tasks": sorted(
            (shown(task) for task in plan.tasks.values()), key=lambda row: str(row["orderHint"])
        ),
    }
