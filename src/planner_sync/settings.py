"""Environment variables → settings: one frozen value, or every mistake at once.

Read by the two entry points alone; everything else takes plain arguments. Never shows a value that
may hold a secret, and never accepts a misspelt name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from planner_sync import schedule
from planner_sync.errors import SettingsError
from planner_sync.urls import (
    is_loopback,
    problem_with_clouds,
    problem_with_redis_url,
    problem_with_token_url,
    problem_with_web_url,
)

PREFIX = "PLANNER_SYNC_"
NAMES = frozenset(
    {
        "PLANNER_SYNC_PLAN_IDS",
        "PLANNER_SYNC_DEFAULT_PLAN_ID",
        "PLANNER_SYNC_NAMESPACE",
        "PLANNER_SYNC_POLL_SECONDS",
        "PLANNER_SYNC_POLL_SCHEDULE",
        "PLANNER_SYNC_CONFLICT_WINNER",
        "PLANNER_SYNC_MAX_DELETE_RATIO",
        "PLANNER_SYNC_MAX_DELETE_COUNT",
        "PLANNER_SYNC_GRAPH_URL",
        "PLANNER_SYNC_GRAPH_TOKEN",
        "PLANNER_SYNC_REDIS_AUTH",
        "PLANNER_SYNC_LISTENER",
        "PLANNER_SYNC_HTTP_HOST",
        "PLANNER_SYNC_HTTP_PORT",
        "PLANNER_SYNC_API_KEY",
        "PLANNER_SYNC_LOG_LEVEL",
    }
)

REDIS_URL = "redis://localhost:6379/0"
GRAPH_URL = "https://graph.microsoft.com/v1.0"
AUTHORITY_HOST = "https://login.microsoftonline.com"
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOG_LEVELS: tuple[LogLevel, ...] = ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL")
SignInMethod = Literal["token", "secret", "certificate", "managed identity", "device code"]
NEED_TENANT_AND_CLIENT = ("secret", "certificate", "device code")
NO_SIGN_IN = (
    "no way to sign in: set PLANNER_SYNC_GRAPH_TOKEN; or AZURE_TENANT_ID, AZURE_CLIENT_ID and "
    "either AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH; or AZURE_CLIENT_ID alone for a "
    "managed identity"
)
Choice = TypeVar("Choice", bound=str)

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_PLAN_ID = re.compile(r"[A-Za-z0-9_-]{28}", re.ASCII)
_NAMESPACE = re.compile(
    r"(?=.{1,64}$)([A-Za-z0-9._-]*\{[A-Za-z0-9._-]+\}[A-Za-z0-9._-]*|[A-Za-z0-9._-]+)", re.ASCII
)
_DIRECTORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_SHOWN = 60  # characters of a value in a message


@dataclass(frozen=True)
class Secret:
    """A text that only `reveal` shows.

    Pydantic's SecretStr would cost the Function App most of its indexing time.
    """

    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text


@dataclass(frozen=True)
class Settings:
    """What an operator configures."""

    redis_url: Secret
    plan_ids: tuple[str, ...]
    default_plan_id: str
    namespace: str
    poll_seconds: float
    poll_schedule: str
    conflict_winner: Literal["planner", "agents"]
    max_delete_ratio: float
    max_delete_count: int
    graph_url: str  # without a slash at the end
    graph_token: Secret | None
    tenant_id: str | None
    client_id: str | None
    client_secret: Secret | None
    certificate_path: str | None
    authority_host: str  # without a slash at the end
    sign_in: SignInMethod
    redis_auth: Literal["url", "entra"]
    listener: bool
    http_host: str
    http_port: int
    api_key: Secret | None
    log_level: LogLevel

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, device_code: bool = False) -> Self:
        """Read the settings. `device_code`: a person will sign in.

        Raises SettingsError with one line for each mistake.
        """
        read = _EnvReader(env, device_code=device_code)
        read.refuse_unknown_names()
        plan_ids = read.plan_ids()
        api_key = read.secret("PLANNER_SYNC_API_KEY")
        settings = cls(
            redis_url=Secret(read.redis_url()),
            plan_ids=plan_ids,
            default_plan_id=read.default_plan_id(plan_ids),
            namespace=read.namespace(),
            poll_seconds=read.number("PLANNER_SYNC_POLL_SECONDS", 30, 1, 86_400),
            poll_schedule=read.poll_schedule(),
            conflict_winner=read.choice("PLANNER_SYNC_CONFLICT_WINNER", ("planner", "agents")),
            max_delete_ratio=read.number("PLANNER_SYNC_MAX_DELETE_RATIO", 0.3, 0, 1),
            max_delete_count=read.integer("PLANNER_SYNC_MAX_DELETE_COUNT", 10, 0, 1_000_000),
            graph_url=read.web_url("PLANNER_SYNC_GRAPH_URL", GRAPH_URL),
            graph_token=read.secret("PLANNER_SYNC_GRAPH_TOKEN"),
            tenant_id=read.directory_name("AZURE_TENANT_ID"),
            client_id=read.directory_name("AZURE_CLIENT_ID"),
            client_secret=read.secret("AZURE_CLIENT_SECRET"),
            certificate_path=read.optional("AZURE_CLIENT_CERTIFICATE_PATH"),
            authority_host=read.authority_host(),
            sign_in=read.sign_in(),
            redis_auth=read.redis_auth(),
            listener=read.choice("PLANNER_SYNC_LISTENER", ("on", "off")) == "on",
            http_host=read.http_host(api_key),
            http_port=read.integer("PLANNER_SYNC_HTTP_PORT", 7071, 1, 65_535),
            api_key=api_key,
            log_level=read.choice("PLANNER_SYNC_LOG_LEVEL", LOG_LEVELS),
        )
        if read.mistakes:
            raise SettingsError(read.mistakes)
        return settings

    def for_timer(self) -> Self:
        """The same settings under a timer, whose schedule replaces the poll interval."""
        return replace(self, poll_seconds=schedule.longest_gap(self.poll_schedule))

    def secrets(self) -> tuple[str, ...]:
        """Every text that no log may show, longest first; a password of the URL also decoded."""
        url = urlsplit(self.redis_url.reveal())
        texts = {url.password or "", unquote(url.password or "")}
        for name, value in parse_qsl(url.query):
            if "password" in name:
                texts.add(value)
        for secret in (self.graph_token, self.client_secret, self.api_key):
            if secret is not None:
                texts.add(secret.reveal())
        return tuple(sorted(texts - {""}, key=len, reverse=True))


class _EnvReader:
    """Reads the values of one environment, and collects every mistake.

    After a mistake it continues with a value of the right type.
    """

    def __init__(self, env: Mapping[str, str], *, device_code: bool = False) -> None:
        self.env = env
        self.device_code = device_code
        self.mistakes: list[str] = []

    def refuse_unknown_names(self) -> None:
        for name in sorted(self.env):
            if name.upper().startswith(PREFIX) and name not in NAMES:
                self._mistake(name, f"there is no such setting{_suggestion(name)}")

    # -- kinds of values ---------------------------------------------------------------------------
    def optional(self, name: str) -> str | None:
        """The trimmed value; None if it is absent or empty."""
        return self.env.get(name, "").strip() or None

    def text(self, name: str, default: str) -> str:
        """The trimmed value of a setting with a default. Empty is a mistake, absent is not."""
        value = self.optional(name)
        if value is not None:
            return value
        if name in self.env:
            self._mistake(name, "is empty; remove it to get the default")
        return default

    def secret(self, name: str) -> Secret | None:
        value = self.optional(name)
        if value is None:
            return None
        if not _VISIBLE.fullmatch(value):
            self._mistake(name, "contains a space, a control character or a non-ASCII character")
        return Secret(value)

    def choice(self, name: str, choices: tuple[Choice, ...]) -> Choice:
        """One of the choices, in upper or lower case. The first is the default."""
        value = self.text(name, choices[0])
        for choice in choices:
            if choice.lower() == value.lower():
                return choice
        self._mistake(name, f"must be {_alternatives(choices)}")
        return choices[0]

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self.text(name, str(default))
        if _NUMBER.fullmatch(value) and low <= float(value) <= high:
            return float(value)
        self._mistake(name, f"must be a number from {low:g} to {high:.15g}")
        return default

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if value.isascii() and value.isdigit() and low <= float(value) <= high:
            return int(value)
        self._mistake(name, f"must be a whole number from {low} to {high}")
        return default

    def web_url(self, name: str, default: str) -> str:
        """An https URL, or http to this machine, without a slash at the end."""
        value = self.text(name, default)
        self._check(name, problem_with_web_url(value))
        return value.rstrip("/")

    def directory_name(self, name: str) -> str | None:
        value = self.optional(name)
        if value is not None and not _DIRECTORY.fullmatch(value):
            self._mistake(name, "must be an id such as 00000000-0000-0000-0000-000000000000")
        return value

    # -- one setting each --------------------------------------------------------------------------
    def plan_ids(self) -> tuple[str, ...]:
        name = "PLANNER_SYNC_PLAN_IDS"
        parts = [part.strip() for part in self.env.get(name, "").split(",")]
        plan_ids = tuple(dict.fromkeys(part for part in parts if part))
        if not plan_ids:
            self._mistake(name, "is required: the ids of the plans to sync, separated by commas")
        for plan_id in plan_ids:
            if not _PLAN_ID.fullmatch(plan_id):
                expected = "28 of the characters A-Z a-z 0-9 _ -"
                self._mistake(name, f"{_shown(plan_id)} is not a plan id: {expected}")
        return plan_ids

    def default_plan_id(self, plan_ids: tuple[str, ...]) -> str:
        name = "PLANNER_SYNC_DEFAULT_PLAN_ID"
        plan_id = self.optional(name)
        if plan_id is None:
            return plan_ids[0] if plan_ids else ""
        if plan_id not in plan_ids:
            self._mistake(name, f"{_shown(plan_id)} is not among PLANNER_SYNC_PLAN_IDS")
        return plan_id

    def namespace(self) -> str:
        name = "PLANNER_SYNC_NAMESPACE"
        value = self.text(name, "annika")
        if not _NAMESPACE.fullmatch(value):
            expected = "1 to 64 of the characters A-Z a-z 0-9 . _ -"
            self._mistake(name, f"must be {expected}; {{}} may enclose one part")
        return value

    def poll_schedule(self) -> str:
        name = "PLANNER_SYNC_POLL_SCHEDULE"
        value = self.text(name, schedule.DEFAULT)
        if schedule.is_schedule(value):
            return value
        example = schedule.DEFAULT
        self._mistake(name, f"must be a schedule of six fields, second first, such as {example}")
        return schedule.DEFAULT

    def redis_url(self) -> str:
        value = self.text("REDIS_URL", REDIS_URL)
        self._check("REDIS_URL", problem_with_redis_url(value))
        return value

    def redis_auth(self) -> Literal["url", "entra"]:
        name = "PLANNER_SYNC_REDIS_AUTH"
        auth: Literal["url", "entra"] = self.choice(name, ("url", "entra"))
        if auth == "url":
            return auth
        if self._identity() in (None, "device code"):
            needed = "AZURE_CLIENT_ID and what goes with it, or IDENTITY_ENDPOINT"
            self._mistake(name, f"entra needs an identity: {needed}")
        problem = problem_with_token_url(self.optional("REDIS_URL") or "")
        if problem is not None:
            self._mistake(name, f"entra sends a token, but REDIS_URL {problem}")
        return auth

    def authority_host(self) -> str:
        name = "AZURE_AUTHORITY_HOST"
        host = self.optional(name) or AUTHORITY_HOST
        # Azure's own libraries accept it without a scheme too.
        url = host if "://" in host else f"https://{host}"
        problem = problem_with_web_url(url)
        if problem is None and self._sign_in_method() in NEED_TENANT_AND_CLIENT:
            graph = self.optional("PLANNER_SYNC_GRAPH_URL") or GRAPH_URL
            problem = problem_with_clouds(url, graph)
        self._check(name, problem)
        return url.rstrip("/")

    def sign_in(self) -> SignInMethod:
        method = self._sign_in_method()
        if method is None:
            self.mistakes.append(NO_SIGN_IN)
            return "token"
        if method in NEED_TENANT_AND_CLIENT:
            for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID"):
                if not self.optional(name):
                    self._mistake(name, f"is required to sign in with a {method}")
        path = self.optional("AZURE_CLIENT_CERTIFICATE_PATH")
        if method == "certificate" and path and not Path(path).is_file():
            self._mistake("AZURE_CLIENT_CERTIFICATE_PATH", f"there is no file {_shown(path)}")
        return method

    def http_host(self, api_key: Secret | None) -> str:
        name = "PLANNER_SYNC_HTTP_HOST"
        host = self.text(name, "127.0.0.1").strip("[]")
        if not is_loopback(host) and api_key is None:
            advice = "set PLANNER_SYNC_API_KEY too"
            self._mistake(name, f"{_shown(host)} can be reached from other machines: {advice}")
        return host

    def _sign_in_method(self) -> SignInMethod | None:
        if self.device_code:
            return "device code"
        if self.optional("PLANNER_SYNC_GRAPH_TOKEN"):
            return "token"
        return self._identity()

    def _identity(self) -> SignInMethod | None:
        """How to sign in without a ready token."""
        if self.device_code:
            return "device code"
        if self.optional("AZURE_CLIENT_CERTIFICATE_PATH"):
            return "certificate"
        if self.optional("AZURE_CLIENT_SECRET"):
            return "secret"
        if self.optional("AZURE_CLIENT_ID") or self.optional("IDENTITY_ENDPOINT"):
            return "managed identity"
        return None

    def _check(self, name: str, problem: str | None) -> None:
        if problem is not None:
            self._mistake(name, problem)

    def _mistake(self, name: str, what: str) -> None:
        self.mistakes.append(f"{name}: {what}")


def _suggestion(name: str) -> str:
    near = get_close_matches(name.upper(), sorted(NAMES), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _alternatives(choices: tuple[str, ...]) -> str:
    """`a, b or c`"""
    *others, last = choices
    return f"{', '.join(others)} or {last}"


def _shown(value: str) -> str:
    """A value in a message: quoted, ASCII only, and short."""
    if len(value) > _SHOWN:
        value = value[: _SHOWN - 1] + "…"
    return ascii(value)
