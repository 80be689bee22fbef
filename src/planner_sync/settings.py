"""The settings: environment variables in, one frozen value out, or every mistake at once.

Read by the two entry points alone; everything else takes plain arguments. Never shows the value of
a setting that may hold a secret, and never lets a misspelt name pass.
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
    PREFIX + name
    for name in (
        *(
            "PLAN_IDS",
            "DEFAULT_PLAN_ID",
            "NAMESPACE",
            "POLL_SECONDS",
            "POLL_SCHEDULE",
            "CONFLICT_WINNER",
        ),
        *(
            "MAX_DELETE_RATIO",
            "MAX_DELETE_COUNT",
            "GRAPH_URL",
            "GRAPH_TOKEN",
            "REDIS_AUTH",
            "LISTENER",
        ),
        *("HTTP_HOST", "HTTP_PORT", "API_KEY", "LOG_LEVEL"),
    )
)

GRAPH_URL = "https://graph.microsoft.com/v1.0"
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOG_LEVELS: tuple[LogLevel, ...] = ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL")
SignInMethod = Literal["token", "secret", "certificate", "managed identity", "device code"]
APPLICATIONS = ("secret", "certificate", "device code")  # the ways that need tenant and client
Choice = TypeVar("Choice", bound=str)
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_PLAN_ID = re.compile(r"[A-Za-z0-9_-]{28}", re.ASCII)
_NAMESPACE = re.compile(
    r"(?=.{1,64}$)([A-Za-z0-9._-]*\{[A-Za-z0-9._-]+\}[A-Za-z0-9._-]*|[A-Za-z0-9._-]+)", re.ASCII
)
_DIRECTORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)


@dataclass(frozen=True)
class Secret:
    """A text that nothing shows but `reveal`. (Pydantic's would cost the Function App most of its
    indexing time.)"""

    _text: str = field(repr=False)

    def reveal(self) -> str:
        return self._text


@dataclass(frozen=True)
class Settings:
    """What an operator decides."""

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
        """Read the settings; SettingsError has one line for each mistake. With `device_code` a
        person will sign in."""
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
        """The same settings where a timer polls: its schedule tells how long two polls may lie
        apart."""
        return replace(self, poll_seconds=schedule.longest_gap(self.poll_schedule))

    def secrets(self) -> tuple[str, ...]:
        """Every text that must not be seen in a log, as written and as percent-decoded."""
        url = urlsplit(self.redis_url.reveal())
        texts = {url.password or "", unquote(url.password or "")}
        texts.update(value for name, value in parse_qsl(url.query) if "password" in name)
        kept = (self.graph_token, self.client_secret, self.api_key)
        texts.update(secret.reveal() for secret in kept if secret is not None)
        return tuple(sorted(texts - {""}, key=len, reverse=True))


class _EnvReader:
    """Reads one environment and notes every mistake; after a mistake it goes on with a value that
    fits the type."""

    def __init__(self, env: Mapping[str, str], *, device_code: bool = False) -> None:
        self.env = env
        self.device_code = device_code
        self.mistakes: list[str] = []

    def refuse_unknown_names(self) -> None:
        for name in sorted(self.env):
            if name.upper().startswith(PREFIX) and name not in NAMES:
                near = get_close_matches(name.upper(), sorted(NAMES), n=1)
                self._mistake(
                    name,
                    "there is no such setting" + (f"; did you mean {near[0]}?" if near else ""),
                )

    def optional(self, name: str) -> str | None:
        """The trimmed value, None where it is absent or empty."""
        return self.env.get(name, "").strip() or None

    def text(self, name: str, default: str) -> str:
        """The trimmed value of a setting that has a default: empty is then a mistake, not a
        wish."""
        if name in self.env and self.optional(name) is None:
            self._mistake(name, "is empty; leave it out to get its default")
        return self.optional(name) or default

    def secret(self, name: str) -> Secret | None:
        value = self.optional(name)
        if value is not None and not _VISIBLE.fullmatch(value):
            self._mistake(name, "holds a space, a control character or a letter outside ASCII")
        return Secret(value) if value else None

    def choice(self, name: str, choices: tuple[Choice, ...]) -> Choice:
        """One of the choices, in any case of letters; the first is the default."""
        value = self.text(name, choices[0])
        for choice in choices:
            if choice.lower() == value.lower():
                return choice
        self._mistake(name, f"must be {_alternatives(choices)}")
        return choices[0]

    def number(self, name: str, default: float, low: float, high: float) -> float:
        value = self.text(name, str(default))
        if not _NUMBER.fullmatch(value) or not low <= float(value) <= high:
            self._mistake(name, f"must be a number from {low:g} to {high:.15g}")
            return default
        return float(value)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not value.isascii() or not value.isdigit() or not low <= float(value) <= high:
            self._mistake(name, f"must be a whole number from {low} to {high}")
            return default
        return int(value)

    def plan_ids(self) -> tuple[str, ...]:
        name = "PLANNER_SYNC_PLAN_IDS"
        plan_ids = tuple(
            dict.fromkeys(
                part.strip() for part in self.env.get(name, "").split(",") if part.strip()
            )
        )
        if not plan_ids:
            self._mistake(name, "is required: the ids of the plans to sync, separated by commas")
        for plan_id in plan_ids:
            if not _PLAN_ID.fullmatch(plan_id):
                self._mistake(
                    name, f"{_shown(plan_id)} is no plan id: 28 of the characters A-Z a-z 0-9 _ -"
                )
        return plan_ids

    def default_plan_id(self, plan_ids: tuple[str, ...]) -> str:
        name = "PLANNER_SYNC_DEFAULT_PLAN_ID"
        plan_id = self.optional(name)
        if plan_id is not None and plan_id not in plan_ids:
            self._mistake(name, f"{_shown(plan_id)} is not among PLANNER_SYNC_PLAN_IDS")
        return plan_id or (plan_ids or ("",))[0]

    def namespace(self) -> str:
        name = "PLANNER_SYNC_NAMESPACE"
        value = self.text(name, "annika")
        if not _NAMESPACE.fullmatch(value):
            self._mistake(
                name,
                "must be 1 to 64 of the characters A-Z a-z 0-9 . _ -, one part of them in {} if you like",
            )
        return value

    def poll_schedule(self) -> str:
        name = "PLANNER_SYNC_POLL_SCHEDULE"
        value = self.text(name, schedule.DEFAULT)
        if not schedule.is_schedule(value):
            self._mistake(
                name, "must be a schedule of six fields, second first, such as */30 * * * * *"
            )
            return schedule.DEFAULT
        return value

    def redis_url(self) -> str:
        value = self.text("REDIS_URL", "redis://localhost:6379/0")
        if problem := problem_with_redis_url(value):
            self._mistake("REDIS_URL", problem)
        return value

    def redis_auth(self) -> Literal["url", "entra"]:
        name = "PLANNER_SYNC_REDIS_AUTH"
        auth: Literal["url", "entra"] = self.choice(name, ("url", "entra"))
        if auth == "entra" and self._identity() in (None, "device code"):
            self._mistake(
                name,
                "entra needs an identity: AZURE_CLIENT_ID and what goes with it, or IDENTITY_ENDPOINT",
            )
        if auth == "entra" and (
            problem := problem_with_token_url(self.optional("REDIS_URL") or "")
        ):
            self._mistake(name, f"entra sends a token, and REDIS_URL {problem}")
        return auth

    def web_url(self, name: str, default: str) -> str:
        """An https URL, or http to this machine, without a slash at the end."""
        value = self.text(name, default)
        if problem := problem_with_web_url(value):
            self._mistake(name, problem)
        return value.rstrip("/")

    def authority_host(self) -> str:
        name = "AZURE_AUTHORITY_HOST"
        host = self.optional(name) or "https://login.microsoftonline.com"
        # Azure's own libraries take it without a scheme too.
        url = host if "://" in host else f"https://{host}"
        graph = self.optional("PLANNER_SYNC_GRAPH_URL") or GRAPH_URL
        if problem := problem_with_web_url(url) or (
            problem_with_clouds(url, graph) if self._way() in APPLICATIONS else None
        ):
            self._mistake(name, problem)
        return url.rstrip("/")

    def directory_name(self, name: str) -> str | None:
        value = self.optional(name)
        if value is not None and not _DIRECTORY.fullmatch(value):
            self._mistake(name, "must be an id such as 00000000-0000-0000-0000-000000000000")
        return value

    def sign_in(self) -> SignInMethod:
        way = self._way()
        if way is None:
            self.mistakes.append(
                "no way to sign in: set PLANNER_SYNC_GRAPH_TOKEN, or AZURE_TENANT_ID, AZURE_CLIENT_ID and one of "
                "AZURE_CLIENT_SECRET and AZURE_CLIENT_CERTIFICATE_PATH, or AZURE_CLIENT_ID alone for a managed identity"
            )
        if way in APPLICATIONS:
            for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID"):
                if not self.optional(name):
                    self._mistake(name, f"is required to sign in with a {way}")
        path = self.optional("AZURE_CLIENT_CERTIFICATE_PATH")
        if way == "certificate" and path and not Path(path).is_file():
            self._mistake("AZURE_CLIENT_CERTIFICATE_PATH", f"there is no file {_shown(path)}")
        return way or "token"

    def http_host(self, api_key: Secret | None) -> str:
        name = "PLANNER_SYNC_HTTP_HOST"
        host = self.text(name, "127.0.0.1").strip("[]")
        if not is_loopback(host) and api_key is None:
            self._mistake(
                name,
                f"{_shown(host)} can be reached from other machines: set PLANNER_SYNC_API_KEY too",
            )
        return host

    def _way(self) -> SignInMethod | None:
        return (
            "token"
            if self.optional("PLANNER_SYNC_GRAPH_TOKEN") and not self.device_code
            else self._identity()
        )

    def _identity(self) -> SignInMethod | None:
        if self.device_code:
            return "device code"
        if self.optional("AZURE_CLIENT_CERTIFICATE_PATH") or self.optional("AZURE_CLIENT_SECRET"):
            return "certificate" if self.optional("AZURE_CLIENT_CERTIFICATE_PATH") else "secret"
        return (
            "managed identity"
            if self.optional("AZURE_CLIENT_ID") or self.optional("IDENTITY_ENDPOINT")
            else None
        )

    def _mistake(self, name: str, what: str) -> None:
        self.mistakes.append(f"{name}: {what}")


def _alternatives(choices: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))


def _shown(value: str) -> str:
    """A value in a message: quoted, nothing but ASCII, and short."""
    return ascii(value if len(value) <= 60 else value[:59] + "…")
