"""The task: a document as it was read, the values in it, Planner's limits and the small rules about
them.

`fields.py` has the table of the fields, `dialects.py` turns text into a `Document` and back. This
module never sees JSON text, Redis or Planner, and imports nothing of ours but the errors.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from planner_sync.errors import Code, Refusal

DOCUMENT_MAX_BYTES = 256 * 1024
TITLE_MAX = 255
NAME_MAX = 255  # of a bucket, a label, an agent, a kind of reference
DESCRIPTION_MAX = 32_768
ASSIGNEES_MAX = 20
CHECKLIST_MAX = 20
CHECKLIST_TITLE_MAX = 100
REFERENCES_MAX = 15
URL_MAX = 2048
PERCENT_MAX = 100
PRIORITY_MAX = 10
SHOWN_MAX = 60
# What every card has, whoever made it.
DEFAULTS: Mapping[str, int] = {"percentComplete": 0, "priority": 5}

TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+~=-]{0,127}")
PLANNER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # 28 characters today
AGENT_LABEL = "Agent: "
# Planner's own clients write the chosen day at this time, so that it is the same day in most time
# zones.
DAY_AT = "T10:00:00Z"

Dialect = Literal["camelCase", "snake_case"]
PersonKind = Literal["user", "email", "agent"]
Value = str | int | bool  # of an atom: a card and a base are flat maps of these

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:[Zz]|([+-]\d\d):?([0-5]\d))?",
    re.ASCII,
)
_NOT_IN_URL = re.compile(r"[\s\x00-\x20\x7f-\x9f\ud800-\udfff]")

# Word: lowest, highest and the integer that is written.
_PRIORITIES = {
    "urgent": (0, 1, 1),
    "critical": (0, 1, 1),
    "important": (2, 4, 3),
    "high": (2, 4, 3),
    "medium": (5, 7, 5),
    "normal": (5, 7, 5),
    "low": (8, 10, 9),
}


@dataclass(frozen=True)
class Day:
    """A date without a time, `YYYY-MM-DD`; equal to every instant of that UTC day."""

    date: str

    @property
    def at(self) -> str:
        return self.date + DAY_AT

    def holds(self, at: str) -> bool:
        return at[:10] == self.date


@dataclass(frozen=True)
class Instant:
    """A moment, `YYYY-MM-DDTHH:MM:SS[.fraction]Z` as `canonical_instant` gives it."""

    at: str

    def holds(self, at: str) -> bool:
        return at == self.at


@dataclass(frozen=True)
class Word:
    """A priority in words, lower-case; it stands for `low` to `high` and is sent as `write`."""

    word: str

    @property
    def low(self) -> int:
        return _PRIORITIES[self.word][0]

    @property
    def high(self) -> int:
        return _PRIORITIES[self.word][1]

    @property
    def write(self) -> int:
        return _PRIORITIES[self.word][2]

    def holds(self, priority: int) -> bool:
        return self.low <= priority <= self.high


@dataclass(frozen=True)
class ChecklistItem:
    """One item; `isChecked` None is no opinion, a GUID in `id` is lower-case.

    `raw` is the object as it stands, with the members of the agents' own.
    """

    title: str
    isChecked: bool | None = None
    id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Reference:
    """One link. `raw` is the object as it stands: a member that is absent there is no opinion, null
    or "" clears."""

    url: str
    alias: str | None = None
    type: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


FieldValue = (
    str
    | int
    | Day
    | Instant
    | Word
    | tuple[str, ...]
    | tuple[ChecklistItem, ...]
    | tuple[Reference, ...]
)


@dataclass(frozen=True)
class Document:
    """A task as an agent or the service wrote it.

    `fields` has the synced fields that are present, by the contract's names whatever the dialect,
    each a `FieldValue` of the type that its row of `fields.FIELDS` reads; None is a field that is
    present and cleared. `raw` is the whole JSON object, never to be changed in place. An unreadable
    `plannerId` or `_rev` is None.
    """

    raw: dict[str, Any]
    dialect: Dialect
    fields: Mapping[str, Any]
    planner_id: str | None = None
    rev: int | None = None


def person_kind(text: str) -> PersonKind:
    """What an entry of `assignedTo` names: a user id (GUID), an e-mail or UPN, else an agent."""
    if is_guid(text):
        return "user"
    return "email" if "@" in text else "agent"


def agent_of(label: str) -> str | None:
    """The agent that the label `Agent: {name}` names; None for an ordinary label."""
    name = label.removeprefix(AGENT_LABEL).strip()
    return name if label.startswith(AGENT_LABEL) and name and person_kind(name) == "agent" else None


def is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


def canonical_id(item_id: str) -> str:
    """The id of a checklist item: a GUID in lower case, as Planner gives it back."""
    return item_id.lower() if is_guid(item_id) else item_id


def check_task_id(task_id: str) -> None:
    """Raises Refusal (bad_id) for an id under which no document is synced."""
    if not TASK_ID.fullmatch(task_id):
        rule = "must be 1 to 128 of A-Z a-z 0-9 . _ @ + ~ = - and start with a letter or a digit"
        raise Refusal("bad_id", f"id: {show(task_id)} {rule}", "id")


def check_dates(start: str | None, due: str | None) -> None:
    """Raises Refusal (bad_field) when `start` is after `due`, both as Planner would get them:
    canonical instants."""
    if (
        start and due and start.rstrip("Z") > due.rstrip("Z")
    ):  # without Z a fraction sorts after none
        raise refuse("startDate", start, f"is after dueDate {show(due)}")


def priority_word(priority: int) -> Word:
    """The word in the table for Planner's integer."""
    return next(
        Word(word)
        for word in ("urgent", "important", "medium", "low")
        if Word(word).holds(priority)
    )


