"""Bodies as Graph writes them: context, etag, $select, $expand, paging, and what `Prefer` asks
for."""

import base64
import binascii
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from planner_emulator import refusals
from planner_emulator.replies import Reply, Request
from planner_emulator.resources import Json, Kind
from planner_emulator.switches import Switches


def entity(
    request: Request, switches: Switches, kind: Kind, body: Json, status: int = 200
) -> Reply:
    """One resource; its etag is in the body, and in a header by the switch `etag_header`."""
    context = f"{request.origin}/{request.version}/$metadata#{kind.context}/$entity"
    headers = {"ETag": body["@odata.etag"]} if switches.etag_header == "on" else {}
    if status == 201:
        headers["Location"] = f"{request.origin}/{request.version}/{kind.context}('{body['id']}')"
    return Reply(status, {"@odata.context": context, **selected(request, body)}, headers)


def written(request: Request, switches: Switches, kind: Kind, body: Json) -> Reply:
    """The answer to a PATCH: 204, or 200 with the new state where that is preferred."""
    if not request.prefers("return=representation") or switches.prefer == "ignore":
        return Reply(204)
    reply = entity(request, switches, kind, body)
    reply.headers["Preference-Applied"] = "return=representation"
    return reply


def collection(request: Request, switches: Switches, type_name: str, rows: list[Json]) -> Reply:
    """One page of rows. $filter, $top, $orderby and $skip are ignored, as Planner ignores them."""
    start = _offset(request.query.get("$skiptoken"))
    page = rows[start : start + switches.page_size]
    metadata = f"{request.origin}/{request.version}/$metadata"
    body: Json = {
        "@odata.context": f"{metadata}#Collection(microsoft.graph.{type_name})",
        "@odata.count": len(page),
    }
    if start + len(page) < len(rows):
        body["@odata.nextLink"] = _next_link(request, start + len(page))
    return Reply(200, {**body, "value": [selected(request, row) for row in page]})


def selected(request: Request, body: Json) -> Json:
    """Only what $select names; id, etag and what was expanded come all the same."""
    if "$select" not in request.query:
        return body
    wanted = (
        {name.strip() for name in request.query["$select"].split(",")}
        | {"id", "@odata.etag"}
        | expanded(request)
    )
    return {name: value for name, value in body.items() if name in wanted}


def expanded(request: Request) -> set[str]:
    """The names in $expand, without options of their own such as `details($select=description)`."""
    return {
        name.partition("(")[0].strip() for name in request.query.get("$expand", "").split(",")
    } - {""}


def expand(request: Request, body: Json, parts: dict[str, Callable[[], Json]]) -> Json:
    """The body with the `parts` that $expand names. Refused (400): a name that is not among
    them."""
    for name in expanded(request) - parts.keys():
        raise refusals.bad_request(f"Could not find a property named '{name}' on the type.")
    return {**body, **{name: parts[name]() for name in sorted(expanded(request))}}


def without_metadata(body: Any) -> Any:
    """The body as `Accept: …odata.metadata=none` has it."""
    if isinstance(body, dict):
        kept = ("@odata.nextLink", "@odata.count")
        return {
            name: without_metadata(value)
            for name, value in body.items()
            if not name.startswith("@odata.") or name in kept
        }
    return [without_metadata(each) for each in body] if isinstance(body, list) else body


def _next_link(request: Request, start: int) -> str:
    token = base64.urlsafe_b64encode(f"after:{start}".encode()).decode()
    path = "/".join(quote(segment) for segment in request.segments)
    query = urlencode({**request.query, "$skiptoken": token}, quote_via=quote, safe="$,()")
    return f"{request.origin}/{request.version}/{path}?{query}"


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        word, _, start = base64.urlsafe_b64decode(token).decode().partition(":")
        if word == "after":
            return int(start)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise refusals.bad_request("The $skiptoken is invalid.")
