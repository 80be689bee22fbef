"""Who writes, and when: what Planner stamps into `createdBy`, `assignedBy` and the like."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from planner_emulator import instants
from planner_emulator.switches import Switches

EMULATOR_APPLICATION = (
    "0e00e000-0000-4000-8000-000000000001"  # the client that signs in with the token
)
PLANNER_APPLICATION = (
    "0e00e000-0000-4000-8000-0000000000ff"  # Planner's own page, where humans work
)
_USERS = uuid.UUID("0e00e000-0000-4000-8000-00000000a11e")


@dataclass(frozen=True)
class User:
    """A person of the directory."""

    id: str
    email: str
    name: str

    @classmethod
    def named(cls, email: str, guid: str = "") -> "User":
        """A user whose id, unless given, follows from the e-mail, and whose name does too."""
        words = email.partition("@")[0].replace(".", " ").replace("_", " ")
        return cls(guid.lower() or str(uuid.uuid5(_USERS, email.lower())), email, words.title())


@dataclass(frozen=True)
class Actor:
    """A user, an application, or both. People at Planner's own page keep the rights that a client
    may lose."""

    user: str | None
    application: str

    @property
    def is_human(self) -> bool:
        return self.application == PLANNER_APPLICATION

    def identity(self, switches: Switches) -> dict[str, Any]:
        """The identitySet; display names are always null on Planner."""
        application = {"application": {"displayName": None, "id": self.application}}
        if self.user is not None:
            return {"user": {"displayName": None, "id": self.user}, **application}
        return (
            {"user": None, **application} if switches.app_created_by == "null_user" else application
        )


@dataclass(frozen=True)
class Act:
    """One write: by whom, when, and under which rules."""

    by: Actor
    ticks: int
    switches: Switches
    knows_user: Callable[[str], bool]

    @property
    def identity(self) -> dict[str, Any]:
        return self.by.identity(self.switches)

    @property
    def stamp(self) -> str:
        return instants.stamp(self.ticks)
