"""One log line on stderr for each record: no secrets, no content of tasks, no control characters.

Both hosts use it, because Azure Functions drops records logged outside an invocation, but not what
the process writes to stderr. Knows no settings; the caller passes the texts to hide.
"""

import json
import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

from planner_sync.errors import GraphError, SettingsError

HIDDEN = "***"
# Libraries that log every request; at DEBUG hpack even logs the headers.
LOUD = ("hpack", "httpcore", "httpx", "msal", "urllib3", "uvicorn")

_SECRET_NAMES = (
    "client_secret",
    "client_assertion",
    "access_token",
    "refresh_token",
    "id_token",
    "device_code",
    "x-functions-key",
    "api_key",
    "password",
)
_BEARER = re.compile(r"(?i)\b(bearer\s+|authorization:\s*basic\s+)[A-Za-z0-9._~+/=-]+")
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/]+(?=@)")
_NAMED_SECRET = re.compile(
    rf"(?i)\b((?:{'|'.join(_SECRET_NAMES)})"  # the name,
    r"[\"']?\s*[=:]\s*[\"']?)"  # the separator, as in a form or in JSON,
    r"[^\s\"'&,}]+"  # and the value
)
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
# Also hides an id that looks like an address.
_E_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# Text of another service, in the quotes of graph/answers.py. It may repeat a task.
_QUOTED = re.compile(r"“[^”]*”")
# Ends a line, moves the cursor, or changes the writing direction.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# A shorter secret may be part of ordinary words. It is hidden only where it stands alone.
_SHORT = 8
# Errors whose text quotes no document. Of any other a traceback shows only the class.
_DISCREET = (GraphError, SettingsError, OSError)


def to_stderr(name: str, level: str, secrets: Sequence[str] = ()) -> None:
    """Send the records of the logger `name` to stderr, and nowhere else.

    With the root logger, "", also the error that ends the process.
    """
    handler = _StderrHandler(sys.stderr)
    handler.setFormatter(OneLine(secrets))
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)
    for library in LOUD:
        logging.getLogger(library).setLevel(logging.WARNING)
    if not name:
        sys.excepthook = _log_last_error


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Drops a record that cannot be written; Python's own handler would print it unredacted."""

    def handleError(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            self.stream.write(f"a line of {record.name} could not be written\n")


class OneLine(logging.Formatter):
    """`time level logger message`, with a traceback in the same line."""

    converter = staticmethod(time.gmtime)

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(
            "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S"
        )
        self._secrets = _pattern(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(_escape, self.redact(super().format(record)))

    def redact(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        for pattern in (_BEARER, _URL_PASSWORD, _NAMED_SECRET):
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
        for pattern in (_JWT, _E_MAIL):
            text = pattern.sub(HIDDEN, text)
        return _QUOTED.sub("“…”", text)

    def formatException(self, ei: Any) -> str:
        error = ei[1]
        if error is None:
            return ""
        return "".join(_traceback(error)).rstrip()


def _log_last_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logging.getLogger("planner_sync").critical("the process ends", exc_info=(kind, error, trace))


def _traceback(error: BaseException, already: frozenset[int] = frozenset()) -> Iterator[str]:
    """Like Python's own, but only discreet errors keep their text: others may quote values."""
    if id(error) in already:
        return
    already |= {id(error)}
    cause = _cause(error)
    if cause is not None:
        yield from _traceback(cause, already)
        yield "and then "
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, _DISCREET):
        yield f"{name}: {error}\n"
    else:
        yield f"{name}\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _traceback(each, already)


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


def _pattern(secrets: Sequence[str]) -> re.Pattern[str] | None:
    """Matches every spelling of every secret, longest first."""
    spellings = {spelling for secret in secrets for spelling in _spellings(secret)}
    shapes = []
    for spelling in sorted(spellings - {""}, key=len, reverse=True):
        shape = re.escape(spelling)
        if len(spelling) < _SHORT:
            shape = rf"(?<![\w-]){shape}(?![\w-])"
        shapes.append(shape)
    if not shapes:
        return None
    return re.compile("|".join(shapes))


def _spellings(secret: str) -> tuple[str, ...]:
    """As it is, in a URL, in a form, and in JSON."""
    return secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()
