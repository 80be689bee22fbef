"""Several requests as one `POST /$batch`, and its reply as one answer for each. Pure, no I/O.

Not a transaction: each item has its own status. Items come back in any order and are matched by id;
an item that is missing, twice in the reply or unreadable has no known outcome.
https://learn.microsoft.com/graph/json-batching
"""

from collections.abc import Mapping
from typing import Any

from planner_sync.errors import AnswerLost
from planner_sync.graph.answers import Answer, Failure, Json, Outcome, Request

LOST = Failure(AnswerLost, "the reply to the batch does not say what became of it")


def pack(requests: list[Request]) -> Request:
    """The batch of these requests, at most 20; the ids are 1, 2, 3, …"""
    return Request(
        "POST",
        "/$batch",
        json={"requests": [_item(n, request) for n, request in enumerate(requests, 1)]},
    )


def unpack(reply: Answer, count: int) -> list[Outcome]:
    """The outcome of each of the `count` requests, in their order."""
    found: dict[str, list[Outcome]] = {}
    items = (reply.json or {}).get("responses")
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            found.setdefault(str(item.get("id")), []).append(_outcome(item, reply.headers))
    outcomes = (found.get(str(n), []) for n in range(1, count + 1))
    return [said[0] if len(said) == 1 else LOST for said in outcomes]


def _item(number: int, request: Request) -> Json:
    item: Json = {"id": str(number), "method": request.method, "url": request.path}
    if request.headers:
        item["headers"] = request.headers
    if request.json is not None:
        item["body"] = request.json
    return item


def _outcome(item: Json, outer: Mapping[str, str]) -> Outcome:
    status, headers, body = item.get("status"), item.get("headers") or {}, item.get("body")
    if type(status) is not int or not isinstance(headers, dict):
        return LOST
    # `Retry-After` as a date counts from `Date`, which only the whole reply has.
    own: dict[str, Any] = {str(name).lower(): str(value) for name, value in headers.items()}
    return Answer(
        status, {"date": outer.get("date", "")} | own, body if isinstance(body, dict) else None
    )
