"""What Redis keeps as JSON beside documents and states, as values. All times are the server's (ms).

`load` ignores members that it does not know, and has defaults for those that an older version did
not write.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self, cast

from planner_sync.errors import Code

Side = Literal["agents", "planner"]
DeletedBy = Literal["agent", "planner"]


@dataclass(frozen=True)
class Refused:
    """Why a task is out of sync.

    `retrying`: the service tries it again by itself. `hash` is that of the refused document, None
    where no document is to blame; then `tries` counts the reconciliations with the same failure,
    and `said` tells whether agents have had a message about it.
    """

    code: Code
    reason: str = ""
    field: str | None = None
    retrying: bool = False
    at: int = 0
    hash: str | None = None
    tries: int = 0
    said: bool = False

    def members(self) -> dict[str, Any]:
        """As it is stored and shown."""
        found: dict[str, Any] = {
            "code": self.code,
            "reason": self.reason,
            "field": self.field,
            "retrying": self.retrying,
        }
        if self.hash is not None:
            found["hash"] = self.hash
        if self.tries:
            found |= {"tries": self.tries, "said": self.said}
        return {**found, "at": self.at}

    def dump(self) -> str:
        return json.dumps(self.members())

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        return cls(**_known(cls, text))


@dataclass(frozen=True)
class Hold:
    """Why deletes of a plan are held: `vanished` of its `of` tasks, on this side."""

    side: Side
    vanished: int = 0
    of: int = 0
    at: int = 0

    def members(self) -> dict[str, Any]:
        """As it is stored and shown."""
        return {"side": self.side, "vanished": self.vanished, "of": self.of, "at": self.at}

    def dump(self) -> str:
        return json.dumps(self.members())

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        return cls(**_known(cls, text))


@dataclass(frozen=True)
class Orphan:
    """A card that was made for a task but could not be linked to it: `atoms` are what was
    posted."""

    task_id: str
    at: int = 0
    atoms: Mapping[str, Any] = field(default_factory=dict)

    def dump(self) -> str:
        return json.dumps({"taskId": self.task_id, "at": self.at, "atoms": dict(self.atoms)})

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        body = json.loads(text)
        return cls(body["taskId"], body.get("at", 0), body.get("atoms", {}))


@dataclass(frozen=True)
class DeletedCard:
    """The card of a task that was deleted. `state` is there (JSON) when it is recreated."""

    planner_id: str
    by: DeletedBy
    title: Any = None
    at: int = 0
    state: str | None = None

    def dump(self) -> str:
        body = {"planner_id": self.planner_id, "title": self.title, "at": self.at, "by": self.by}
        return json.dumps(body if self.state is None else {**body, "state": self.state})

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        return cls(**_known(cls, text))


@dataclass(frozen=True)
class TrashEntry:
    """A document whose card was deleted. `document` is its text and `card` the card's atoms, as
    they were; `renewed` is the text with which it comes back."""

    task_id: str
    planner_id: str
    plan_id: str
    by: DeletedBy
    at: int
    renewed: str
    document: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name under which it is kept."""
        return f"{self.task_id} {self.planner_id}"

    @property
    def title(self) -> str:
        return str(json.loads(self.renewed).get("title", ""))

    def dump(self) -> str:
        body = {
            "taskId": self.task_id,
            "plannerId": self.planner_id,
            "planId": self.plan_id,
            "document": self.document,
            "card": dict(self.card),
            "renewed": self.renewed,
            "by": self.by,
            "at": self.at,
        }
        return json.dumps(body)

    @classmethod
    def load(cls, text: str | bytes) -> Self:
        body = json.loads(text)
        return cls(
            task_id=body["taskId"],
            planner_id=body["plannerId"],
            plan_id=body["planId"],
            by=body["by"],
            at=int(body["at"]),
            renewed=body["renewed"],
            document=body.get("document", ""),
            card=body.get("card", {}),
        )


def _known(record: Any, text: str | bytes) -> dict[str, Any]:
    names = {each.name for each in fields(record)}
    body = cast("dict[str, Any]", json.loads(text))
    return {name: value for name, value in body.items() if name in names}
