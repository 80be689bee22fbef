"""The way between MSAL and the network: bounded in time and size, and silent about what goes over
it.

Whatever MSAL raises comes out as Unauthorized or NotSent with a cause, and without MSAL's texts,
which hold whole answers.
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
from planner_sync.identity.sign_in_answers import failure, refusal
from planner_sync.urls import is_of_authority

SIGN_IN_LIMIT = 20.0  # seconds for one answer of the authority
ANSWER_LIMIT = 1_000_000  # bytes of one answer of the authority

Given = TypeVar("Given")

# MSAL writes signed assertions into its debug log.
logging.getLogger("msal").setLevel(logging.WARNING)


def client(
    given: httpx.Client | None, *, trust_env: bool = True
) -> AbstractContextManager[httpx.Client]:
    return nullcontext(given) if given else httpx.Client(timeout=SIGN_IN_LIMIT, trust_env=trust_env)


def guarded(ask: Callable[[], Given], http: "Http") -> Given:
    """What `ask` gives, or Unauthorized or NotSent; `http` is what its MSAL sends through."""
    try:
        return ask()
    except (ValueError, TypeError, LookupError, OSError, RuntimeError) as error:
        if (
            http.refused
        ):  # MSAL raises ValueError where the authority says that it knows no such tenant
            raise refusal(http.refused) from None
        raise failure(Unauthorized, "sign_in_refused", type(error).__name__) from None


@dataclass(frozen=True)
class _Reply:
    """What MSAL reads of an answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class Http:
    """The two calls that MSAL makes, bounded in time and size.

    An answer that is no JSON object, or says that the authority is ill, is NotSent here: MSAL would
    log its text. Where the authority says that its endpoints are, MSAL would send secret and code;
    with `authority` only to its own.
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
        self.refused: Mapping[str, Any] | None = None  # the last answer, where it was a refusal

    def get(self, url: str, **arguments: Any) -> _Reply:
        return self._send("GET", url, **arguments)

    def post(self, url: str, *, data: Mapping[str, str | bytes | None], **arguments: Any) -> _Reply:
        # MSAL has the assertion as bytes, which httpx would send as "b'...'".
        form = {
            name: value.decode() if isinstance(value, bytes) else value
            for name, value in data.items()
            if value
        }
        return self._send("POST", url, data=form, **arguments)

    def _send(self, method: str, url: str, **arguments: Any) -> _Reply:
        if self._authority is not None and not is_of_authority(url, self._authority):
            raise failure(
                Unauthorized, "sign_in_refused", "the authority names an endpoint at another host"
            )
        try:
            with self._http.stream(method, url, **arguments) as answer:
                text = _bounded(answer)
        except (httpx.HTTPError, UnicodeDecodeError) as error:
            raise failure(NotSent, self._unreachable, type(error).__name__) from None
        # 410: the identity's endpoint is being renewed.
        # https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
        status, said = answer.status_code, _json_object(text)
        if status >= 500 or status in (410, 429) or said is None:
            raise failure(NotSent, "authority_busy", f"answered {status}", status=status)
        self.refused = said if status >= 400 else None
        return _Reply(answer.status_code, text, answer.headers)


def _bounded(answer: httpx.Response) -> str:
    ends, body = time.monotonic() + SIGN_IN_LIMIT, bytearray()
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > ANSWER_LIMIT or time.monotonic() > ends:
            raise httpx.ReadError("the answer is too long")
    return body.decode()


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
