"""Documents for tests, and what becomes of them."""

import json
from typing import Any

import pytest

from planner_sync.errors import Refusal
from planner_sync.model.dialects import parse, write
from planner_sync.model.task import Dialect, Document

GUID = "fbab97d0-4932-4511-b675-204639209557"


def document(previous: Dialect | None = None, **members: Any) -> Document:
    return parse(json.dumps({"title": "T", **members}).encode(), previous)


def field(name: str, previous: Dialect | None = None, **members: Any) -> Any:
    return document(previous, **members).fields[name]


def refusal(text: bytes) -> Refusal:
    with pytest.raises(Refusal) as refused:
        parse(text)
    return refused.value


def refused_or_read(text: bytes) -> Refusal | None:
    try:
        parse(text)
    except Refusal as refused:
        return refused
    return None


def written(before: Document, **changes: Any) -> dict[str, Any]:
    return json.loads(write(before, changes))
