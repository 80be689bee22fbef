"""How long a throttled answer asks us to wait. Pure; never reads this machine's clock."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST = 1.0  # seconds
LONGEST = 900.0  # seconds
PLAUSIBLE = 86_400.0  # seconds; no throttling lasts a day, so a larger number is a mistake


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from SHORTEST to LONGEST; None without a usable `Retry-After`.

    `headers` has lower-case names. A date counts from the answer's own `Date`, because the clocks
    of two machines differ. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    text = headers.get("retry-after", "").strip()
    # float() alone would also read Arabic digits, underscores, exponents and `inf`.
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        seconds = float(text)
        return _clamped(seconds) if seconds <= PLAUSIBLE else None
    until = _instant(text)
    now = _instant(headers.get("date", ""))
    if until is None or now is None:
        return None
    return _clamped((until - now).total_seconds())


def _clamped(seconds: float) -> float:
    return min(max(seconds, SHORTEST), LONGEST)


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
