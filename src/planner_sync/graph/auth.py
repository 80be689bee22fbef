"""Bearer tokens for Graph: a ready one, or from MSAL by secret, certificate or managed identity.

A token lives in the memory of this process and nowhere else: never in Redis, a file, a log line or a message.
MSAL blocks, so it runs in a thread; many waiters share one request.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from planner_sync.errors import NotSent, Unauthorized

RENEW_EARLY = 300.0  # seconds before a token expires
REMEMBER_FAILURE = 5.0  # seconds in which a failed sign-in is not tried again
SIGN_IN_LIMIT = 20.0  # seconds for one answer of the authority
ANSWER_LIMIT = 1_000_000  # bytes of one answer of the authority

Acquire = Callable[[], dict[str, Any]]  # MSAL's answer: "access_token" and "expires_in" in seconds

# MSAL writes signed assertions into its debug log.
logging.getLogger("msal").setLevel(logging.WARNING)


class Tokens(Protocol):
    """Where a bearer token comes from."""

    async def token(self) -> str:
        """A token that is good for now. Raises Unauthorized (refused) or NotSent (the authority is unreachable)."""

    def drop(self, token: str) -> None:
        """Graph refused this very token: do not give it again."""


class ReadyToken:
    """A token that somebody else got; nothing can be done when it expires."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token

    def drop(self, token: str) -> None:
        """There is no other one."""


@dataclass(frozen=True)
class _Held:
    token: str
    renew_at: float
    expires_at: float


class MsalTokens:
    """Tokens from `acquire`, a blocking call that gives MSAL's answer; renewed five minutes early.

    While the authority cannot be reached, a token that has not expired yet is still given.
    """

    def __init__(self, acquire: Acquire, clock: Callable[[], float] = time.monotonic) -> None:
        self._acquire = acquire
        self._clock = clock
        self._held: _Held | None = None
        self._renewal: asyncio.Task[_Held] | None = None
        self._failure: Unauthorized | NotSent | None = None
        self._failed_at = 0.0

    async def token(self) -> str:
        held = self._held
        if held and self._clock() < held.renew_at:
            return held.token
        try:
            return (await self._renewed()).token
        except NotSent:
            if self._held and self._clock() < self._held.expires_at:
                return self._held.token
            raise

    def drop(self, token: str) -> None:
        if self._held and self._held.token == token:
            self._held = None

    async def _renewed(self) -> _Held:
        if self._failure and self._clock() < self._failed_at + REMEMBER_FAILURE:
            raise self._failure
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._renewal_ended)
        return await asyncio.shield(self._renewal)  # one waiter that gives up does not stop the others

    async def _renew(self) -> _Held:
        answer = await asyncio.to_thread(self._acquire)
        lifetime = float(answer["expires_in"])
        now = self._clock()
        return _Held(answer["access_token"], now + lifetime - min(RENEW_EARLY, lifetime / 2), now + lifetime)

    def _renewal_ended(self, renewal: asyncio.Task[_Held]) -> None:
        self._renewal = self._failure = None
        if renewal.cancelled():
            return
        match renewal.exception():
            case None:
                self._held = renewal.result()
            case NotSent() | Unauthorized() as failure:
                self._failure, self._failed_at = failure, self._clock()


def build_tokens(
    *,
    ready_token: str | None = None,
    tenant_id: str | None = None,
    client_id: str | None = None,
    client_secret: str | None = None,
    certificate_path: str | None = None,
    authority_host: str = "https://login.microsoftonline.com",
    graph_origin: str = "https://graph.microsoft.com",
    http_client: httpx.Client | None = None,
) -> Tokens:
    """The tokens that the settings ask for, for the Graph at `graph_origin` (scheme and host).

    A ready token comes first, then certificate or secret (with tenant and client), else the managed identity:
    user-assigned with `client_id`, system-assigned without. Nothing is asked for before the first `token()`.
    """
    if ready_token:
        return ReadyToken(ready_token)

    authority = f"{authority_host.rstrip('/')}/{tenant_id}"

    def http(*, trust_env: bool) -> AbstractContextManager[httpx.Client]:
        return nullcontext(http_client) if http_client else httpx.Client(timeout=SIGN_IN_LIMIT, trust_env=trust_env)

    def by_application() -> dict[str, Any]:
        with http(trust_env=True) as client:
            credential = _certificate(certificate_path) if certificate_path else client_secret
            return _ask_authority(client, authority, client_id, credential, graph_origin)

    def by_identity() -> dict[str, Any]:
        # The identity's endpoint belongs to this machine: no proxy may see it.
        with http(trust_env=False) as client:
            return _ask_identity(client, client_id, graph_origin)

    has_credential = tenant_id and client_id and (certificate_path or client_secret)
    return MsalTokens(_answer_of(by_application if has_credential else by_identity))


