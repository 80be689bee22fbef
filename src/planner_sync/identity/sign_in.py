"""The ways to get a token through MSAL: a secret, a certificate, a managed identity, or a person
who enters a device code.

MSAL blocks, so it runs in threads. Nothing that is sent or answered is logged or kept, except the
token itself and, for a person, what MSAL needs to refresh it, in memory. Every failure is
Unauthorized or NotSent, with a cause.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import httpx

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.identity.msal_http import SIGN_IN_LIMIT, MsalHttp, call_msal, http_client
from planner_sync.identity.sign_in_answers import refusal_error, sign_in_error

MsalAnswer = dict[str, Any]  # "access_token" and "expires_in" in seconds, or "error"
Acquire = Callable[[], Awaitable[MsalAnswer]]

MAX_PERSON_WAIT = 2.0  # seconds that a request for a token waits for the person

log = logging.getLogger(__name__)


# MSAL caches tokens and would return a dropped one again, so each call has a new MSAL application.
@dataclass(frozen=True)
class ApplicationSignIn:
    """An application with a certificate or a secret, for the API at `resource` (scheme and host).

    The certificate file is read for each token, so that a new one needs no restart.
    """

    authority: str
    client_id: str
    secret: str | None
    certificate_path: str | None
    resource: str
    http: httpx.Client | None = None

    async def __call__(self) -> MsalAnswer:
        return await asyncio.to_thread(self._acquire)

    def _acquire(self) -> MsalAnswer:
        credential = self._credential()
        with http_client(self.http) as opened:
            http = MsalHttp(opened, authority=self.authority)
            answer = call_msal(lambda: self._ask(credential, http), http)
            return _with_token(answer)

    def _credential(self) -> str | dict[str, str] | None:
        return _certificate(self.certificate_path) if self.certificate_path else self.secret

    def _ask(self, credential: str | dict[str, str] | None, http: MsalHttp) -> MsalAnswer:
        import msal  # type: ignore[import-untyped]  # slow, so only here

        application = msal.ConfidentialClientApplication(
            self.client_id,
            client_credential=credential,
            authority=self.authority,
            instance_discovery=False,  # the authority is a setting, so nobody is asked about it
            http_client=http,
        )
        return dict(application.acquire_token_for_client(scopes=[f"{self.resource}/.default"]))


@dataclass(frozen=True)
class ManagedIdentitySignIn:
    """The managed identity of this machine.

    It is the user-assigned one with `client_id`, or the system-assigned one.
    """

    client_id: str | None
    resource: str
    http: httpx.Client | None = None

    async def __call__(self) -> MsalAnswer:
        return await asyncio.to_thread(self._acquire)

    def _acquire(self) -> MsalAnswer:
        # The endpoint of the identity belongs to this machine: no proxy may see it.
        with http_client(self.http, trust_env=False) as opened:
            http = MsalHttp(opened, unreachable="identity_unreachable")
            answer = call_msal(lambda: self._ask(http), http)
            return _with_token(answer, default_cause="identity_refused")

    def _ask(self, http: MsalHttp) -> MsalAnswer:
        import msal

        if self.client_id:
            identity = msal.UserAssignedManagedIdentity(client_id=self.client_id)
        else:
            identity = msal.SystemAssignedManagedIdentity()
        application = msal.ManagedIdentityClient(identity, http_client=http)
        return dict(application.acquire_token_for_client(resource=self.resource))


class _PublicClient(Protocol):
    """What we use of msal.PublicClientApplication, which has no types."""

    def get_accounts(self) -> list[MsalAnswer]: ...

    def remove_account(self, account: MsalAnswer) -> None: ...

    def acquire_token_silent_with_error(
        self, scopes: list[str], account: MsalAnswer, *, force_refresh: bool
    ) -> MsalAnswer | None: ...

    def initiate_device_flow(self, *, scopes: list[str]) -> MsalAnswer: ...

    def acquire_token_by_device_flow(
        self, flow: MsalAnswer, *, exit_condition: Callable[[MsalAnswer], bool]
    ) -> MsalAnswer: ...


class DeviceCodeSignIn:
    """A person who enters a code on another device.

    Once is enough until a refresh is refused: MSAL keeps a refresh token in memory. `tell` gets the
    line with the address and the code.
    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
    """

    def __init__(
        self,
        authority: str,
        client_id: str,
        resource: str,
        http: httpx.Client | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._authority = authority
        self._client_id = client_id
        self._scopes = [f"{resource}/Tasks.ReadWrite", f"{resource}/User.ReadBasic.All"]
        self._tell = tell or _write_to_stderr
        self._http = MsalHttp(http or httpx.Client(timeout=SIGN_IN_LIMIT), authority=authority)
        self._application: _PublicClient | None = None
        self._entering: asyncio.Task[MsalAnswer] | None = None

    async def __call__(self) -> MsalAnswer:
        if self._entering is None:
            answer = await asyncio.to_thread(self._refresh)
            if answer is not None:
                return answer
            flow = await asyncio.to_thread(self._begin)
            address = _printable(flow["verification_uri"])
            code = _printable(flow["user_code"])
            self._tell(f"To sign in, open {address} and enter the code {code}")
            self._entering = asyncio.create_task(self._entered(flow))
        done, _ = await asyncio.wait({self._entering}, timeout=MAX_PERSON_WAIT)
        if not done:
            raise sign_in_error(NotSent, "device_code_pending")
        entered = self._entering
        self._entering = None
        return _with_token(entered.result())

    async def _entered(self, flow: MsalAnswer) -> MsalAnswer:
        """The answer once the code was entered, declined or has expired.

        We poll here and not in MSAL, whose own loop would keep the process alive.
        """
        clock = asyncio.get_running_loop().time
        expires_at = clock() + float(flow["expires_in"])
        while clock() < expires_at:
            await asyncio.sleep(flow["interval"])
            try:
                answer = await asyncio.to_thread(self._poll, flow)
            except NotSent:
                continue  # the code is still good
            if answer.get("error") not in ("authorization_pending", "slow_down"):
                return answer
        return {"error": "expired_token"}

    def _refresh(self) -> MsalAnswer | None:
        """A new token without the person; None when the person is needed."""
        application = self._opened()
        for account in application.get_accounts():
            answer = call_msal(partial(self._silently, application, account), self._http)
            if "access_token" in answer:
                return answer
            log.warning("%s", refusal_error(answer))
            application.remove_account(account)  # the next person to sign in may be another one
        return None

    def _silently(self, application: _PublicClient, account: MsalAnswer) -> MsalAnswer:
        answer = application.acquire_token_silent_with_error(
            self._scopes,
            account,
            force_refresh=True,  # the caller has no use for the token that MSAL keeps
        )
        return dict(answer or {})

    def _begin(self) -> MsalAnswer:
        flow = call_msal(
            lambda: dict(self._opened().initiate_device_flow(scopes=self._scopes)), self._http
        )
        if "user_code" not in flow:
            raise refusal_error(flow)
        interval = max(1, int(flow.get("interval", 5)))
        return {**flow, "interval": interval}

    def _poll(self, flow: MsalAnswer) -> MsalAnswer:
        return call_msal(lambda: self._poll_once(flow), self._http)

    def _poll_once(self, flow: MsalAnswer) -> MsalAnswer:
        answer = self._opened().acquire_token_by_device_flow(flow, exit_condition=lambda _: True)
        return dict(answer)

    def _opened(self) -> _PublicClient:
        if self._application is None:
            self._application = call_msal(self._open, self._http)
        return self._application

    def _open(self) -> _PublicClient:
        import msal

        application: _PublicClient = msal.PublicClientApplication(
            self._client_id,
            authority=self._authority,
            instance_discovery=False,
            http_client=self._http,
        )
        return application


def _write_to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _printable(text: object) -> str:
    """Text from a server, safe for a terminal."""
    return re.sub(r"[^!-~]", "", str(text))[:200]


def _with_token(answer: MsalAnswer, default_cause: str = "sign_in_refused") -> MsalAnswer:
    if "access_token" not in answer:
        raise refusal_error(answer, default_cause)
    return answer


def _certificate(path: str) -> dict[str, str]:
    """MSAL's credential from a PEM file; MSAL computes the thumbprint."""
    try:
        return _read_pem(Path(path).read_text(encoding="ascii"))
    except (ValueError, TypeError, OSError) as error:
        raise sign_in_error(Unauthorized, "certificate_unusable", type(error).__name__) from None


def _read_pem(pem: str) -> dict[str, str]:
    """Raises ValueError or TypeError unless there is exactly one key, for RSA."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys: list[str] = []
    certificates: list[str] = []
    for block in re.finditer(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", pem, re.DOTALL):
        match block[1]:
            case "PRIVATE KEY" | "RSA PRIVATE KEY":
                keys.append(block[0])
            case "CERTIFICATE":
                certificates.append(block[0])
    [key] = keys
    if not isinstance(load_pem_private_key(key.encode(), None), RSAPrivateKey):
        raise TypeError("Entra accepts RSA keys only")
    return {"private_key": key, "public_certificate": "\n".join(certificates)}
