"""Several requests as one `POST /$batch`, and its reply as one outcome for each. Pure, no I/O.

A batch is not a transaction: each item has its own status. The items of a reply come in any order
and are matched by id. An item that is missing, unreadable or there twice has no known outcome.
https://learn.microsoft.com/graph/json-batching
"""

from collections.abc import Mapping

from planner_sync.errors import AnswerLost
from planner_sync.graph.answers import GraphAnswer, GraphRequest, Json, NoAnswer, Outcome

LOST = NoAnswer(AnswerLost, "the reply to the batch has no usable answer to this request")


def pack(requests: list[GraphRequest]) -> GraphRequest:
    """The batch of at most 20 requests; their ids are 1, 2, 3, …"""
    items = [_item(number, request) for number, request in enumerate(requests, 1)]
    return GraphRequest("POST", "/$batch", json={"requests": items})


def unpack(reply: GraphAnswer, count: int) -> list[Outcome]:
    """The outcome of each of the `count` requests, in their order."""
    by_id: dict[str, list[Outcome]] = {}
    for item in _items(reply):
        outcomes = by_id.setdefault(str(item.get("id")), [])
        outcomes.append(_outcome(item, reply.headers))
    numbers = range(1, count + 1)
    return [_only(by_id.get(str(number), [])) for number in numbers]


def _item(number: int, request: GraphRequest) -> Json:
    item: Json = {
        "id": str(number),
        "method": request.method,
        "url": request.path,
    }
    if request.headers:
        item["headers"] = request.headers
    if request.json is not None:
        item["body"] = request.json
    return item


def _items(reply: GraphAnswer) -> list[Json]:
    items = (reply.json or {}).get("responses")
    if not isinstance(items, list):
        return []
    return [item for item in items if isinstance(item, dict)]


def _only(outcomes: list[Outcome]) -> Outcome:
    return outcomes[0] if len(outcomes) == 1 else LOST


def _outcome(item: Json, reply_headers: Mapping[str, str]) -> Outcome:
    status = item.get("status")
    headers = item.get("headers") or {}
    body = item.get("body")
    if type(status) is not int or not isinstance(headers, dict):
        return LOST
    # A date in `Retry-After` counts from `Date`, which only the whole reply has.
    merged = {"date": reply_headers.get("date", "")}
    for name, value in headers.items():
        merged[str(name).lower()] = str(value)
    if not isinstance(body, dict):
        body = None
    return GraphAnswer(status, merged, body)
