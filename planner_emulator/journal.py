"""What was asked and what was answered: the last calls, for tests that count requests and round
trips.

No header is kept, and so no token.
"""

import json
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from planner_emulator import instants
from planner_emulator.replies import Request, Response

_KEPT = 20_000


@dataclass
class Call:
    """`path` has the query, not the version; `item` is the id within a batch, else None; sizes are
    bytes.

    `status` is None where no answer came; `body` is what was sent, parsed; `fault` is the kind of
    the fault it met.
    """

    at: str
    method: str
    path: str
    version: str
    item: str | None
    status: int | None
    size: int
    answer_size: int
    body: Any
    fault: str | None


class Journal:
    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT)

    def note(self, ticks: int, request: Request, response: Response, fault: str | None) -> None:
        self._calls.append(
            Call(
                at=instants.stamp(ticks),
                method=request.method,
                path=request.target,
                version=request.version,
                item=request.item,
                status=None if response.lost else response.status,
                size=len(request.raw),
                answer_size=len(response.body),
                body=_parsed(request),
                fault=fault,
            )
        )

    def rows(self) -> list[dict[str, Any]]:
        return [asdict(call) for call in self._calls]

    def clear(self) -> None:
        self._calls.clear()


def _parsed(request: Request) -> Any:
    """The body of a write; a batch's stands with its items."""
    if not request.raw or request.segments == ("$batch",):
        return None
    try:
        return json.loads(request.raw)
    except ValueError:
        return None
