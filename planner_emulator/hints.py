"""Order hints: clients ask for a place between two neighbours, Planner answers with a string.

Hints sort by ordinal comparison. A hint that was read is never a valid request, since it does not
end in "!".
"""

import re

_REQUEST = re.compile(r"[ -~]*? [ -~]*!")
_LATEST = 2**63 - 1


def is_request(text: object) -> bool:
    """Whether a client may send `text` as an order hint."""
    return isinstance(text, str) and _REQUEST.fullmatch(text) is not None


def newest_first(ticks: int) -> str:
    """The hint of something new: the later, the earlier it sorts."""
    return str(_LATEST - ticks)


def settle(request: str, ticks: int) -> str:
    """The hint for a request "<previous> <next>!"; " !" means any place."""
    previous, _, following = request.removesuffix("!").partition(" ")
    if not previous and not following.strip(" !"):
        return newest_first(ticks)
    return between(previous, following.strip(" !"))


def between(low: str, high: str) -> str:
    """A string strictly between `low` and `high` ("" for `high`: no bound); after `low` when there
    is none."""
    if high and low >= high:
        high = ""
    made = ""
    for place in range(len(low) + len(high) + 1):
        below = ord(low[place]) if place < len(low) else 0x20
        above = ord(high[place]) if place < len(high) else 0x7F
        if above - below > 1:
            return made + chr((below + above) // 2)
        made += chr(below)
        if below < above:
            high = ""
    return low + "P"
