"""The rules of If-Match: which version a writer saw, and whether its changes overlap with later
ones (§6.2)."""

from collections.abc import Iterable

from planner_emulator import etags, fields, refusals
from planner_emulator.actors import Act
from planner_emulator.resources import Json, Resource, Write
from planner_emulator.switches import Switches


def version_seen(resource: Resource, if_match: str | None, switches: Switches) -> int | None:
    """The version named by an If-Match header; None for `*` where it is allowed. Refused: 412 (400
    by switch)."""
    if if_match is None:
        raise refusals.precondition_missing(int(switches.if_match_missing))
    if if_match.strip() == "*" and switches.if_match_star == "on":
        return None
    version = etags.read(if_match, resource.kind.tag)
    if version is None or version > resource.version:
        raise refusals.precondition_invalid()
    if switches.strict_etags == "on" and version < resource.version:
        raise refusals.precondition_invalid()
    return version


def settled(resource: Resource, body: Json, base: int | None, act: Act) -> list[Write]:
    """The body as writes that do not overlap with what was changed after `base`. Refused: 400,
    409."""
    writes = fields.writes(resource, body, act)
    compared: Iterable[Write] = writes
    if act.switches.identical_values == "accept":
        compared = [write for write in writes if resource.value(write) != write.value]
    if base is not None and resource.overlaps(compared, base):
        raise refusals.conflict()
    return writes


def check_untouched(resource: Resource, base: int | None) -> None:
    """Refused (409) when anything changed after `base`; for deletes, which conflict with every
    change."""
    if base is not None and base < resource.version:
        raise refusals.conflict()


def noop_moves(act: Act) -> bool:
    """Whether a write that changes nothing still makes a new version."""
    return act.switches.noop_patch == "moves"
