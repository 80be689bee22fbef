"""Health is public: it uses words from a short list, and names nobody and nothing.

The telemetry is built from the fields of its classes, with a leak in every text, so that a new
field is covered.
"""

import dataclasses
import itertools
import json
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from planner_sync.errors import CODES
from planner_sync.identity.causes import ADVICE
from planner_sync.settings import Settings
from planner_sync.store.telemetry import PlanTelemetry, Snapshot
from planner_sync.web.health import LISTENER_SILENT_MS, Check, health
from planner_sync.web.routes import ROUTES, without_settings
from tests.emulator_process import emulator_process
from tests.host.service_process import eventually, running
from tests.redis_process import free_port, redis_process

PLAN = "xqQg5FS2LkCp935s-FIFm2QAFkHM"
GUID = "7e71fc45-3b47-5104-843d-821e2dea3167"
LEAKS = (
    f"redis-1.example.com:6380 https://graph.microsoft.com/v1.0/planner/plans/{PLAN} {GUID} "
    "mira@example.com 1.39.0 Traceback (most recent call last): "
    'File "/home/site/wwwroot/src/planner_sync/x.py" ConnectionError: 10.0.0.7 eyJ0'
)
# What an answer never has. Each is in LEAKS, which the first test sees to.
FORBIDDEN = {
    "a host name": r"[a-z0-9-]+\.(?:example|com|net|windows|azure|internal|local)\b|localhost",
    "an address": r"\b\d{1,3}(?:\.\d{1,3}){3}\b",
    "a URL": r"https?:|rediss?:|://",
    "a guid": r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "a plan": r"[A-Za-z0-9_-]{28}",
    "an e-mail": r"@",
    "a version": r"\b\d+\.\d+",
    "a stack trace": r"Traceback|File \"|line \d+",
    "an exception": r"[A-Z]\w*(?:Error|Exception|Timeout)\b",
    "a path": r"/\w+/|\.py\b",
    "a token": r"eyJ",
    "a number": r"\d{4,}",
}
CHECKS = ("redis", "graph", "listener", "poll", "settings")
WORDS = {"status", "checks", *CHECKS, "healthy", "degraded", "unhealthy", *get_args(Check)}


def leaks_of(text: str) -> list[str]:
    return [name for name, pattern in FORBIDDEN.items() if re.search(pattern, text)]


def words_of(body: Any) -> set[str]:
    if isinstance(body, Mapping):
        return set(body) | {word for value in body.values() for word in words_of(value)}
    assert isinstance(body, str), body
    return {body}


# -- every state -----------------------------------------------------------------------------------
NOW = 1_790_000_000_000
AGES = (None, 0, LISTENER_SILENT_MS + 1, 100_000, 10_000_000)  # never, now, silent, late, lost


def leaking(kind: Any, at: int | None) -> Any:
    """A value of this type in which every text is a leak, and every moment is `at`."""
    if get_origin(kind) is types.UnionType:
        (other,) = [one for one in get_args(kind) if one is not type(None)]
        return None if at is None else leaking(other, at)
    if kind is str or get_origin(kind) is Literal:
        return LEAKS
    if kind is bool:
        return True
    if kind is int:
        return at or 0
    if get_origin(kind) is not None and issubclass(get_origin(kind), Mapping):
        return {PLAN: leaking(get_args(kind)[1], at), LEAKS: leaking(get_args(kind)[1], at)}
    if get_origin(kind) is not None and issubclass(get_origin(kind), Sequence):
        return [leaking(get_args(kind)[0], at)]
    if dataclasses.is_dataclass(kind):
        return kind(**{name: leaking(hint, at) for name, hint in get_type_hints(kind).items()})
    assert kind is Any, f"a type of Snapshot that this test does not know: {kind}"
    return LEAKS


def snapshots() -> Iterator[Snapshot | None]:
    """No Redis; and every combination of the moments that health looks at, each with every cause
    and code."""
    yield None
    for age in AGES:
        full = leaking(Snapshot, None if age is None else NOW - age)
        quiet = dataclasses.replace(full, plans={PLAN: PlanTelemetry()}, holds={})
        for one, heard, polled, good, bad in itertools.product(
            (full, quiet), AGES, AGES, AGES, AGES
        ):
            times = [None if each is None else NOW - each for each in (polled, good, bad)]
            yield dataclasses.replace(
                one,
                now=NOW,
                listeners={} if heard is None else {LEAKS: NOW - heard},
                **dict(zip(("polled_at", "graph_ok_at", "graph_failed_at"), times, strict=True)),
            )
    for code, cause in itertools.product(CODES, ADVICE):
        yield dataclasses.replace(
            full, now=NOW, graph_failed_at=NOW, graph_code=code, graph_cause=cause
        )


def settings() -> Iterator[Settings]:
    env = {"PLANNER_SYNC_PLAN_IDS": PLAN, "PLANNER_SYNC_GRAPH_TOKEN": LEAKS.replace(" ", "")}
    for listener in ("on", "off"):
        yield Settings.from_env({**env, "PLANNER_SYNC_LISTENER": listener})


def test_every_leak_is_one_that_the_patterns_find() -> None:
    assert leaks_of(LEAKS) == list(FORBIDDEN)


def test_no_state_of_health_names_anybody_or_anything() -> None:
    answers: dict[str, Any] = {}
    for setting, snapshot in itertools.product(settings(), snapshots()):
        code, body = health(snapshot, setting)
        answers[f"{code} {json.dumps(body)}"] = body
    for route in ROUTES:
        if route.path == "/api/health":
            response = without_settings(route)
            answers[f"{response.status} {response.body.decode()}"] = json.loads(response.body)

    assert {text: leaks_of(text) for text in answers if leaks_of(text)} == {}
    assert {word for body in answers.values() for word in words_of(body)} == WORDS
    # Each check had each of its values, but for the four that cannot be: so no state was left out.
    seen = {(check, value) for body in answers.values() for check, value in body["checks"].items()}
    never = {
        ("redis", "degraded"),
        ("listener", "down"),
        ("settings", "ok"),
        ("settings", "degraded"),
    }
    assert seen == set(itertools.product(CHECKS, get_args(Check))) - never


# -- over HTTP, from real trouble ------------------------------------------------------------------
def secretive(answer: Any) -> list[str]:
    """What the body and the headers give away; the time of day is everybody's."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("date", "content-length")
    }
    assert "server" not in headers
    return leaks_of(answer.text) + leaks_of(json.dumps(headers))


@pytest.mark.parametrize(
    "trouble", ["no Redis", "no Planner", "a wrong token", "a plan that is not there"]
)
def test_a_service_in_real_trouble_gives_nothing_away(trouble: str) -> None:
    with redis_process() as redis_url, emulator_process() as emulator:
        env = {
            "REDIS_URL": redis_url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
            "PLANNER_SYNC_POLL_SECONDS": "1",
        }
        match trouble:
            case "no Redis":
                env["REDIS_URL"] = f"redis://user:pass-word@127.0.0.1:{free_port()}/0"
            case "no Planner":
                env["PLANNER_SYNC_GRAPH_URL"] = f"http://127.0.0.1:{free_port()}/v1.0"
            case "a wrong token":
                env["PLANNER_SYNC_GRAPH_TOKEN"] = "wrong"
            case "a plan that is not there":
                env["PLANNER_SYNC_PLAN_IDS"] = PLAN
        with running(**env) as service:
            eventually(lambda: "WARNING" in service.log)
            answers = [service.http.get("/health") for _ in range(3)]

    assert [secretive(answer) for answer in answers] == [[]] * 3
    assert all(answer.json()["status"] != "healthy" for answer in answers)
