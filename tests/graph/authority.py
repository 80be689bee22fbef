"""An authority on this machine that speaks as Entra ID does, for real MSAL."""

import itertools
import ssl
from urllib.parse import parse_qs, urlsplit

import httpx

from planner_sync.graph.auth import Tokens, build_tokens
from tests.graph.raw_server import RawServer, Received, reply

GRAPH = "https://graph.microsoft.com"
SECRET = "the-secret-of-the-application"
LOGIN = "https://login.local"


class ToLocal(httpx.BaseTransport):
    """Carries what MSAL sends to https://login.local to a server on this machine."""

    def __init__(self, url: str) -> None:
        self._url = httpx.URL(url)
        self._transport = httpx.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # loads no certificates

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(scheme="http", host=self._url.host, port=self._url.port)
        return self._transport.handle_request(request)


class Authority:
    """Says who is known, as Entra ID does; `answer` may be replaced for a fault."""

    def __init__(self) -> None:
        self.server = RawServer(self._answer)
        self.numbers = itertools.count(1)
        self.token_answer: bytes | None = None

    def _answer(self, request: Received) -> bytes:
        if "openid-configuration" in request.path:
            endpoints = {name: f"{LOGIN}/tenant/{name}" for name in ("authorization_endpoint", "token_endpoint")}
            return reply(200, endpoints)
        if self.token_answer is not None:
            return self.token_answer
        return reply(200, {"access_token": f"token-{next(self.numbers)}", "expires_in": 3600, "token_type": "Bearer"})

    @property
    def token_requests(self) -> list[Received]:
        return [request for request in self.server.requests if request.method == "POST"]

    def tokens(self, **arguments: str) -> Tokens:
        credential = arguments or {"client_secret": SECRET}
        http = httpx.Client(transport=ToLocal(self.server.url))
        return build_tokens(
            tenant_id="tenant",
            client_id="client",
            authority_host=LOGIN,
            graph_origin=GRAPH,
            http_client=http,
            **credential,
        )


def sent(request: Received) -> dict[str, str]:
    fields = request.body.decode() or urlsplit(request.target).query
    return {name: values[0] for name, values in parse_qs(fields).items()}
