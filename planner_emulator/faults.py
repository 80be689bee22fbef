"""What can go wrong between a client and Planner, injected on demand: per call, also per item of a
batch.

A fault says which calls it meets, how many of them it lets pass first, and how many it spoils.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from planner_emulator import refusals
from planner_emulator.refusals import Refused
from planner_emulator.replies import JSON_TYPE, Request, Response

KINDS = {
    "status": "answer with `status`, `code`, `message`, `retry_after`; "
    "the write is done only with `apply`",
    "throttle": "429 with Graph's body; `retry_after` word for word, or no such header",
    "expired_token": "401 InvalidAuthenticationToken",
    "drop_before": "cut the connection, nothing is done",
    "drop_after": "do it, then cut the connection",
    "late": "cut the connection, and do it `delay_ms` later",
    "slow": "do it, and answer `delay_ms` later",
    "html": "a gateway's page with `status` (502) in place of JSON; done only with `apply`",
    "truncate": "do it; the answer is half of the JSON",
    "cut": "do it; the connection is cut halfway through the answer",
    "next_link": "do it; the page's @odata.nextLink is `url`",
    "empty_list": "a collection without rows",
    "body": "do it; the answer's body is `body` (text, or any JSON)",
}


@dataclass
class Fault:
    """`times` None: for ever. `after`: matching calls that pass untouched first. `delay_ms`:
    milliseconds."""

    kind: str
    method: str = ".*"
    path: str = ".*"
    times: int | None = 1
    after: int = 0
    status: int | None = None
    code: str = ""
    message: str = "Injected."
    retry_after: str | None = None
    delay_ms: int = 0
    apply: bool = False
    url: str = ""
    body: Any = None
    id: int = 0
    seen: int = 0
    spoiled: int = 0

    @classmethod
    def read(cls, wish: dict[str, Any]) -> "Fault":
        """A fault from JSON, with method and path (regular expressions) in `match`. ValueError:
        what is wrong."""
        members = {**wish, **wish.get("match", {})}
        members.pop("match", None)
        unknown = members.keys() - (cls.__dataclass_fields__.keys() - {"id", "seen", "spoiled"})
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        if members.get("kind") not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        fault = cls(**members)
        for pattern in (fault.method, fault.path):
            _check_pattern(pattern)
        return fault

    def matches(self, request: Request) -> bool:
        return bool(
            re.fullmatch(self.method, request.method) and re.search(self.path, request.target)
        )

    def is_spent(self) -> bool:
        return self.times is not None and self.spoiled >= self.times


@dataclass
class Faults:
    """The faults in the order they were added; the first that fits meets the call."""

    present: list[Fault] = field(default_factory=list)
    _ids: "count[int]" = field(default_factory=lambda: count(1))

    def add(self, fault: Fault) -> Fault:
        fault.id = next(self._ids)
        self.present.append(fault)
        return fault

    def take(self, request: Request) -> Fault | None:
        """The fault that this call meets, counted."""
        for fault in self.present:
            if fault.is_spent() or not fault.matches(request):
                continue
            fault.seen += 1
            if fault.seen > fault.after:
                fault.spoiled += 1
                return fault
        return None


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as why:
        raise ValueError(f"{pattern!r} is no regular expression: {why}") from why


def play(
    fault: Fault, execute: Callable[[], Response], refuse: Callable[[Refused], Response]
) -> Response:
    """Answer a call that meets `fault`. `late` is answered here too, but whoever calls this does
    the work later."""
    match fault.kind:
        case "drop_before" | "late":
            return Response(0, lost=True)
        case "status" | "throttle" | "expired_token":
            if fault.apply:
                execute()
            return refuse(_refusal(fault))
        case "html":
            if fault.apply:
                execute()
            return Response(
                fault.status or 502,
                {"Content-Type": "text/html"},
                b"<html><body>Gateway</body></html>",
            )
        case _:
            return _spoil(fault, execute())


def _refusal(fault: Fault) -> Refused:
    if fault.kind == "throttle":
        return refusals.throttled(fault.retry_after)
    if fault.kind == "expired_token":
        return refusals.unauthorized()
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    return Refused(fault.status or 500, fault.message, fault.code, headers)


def _spoil(fault: Fault, response: Response) -> Response:
    """The answer to what was done, as the fault lets it through."""
    response.delay_ms += fault.delay_ms
    match fault.kind:
        case "drop_after":
            response.lost = True
        case "cut":
            response.cut = True
        case "truncate":
            response.body = response.body[: len(response.body) // 2]
        case "next_link":
            _replace(response, {**response.json(), "@odata.nextLink": fault.url})
        case "empty_list":
            _replace(response, {"@odata.count": 0, "value": []})
        case "body":
            _replace(response, fault.body)
            response.status = fault.status or response.status
    return response


def _replace(response: Response, body: Any) -> None:
    response.body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    response.headers["Content-Type"] = JSON_TYPE
