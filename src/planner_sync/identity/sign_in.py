"""Asks for tokens through MSAL: with a secret, a certificate, a managed identity, or a person with
a device code.

MSAL blocks, so it runs in threads. Nothing of what is sent or answered is logged or kept but the
token itself, and for a person what MSAL needs to renew it, in memory. Every failure is Unauthorized
or NotSent, with a cause.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.identity.msal_http import SIGN_IN_LIMIT, Http, client, guarded
from planner_sync.identity.sign_in_answers import failure, refusal

Answer = dict[str, Any]  # MSAL's: "access_token" and "expires_in" in seconds
Acquire = Callable[[], Awaitable[Answer]]

PERSON_PATIENCE = 2.0  # seconds for which a request for a token waits for a person

log = logging.getLogger(__name__)


# MSAL keeps its tokens and would give a dropped one again, so each renewal has a fresh application.
@dataclass(frozen=True)
class ByApplication:
    """A certificate or a secret of an application, for the API at `resource` (scheme and host).

    The certificate's file is read for each token, so that a new one needs no restart.
    """

    authority: str
    client_id: str
    secret: str | None
    certificate_path: str | None
    resource: str
    http: httpx.Client | None = None

    async def __call__(self) -> Answer:
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> Answer:
        import msal  # type: ignore[import-untyped]  # slow, so only here

        credential = _certificate(self.certificate_path) if self.certificate_path else self.secret
        with client(self.http) as opened:
            http = Http(opened, authority=self.authority)

            def ask() -> Answer:
                application = msal.ConfidentialClientApplication(
                    self.client_id,
                    client_credential=credential,
                    authority=self.authority,
                    instance_discovery=False,  # the authority is a setting, not something that a server told us
                    http_client=http,
                )
                return dict(
                    application.acquire_token_for_client(scopes=[f"{self.resource}/.default"])
                )

            return _granted(guarded(ask, http))


@dataclass(frozen=True)
class ByIdentity:
    """The managed identity of this machine: user-assigned with `client_id`, system-assigned
    without."""

    client_id: str | None
    resource: str
    http: httpx.Client | None = None

    async def __call__(self) -> Answer:
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> Answer:
        import msal

        # The identity's endpoint belongs to this machine: no proxy may see it.
        with client(self.http, trust_env=False) as opened:
            http = Http(opened, unreachable="identity_unreachable")

            def ask() -> Answer:
                identity = (
                    msal.UserAssignedManagedIdentity(client_id=self.client_id)
                    if self.client_id
                    else msal.SystemAssignedManagedIdentity()
                )
                asked = msal.ManagedIdentityClient(identity, http_client=http)
                return dict(asked.acquire_token_for_client(resource=self.resource))

            return _granted(guarded(ask, http), otherwise="identity_refused")


class ByPerson:
    """A person, who enters a code at another device: once, until the renewals by MSAL's cache in
    memory are refused.

    `tell` gets the line with address and code.
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
        self._scopes = [
            f"{resource}/{right}" for right in ("Tasks.ReadWrite", "User.ReadBasic.All")
        ]
        self._tell = tell or _to_stderr
        self._http = Http(http or httpx.Client(timeout=SIGN_IN_LIMIT), authority=authority)
        self._application: Any = None
        self._entering: asyncio.Task[Answer] | None = None

    async def __call__(self) -> Answer:
        if self._entering is None:
            answer = await asyncio.to_thread(self._renew)
            if answer is not None:
                return answer
            flow = await asyncio.to_thread(self._begin)
            where, code = _plain(flow["verification_uri"]), _plain(flow["user_code"])
            self._tell(f"To sign in, open {where} and enter the code {code}")
            self._entering = asyncio.create_task(self._entered(flow))
        done, _ = await asyncio.wait({self._entering}, timeout=PERSON_PATIENCE)
        if not done:
            raise failure(NotSent, "device_code_pending")
        entered, self._entering = self._entering, None
        return _granted(entered.result())

    async def _entered(self, flow: Answer) -> Answer:
        """What becomes of the code. Asked for here and not by MSAL, whose own loop would keep the
        process alive."""
        ends = asyncio.get_running_loop().time() + float(flow["expires_in"])
        while asyncio.get_running_loop().time() < ends:
            await asyncio.sleep(flow["interval"])
            try:
                answer = await asyncio.to_thread(self._poll, flow)
            except NotSent:
                continue  # the code is still good
            if answer.get("error") not in ("authorization_pending", "slow_down"):
                return answer
        return {"error": "expired_token"}

    def _renew(self) -> Answer | None:
        """A token without a person; None where one is needed."""
        application = self._opened()
        for account in application.get_accounts():
            # Forced: whoever asks here has no use for the token that MSAL keeps.
            answer = guarded(partial(self._silently, application, account), self._http)
            if "access_token" in answer:
                return answer
            log.warning("%s", refusal(answer))
            application.remove_account(account)  # the next one to sign in may be somebody else
        return None

    def _silently(self, application: Any, account: Answer) -> Answer:
        return dict(
            application.acquire_token_silent_with_error(self._scopes, account, force_refresh=True)
            or {}
        )

    def _begin(self) -> Answer:
        flow = guarded(
            lambda: dict(self._opened().initiate_device_flow(scopes=self._scopes)), self._http
        )
        if "user_code" not in flow:
            raise refusal(flow)
        return {**flow, "interval": max(1, int(flow.get("interval", 5)))}

    def _poll(self, flow: Answer) -> Answer:
        return guarded(
            lambda: dict(
                self._opened().acquire_token_by_device_flow(flow, exit_condition=_at_once)
            ),
            self._http,
        )

    def _opened(self) -> Any:
        if self._application is None:
            self._application = guarded(self._open, self._http)
        return self._application

    def _open(self) -> Any:
        import msal

        return msal.PublicClientApplication(
            self._client_id,
            authority=self._authority,
            instance_discovery=False,
            http_client=self._http,
        )


def _at_once(_flow: Answer) -> bool:
    return True


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _plain(text: object) -> str:
    """What a server sent, for a terminal."""
    return re.sub(r"[^!-~]", "", str(text))[:200]


def _granted(answer: Answer, otherwise: str = "sign_in_refused") -> Answer:
    if "access_token" in answer:
        return answer
    raise refusal(answer, otherwise)


def _certificate(path: str) -> dict[str, str]:
    """The credential of a PEM file with an RSA key and its certificate; MSAL computes the
    thumbprint."""
    try:
        return _credential(Path(path).read_text(encoding="ascii"))
    except (ValueError, TypeError, OSError) as error:
        raise failure(Unauthorized, "certificate_unusable", type(error).__name__) from None


def _credential(pem: str) -> dict[str, str]:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    blocks: dict[str, list[str]] = {
        kind: [] for kind in ("PRIVATE KEY", "RSA PRIVATE KEY", "CERTIFICATE")
    }
    for block in re.finditer(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", pem, re.DOTALL):
        blocks.setdefault(block[1], []).append(block[0])
    [key] = blocks["PRIVATE KEY"] + blocks["RSA PRIVATE KEY"]
    if not isinstance(load_pem_private_key(key.encode(), None), RSAPrivateKey):
        raise TypeError("Entra takes RSA keys only")
    return {"private_key": key, "public_certificate": "\n".join(blocks["CERTIFICATE"])}
