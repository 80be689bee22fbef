"""JSON batching: up to 20 calls in one, each with its own status, answered in any order.

https://learn.microsoft.com/graph/json-batching
"""

import base64
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from planner_emulator import refusals
from planner_emulator.replies import JSON_TYPE, Request, Response, json_response
from planner_emulator.resources import Json

_MOST = 20
Answer = Callable[[Request], Response]


def run(request: Request, answer: Answer, random: Random, *, shuffled: bool) -> Response:
    """Answer every item. Refused (400): a malformed batch, as a whole."""
    items = _checked(request.json().get("requests"))
    done: dict[str, Response] = {}
    for item in _ordered(items, random, shuffled=shuffled):
        done[item["id"]] = _answer_item(item, request, answer, done)
    replies = [_shown(item_id, response) for item_id, response in done.items()]
    if shuffled:
        random.shuffle(replies)
    response = json_response(200, {"responses": replies})
    response.delay_ms = max((each.delay_ms for each in done.values()), default=0)
    response.lost = any(each.lost for each in done.values())
    return response


def _checked(items: Any) -> list[Json]:
    if (
        not isinstance(items, list)
        or not items
        or not all(isinstance(item, dict) for item in items)
    ):
        raise refusals.bad_request("Invalid batch payload format.")
    if len(items) > _MOST:
        raise refusals.bad_request(
            f"Number of batch request steps exceeds the maximum value of {_MOST}."
        )
    seen: set[str] = set()
    for item in items:
        _check_item(item, seen)
        seen.add(item["id"].lower())
    return items


def _check_item(item: Json, earlier: set[str]) -> None:
    item_id = item.get("id")
    if not isinstance(item_id, str) or not item_id:
        raise refusals.bad_request("A batch request step must have an id.")
    if item_id.lower() in earlier:
        raise refusals.bad_request(f"Request id : {item_id} is not unique.")
    if item.get("method") not in ("GET", "POST", "PATCH", "DELETE", "PUT") or not isinstance(
        item.get("url"), str
    ):
        raise refusals.bad_request(f"Request id : {item_id} needs a method and a url.")
    if "://" in item["url"].partition("?")[0]:
        raise refusals.bad_request(f"Request id : {item_id} must have a relative url.")
    has_type = any(name.lower() == "content-type" for name in item.get("headers") or {})
    if item["method"] in ("POST", "PATCH") and not (has_type and "body" in item):
        raise refusals.bad_request(
            f"Write request id : {item_id} does not contain Content-Type header or body."
        )
    if not {str(each).lower() for each in item.get("dependsOn") or ()} <= earlier:
        raise refusals.bad_request(
            f"Request id : {item_id} depends on a request that is not before it."
        )


def _ordered(items: list[Json], random: Random, *, shuffled: bool) -> list[Json]:
    """An order in which Graph may work: dependencies first, all else as it comes."""
    waiting, ordered = list(items), list[Json]()
    while waiting:
        placed = {item["id"].lower() for item in ordered}
        ready = [
            item
            for item in waiting
            if {each.lower() for each in item.get("dependsOn") or ()} <= placed
        ]
        following = random.choice(ready) if shuffled else ready[0]
        waiting.remove(following)
        ordered.append(following)
    return ordered


def _answer_item(
    item: Json, outer: Request, answer: Answer, done: Mapping[str, Response]
) -> Response:
    needed = {each.lower() for each in item.get("dependsOn") or ()}
    if any(
        done_id.lower() in needed and response.status >= 400 for done_id, response in done.items()
    ):
        body = {
            "error": {
                "code": "FailedDependency",
                "message": "A request that this one depends on failed.",
            }
        }
        return json_response(424, body)
    raw = json.dumps(item["body"]).encode() if "body" in item else b""
    target = "/" + item["url"].lstrip("/")
    headers = {**(item.get("headers") or {})}
    return answer(
        Request.of(item["method"], target, headers, raw, outer.version, outer.origin, item["id"])
    )


def _shown(item_id: str, response: Response) -> Json:
    shown: Json = {"id": item_id, "status": response.status, "headers": response.headers}
    if not response.body:
        return shown
    if response.headers.get("Content-Type") != JSON_TYPE:
        return {**shown, "body": base64.b64encode(response.body).decode()}
    try:
        return {**shown, "body": json.loads(response.body)}
    except ValueError:
        return {**shown, "body": base64.b64encode(response.body).decode()}
