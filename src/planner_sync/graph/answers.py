"""What we ask Graph, what comes back, and what that means for the caller. Pure, no I/O.

    200, 201 with a JSON object, 204 to a PATCH or DELETE     done
    400, 405, other 4xx                                       Rejected
    401                                                       Unauthorized
    403 with one of Planner's limits / any other              LimitReached / Forbidden
    404, 410                                                  NotFound
    409, 412                                                  CardChanged
    424                                                       NotSent: what it was to follow failed
    429                                                       Throttled
    408, 423, 425, 1xx, 3xx, 5xx, and all that is not         AnswerLost
    Graph's own: HTML, a truncated body, a 404 without
    the error envelope (a proxy can say "not found" too)

Errors are told apart by status first, by code second, never by message: Planner's own often have no
code.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from planner_sync.errors import (
    AnswerLost,
    CardChanged,
    Forbidden,
    GraphError,
    LimitReached,
    NotFound,
    NotSent,
    Rejected,
    Throttled,
    Unauthorized,
)

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Json = dict[str, Any]

CAUSES = {Unauthorized: "token_refused", AnswerLost: "graph_no_answer"}  # of answers; see causes.py
LONGEST_MESSAGE = 300  # characters that we repeat of what Graph says


@dataclass(frozen=True)
class Request:
    """`path` is below the base URL and may have a query; `etag` is sent verbatim."""

    method: Method
    path: str
    json: Mapping[str, Any] | None = None
    etag: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        headers = {}
        if self.json is not None:
            headers["Content-Type"] = "application/json"
        if self.method == "PATCH":
            # https://learn.microsoft.com/graph/api/plannertask-update: 200 with the new etag, else 204
            headers["Prefer"] = "return=representation"
        if self.etag is not None:
            headers["If-Match"] = self.etag
        return headers

    def __str__(self) -> str:
        """For messages and logs: no query, no e-mail address."""
        return f"{self.method} {re.sub(r'/users/[^/]*', '/users/…', self.path.partition('?')[0])}"


@dataclass(frozen=True)
class Answer:
    """`headers` has lower-case names; `json` is None when the body is no JSON object."""

    status: int
    headers: Mapping[str, str]
    json: Json | None

    @property
    def error(self) -> Json | None:
        """Graph's error envelope, if this has one."""
        error = self.json.get("error") if self.json else None
        return error if isinstance(error, dict) else None

    @property
    def code(self) -> str:
        return str((self.error or {}).get("code") or "")

    @property
    def request_id(self) -> str:
        inner = (self.error or {}).get("innerError")
        said = inner.get("request-id") if isinstance(inner, dict) else None
        return self.headers.get("request-id") or str(said or "")


@dataclass(frozen=True)
class Failure:
    """There is no answer; `kind` says whether the request can have done anything."""

    kind: type[GraphError]
    reason: str
    code: str = ""
    request_id: str = ""
    cause: str = ""


Outcome = Answer | Failure


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """An answer from what came over the wire."""
    headers = {name.lower(): value for name, value in headers.items()}
    found = _parsed(body) if "json" in headers.get("content-type", "") else None
    return Answer(status, headers, found if isinstance(found, dict) else None)


def translate(request: Request, outcome: Outcome, pause: float = 0.0) -> GraphError | None:
    """The error that this outcome is, or None when the request was done; `pause` is the gate's, in
    seconds."""
    if isinstance(outcome, Failure):
        return outcome.kind(
            f"{request}: {outcome.reason}",
            code=outcome.code,
            cause=outcome.cause,
            request_id=outcome.request_id,
        )
    if _is_done(request, outcome):
        return None
    kind = _kind(outcome)
    return kind(
        f"{request}: {_said(outcome)}",
        status=outcome.status,
        code=outcome.code,
        cause=CAUSES.get(kind, ""),
        request_id=outcome.request_id,
        retry_after=pause,
    )


def without(outcome: Outcome, secret: str) -> Outcome:
    """The same outcome without echoes of `secret` in what is kept and shown: headers, and the error
    of a refusal.

    Of that error only what somebody reads is left. What is on a card is never touched.
    """
    if isinstance(outcome, Failure):
        return outcome
    headers = {name: value.replace(secret, "***") for name, value in outcome.headers.items()}
    if outcome.error is None or 200 <= outcome.status < 300:
        return replace(outcome, headers=headers)
    said = {"code": outcome.code, "message": str(outcome.error.get("message") or "")}
    struck: Json = {name: text.replace(secret, "***") for name, text in said.items()}
    struck["innerError"] = {"request-id": outcome.request_id.replace(secret, "***")}
    return replace(outcome, headers=headers, json={"error": struck})


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_done(request: Request, answer: Answer) -> bool:
    match answer.status:
        case 200 | 201:
            return answer.json is not None
        case 204:
            return request.method in ("PATCH", "DELETE")
        case _:
            return False


def _kind(answer: Answer) -> type[GraphError]:
    match answer.status:
        case 401:
            return Unauthorized
        case 424:
            return NotSent
        case 429:
            return Throttled
        case status if status in (408, 423, 425) or not 400 <= status < 500 or answer.error is None:
            return AnswerLost
        case 403 if answer.code.startswith("Maximum"):
            return LimitReached
        case 403:
            return Forbidden
        case 404 | 410:
            return NotFound
        case 409 | 412:
            return CardChanged
        case _:
            return Rejected


def _said(answer: Answer) -> str:
    parts = [str(answer.status), answer.code]
    if answer.error is not None:
        message = str(answer.error.get("message") or "")
        words = "".join(
            letter if letter.isprintable() and letter != "”" else " " for letter in message
        )
        # These marks tell logs.py what may repeat the content of a task.
        parts.append(words and f"“{words[:LONGEST_MESSAGE]}”")
    elif answer.json is None and answer.status != 204:
        parts.append("without a JSON object")
    if answer.request_id:
        parts.append(f"(request-id {answer.request_id})")
    return " ".join(part for part in parts if part)
