"""JSON text ↔ Document, in the dialect that the document came in.

The table's form (camelCase) and snake_case differ in names, in `percent_complete`, in priority
words and in `assigned_to`. All of that is here and nowhere else. Members that are not in the table
are the agents' own: `write` keeps them value for value.
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

NESTING_MAX = 200  # deeper documents cannot be compared or copied recursively
REV_MAX = 2**53 - 1  # the largest integer that every JSON reader keeps exactly


class _Removed(Enum):
    REMOVE = "remove"


REMOVE: Final = _Removed.REMOVE

# Written by the service, so they do not decide a dialect. The table's spelling comes first,
# snake_case last.
SERVICE_FIELDS = {
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
    """The document in `text`. It keeps the `previous` dialect while nothing in it decides.

    Raises Refusal: limit, not_json, bad_field.
    """
    check_size(text)
    return read(_json_object(text), previous)


def parse_settled(text: bytes, previous: Dialect | None = None) -> Document:
    """The document as the service has written it; `previous` as for `parse`.

    A card may break a limit that agents must keep. Such a field is left out of `fields`; a document
    that is too large is read all the same. Raises Refusal: not_json.
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
    """The JSON text of `document` with `changes` made in its own dialect. All else stays, as does
    the order.

    `changes` has the contract's names, those of the service's fields and `id` included. Values are
    in the table's form: a string, an integer, a list of strings or of objects. None clears; REMOVE
    removes the member.
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
    """An empty document, for `write` to fill."""
    return Document({}, dialect, {})


def dialect_of(raw: Mapping[str, Any]) -> Dialect | None:
    """The dialect that the members decide: snake_case when only its names are used. None when no
    member decides."""
    if not _CAMEL_NAMES.isdisjoint(raw):
        return "camelCase"
    if not _SNAKE_NAMES.isdisjoint(raw):
        return "snake_case"
    return None


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
    except UnicodeEncodeError:
        # Half a surrogate pair in a private member: JSON can escape it, UTF-8 cannot hold it.
        return json.dumps(raw, separators=(",", ":"), allow_nan=False)
    return text


def _field(raw: Mapping[str, Any], name: str, dialect: Dialect) -> dict[str, FieldValue | None]:
    """The field alone; {} when it is absent."""
    member = _member(raw, name, dialect)
    if member not in raw:
        return {}
    return {name: read_field(name, _in_table_form(name, raw[member], dialect))}


def _member(raw: Mapping[str, Any], name: str, dialect: Dialect) -> str:
    """The spelling of field `name` in this document, or the one to use when it is absent."""
    if name in SERVICE_FIELDS:
        spellings = _service_spellings(name, dialect)
    elif dialect == "camelCase":
        return name
    else:
        spellings = FIELDS[name].snake
    return next((spelling for spelling in spellings if spelling in raw), spellings[0])


def _service_spellings(name: str, dialect: Dialect) -> tuple[str, ...]:
    return SERVICE_FIELDS[name] if dialect == "camelCase" else SERVICE_FIELDS[name][::-1]


def _in_table_form(name: str, value: Any, dialect: Dialect) -> Any:
    if dialect == "snake_case":
        if name == "assignedTo" and isinstance(value, str) and value:
            return [value]
        if name == "percentComplete" and type(value) in (int, float) and 0 <= value <= 1:
            # By its digits: 0.29 is 29, and 0.145 is 15. As floats both would be a little less.
            return int((Decimal(str(value)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
    return value


def _in_dialect(name: str, value: Any, current: Any, dialect: Dialect) -> Any:
    if name in SERVICE_FIELDS:
        return value
    if name == "assignedTo" and dialect == "snake_case":
        return _in_snake_case(value or [], current)
    if value is None:
        return FIELDS[name].cleared
    if name == "percentComplete" and dialect == "snake_case":
        return value / 100
    if name == "priority" and (word := _word(value)):
        return _WORDS_WRITTEN[dialect][word.write]
    return value


def _in_snake_case(people: list[str], current: Any) -> str | list[str]:
    """`assigned_to`: an array stays an array; else it is a string until there are two."""
    if isinstance(current, list) or len(people) > 1:
        return people
    return people[0] if people else ""


def _word(value: Any) -> Word | None:
    return parse_word(value) if isinstance(value, str) else None


def _check_word(
    priority: FieldValue | None, raw: Mapping[str, Any], decided: Dialect | None
) -> None:
    if decided and isinstance(priority, Word) and priority.word not in _WORDS_READ[decided]:
        raise refuse("priority", raw["priority"], f"is no priority word in a {decided} document")


def _translate_word(raw: dict[str, Any]) -> None:
    """While nothing decides the dialect, words of both are left. A member that was just written may
    have decided it."""
    decided, word = dialect_of(raw), _word(raw.get("priority"))
    if decided and word and word.word not in _WORDS_READ[decided]:
        raw["priority"] = _WORDS_WRITTEN[decided][word.write]


def _planner_id(raw: Mapping[str, Any], dialect: Dialect) -> str | None:
    for spelling in _service_spellings("plannerId", dialect):
        value = raw.get(spelling)
        if isinstance(value, str) and PLANNER_ID.fullmatch(value):
            return value
    return None


def _rev(raw: Mapping[str, Any]) -> int | None:
    rev = raw.get("_rev")
    return rev if type(rev) is int and 0 <= rev <= REV_MAX else None
