"""Carries out a script's faults: the first step after a fault's time that fits meets it."""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from planner_emulator import refusals
from planner_emulator.replies import Response, json_response
from tests.simulation.gates import Process, Step

Json = dict[str, Any]
Deed = Callable[[Json], Awaitable[None]]
Restart = Callable[[Process, float], None]


class Faults:
    """`met` counts the faults that happened, by kind."""

    def __init__(self, faults: tuple[Json, ...], deed: Deed, restart: Restart) -> None:
        self._waiting = [dict(fault) for fault in faults]
        self._deed, self._restart = deed, restart
        self._empty_until = 0.0
        self.met: Counter[str] = Counter()

    def heal(self) -> None:
        """From here on nothing goes wrong."""
        self._waiting.clear()
        self._empty_until = 0.0

    async def hook(self, step: Step, process: Process) -> Response | None:
        """What happens at this step."""
        now = asyncio.get_running_loop().time()
        if now < self._empty_until and step.moment == "before" and re.match(r"GET \S+/tasks(\?|$)", step.what):
            process.trace(f"{process.name} {step.what} -> an empty list")
            return json_response(200, {"value": []})
        for fault in self._waiting:
            if fault["at"] > now:
                break
            if _fits(fault, step, process):
                return await self._meet(fault, step, process)
        return None

    async def _meet(self, fault: Json, step: Step, process: Process) -> Response | None:
        fault["times"] = fault.get("times", 1) - 1
        if fault["times"] <= 0:
            self._waiting.remove(fault)
        kind = fault["kind"]
        self.met[f"{kind} {step.moment}" if kind in ("cut", "kill", "status") else kind] += 1
        process.trace(f"!! {kind} {step.moment} {process.name} {step.side} {step.what}")
        match kind:
            case "cut":
                raise ConnectionResetError("cut")
            case "status":
                return _refusal(fault["status"])
            case "throttle":
                no = refusals.throttled(fault["retry_after"])
                return json_response(no.status, {"error": {"code": no.code, "message": no.message}}, dict(no.headers))
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
            case "deed":
                await self._deed(fault["op"])
        return None


def _fits(fault: Json, step: Step, process: Process) -> bool:
    if fault["moment"] != step.moment:
        return False
    if "number" in fault:
        return process.name == "a.1" and sum(process.steps.values()) >= fault["number"]
    return fault["side"] == step.side and re.match(fault["match"], step.what) is not None


def _refusal(status: int) -> Response:
    return json_response(status, {"error": {"code": "injected", "message": "Injected."}})
