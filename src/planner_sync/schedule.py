"""The schedule of the Function App's timer: is it one, and how long may it stay silent.

Six fields as in https://github.com/atifaziz/NCrontab (second first), or a TimeSpan `hh:mm:ss`,
which Azure takes on App Service plans only. Runs no timer.
"""

import re

DEFAULT = "*/30 * * * * *"

_FIELD = re.compile(r"(\*|\w+(-\w+)?)(/[1-9]\d*)?(,(\*|\w+(-\w+)?)(/[1-9]\d*)?)*", re.ASCII)
_TIMESPAN = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)", re.ASCII)
_DAY = 86_400
_WEEK = 7 * _DAY


def is_schedule(text: str) -> bool:
    """Whether Azure's timer can read this; a wrong one would keep the whole function from
    loading."""
    if (span := timespan(text)) is not None:
        return span > 0
    fields = text.split()
    if len(fields) != 6 or not all(_FIELD.fullmatch(field) for field in fields):
        return False
    try:
        return all(_values(field, size) for field, size in zip(fields, (60, 60, 24), strict=False))
    except ValueError:
        return False


def timespan(text: str) -> float | None:
    """Seconds that `hh:mm:ss` stands for; None for anything else."""
    span = _TIMESPAN.fullmatch(text)
    if span is None:
        return None
    hours, minutes, seconds = map(int, span.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def longest_gap(text: str) -> float:
    """Seconds between two runs, the longest of the schedule. The coarsest field that leaves
    something out decides."""
    if (span := timespan(text)) is not None:
        return span
    second, minute, hour, *days = text.split()
    if set(days) != {"*"}:
        return float(_WEEK)
    for field, size, unit in ((hour, 24, 3600), (minute, 60, 60), (second, 60, 1)):
        values = _values(field, size)
        if len(values) < size:
            following = [*values[1:], values[0] + size]
            return float(
                unit * max(after - value for value, after in zip(values, following, strict=True))
            )
    return 1.0


def _values(field: str, size: int) -> list[int]:
    """The values that a field of numbers stands for, sorted; ValueError for one out of range."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low = 0 if span == "*" else int(first)
        high = size - 1 if span == "*" or (step and not last) else int(last or first)
        if not 0 <= low <= high < size:
            raise ValueError(field)
        found.update(range(low, high + 1, int(step or 1)))
    return sorted(found)
