"""Planner's etags: a kind and a counter in base64.

All new resources of a kind have the same etag; within one resource, newer is greater once decoded.
"""

import base64
import binascii
import re
from functools import lru_cache

FIRST, STEP = 4, 4
_WEAK = re.compile(r'W/"([A-Za-z0-9+/]+=*)"')


@lru_cache(maxsize=10_000)
def make(tag: str, version: int) -> str:
    """The etag of a resource whose kind has `tag`, such as "Task  "."""
    digits = ""
    for _ in range(16):
        digits = chr(0x40 + version % 64) + digits
        version //= 64
    return 'W/"' + base64.b64encode(f"'1-{tag}{digits}'".encode()).decode() + '"'


def read(etag: str, tag: str) -> int | None:
    """The version in an etag of this kind, or None when it is malformed or of another kind."""
    match = _WEAK.fullmatch(etag.strip())
    if match is None:
        return None
    try:
        text = base64.b64decode(match[1], validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not (text.startswith(f"'1-{tag}") and text.endswith("'") and len(text) == len(tag) + 20):
        return None
    version = 0
    for digit in text[len(tag) + 3 : -1]:
        if not 0x40 <= ord(digit) <= 0x7F:
            return None
        version = version * 64 + ord(digit) - 0x40
    return version if version >= FIRST and version % STEP == 0 else None
