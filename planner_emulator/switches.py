"""What is uncertain about Planner, one switch each; the defaults are what is best evidenced.

A switch is never read from the environment and never changes while the emulator runs.
"""

import re
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self


def _choice(*values: str) -> Any:
    """One of `values`; the first is the default."""
    return field(default=values[0], metadata={"values": values})


def _number(default: int, least: int = 0) -> Any:
    return field(default=default, metadata={"least": least})


def _shape(default: str, pattern: str, example: str) -> Any:
    return field(default=default, metadata={"pattern": pattern, "example": example})


@dataclass(frozen=True)
class Switches:
    """The switches in the order of the README's table, which says what each value means."""

    sign_in: str = _choice("app", "delegated")
    app_created_by: str = _choice("no_user", "null_user")
    etag_header: str = _choice("off", "on")
    if_match_missing: str = _choice("412", "400")
    if_match_star: str = _choice("off", "on")
    strict_etags: str = _choice("off", "on")
    identical_values: str = _choice("conflict", "accept")
    noop_patch: str = _choice("moves", "stays")
    move_bumps: str = _choice("once", "twice")
    prefer: str = _choice("honour", "ignore")
    details_bump: str = _choice("counts", "always", "never")
    deep_insert: str = _choice("ignore", "honour", "reject")
    details_404_reads: int = _number(0)
    details_404_ms: int = _number(0)
    list_lag_ms: int = _number(0)
    expand_details: str = _choice("honour", "ignore", "reject")
    page_size: int = _number(400, least=1)
    bucket_delete: str = _choice("orphan", "delete_tasks")
    missing_plan: str = _choice("404", "403")
    ghosts: str = _choice("off", "on")
    unknown_user: str = _choice("accept", "400", "403")
    creation_source: str = _choice("off", "on")
    creation_source_repeat: str = _choice("200", "201")
    trim_titles: str = _choice("off", "on")
    human_newlines: str = _choice("lf", "crlf")
    batch_order: str = _choice("random", "same")
    latency_ms: str = _shape("0-0", r"\d{1,6}-\d{1,6}", "20-80")
    rate_limit: str = _shape(
        "off", r"off|[1-9]\d*/[1-9]\d*", "off or REQUESTS/SECONDS, such as 50/10"
    )
    title_max: int = _number(255, least=1)
    description_max: int = _number(32768, least=1)
    checklist_title_max: int = _number(100, least=1)
    max_tasks: int = _number(9000)
    max_active_tasks: int = _number(3000)
    max_buckets: int = _number(200)
    max_assignees: int = _number(20)
    max_checklist_items: int = _number(20)
    max_references: int = _number(15)
    max_tasks_assigned: int = _number(9000)
    max_tasks_created: int = _number(20000)
    max_plans_owned: int = _number(400)
    max_plans_in_group: int = _number(200)
    max_plans_shared: int = _number(400)
    max_shared_with: int = _number(100)

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """Read `NAME=VALUE` texts. ValueError: one line for each mistake."""
        known = {each.name: each for each in fields(cls)}
        chosen: dict[str, Any] = {}
        mistakes = []
        for text in texts:
            name, _, value = text.partition("=")
            if name not in known:
                mistakes.append(f"there is no switch {name!r}; the switches are {', '.join(known)}")
                continue
            try:
                chosen[name] = _read(known[name], value)
            except ValueError as mistake:
                mistakes.append(f"switch {name}: {mistake}")
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return cls(**chosen)

    @property
    def latency(self) -> tuple[int, int]:
        """The shortest and the longest delay of an answer, milliseconds."""
        least, most = self.latency_ms.split("-")
        return int(least), int(most)

    @property
    def rate(self) -> tuple[int, int] | None:
        """Requests allowed within so many seconds, or None."""
        if self.rate_limit == "off":
            return None
        count, seconds = self.rate_limit.split("/")
        return int(count), int(seconds)


def defaults() -> dict[str, str]:
    """Every switch with its default, as it is written on the command line."""
    return {
        each.name: str(each.default) for each in fields(Switches) if each.default is not MISSING
    }


def _read(switch: Any, value: str) -> str | int:
    meta = switch.metadata
    if "values" in meta:
        if value not in meta["values"]:
            raise ValueError(f"{value!r} is none of {', '.join(meta['values'])}")
        return value
    if "least" in meta:
        if not re.fullmatch(r"\d{1,9}", value) or int(value) < meta["least"]:
            raise ValueError(f"{value!r} is not a whole number of {meta['least']} or more")
        return int(value)
    if not re.fullmatch(meta["pattern"], value) or _is_backwards(value):
        raise ValueError(f"{value!r} does not look like {meta['example']}")
    return value


def _is_backwards(value: str) -> bool:
    least, dash, most = value.partition("-")
    return bool(dash) and int(least) > int(most)
