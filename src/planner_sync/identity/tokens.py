"""Bearer tokens: a ready one, or from a sign-in, renewed early; many waiters share one request.

A token lives in the memory of this process and nowhere else: never in Redis, a file, a log line or
a message.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import httpx

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.identity.causes import told
from planner_sync.identity.sign_in import Acquire, ByApplication, ByIdentity, ByPerson
from planner_sync.identity.sign_in_answers import claims, missing_right

RENEW_EARLY = 300.0  # seconds before a token expires
RENEW_POOR = 60.0  # seconds after which a token without the rights that we need is asked for anew
RENEW_PATIENCE = 1.0  # seconds for which a good token waits for its successor
REMEMBER_FAILURE = 5.0  # seconds in which a failed sign-in is not tried again

log = logging.getLogger(__name__)


class Tokens(Protocol):
    """Where a bearer token comes from."""

    async def token(self) -> str:
        """A token that is good for now. Raises Unauthorized (refused) or NotSent (the authority is
        unreachable)."""

    def drop(self, token: str) -> None:
        """Graph refused this very token: do not give it again."""

    def missing_right(self) -> str:
        """Why Graph will refuse requests with the token at hand, one of causes.py; empty where
        nothing tells."""


class ReadyToken:
    """A token that somebody else got; nothing can be done when it expires."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    def drop(self, token: str) -> None:
        """There is no other one."""

    def missing_right(self) -> str:
        return missing_right(self._token)


@dataclass(frozen=True)
class _Held:
    token: str
    renew_at: float
    expires_at: float
    missing: str = ""


class MsalTokens:
    """Tokens from `acquire`, which gives MSAL's answer; renewed five minutes early.

    While they cannot be renewed, a token that has not expired yet is still given. `missing` says
    which right a token lacks: such a one is renewed every minute, since consent may have been given
    meanwhile.
    """

    def __init__(
        self,
        acquire: Acquire,
        clock: Callable[[], float] = time.monotonic,
        missing: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._acquire = acquire
        self._clock = clock
        self._missing = missing
        self._held: _Held | None = None
        self._renewal: asyncio.Task[_Held] | None = None
        self._failure: Unauthorized | NotSent | None = None
        self._failed_at = 0.0
        self._said = ""

    async def token(self) -> str:
        held = self._held
        if held is None or self._clock() >= held.expires_at:
            return (await self._renewed()).token
        # While it is renewed, nobody waits for long, and nobody but the first.
        if self._clock() >= held.renew_at and self._renewal is None:
            try:
                async with asyncio.timeout(RENEW_PATIENCE):
                    return (await self._renewed()).token
            except (NotSent, Unauthorized, TimeoutError):
                pass
        return held.token if self._held is held else await self.token()

    def drop(self, token: str) -> None:
        if self._held and self._held.token == token:
            self._held = None

    def missing_right(self) -> str:
        return self._held.missing if self._held else ""

    async def _renewed(self) -> _Held:
        if self._failure and self._clock() < self._failed_at + REMEMBER_FAILURE:
            raise self._failure
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._renewal_ended)
        return await asyncio.shield(
            self._renewal
        )  # one waiter that gives up does not stop the others

    async def _renew(self) -> _Held:
        answer = await self._acquire()
        token, lifetime, now = answer["access_token"], float(answer["expires_in"]), self._clock()
        missing = self._missing(token)
        renew_in = lifetime - min(RENEW_EARLY, lifetime / 2)
        return _Held(
            token,
            now + (min(RENEW_POOR, renew_in) if missing else renew_in),
            now + lifetime,
            missing,
        )

    def _renewal_ended(self, renewal: asyncio.Task[_Held]) -> None:
        self._renewal = self._failure = None
        if renewal.cancelled():
            return
        match renewal.exception():
            case None:
                self._held = renewal.result()
                self._say(self._held.missing and told(self._held.missing))
            case NotSent() | Unauthorized() as failure:
                self._failure, self._failed_at = failure, self._clock()
                self._say(str(failure))

    def _say(self, trouble: str) -> None:
        """Once for each trouble, and once when it is over."""
        if trouble == self._said:
            return
        self._said = trouble
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

    A person with a device code comes first where wished, then a ready token, then certificate or
    secret (with tenant and client), else the managed identity: user-assigned with `client_id`,
    system-assigned without. Nothing is asked for before the first `token()`.
    """
    authority = f"{authority_host.rstrip('/')}/{tenant_id}"
    way: Acquire
    if device_code and client_id:
        way = ByPerson(authority, client_id, resource, http_client)
    elif ready_token:
        return ReadyToken(ready_token)
    elif tenant_id and client_id and (certificate_path or client_secret):
        way = ByApplication(
            authority, client_id, client_secret, certificate_path, resource, http_client
        )
    else:
        way = ByIdentity(client_id, resource, http_client)
    return MsalTokens(way, clock, missing)


def redis_credentials(tokens: Tokens) -> Callable[[], Awaitable[tuple[str, str]]]:
    """User name and password for a Redis that takes Entra tokens: the object id in the token, and
    the token.

    https://learn.microsoft.com/azure/redis/entra-for-authentication
    """

    async def credentials() -> tuple[str, str]:
        token = await tokens.token()
        return str(claims(token).get("oid", "")), token

    return credentials
