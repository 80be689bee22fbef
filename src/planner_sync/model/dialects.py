"""JSON text ↔ Document, in the dialect that the document came in.

The table's form (camelCase) and snake_case differ in names, in `percent_complete`, in priority
words and in `assigned_to`; all of that is here, and nothing of it is known elsewhere. Members that
are not in the table are the agents' own: `write` keeps them value for value. This module never
talks to Redis or Planner.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Any, Final

from planner_sync.errors import Refusal
from planner_sync.model.fields import FIELDS, read_field
from planner_sync.model.task import (
    DOCUMENT_MAX_BYTES,
    PLANNER_ID,
    Dialect,
    Document,
    FieldValue,
    Word,
    parse_word,
    refuse,
    show,
)

NESTING_MAX = 200  # deeper documents would end the recursion of whoever compares or copies them
REV_MAX = 2**53 - 1  # what every JSON reader keeps exactly


class _Removed(Enum):
    REMOVE = "remove"


REMOVE: Final = _Removed.REMOVE

# Written by the service, so they do not decide a dialect. The first spelling is the table's, the
# last snake_case.
_SERVICE_FIELDS = {
    "id": ("id",),
    "plannerId": ("plannerId", "planner_id"),
    "_rev": ("_rev",),
    "createdBy": ("createdBy", "created_by"),
    "createdAt": ("createdAt", "created_at"),
}
_SNAKE_NAMES = frozenset(name for field in FIELDS.values() for name in field.snake) - FIELDS.keys()
_CAMEL_NAMES = frozenset(field.name for field in FIELDS.values() if field.name not in field.snake)

_WORDS_READ: Mapping[Dialect, frozenset[str]] = {
    "camelCase": frozenset({"urgent", "important", "medium", "low"}),
    "snake_case": frozenset({"urgent", "critical", "high", "medium", "normal", "low"}),
}
# By the integer that a word stands for.
_WORDS_WRITTEN: Mapping[Dialect, Mapping[int, str]] = {
    "camelCase": {1: "urgent", 3: "important", 5: "medium", 9: "low"},
    "snake_case": {1: "urgent", 3: "high", 5: "medium", 9: "low"},
}


def parse(text: bytes, previous: Dialect | None = None) -> Document:
    """The document in `text`; `previous` is the dialect it had, which it keeps while nothing in it
    decides.

    Raises Refusal: limit, not_json, bad_field.
    """
    check_size(text)
    return read(_json_object(text), previous)


def parse_settled(text: bytes, previous: Dialect | None = None) -> Document:
    """The document as the service has written it; `previous` as for `parse`.

    People may have brought into it what no document may hold, or made it too large: such a field is
    not in `fields`, but all else is. Raises Refusal: not_json.
    """
    raw = _json_object(text)
    dialect = dialect_of(raw) or previous or "camelCase"
    fields: dict[str, FieldValue | None] = {}
    for name in FIELDS:
        with suppress(Refusal):
            fields |= _field(raw, name, dialect)
    return Document(raw, dialect, fields, _planner_id(raw, dialect), _rev(raw))


def read(raw: dict[str, Any], previous: Dialect | None = None) -> Document:
    """The document in a JSON object. Raises Refusal: limit, bad_field."""
    decided = dialect_of(raw)
    dialect = decided or previous or "camelCase"
    fields: dict[str, FieldValue | None] = {}
    for name in FIELDS:
        fields |= _field(raw, name, dialect)
    if fields.get("title") is None:
        raise refuse("title", raw.get("title"), "is no title: a task needs one")
    _check_word(fields.get("priority"), raw, decided)
    return Document(raw, dialect, fields, _planner_id(raw, dialect), _rev(raw))


def write(document: Document, changes: Mapping[str, Any]) -> str:
    """The JSON text of `document` with `changes` made in its own dialect; all else, and the order,
    stays.

    `changes` has the contract's names (the service's fields and `id` too) and values in the table's
    form: a string, an integer, a list of strings or of objects; None clears; REMOVE takes the
    member out.
    """
    raw = dict(document.raw)
    for name, value in changes.items():
        member = _member(raw, name, document.dialect)
        if value is REMOVE:
            raw.pop(member, None)
        else:
            raw[member] = _in_dialect(name, value, raw.get(member), document.dialect)
    if changes:
        _translate_word(raw)
    return _json_text(raw)


def new_document(dialect: Dialect = "camelCase") -> Document:
    """A document with nothing in it yet, for `write` to fill."""
    return Document({}, dialect, {})


def dialect_of(raw: Mapping[str, Any]) -> Dialect | None:
    """The dialect that the members decide: snake_case when only its names are used, None when
    nothing decides."""
    if not _CAMEL_NAMES.isdisjoint(raw):
        return "camelCase"
    return None if _SNAKE_NAMES.isdisjoint(raw) else "snake_case"


def check_size(text: bytes) -> None:
    """Raises Refusal (limit) for a document that is too large."""
    if len(text) > DOCUMENT_MAX_BYTES:
        raise Refusal(
            "limit", f"the document has {len(text)} bytes, {DOCUMENT_MAX_BYTES} are allowed"
        )


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        raw = _DECODER.decode(text.decode("utf-8"))
        _check_nesting(text, raw)
    except RecursionError:
        raise Refusal("not_json", f"the document is nested deeper than {NESTING_MAX}") from None
    except UnicodeDecodeError as error:
        raise Refusal("not_json", f"the document is not UTF-8: byte {error.start}") from None
    except ValueError as error:
        raise Refusal("not_json", f"the document is not JSON: {error}") from None
    if not isinstance(raw, dict):
        raise Refusal("not_json", f"the document is not a JSON object, but {show(raw)}")
    return raw


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{show(digits)} is too large for a number")
    return number


# Made once: `json.loads` and `json.dumps` with arguments make one for each call.
_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _check_nesting(text: bytes, raw: Any) -> None:
    """Raises RecursionError, as the parser itself does when it is much worse."""
    if text.count(b"[") + text.count(b"{") <= NESTING_MAX:
        return
    level = [raw]
    for _ in range(NESTING_MAX):
        level = [part for whole in level for part in _parts(whole)]
    if level:
        raise RecursionError


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _json_text(raw: Mapping[str, Any]) -> str:
    text = _ENCODER.encode(raw)
    try:
        text.encode()
    except (
        UnicodeEncodeError
    ):  # half a surrogate pair in an agent's own member: JSON can say it, UTF-8 cannot
        text = json.dumps(raw, separators=(",", ":"), allow_nan=False)
    return text


def _field(raw: Mapping[str, Any], name: str, dialect: Dialect) -> dict[str, FieldValue | None]:
    """The field alone; nothing when it is absent."""
    member = _member(raw, name, dialect)
    return (
        {name: read_field(name, _in_table_form(name, raw[member], dialect))}
        if member in raw
        else {}
    )


def _member(raw: Mapping[str, Any], name: str, dialect: Dialect) -> str:
    """The spelling of field `name` in this document, or the one to use when it is absent."""
    if dialect == "camelCase" and name in FIELDS:
        return name
    spellings = _service_spellings(name, dialect) if name in _SERVICE_FIELDS else FIELDS[name].snake
    return next((spelling for spelling in spellings if spelling in raw), spellings[0])


def _service_spellings(name: str, dialect: Dialect) -> tuple[str, ...]:
    return _SERVICE_FIELDS[name] if dialect == "camelCase" else _SERVICE_FIELDS[name][::-1]


def _in_table_form(name: str, value: Any, dialect: Dialect) -> Any:
    if dialect == "snake_case":
        if name == "assignedTo" and isinstance(value, str) and value:
            return [value]
        if name == "percentComplete" and type(value) in (int, float) and 0 <= value <= 1:
            # By its digits: 0.29 is 29, and 0.145 is 15 like every half. As a float it would be a
            # little less.
            return int((Decimal(str(value)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
    return value


def _in_dialect(name: str, value: Any, current: Any, dialect: Dialect) -> Any:
    if name in _SERVICE_FIELDS:
        return value
    if (
        name == "assignedTo"
        and dialect == "snake_case"
        and not isinstance(current, list)
        and len(value or []) < 2
    ):
        return value[0] if value else ""
    if value is None:
        return FIELDS[name].cleared
    if name == "percentComplete" and dialect == "snake_case":
        return value / 100
    if name == "priority" and (word := _word(value)):
        return _WORDS_WRITTEN[dialect][word.write]
    return value


def _word(value: Any) -> Word | None:
    return parse_word(value) if isinstance(value, str) else None


def _check_word(
    priority: FieldValue | None, raw: Mapping[str, Any], decided: Dialect | None
) -> None:
    if decided and isinstance(priority, Word) and priority.word not in _WORDS_READ[decided]:
        raise refuse("priority", raw["priority"], f"is no priority word in a {decided} document")


def _translate_word(raw: dict[str, Any]) -> None:
    """While nothing decides, words of both dialects stand; a member that was just written may have
    decided."""
    decided, word = dialect_of(raw), _word(raw.get("priority"))
    if decided and word and word.word not in _WORDS_READ[decided]:
        raw["priority"] = _WORDS_WRITTEN[decided][word.write]


def _planner_id(raw: Mapping[str, Any], dialect: Dialect) -> str | None:
    found = (raw.get(spelling) for spelling in _service_spellings("plannerId", dialect))
    return next(
        (value for value in found if isinstance(value, str) and PLANNER_ID.fullmatch(value)), None
    )


def _rev(raw: Mapping[str, Any]) -> int | None:
    rev = raw.get("_rev")
    return rev if type(rev) is int and 0 <= rev <= REV_MAX else None
