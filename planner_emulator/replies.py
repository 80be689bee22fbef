"""What comes in and what goes back: a parsed call, an answer, and the bytes with how the wire is to
treat them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qsl, unquote

from planner_emulator import refusals
from planner_emulator.resources import Json

JSON_TYPE = (
    "application/json;odata.metadata=minimal;odata.streaming=true;"
    "IEEE754Compatible=false;charset=utf-8"
)


@dataclass
class Response:
    """`delay_ms`: how late it comes; `lost`: the connection is cut instead; `cut`: it is cut
    halfway through."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_ms: int = 0
    lost: bool = False
    cut: bool = False

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """An answer before it is put into bytes."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One call, from outside or from within a batch.

    `segments` and `query` are decoded; `target` is path and query as they came, without the
    version. Names of `headers` are in lower case. `raw` is the body, which must be JSON. `item` is
    the id within a batch, else None.
    """

    method: str
    target: str
    segments: tuple[str, ...]
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes
    version: str
    origin: str
    item: str | None = None

    @classmethod
    def of(
        cls,
        method: str,
        target: str,
        headers: Mapping[str, str],
        raw: bytes,
        version: str,
        origin: str,
        item: str | None,
    ) -> Self:
        path, _, query = target.partition("?")
        segments = tuple(unquote(segment) for segment in path.strip("/").split("/"))
        pairs = dict(parse_qsl(query, keep_blank_values=True))
        lower = {name.lower(): str(value) for name, value in headers.items() if value is not None}
        return cls(method.upper(), target, segments, pairs, lower, raw, version, origin, item)

    @property
    def if_match(self) -> str | None:
        return self.headers.get("if-match")

    def prefers(self, wish: str) -> bool:
        return wish in self.headers.get("prefer", "").replace(" ", "").lower()

    def without_query(self, name: str) -> Self:
        return replace(self, query={key: value for key, value in self.query.items() if key != name})

    def json(self) -> Json:
        """The body, an object. Refused (400) for anything else."""
        if "json" not in self.headers.get("content-type", ""):
            raise refusals.bad_request(
                "Write requests must contain the Content-Type header declaration."
            )
        try:
            body = json.loads(self.raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise refusals.bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set."
            )
        return body


def json_response(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(
        status, {"Content-Type": JSON_TYPE, **(headers or {})}, json.dumps(body).encode()
    )
