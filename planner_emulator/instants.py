"""Instants as Planner keeps them: UTC, a resolution of 100 ns, counted in .NET ticks since the year
1."""

import re
from datetime import UTC, datetime, timedelta, timezone

_START = datetime(1, 1, 1, tzinfo=UTC)
_SECOND = 10_000_000
_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,7})\d*)?(?:([Zz])|([+-])(\d{2}):(\d{2}))",
    re.ASCII,
)


def ticks(moment: datetime) -> int:
    """The ticks of an aware datetime."""
    past = moment - _START
    return (past.days * 86_400 + past.seconds) * _SECOND + past.microseconds * 10


def stamp(count: int) -> str:
    """Ticks as Graph writes them: `2024-01-13T08:21:11.5507897Z`, without trailing zeros."""
    seconds, fraction = divmod(count, _SECOND)
    whole = (_START + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    digits = f"{fraction:07d}".rstrip("0")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def read(text: str) -> int:
    """The ticks of an ISO instant with a zone. ValueError for anything else, a bare date
    included."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"Cannot convert '{text}' to Edm.DateTimeOffset.")
    day, time, fraction, zulu, sign, hours, minutes = match.groups()
    offset = (
        timedelta()
        if zulu
        else timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    )
    moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=timezone(offset))
    return ticks(moment) + int((fraction or "").ljust(7, "0"))
