"""The schedule of the Function App's timer: is it valid, and how long can it pause.

Six fields, second first (https://github.com/atifaziz/NCrontab), or a TimeSpan `hh:mm:ss`, which
Azure accepts on App Service plans only. Runs no timer.
"""

import re

DEFAULT = "*/30 * * * * *"

_FIELD = re.compile(r"(\*|\w+(-\w+)?)(/[1-9]\d*)?(,(\*|\w+(-\w+)?)(/[1-9]\d*)?)*", re.ASCII)
_TIMESPAN = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)", re.ASCII)
_WEEK_SECONDS = 7 * 86_400


def is_schedule(text: str) -> bool:
    """Whether Azure's timer can read this. With a wrong one the function would not load."""
    span = timespan(text)
    if span is not None:
        return span > 0
    fields = text.split()
    if len(fields) != 6 or not all(_FIELD.fullmatch(field) for field in fields):
        return False
    second, minute, hour, *_ = fields
    try:
        _values(second, 60)
        _values(minute, 60)
        _values(hour, 24)
    except ValueError:
        return False
    return True


def timespan(text: str) -> float | None:
    """The seconds of `hh:mm:ss`; None for anything else."""
    span = _TIMESPAN.fullmatch(text)
    if span is None:
        return None
    hours, minutes, seconds = map(int, span.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def longest_gap(text: str) -> float:
    """The longest time between two runs, in seconds.

    The coarsest field that is restricted decides; a restricted day counts as a week.
    """
    span = timespan(text)
    if span is not None:
        return span
    second, minute, hour, *days = text.split()
    if set(days) != {"*"}:
        return float(_WEEK_SECONDS)
    for field, size, unit in ((hour, 24, 3600), (minute, 60, 60), (second, 60, 1)):
        values = _values(field, size)
        if len(values) < size:
            return float(unit * _longest_step(values, size))
    return 1.0


def _values(field: str, size: int) -> list[int]:
    """The numbers of a field, sorted. Raises ValueError for one that is not below `size`."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, high = _bounds(span, size, has_step=bool(step))
        if not 0 <= low <= high < size:
            raise ValueError(field)
        found.update(range(low, high + 1, int(step or 1)))
    return sorted(found)


def _bounds(span: str, size: int, *, has_step: bool) -> tuple[int, int]:
    """`*`, `5-9`, `5/2` (from 5 on) or `5`, as first and last value."""
    if span == "*":
        return 0, size - 1
    first, _, last = span.partition("-")
    if last:
        return int(first), int(last)
    if has_step:
        return int(first), size - 1
    return int(first), int(first)


def _longest_step(values: list[int], size: int) -> int:
    """The longest way from one value to the next; the last one is followed by the first."""
    following = [*values[1:], values[0] + size]
    return max(after - value for value, after in zip(values, following, strict=True))
