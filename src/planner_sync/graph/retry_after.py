"""How long a throttled answer asks us to wait. Pure; never reads this machine's clock."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST, LONGEST = 1.0, 900.0  # seconds
BELIEVABLE = 86_400.0  # seconds; no throttle lasts a day, so a larger number is a mistake


def wished_pause(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from SHORTEST to LONGEST, or None when `Retry-After` says nothing of use.

    `headers` has lower-case names. A date counts from the answer's own `Date`, since two clocks
    differ. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    wish = headers.get("retry-after", "").strip()
    # float() would take Arabic digits, underscores, exponents and `inf` as well.
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", wish):
        seconds = float(wish)
        return _clamped(seconds) if seconds <= BELIEVABLE else None
    until, now = _instant(wish), _instant(headers.get("date", ""))
    return _clamped((until - now).total_seconds()) if until and now else None


def _clamped(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