def _answer_of(ask: Acquire) -> Acquire:
    """`ask`, with all that MSAL says about a failure turned into Unauthorized or NotSent."""

    def acquire() -> dict[str, Any]:
        try:
            answer = ask()
        except (ValueError, TypeError, LookupError, OSError, RuntimeError) as error:
            # MSAL puts whole answers into its messages, so none of its text goes on.
            kind = type(error).__name__
            raise Unauthorized(f"sign-in: check tenant, client, authority and certificate ({kind})") from None
        if "access_token" in answer:
            return answer
        code = _code(answer)
        if answer.get("error") in ("temporarily_unavailable", "server_error"):
            raise NotSent(f"sign-in: the authority is busy ({code})", code=code)
        raise Unauthorized(f"sign-in was refused: {code}", code=code)

    return acquire


# MSAL keeps its tokens and would give a dropped one again, so each renewal has a fresh application.
def _ask_authority(
    http: httpx.Client, authority: str, client_id: str | None, credential: object, graph_origin: str
) -> dict[str, Any]:
    import msal  # type: ignore[import-untyped]  # slow, so only here

    application = msal.ConfidentialClientApplication(
        client_id,
        client_credential=credential,
        authority=authority,
        instance_discovery=False,  # the authority is a setting, not something that we were told by a server
        http_client=_Http(http),
    )
    return dict(application.acquire_token_for_client(scopes=[f"{graph_origin}/.default"]))


def _ask_identity(http: httpx.Client, client_id: str | None, graph_origin: str) -> dict[str, Any]:
    import msal

    identity = (
        msal.UserAssignedManagedIdentity(client_id=client_id) if client_id else msal.SystemAssignedManagedIdentity()
    )
    client = msal.ManagedIdentityClient(identity, http_client=_Http(http))
    return dict(client.acquire_token_for_client(resource=graph_origin))


def _certificate(path: str) -> dict[str, str]:
    """The credential of a PEM file with an RSA key and its certificate; MSAL computes the thumbprint."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = Path(path).read_text(encoding="ascii")
    blocks: dict[str, list[str]] = {kind: [] for kind in ("PRIVATE KEY", "RSA PRIVATE KEY", "CERTIFICATE")}
    for block in re.finditer(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", pem, re.DOTALL):
        blocks.setdefault(block[1], []).append(block[0])
    [key] = blocks["PRIVATE KEY"] + blocks["RSA PRIVATE KEY"]
    if not isinstance(load_pem_private_key(key.encode(), None), RSAPrivateKey):
        raise TypeError("Entra takes RSA keys only")
    return {"private_key": key, "public_certificate": "\n".join(blocks["CERTIFICATE"])}


def _code(answer: dict[str, Any]) -> str:
    """`invalid_client AADSTS7000215`: the two parts of a refusal that are certain to hold no secret."""
    error = re.match(r"[a-z_]{1,40}\b", str(answer.get("error", "")))
    number = re.search(r"AADSTS\d+", str(answer.get("error_description", "")))
    return " ".join(part[0] for part in (error, number) if part) or "no reason given"


@dataclass(frozen=True)
class _Reply:
    """What MSAL reads of an answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class _Http:
    """The two calls that MSAL makes, bounded in time and size.

    An answer that is no JSON object, or says that the authority is ill, is NotSent here: MSAL would log its text.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, url: str, **arguments: Any) -> _Reply:
        return self._send("GET", url, **arguments)

    def post(self, url: str, *, data: Mapping[str, str | bytes], **arguments: Any) -> _Reply:
        # MSAL has the assertion as bytes, which httpx would send as "b'...'".
        form = {name: value.decode() if isinstance(value, bytes) else value for name, value in data.items()}
        return self._send("POST", url, data=form, **arguments)

    def _send(self, method: str, url: str, **arguments: Any) -> _Reply:
        try:
            with self._http.stream(method, url, **arguments) as answer:
                text = _bounded(answer)
        except (httpx.HTTPError, UnicodeDecodeError) as error:
            raise NotSent(f"sign-in: the authority cannot be reached ({type(error).__name__})") from None
        # 410: the identity's endpoint is being renewed.
        # https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
        if answer.status_code >= 500 or answer.status_code in (410, 429) or not _is_json_object(text):
            raise NotSent(f"sign-in: the authority answered {answer.status_code}", status=answer.status_code)
        return _Reply(answer.status_code, text, answer.headers)


def _bounded(answer: httpx.Response) -> str:
    ends, body = time.monotonic() + SIGN_IN_LIMIT, bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > ANSWER_LIMIT or time.monotonic() > ends:
            raise httpx.ReadError("the answer is too long")
    return body.decode()


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
