"""Telemetry: the heartbeats and counts that every instance writes to Redis. So any instance can
report on all of them.

All times are the server's, in milliseconds. Counts and lags are for people only: a command
that Redis ran twice counts twice, and no decision depends on them.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, get_args

from redis.exceptions import RedisError

from planner_sync.model.orders import Counter
from planner_sync.model.records import Hold, Refused
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts

Value = TypeVar("Value")
Direction = Literal["upload", "download"]

COUNTERS: Final[tuple[Counter, ...]] = get_args(Counter)
REFUSALS_SHOWN = 500
FORGET_LISTENER_MS = 3_600_000


@dataclass(frozen=True)
class PlanTelemetry:
    """The last complete pass over one plan, and what went wrong since then, if anything did."""

    pass_at: int | None = None
    took_ms: int = 0
    cards: int = 0
    left_out: int = 0
    error: str | None = None
    error_at: int | None = None


@dataclass(frozen=True)
class Snapshot:
    """All telemetry at `now`. None: never seen. `refused` counts all refusals, `refusals` has
    some hundreds."""

    now: int
    listeners: Mapping[str, int]
    polled_at: int | None
    graph_ok_at: int | None
    graph_failed_at: int | None
    graph_code: str
    graph_cause: str
    plans: Mapping[str, PlanTelemetry]
    holds: Mapping[str, Hold]
    counters: Mapping[str, int]
    backlog: int
    oldest_due: int | None
    refused: int
    refusals: Mapping[str, Refused]
    lags: Mapping[Direction, Sequence[int]]


class Telemetry:
    """Records and reads the telemetry of one namespace."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys

    def use(self, redis: Any, scripts: Scripts) -> None:
        """Use this client from now on: the server has turned out to be part of a cluster."""
        self._redis, self._scripts = redis, scripts

    async def listener_heard(self, instance: str) -> None:
        """The listener of this instance has just heard itself."""
        await self._record(f"listener {instance}")

    async def poll_done(self) -> None:
        """One pass over every plan is complete."""
        await self._record("poll")

    async def graph_ok(self) -> None:
        """Planner answered."""
        await self._record("graph")

    async def graph_failed(self, code: str, cause: str = "") -> None:
        """Planner could not be reached, or refused us access; `code` as in messages, `cause` as
        in causes.py."""
        await self._record("graph failed", f"{code} {cause}".rstrip())

    async def pass_done(self, plan_id: str, *, took_ms: int, cards: int, left_out: int = 0) -> None:
        """One plan was listed and compared; `left_out` cards were not in the listing and still
        answered."""
        text = json.dumps({"took_ms": took_ms, "cards": cards, "left_out": left_out})
        await self._record(f"plan {plan_id}", text, f"error {plan_id}")

    async def pass_failed(self, plan_id: str, error: str) -> None:
        """One plan could not be read; `error` is the reason, for people."""
        await self._record(f"error {plan_id}", error)

    async def count(self, name: Counter, n: int = 1) -> None:
        """Add `n` to a counter; docs/operations.md explains each."""
        await self._redis.hincrby(self._keys.private("counters"), name, n)

    async def snapshot(self, *, details: bool = True) -> Snapshot:
        """Everything, in one round trip; without details no refusals and no lags."""
        most = REFUSALS_SHOWN if details else 0
        return _snapshot(await self._scripts["read_telemetry"](self._keys, [most]))

    async def snapshot_within(self, seconds: float, *, details: bool = True) -> Snapshot | None:
        """The same, or None when Redis does not answer in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self.snapshot(details=details)
        except (RedisError, OSError):  # TimeoutError is an OSError
            return None

    async def _record(self, part: str, text: str = "", *untrue: str) -> None:
        await self._scripts["record_heartbeat"](
            self._keys, [part, text, FORGET_LISTENER_MS, *untrue]
        )


def _snapshot(answer: list[Any]) -> Snapshot:
    now, beats, holds, counters, refused, refusals, backlog, earliest, uploads, downloads = answer
    signs = {part: _sign(value) for part, value in _pairs(beats)}
    moments = {part: at for part, (at, _) in signs.items()}
    graph_code, _, graph_cause = signs.get("graph failed", (0, ""))[1].partition(" ")
    return Snapshot(
        now=now,
        listeners=dict(_of_kind("listener", moments)),
        polled_at=moments.get("poll"),
        graph_ok_at=moments.get("graph"),
        graph_failed_at=moments.get("graph failed"),
        graph_code=graph_code,
        graph_cause=graph_cause,
        plans=_plans(signs),
        holds={plan: Hold.load(hold) for plan, hold in _pairs(holds)},
        counters={name: int(count) for name, count in _pairs(counters)},
        backlog=backlog,
        oldest_due=int(float(earliest[1])) if earliest else None,
        refused=refused,
        refusals={task: Refused.load(refusal) for task, refusal in _pairs(refusals)},
        lags={"upload": [int(ms) for ms in uploads], "download": [int(ms) for ms in downloads]},
    )


def _plans(signs: Mapping[str, tuple[int, str]]) -> dict[str, PlanTelemetry]:
    passes, errors = dict(_of_kind("plan", signs)), dict(_of_kind("error", signs))
    plans: dict[str, PlanTelemetry] = {}
    for plan in sorted(passes.keys() | errors.keys()):
        done: dict[str, Any] = (
            {"pass_at": passes[plan][0], **json.loads(passes[plan][1])} if plan in passes else {}
        )
        failed: dict[str, Any] = (
            {"error_at": errors[plan][0], "error": errors[plan][1]} if plan in errors else {}
        )
        plans[plan] = PlanTelemetry(**done, **failed)
    return plans


def _of_kind(kind: str, signs: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """The signs called "<kind> <name>", by name."""
    for part, value in signs.items():
        if part.startswith(f"{kind} "):
            yield part.removeprefix(f"{kind} "), value


def _sign(value: str) -> tuple[int, str]:
    at, _, text = value.partition(" ")
    return int(at), text


def _pairs(flat: list[bytes]) -> Iterator[tuple[str, str]]:
    """A hash as Lua returns it: name, value, name, value."""
    for name, value in zip(flat[::2], flat[1::2], strict=True):
        yield name.decode(), value.decode()
