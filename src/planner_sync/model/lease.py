"""A claim, as a value."""

from dataclasses import dataclass, replace
from typing import Literal

Word = Literal["", "created", "deleted"]


Look = Literal["", "read", "missing", "restore"]


@dataclass(frozen=True)
class Claim:
    """The right to one task for `CLAIM_MS`, and what was known when it was given.

    `mark` tells at the settle whether something happened since, `said` is what a message said of
    the task, `look` how it must be looked at, `now` the server's time (ms) and `due` the time from
    which the task was due.
    """

    task_id: str
    token: str
    mark: str
    attempts: int
    said: Word
    look: Look
    now: int
    due: int

    def to_read(self) -> "Claim":
        """The same claim for a look that reads the card; what an operator wants restored stays
        so."""
        return self if self.look == "restore" else replace(self, look="read")


@dataclass(frozen=True)
class Batch:
    """The answer to one claim: `pause_ms` until Graph may be called, `next_ms` until something is
    due (-1: nothing)."""

    now: int
    pause_ms: int
    next_ms: int
    claims: tuple[Claim, ...]
    parked: tuple[Claim, ...]