def parse_day(text: str) -> Day | None:
    """The date in `text`, `YYYY-MM-DD`; None when it is none."""
    try:
        return Day(date.fromisoformat(text).isoformat()) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def parse_word(text: str) -> Word | None:
    """The priority word in `text`, of either dialect; None when it is none."""
    word = text.strip().lower()
    return Word(word) if word in _PRIORITIES else None


def canonical_instant(text: str) -> str | None:
    """An ISO 8601 instant in UTC with at most 7 digits of a second, as Planner keeps it; None when
    it is none.

    Without a zone it is UTC.
    """
    match = _INSTANT.fullmatch(text)
    if not match:
        return None
    day, minute, second, fraction, hours, minutes = match.groups()
    offset = f"{hours}:{minutes}" if hours else "+00:00"
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}:{second or '00'}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    digits = (fraction or "")[:7].rstrip("0")
    return moment.replace(tzinfo=None).isoformat() + (f".{digits}Z" if digits else "Z")


def canonical_text(text: str) -> str:
    """Line ends as `\\n`: what Planner's clients send back has others."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def url_trouble(url: str) -> str | None:
    """Why a reference to `url` cannot be synced, or None. A script or a file is no link that people
    should follow."""
    if len(url) > URL_MAX:
        return f"is longer than {URL_MAX} characters"
    if _NOT_IN_URL.search(url):
        return "has a space or a control character in it"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is not a URL"
    return (
        None
        if parts.scheme in ("http", "https") and parts.netloc
        else "is not an http or https URL"
    )


def refuse(name: str, value: Any, rule: str, code: Code = "bad_field") -> Refusal:
    """The refusal of field `name`, with its value and the rule that it breaks."""
    return Refusal(code, f"{name}: {show(value)} {rule}", name)


def show(value: Any) -> str:
    """A value for people: as JSON, at most 60 characters of it, nothing in it that could act on a
    terminal."""
    return printable(json.dumps(value, ensure_ascii=False), SHOWN_MAX)


def printable(text: str, most: int) -> str:
    """At most so many characters of a text, nothing in it that could act on a terminal."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most]
    )
    return shown + "…" if len(text) > most else shown
