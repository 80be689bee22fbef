"""A request to Graph, its answer, and what that means for the caller. Pure, no I/O.

    200 or 201 with a JSON object, 204 to a PATCH or DELETE   done
    400, 405, other 4xx                                       Rejected
    401                                                       Unauthorized
    403 with the name of a Planner limit                      LimitReached
    403                                                       Forbidden
    404, 410                                                  NotFound
    409, 412                                                  CardChanged
    424                                                       NotSent: a request before it failed
    429                                                       Throttled
    408, 423, 425, 1xx, 3xx, 5xx                              AnswerLost
    anything that Graph did not write: HTML, a truncated      AnswerLost
    body, a 4xx without Graph's error envelope

A 404 without the envelope may come from a proxy. The status decides first, then the error code,
never the message; errors of Planner often have no code.
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

# Why an answer is an error, as a code of identity/causes.py.
CAUSES = {Unauthorized: "token_refused", AnswerLost: "graph_no_answer"}
LONGEST_MESSAGE = 300  # characters of Graph's message that we repeat


@dataclass(frozen=True)
class GraphRequest:
    """`path` is relative to the base URL and may have a query; `etag` is sent verbatim."""

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
            # With it 200 and the new etag, without it 204.
            # https://learn.microsoft.com/graph/api/plannertask-update
            headers["Prefer"] = "return=representation"
        if self.etag is not None:
            headers["If-Match"] = self.etag
        return headers

    def __str__(self) -> str:
        """For messages and logs: without the query and without e-mail addresses."""
        path = self.path.partition("?")[0]
        shown = re.sub(r"/users/[^/]*", "/users/…", path)
        return f"{self.method} {shown}"


@dataclass(frozen=True)
class GraphAnswer:
    """`headers` has lower-case names; `json` is None when the body is not a JSON object."""

    status: int
    headers: Mapping[str, str]
    json: Json | None

    @property
    def error(self) -> Json | None:
        """Graph's error envelope; None when there is none."""
        error = self.json.get("error") if self.json else None
        return error if isinstance(error, dict) else None

    @property
    def code(self) -> str:
        error = self.error or {}
        return str(error.get("code") or "")

    @property
    def request_id(self) -> str:
        in_header = self.headers.get("request-id")
        if in_header:
            return in_header
        inner = (self.error or {}).get("innerError")
        in_body = inner.get("request-id") if isinstance(inner, dict) else None
        return str(in_body or "")


@dataclass(frozen=True)
class NoAnswer:
    """No answer came; `kind` says whether the request can have had an effect."""

    kind: type[GraphError]
    reason: str
    code: str = ""
    request_id: str = ""
    cause: str = ""


Outcome = GraphAnswer | NoAnswer


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> GraphAnswer:
    """An answer as it came over the wire."""
    headers = {name.lower(): value for name, value in headers.items()}
    is_json = "json" in headers.get("content-type", "")
    return GraphAnswer(status, headers, _json_object(body) if is_json else None)


def translate(
    request: GraphRequest, outcome: Outcome, remaining_pause: float = 0.0
) -> GraphError | None:
    """The error to raise for an outcome; None when the request was done.

    `remaining_pause` is the gate's, in seconds.
    """
    if isinstance(outcome, NoAnswer):
        return outcome.kind(
            f"{request}: {outcome.reason}",
            code=outcome.code,
            cause=outcome.cause,
            request_id=outcome.request_id,
        )
    if _is_done(request, outcome):
        return None
    kind = _error_class(outcome)
    return kind(
        f"{request}: {_description(outcome)}",
        status=outcome.status,
        code=outcome.code,
        cause=CAUSES.get(kind, ""),
        request_id=outcome.request_id,
        retry_after=remaining_pause,
    )


def redact(outcome: Outcome, secret: str) -> Outcome:
    """The outcome without echoes of `secret` where they would be kept or shown.

    That is in the headers and in the error of a refusal, of which only the parts that somebody
    reads are kept. The content of a card is never changed.
    """
    if isinstance(outcome, NoAnswer):
        return outcome
    headers = {name: value.replace(secret, "***") for name, value in outcome.headers.items()}
    if outcome.error is None or 200 <= outcome.status < 300:
        return replace(outcome, headers=headers)
    message = str(outcome.error.get("message") or "")
    error = {
        "code": outcome.code.replace(secret, "***"),
        "message": message.replace(secret, "***"),
        "innerError": {"request-id": outcome.request_id.replace(secret, "***")},
    }
    return replace(outcome, headers=headers, json={"error": error})


def _json_object(body: bytes) -> Json | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_done(request: GraphRequest, answer: GraphAnswer) -> bool:
    match answer.status:
        case 200 | 201:
            return answer.json is not None
        case 204:
            return request.method in ("PATCH", "DELETE")
        case _:
            return False


def _error_class(answer: GraphAnswer) -> type[GraphError]:
    match answer.status:
        case 401:
            return Unauthorized
        case 424:
            return NotSent
        case 429:
            return Throttled
        case 408 | 423 | 425:
            return AnswerLost
        case status if not 400 <= status < 500 or answer.error is None:
            return AnswerLost  # not a refusal, or not one of Graph's own
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


def _description(answer: GraphAnswer) -> str:
    """What an error says of an answer, on one line."""
    parts = [str(answer.status), answer.code]
    if answer.error is not None:
        parts.append(_quoted(str(answer.error.get("message") or "")))
    elif answer.json is None and answer.status != 204:
        parts.append("without a JSON object")
    if answer.request_id:
        parts.append(f"(request-id {answer.request_id})")
    return " ".join(part for part in parts if part)


def _quoted(message: str) -> str:
    """Graph's message in “ ”: by these logs.py finds what may repeat the content of a task."""
    if not message:
        return ""
    letters = [letter if _is_plain(letter) else " " for letter in message]
    return f"“{''.join(letters)[:LONGEST_MESSAGE]}”"


def _is_plain(letter: str) -> bool:
    return letter.isprintable() and letter != "”"
