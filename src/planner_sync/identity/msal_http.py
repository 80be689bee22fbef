"""Between MSAL and the network: limited in time and size, and nothing of what is sent is logged.

Whatever MSAL raises becomes Unauthorized or NotSent with a cause, and without MSAL's own messages,
which contain whole answers.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from planner_sync.errors import NotSent, Unauthorized
from planner_sync.identity.sign_in_answers import refusal_error, sign_in_error
from planner_sync.urls import is_of_authority

SIGN_IN_LIMIT = 20.0  # seconds for one answer of the authority
ANSWER_LIMIT = 1_000_000  # bytes of one answer of the authority
# Besides 5xx. 410: the endpoint of a managed identity is being updated.
# https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
UNAVAILABLE = (410, 429)

T = TypeVar("T")

# MSAL writes signed assertions into its debug log.
logging.getLogger("msal").setLevel(logging.WARNING)


@dataclass(frozen=True)
class _MsalResponse:
    """What MSAL reads of an HTTP response."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class MsalHttp:
    """The HTTP client that MSAL gets: `get` and `post`, limited in time and size.

    An answer that is not a JSON object, or says that the authority is unavailable, raises NotSent
    here, because MSAL would log its text. MSAL sends the secret to whatever endpoint the
    authority's metadata names; with `authority` set, only endpoints of that authority are allowed.
    `unreachable` is the cause when no answer comes.
    """

    def __init__(
        self,
        http: httpx.Client,
        unreachable: str = "authority_unreachable",
        authority: str | None = None,
    ) -> None:
        self._http = http
        self._unreachable = unreachable
        self._authority = authority
        self.refused: Mapping[str, Any] | None = None  # the last answer, if it was a refusal

    # `arguments` are whatever MSAL passes to its HTTP client: headers, params, a timeout.
    def get(self, url: str, **arguments: Any) -> _MsalResponse:
        return self._send("GET", url, **arguments)

    def post(
        self, url: str, *, data: Mapping[str, str | bytes | None], **arguments: Any
    ) -> _MsalResponse:
        form: dict[str, str] = {}
        for name, value in data.items():
            # MSAL has the assertion as bytes, which httpx would send as "b'...'".
            text = value.decode() if isinstance(value, bytes) else value
            if text:
                form[name] = text
        return self._send("POST", url, data=form, **arguments)

    def _send(self, method: str, url: str, **arguments: Any) -> _MsalResponse:
        if self._authority is not None and not is_of_authority(url, self._authority):
            raise sign_in_error(
                Unauthorized, "sign_in_refused", "the authority names an endpoint at another host"
            )
        try:
            with self._http.stream(method, url, **arguments) as response:
                text = _read_text(response)
        except (httpx.HTTPError, UnicodeDecodeError) as error:
            raise sign_in_error(NotSent, self._unreachable, type(error).__name__) from None
        status = response.status_code
        answer = _json_object(text)
        if status >= 500 or status in UNAVAILABLE or answer is None:
            raise sign_in_error(NotSent, "authority_busy", f"answered {status}", status=status)
        self.refused = answer if status >= 400 else None
        return _MsalResponse(status, text, response.headers)


def http_client(
    given: httpx.Client | None, *, trust_env: bool = True
) -> AbstractContextManager[httpx.Client]:
    """The given client, which stays open, or a new one, which is closed at the end."""
    if given is not None:
        return nullcontext(given)
    return httpx.Client(timeout=SIGN_IN_LIMIT, trust_env=trust_env)


def call_msal(call: Callable[[], T], http: MsalHttp) -> T:
    """The result of `call`, whose MSAL sends through `http`. Raises Unauthorized or NotSent."""
    try:
        return call()
    except (ValueError, TypeError, LookupError, OSError, RuntimeError) as error:
        # MSAL raises ValueError when the authority answers that it has no such tenant.
        if http.refused:
            raise refusal_error(http.refused) from None
        raise sign_in_error(Unauthorized, "sign_in_refused", type(error).__name__) from None


def _read_text(response: httpx.Response) -> str:
    deadline = time.monotonic() + SIGN_IN_LIMIT
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > ANSWER_LIMIT or time.monotonic() > deadline:
            raise httpx.ReadError("the answer is too large or too slow")
    return body.decode()


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
