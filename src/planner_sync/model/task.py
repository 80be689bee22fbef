"""The task: a document as it was read, the values in it, Planner's limits and the rules about them.

`fields.py` has the table of the fields. `dialects.py` turns text into a `Document` and back.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, Self
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

TASK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+~=-]{0,127}")
PLANNER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # 28 characters today
AGENT_LABEL = "Agent: "
# Planner's own clients write a chosen day at this time: it is the same day in most time zones.
DAY_AT = "T10:00:00Z"

Dialect = Literal["camelCase", "snake_case"]
PersonKind = Literal["user", "email", "agent"]
Value = str | int | bool  # of an atom

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

    @classmethod
    def of(cls, at: str) -> Self:
        """The day of a canonical instant."""
        return cls(at[:10])

    @property
    def at(self) -> str:
        """The instant that is sent to Planner for this day."""
        return self.date + DAY_AT

    def holds(self, at: str) -> bool:
        return Day.of(at) == self


@dataclass(frozen=True)
class Instant:
    """A moment, `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, as `canonical_instant` gives it."""

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
    """One item. `isChecked` None is no opinion; a GUID in `id` is lower-case.

    `raw` is the object as it stands in the document, private members included.
    """

    title: str
    isChecked: bool | None = None
    id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Reference:
    """One link. `raw` is the object as it stands in the document: a member that is absent there is
    no opinion; null or "" clears it."""

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

    `fields` has the synced fields that are present, by the contract's names in either dialect. Each
    value is what its row of `fields.FIELDS` reads; None is a field that is present and cleared.
    `raw` is the whole JSON object, never changed in place. An unreadable `plannerId` or `_rev` is
    None.
    """

    raw: dict[str, Any]
    dialect: Dialect
    fields: Mapping[str, Any]
    planner_id: str | None = None
    rev: int | None = None


def person_kind(text: str) -> PersonKind:
    """What an entry of `assignedTo` names: a user id (GUID), an e-mail address or UPN, or else an
    agent."""
    if is_guid(text):
        return "user"
    return "email" if "@" in text else "agent"


def agent_of(label: str) -> str | None:
    """The agent that the label `Agent: {name}` names; None for an ordinary label."""
    if not label.startswith(AGENT_LABEL):
        return None
    name = label.removeprefix(AGENT_LABEL).strip()
    return name if name and person_kind(name) == "agent" else None


def is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


def canonical_id(item_id: str) -> str:
    """The id of a checklist item: a GUID in lower case, as Planner returns it."""
    return item_id.lower() if is_guid(item_id) else item_id


def check_task_id(task_id: str) -> None:
    """Raises Refusal (bad_id) for an id that is not synced."""
    if not TASK_ID.fullmatch(task_id):
        rule = "must be 1 to 128 of A-Z a-z 0-9 . _ @ + ~ = - and start with a letter or a digit"
        raise Refusal("bad_id", f"id: {show(task_id)} {rule}", "id")


def check_dates(start: str | None, due: str | None) -> None:
    """Raises Refusal (bad_field) when `start` is after `due`."""
    if start and due and is_after(start, due):
        raise refuse("startDate", start, f"is after dueDate {show(due)}")


def is_after(start: str, due: str) -> bool:
    """Is one canonical instant later than the other?"""
    # Compared without `Z`, which sorts after the `.` of a fraction.
    return start.rstrip("Z") > due.rstrip("Z")


def priority_word(priority: int) -> Word:
    """The word in the table for Planner's integer."""
    words = (Word("urgent"), Word("important"), Word("medium"), Word("low"))
    return next(word for word in words if word.holds(priority))


def parse_day(text: str) -> Day | None:
    """The date in `text`, `YYYY-MM-DD`; None for anything else."""
    if not _DAY.fullmatch(text):
        return None
    try:
        return Day(date.fromisoformat(text).isoformat())
    except ValueError:
        return None


def parse_word(text: str) -> Word | None:
    """The priority word in `text`, of either dialect; None for anything else."""
    word = text.strip().lower()
    return Word(word) if word in _PRIORITIES else None


def canonical_instant(text: str) -> str | None:
    """An ISO 8601 instant as Planner keeps it: in UTC, with at most 7 decimals of a second.

    Without a zone it is UTC. None for anything else.
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
    text = moment.replace(tzinfo=None).isoformat()
    digits = (fraction or "")[:7].rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def canonical_text(text: str) -> str:
    """Line ends as `\\n`; Planner's clients return others."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def url_trouble(url: str) -> str | None:
    """Why a reference to `url` cannot be synced, or None. People should not be offered links to
    scripts or files."""
    if len(url) > URL_MAX:
        return f"is longer than {URL_MAX} characters"
    if _NOT_IN_URL.search(url):
        return "has a space or a control character in it"
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is not a URL"
    if parts.scheme in ("http", "https") and parts.netloc:
        return None
    return "is not an http or https URL"


def refuse(name: str, value: Any, rule: str, code: Code = "bad_field") -> Refusal:
    """The refusal of field `name`, with its value and the rule that it breaks."""
    return Refusal(code, f"{name}: {show(value)} {rule}", name)


def show(value: Any) -> str:
    """A value for people: as JSON, shortened to 60 characters, safe to print on a terminal."""
    return printable(json.dumps(value, ensure_ascii=False), SHOWN_MAX)


def printable(text: str, most: int) -> str:
    """At most `most` characters of a text, safe to print on a terminal."""
    shown = "".join(_escaped(char) for char in text[:most])
    return shown + "…" if len(text) > most else shown


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()
