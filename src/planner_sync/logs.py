"""One log line on stderr for each record, without secrets, without the content of tasks, without
control characters.

Both hosts use it: under Azure Functions the host drops what is logged outside an invocation, but
not what the process writes to stderr. Knows no settings; it is given the texts that must not be
seen.
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
# Libraries that tell of every request; in detail hpack would even show the headers.
LOUD = ("hpack", "httpcore", "httpx", "msal", "urllib3", "uvicorn")

_BEARER = re.compile(r"(?i)\b(bearer\s+|authorization:\s*basic\s+)[A-Za-z0-9._~+/=-]+")
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/]+(?=@)")
_NAMED = re.compile(
    r"(?i)\b((?:client_secret|client_assertion|access_token|refresh_token|id_token|device_code|x-functions-key|api_key|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"
)
# What another service said, in the marks that graph/answers.py gives it: it may repeat a task.
_SAID = re.compile(r"“[^”]*”")
# Also of an id that looks like one.
_E_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
# Errors whose words are known to quote no document; of any other a traceback shows the name alone.
_DISCREET = (GraphError, SettingsError, OSError)
# Characters that end a line, move the cursor, or turn the direction of what follows.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# A secret as short as this may be part of ordinary words; only where it stands alone is it hidden.
_SHORT = 8


def to_stderr(name: str, level: str, secrets: Sequence[str] = ()) -> None:
    """Send the records of the logger `name` to stderr and nowhere else; "" is all of them, and the
    error of an end."""
    handler = _Stderr(sys.stderr)
    handler.setFormatter(OneLine(secrets))
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)
    for library in LOUD:
        logging.getLogger(library).setLevel(logging.WARNING)
    if not name:
        sys.excepthook = _last_words


class _Stderr(logging.StreamHandler[TextIO]):
    """What cannot be written is left out: Python's own handler would then show the record as it
    is."""

    def handleError(self, record: logging.LogRecord) -> None:
        with suppress(OSError, ValueError):
            self.stream.write(f"a line of {record.name} could not be written\n")


class OneLine(logging.Formatter):
    """`time level logger message`, a traceback in the same line."""

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
        for pattern in (_BEARER, _URL_PASSWORD, _NAMED):
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
        for pattern in (_JWT, _E_MAIL):
            text = pattern.sub(HIDDEN, text)
        return _SAID.sub("“…”", text)

    def formatException(self, ei: Any) -> str:
        return "".join(_told(ei[1])).rstrip() if ei[1] else ""


def _last_words(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    logging.getLogger("planner_sync").critical("the process ends", exc_info=(kind, error, trace))


def _told(error: BaseException, told: frozenset[int] = frozenset()) -> Iterator[str]:
    """A traceback as Python's own, but with the words of discreet errors alone: others quote
    values."""
    if id(error) in told:
        return
    told |= {id(error)}
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _told(before, told)
        yield "and then "
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    words = f": {error}" if isinstance(error, _DISCREET) else ""
    yield f"{type(error).__module__}.{type(error).__qualname__}{words}\n"
    for one in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _told(one, told)


def _pattern(secrets: Sequence[str]) -> re.Pattern[str] | None:
    spelt = {spelling for secret in secrets for spelling in _spellings(secret)}
    ranked = sorted(spelt - {""}, key=len, reverse=True)
    shapes = [
        re.escape(secret) if len(secret) >= _SHORT else rf"(?<![\w-]){re.escape(secret)}(?![\w-])"
        for secret in ranked
    ]
    return re.compile("|".join(shapes)) if shapes else None


def _spellings(secret: str) -> tuple[str, ...]:
    """How it looks as it is, in a URL, in a form and in JSON."""
    return secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()
