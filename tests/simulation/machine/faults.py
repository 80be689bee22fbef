"""Carries out a script's faults. Each hits the first fitting step after its time."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from planner_emulator import refusals
from planner_emulator.replies import Response, json_response
from tests.simulation.machine.gates import Process, Step
from tests.simulation.machine.virtual_time import START

Json = dict[str, Any]
Deed = Callable[[Json], Awaitable[None]]
Restart = Callable[[Process, float], None]
MOMENTS = ("cut", "kill", "status")  # before or after is another fault
# Planner's listings have been seen to lag by seconds; the design allows for half a minute.
LAG_SECONDS = 25.0
OLD_SECONDS = 100.0  # a card that was just made is left to the switch list_lag_ms


class Faults:
    """`met` counts the faults that happened, by kind."""

    def __init__(self, faults: tuple[Json, ...], deed: Deed, restart: Restart) -> None:
        self._waiting = [dict(fault) for fault in faults]
        self._deed, self._restart = deed, restart
        self._empty_until = 0.0
        self._listings: dict[str, tuple[float, Response]] = {}
        self.met: Counter[str] = Counter()

    def heal(self) -> None:
        """From here on nothing goes wrong."""
        self._waiting.clear()
        self._empty_until = 0.0

    async def hook(self, step: Step, process: Process) -> Response | None:
        """What happens at this step."""
        now = asyncio.get_running_loop().time()
        listing = re.match(r"GET \S+/tasks(\?|$)", step.what)
        if now < self._empty_until and step.moment == "before" and self._is_known(step.what):
            process.trace(f"{process.name} {step.what} -> an empty list")
            return json_response(200, {"value": []})
        answer = await self._first_that_fits(step, process, now)
        if listing and answer is None and step.answer is not None:
            self._listings[step.what] = (now, step.answer)
        return answer

    async def _first_that_fits(self, step: Step, process: Process, now: float) -> Response | None:
        for fault in self._waiting:
            if fault["at"] > now:
                break
            if _fits(fault, step, process) and self._can(fault, step, now):
                return await self._meet(fault, step, process)
        return None

    def _can(self, fault: Json, step: Step, now: float) -> bool:
        match fault["kind"]:
            case "empty list":
                return self._is_known(step.what)
            case "lagging list":
                return (
                    step.what in self._listings and self._listings[step.what][0] > now - LAG_SECONDS
                )
            case "short list":
                return (
                    step.answer is not None
                    and step.answer.status == 200
                    and _has_anchor(step.answer)
                )
            case "spoilt":
                return step.answer is not None and step.answer.status == 200
        return True

    def _is_known(self, what: str) -> bool:
        """Has this listing shown its anchor before?

        Else a wrong listing looks like an empty plan.
        """
        return what in self._listings and _has_anchor(self._listings[what][1])

    async def _meet(self, fault: Json, step: Step, process: Process) -> Response | None:
        fault["times"] = fault.get("times", 1) - 1
        if fault["times"] <= 0:
            self._waiting.remove(fault)
        kind = fault["kind"]
        self.met[f"{kind} {step.moment}" if kind in MOMENTS else kind] += 1
        process.trace(f"!! {kind} {step.moment} {process.name} {step.side} {step.what}")
        match kind:
            case "cut":
                raise ConnectionResetError("cut")
            case "status":
                return _refusal(fault["status"])
            case "throttle":
                no = refusals.throttled(fault["retry_after"])
                return json_response(
                    no.status, {"error": {"code": no.code, "message": no.message}}, dict(no.headers)
                )
            case "stall":
                await asyncio.sleep(fault["seconds"])
            case "freeze":
                process.frozen_until = asyncio.get_running_loop().time() + fault["seconds"]
                await asyncio.sleep(fault["seconds"])
            case "kill":
                self._restart(process, fault["down"])
            case "empty list":
                self._empty_until = asyncio.get_running_loop().time() + fault["seconds"]
                return json_response(200, {"value": []})
            case "lagging list":
                return self._listings[step.what][1]
            case "short list":
                return _short(step.answer, asyncio.get_running_loop().time())
            case "spoilt":
                return _spoil(step.answer, fault["how"])
            case "human now" | "agent now":
                await self._deed(fault["op"])
        return None


def _fits(fault: Json, step: Step, process: Process) -> bool:
    if fault["moment"] != step.moment or process.name == "operator":
        return False
    if "number" in fault:
        return process.name == "a.1" and sum(process.steps.values()) >= fault["number"]
    return fault["side"] == step.side and re.match(fault["match"], step.what) is not None


def _has_anchor(answer: Response) -> bool:
    """Does the listing show the anchor? A listing without that card is known to be wrong."""
    return b'"anchor' in answer.body


def _refusal(status: int) -> Response:
    return json_response(status, {"error": {"code": "injected", "message": "Injected."}})


def _short(answer: Response | None, now: float) -> Response | None:
    """The listing without its anchor and without every second one of the older cards."""
    if answer is None:
        return None
    body = json.loads(answer.body)
    since = (START + timedelta(seconds=now - OLD_SECONDS)).isoformat()
    kept = [
        row
        for n, row in enumerate(body["value"])
        if row["createdDateTime"][:19] > since[:19]
        or (n % 2 and not row["title"].startswith("anchor"))
    ]
    return json_response(200, {**body, "value": kept}, dict(answer.headers))


def _spoil(answer: Response | None, how: str) -> Response | None:
    """A spoilt answer: half of the text, a gateway's page, or nothing."""
    if answer is None:
        return None
    match how:
        case "half":
            return Response(200, answer.headers, answer.body[: len(answer.body) // 2])
        case "html":
            return Response(200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")
    return Response(200, answer.headers, b"")
