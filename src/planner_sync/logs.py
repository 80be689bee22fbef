"""One log line on stderr for each record, without secrets and without control characters.

Both hosts use it: under Azure Functions the host drops what is logged outside an invocation, but not what the process
writes to stderr. Knows no settings; it is given the texts that must not be seen.
"""

import logging
import re
import sys
import time
from collections.abc import Sequence

HIDDEN = "***"
# Libraries that tell of every request; in detail hpack would even show the headers.
LOUD = ("hpack", "httpcore", "httpx", "msal", "urllib3", "uvicorn")

_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]+")
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/]+(?=@)")
_NAMED = re.compile(
    r"(?i)\b((?:client_secret|client_assertion|access_token|api_key|password)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,}]+"
)
# Characters that end a line, move the cursor, or turn the direction of what follows.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# A secret as short as this may be part of ordinary words; only where it stands alone is it hidden.
_SHORT = 8


def to_stderr(name: str, level: str, secrets: Sequence[str] = ()) -> None:
    """Send the records of the logger `name` ("" is all of them) to stderr and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(secrets))
    logger = logging.getLogger(name)
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(level)
    for library in LOUD:
        logging.getLogger(library).setLevel(logging.WARNING)


class OneLine(logging.Formatter):
    """`time level logger message`, a traceback in the same line."""

    converter = staticmethod(time.gmtime)

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        self._secrets = _pattern(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(_escape, self.redact(super().format(record)))

    def redact(self, text: str) -> str:
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        for pattern in (_BEARER, _URL_PASSWORD, _NAMED):
            text = pattern.sub(rf"\g<1>{HIDDEN}", text)
        return _JWT.sub(HIDDEN, text)


def _pattern(secrets: Sequence[str]) -> re.Pattern[str] | None:
    ranked = sorted((secret for secret in secrets if secret), key=len, reverse=True)
    shapes = [
        re.escape(secret) if len(secret) >= _SHORT else rf"(?<![\w-]){re.escape(secret)}(?![\w-])" for secret in ranked
    ]
    return re.compile("|".join(shapes)) if shapes else None


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode()
