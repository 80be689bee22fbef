"""Bearer tokens: a ready one, or from a sign-in and refreshed early. All callers share one request.

A token is in the memory of this process and nowhere else: never in Redis, a file, a log line or a
message.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import httpx

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.identity.causes import with_advice
from planner_sync.identity.sign_in import (
    Acquire,
    ApplicationSignIn,
    DeviceCodeSignIn,
    ManagedIdentitySignIn,
)
from planner_sync.identity.sign_in_answers import claims, missing_right

REFRESH_EARLY = 300.0  # seconds before a token expires
REFRESH_INCOMPLETE = 60.0  # seconds after which a token that lacks a right is refreshed
MAX_REFRESH_WAIT = 1.0  # seconds that a caller waits for a refresh while the old token is good
REMEMBER_FAILURE = 5.0  # seconds in which a failed sign-in is not tried again

log = logging.getLogger(__name__)


class Tokens(Protocol):
    """A source of bearer tokens."""

    async def token(self) -> str:
        """A token that is valid now.

        Raises Unauthorized when the sign-in is refused, NotSent when it cannot be reached.
        """

    def drop(self, token: str) -> None:
        """Graph refused this token: do not return it again."""

    def missing_right(self) -> str:
        """Why Graph will refuse the current token, as a code of causes.py.

        "" when nothing says that it will.
        """


class ReadyToken:
    """A token from the settings; it cannot be refreshed when it expires."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    def drop(self, token: str) -> None:
        """There is no other one."""

    def missing_right(self) -> str:
        return missing_right(self._token)


@dataclass(frozen=True)
class _HeldToken:
    """A token, and when to refresh it, by the clock of its owner; `missing` is a cause or ""."""

    token: str
    refresh_at: float
    expires_at: float
    missing: str


class MsalTokens:
    """Tokens from `acquire`, which returns MSAL's answer; refreshed five minutes early.

    While a refresh fails, a token that has not expired is still returned. `find_missing` says which
    right a token lacks. Such a token is refreshed every minute, since consent may have been given.
    """

    def __init__(
        self,
        acquire: Acquire,
        clock: Callable[[], float] = time.monotonic,
        find_missing: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._acquire = acquire
        self._clock = clock
        self._find_missing = find_missing
        self._held: _HeldToken | None = None
        self._refreshing: asyncio.Task[_HeldToken] | None = None
        self._failure: Unauthorized | NotSent | None = None
        self._failed_at = 0.0
        self._reported = ""

    async def token(self) -> str:
        held = self._held
        now = self._clock()
        if held is None or now >= held.expires_at:
            refreshed = await self._refreshed()
            return refreshed.token
        # Only the first caller waits for the refresh of a good token, and not for long.
        if now >= held.refresh_at and self._refreshing is None:
            try:
                async with asyncio.timeout(MAX_REFRESH_WAIT):
                    refreshed = await self._refreshed()
                    return refreshed.token
            except (NotSent, Unauthorized, TimeoutError):
                pass
        if self._held is not held:  # dropped or replaced meanwhile
            return await self.token()
        return held.token

    def drop(self, token: str) -> None:
        if self._held and self._held.token == token:
            self._held = None

    def missing_right(self) -> str:
        return self._held.missing if self._held else ""

    async def _refreshed(self) -> _HeldToken:
        if self._failure and self._clock() < self._failed_at + REMEMBER_FAILURE:
            raise self._failure
        if self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
            self._refreshing.add_done_callback(self._refresh_ended)
        # A caller that gives up must not stop the others.
        return await asyncio.shield(self._refreshing)

    async def _refresh(self) -> _HeldToken:
        answer = await self._acquire()
        now = self._clock()
        token = answer["access_token"]
        lifetime = float(answer["expires_in"])
        refresh_in = lifetime - min(REFRESH_EARLY, lifetime / 2)
        missing = self._find_missing(token)
        if missing:
            refresh_in = min(REFRESH_INCOMPLETE, refresh_in)
        return _HeldToken(token, now + refresh_in, now + lifetime, missing)

    def _refresh_ended(self, refreshing: asyncio.Task[_HeldToken]) -> None:
        self._refreshing = None
        self._failure = None
        if refreshing.cancelled():
            return
        match refreshing.exception():
            case None:
                self._held = refreshing.result()
                missing = self._held.missing
                self._report(with_advice(missing) if missing else "")
            case NotSent() | Unauthorized() as failure:
                self._failure = failure
                self._failed_at = self._clock()
                self._report(str(failure))

    def _report(self, trouble: str) -> None:
        """Log each trouble once, and its end once."""
        if trouble == self._reported:
            return
        self._reported = trouble
        if trouble:
            log.warning("%s", trouble)
        else:
            log.info("sign-in works again")


def build_tokens(
    *,
    resource: str = "https://graph.microsoft.com",
    ready_token: str | None = None,
    device_code: bool = False,
    tenant_id: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    certificate_path: str | None = None,
    authority_host: str = "https://login.microsoftonline.com",
    http_client: httpx.Client | None = None,
    missing: Callable[[str], str] = missing_right,
    clock: Callable[[], float] = time.monotonic,
) -> Tokens:
    """The tokens that the settings ask for, for the API at `resource` (scheme and host).

    The first that is set counts: a device code, a ready token, a certificate or a secret (with
    tenant and client), else the managed identity (user-assigned with `client_id`). Nothing is sent
    before the first call of `token()`.
    """
    authority = f"{authority_host.rstrip('/')}/{tenant_id}"
    sign_in: Acquire
    if device_code and client_id:
        sign_in = DeviceCodeSignIn(authority, client_id, resource, http_client)
    elif ready_token:
        return ReadyToken(ready_token)
    elif tenant_id and client_id and (certificate_path or client_secret):
        sign_in = ApplicationSignIn(
            authority, client_id, client_secret, certificate_path, resource, http_client
        )
    else:
        sign_in = ManagedIdentitySignIn(client_id, resource, http_client)
    return MsalTokens(sign_in, clock, missing)


def redis_credentials(tokens: Tokens) -> Callable[[], Awaitable[tuple[str, str]]]:
    """User name and password for a Redis that accepts Entra tokens: the object id in a token, and
    the token.

    https://learn.microsoft.com/azure/redis/entra-for-authentication
    """

    async def credentials() -> tuple[str, str]:
        token = await tokens.token()
        return str(claims(token).get("oid", "")), token

    return credentials
