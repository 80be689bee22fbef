"""A Graph that repeats what it was told: before the emulator, and while `spoil` is set, in its
place.

Careless gateways put the request into their error, with the Authorization header and the whole
body. This one does so in every part of an answer that the product reads.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.graph.raw_server import RawServer, Received, reply

Spoil = Callable[[Received], "bytes | None"]
PASSED_ON = ("authorization", "content-type", "if-match", "prefer", "accept")


class EchoingGraph:
    """`url` is Graph's root; `spoil` gives the answer to a request, or None to let it through;
    `met` counts answers."""

    def __init__(self, graph_url: str) -> None:
        self.server = RawServer(self._answer)
        self.spoil: Spoil | None = None
        self.met = 0
        self._path = urlsplit(graph_url).path
        self._http = httpx.AsyncClient(
            base_url=graph_url.removesuffix(self._path), trust_env=False, timeout=30
        )

    @property
    def url(self) -> str:
        return f"{self.server.url}{self._path}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["EchoingGraph"]:
        async with self.server.running(), self._http:
            yield self

    async def _answer(self, request: Received) -> bytes:
        if self.spoil and (answer := self.spoil(request)) is not None:
            self.met += 1
            return answer
        headers = {name: value for name, value in request.headers.items() if name in PASSED_ON}
        answer = await self._http.request(
            request.method, request.target, headers=headers, content=request.body
        )
        kind = answer.headers.get("content-type", "application/json")
        kept = {
            name: answer.headers[name]
            for name in ("request-id", "date", "retry-after")
            if name in answer.headers
        }
        return reply(answer.status_code, answer.content, kind=kind, **kept)


def echo(request: Received) -> str:
    """What a careless server says: header and body."""
    return f"Cannot {request.headers.get('authorization', '')}: {request.body.decode()}"


def error(request: Received, status: int) -> dict[str, Any]:
    """A refusal of Graph that repeats the request in each of its parts."""
    told = {
        "code": f"Bad {request.headers.get('authorization', '')}",
        "message": echo(request),
        "status": status,
    }
    return {
        "error": {**told, "innerError": {"request-id": request.headers.get("authorization", "")}}
    }


def refuses(status: int, **headers: str) -> Spoil:
    """Every request gets this status, and an error that repeats it."""
    return lambda asked: reply(
        status, error(asked, status), request_id=asked.headers["authorization"], **headers
    )


def refuses_items(asked: Received) -> bytes | None:
    """A batch is done as a whole, and each of its items is refused; other requests pass."""
    if not asked.path.endswith("/$batch"):
        return None
    head = {"request-id": asked.headers["authorization"]}
    items = [
        {"id": item["id"], "status": 400, "headers": head, "body": error(asked, 400)}
        for item in asked.json["requests"]
    ]
    return reply(200, {"responses": items})


def says(status: int, body: object, **headers: str) -> Spoil:
    """Every request gets this answer."""
    return lambda asked: reply(status, body, **headers)


def not_json(asked: Received) -> bytes:
    """An answer that says it is JSON, and is what was asked."""
    return reply(200, echo(asked).encode())
