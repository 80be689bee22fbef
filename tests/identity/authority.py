"""An authority on this machine that answers as Entra ID does, for real MSAL."""

import base64
import datetime
import inspect
import itertools
import json
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from planner_sync.identity.tokens import Tokens, build_tokens
from tests.graph.raw_server import RawServer, Received, reply

GRAPH = "https://graph.microsoft.com"
SECRET = "the-secret-of-the-application"
REFRESH = "the-refresh-token-of-a-person"
LOGIN = "https://login.local"
DEVICE = {
    "device_code": "the-device-code-is-a-secret",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://login.example/device",
    "expires_in": 900,
    "interval": 1,
    "message": "not shown",
}


class ToLocal(httpx.BaseTransport):
    """Sends what MSAL sends to https://login.local to a server on this machine."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        no_certificates = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._transport = httpx.HTTPTransport(verify=no_certificates)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        return self._transport.handle_request(request)


class Authority:
    """Issues tokens as Entra ID does.

    `token_answer` and `tenant_answer`, when set, replace its answers to a request for a token and
    for the metadata of a tenant. `grant`, which may be async, makes the tokens; they last
    `lifetime` seconds. With a `certificate` it is an https server that AZURE_AUTHORITY_HOST can
    name; without one, only `tokens()` reaches it.
    """

    def __init__(self, certificate: Path | None = None, port: int = 0) -> None:
        self.server = RawServer(self._answer, certificate=certificate, port=port)
        self.numbers = itertools.count(1)
        self.token_answer: bytes | None = None
        self.tenant_answer: bytes | None = None
        self.grant: Callable[[dict[str, str]], Any] = lambda _: f"token-{next(self.numbers)}"
        self.lifetime = 3600
        self.code_answer: bytes | None = None  # to a poll for a device code
        self.refresh_answer: bytes | None = None  # to a refresh token
        self.entered = False  # whether the device code was entered

    @property
    def login(self) -> str:
        return self.server.url if self.server.certificate else LOGIN

    async def _answer(self, request: Received) -> bytes:
        if "openid-configuration" in request.path:
            endpoints = (
                "authorization_endpoint",
                "token_endpoint",
                "device_authorization_endpoint",
            )
            known = {name: f"{self.login}/tenant/{name}" for name in endpoints} | {
                "issuer": f"{self.login}/tenant/v2.0"
            }
            return self.tenant_answer or reply(200, known)
        if request.path.endswith("device_authorization_endpoint"):
            return self.token_answer or reply(200, DEVICE)
        asked = sent(request)
        if self.token_answer is not None:
            return self.token_answer
        by_code = asked["grant_type"].endswith("device_code")
        if by_code and self.code_answer is not None:
            return self.code_answer
        if asked["grant_type"] == "refresh_token" and self.refresh_answer is not None:
            return self.refresh_answer
        if by_code and not self.entered:
            return reply(
                400, {"error": "authorization_pending", "error_description": "AADSTS70016: not yet"}
            )
        return reply(200, await self._granted(asked))

    async def _granted(self, asked: dict[str, str]) -> dict[str, object]:
        token = self.grant(asked)
        token = await token if inspect.isawaitable(token) else token
        granted = {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"}
        if asked["grant_type"] == "client_credentials":
            return granted
        person = {
            "iss": f"{self.login}/tenant/v2.0",
            "aud": "client",
            "sub": "p",
            "oid": "p",
            "tid": "tenant",
        }
        now = int(time.time())
        person_token = jwt(**person, preferred_username="mira@example.com", iat=now, exp=now + 3600)
        info = base64.urlsafe_b64encode(b'{"uid":"p","utid":"tenant"}').decode()
        granted["scope"] = (
            asked.get("scope") or f"{GRAPH}/Tasks.ReadWrite {GRAPH}/User.ReadBasic.All"
        )
        return {**granted, "refresh_token": REFRESH, "id_token": person_token, "client_info": info}

    @property
    def token_requests(self) -> list[Received]:
        asked = [request for request in self.server.requests if request.method == "POST"]
        return [request for request in asked if request.path.endswith("/token_endpoint")]

    def tokens(self, **arguments: str) -> Tokens:
        credential = arguments or {"client_secret": SECRET}
        http = httpx.Client(transport=ToLocal(self.server.url))
        return build_tokens(
            tenant_id="tenant",
            client_id="client",
            authority_host=self.login,
            resource=GRAPH,
            http_client=http,
            **credential,
        )


def refused(number: str, error: str = "invalid_client", status: int = 401) -> bytes:
    """A refusal as Entra words it, with a secret where a careless service might echo one."""
    return reply(
        status, {"error": error, "error_description": f"AADSTS{number}: No, {SECRET}. Trace ID: 1"}
    )


def jwt(**claims: object) -> str:
    """A token with these claims, without a valid signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    texts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts
    ]
    return ".".join([*texts, "c2lnbmF0dXJl"])


@contextmanager
def environment(**names: str) -> Iterator[None]:
    """Set these in the block: MSAL and httpx read some settings only from the environment."""
    before = dict(os.environ)
    os.environ.update(names)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def certificate_of_an_application() -> tuple[bytes, x509.Certificate]:
    """A PEM with a key and its certificate, and the certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "planner-sync")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    return pem, made


def sent(request: Received) -> dict[str, str]:
    fields = request.body.decode() or urlsplit(request.target).query
    return {name: values[0] for name, values in parse_qs(fields).items()}
