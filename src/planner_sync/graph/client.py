"""The Graph client: one HTTP client behind one gate. Knows no Planner entity, no Redis and no task.

It never repeats a request, except after a 401, which proves that nothing was done. It talks to the
configured origin and path only, follows no redirect, and refuses every request that names a plan
outside the allow-list.
"""

import asyncio
import json as json_text
import logging
import re
import ssl
import uuid
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import unquote

import httpx

from planner_sync.errors import (
    AnswerLost,
    CardChanged,
    Forbidden,
    LimitReached,
    NotFound,
    NotSent,
    Rejected,
    Throttled,
    Unauthorized,
)
from planner_sync.graph.answers import (
    GraphAnswer,
    GraphRequest,
    Json,
    Method,
    NoAnswer,
    Outcome,
    read_answer,
    redact,
    translate,
)
from planner_sync.graph.batch import pack, unpack
from planner_sync.graph.gate import Before, Gate
from planner_sync.graph.retry_after import retry_after_seconds
from planner_sync.identity.causes import with_advice
from planner_sync.identity.tokens import Tokens

CONNECT_LIMIT = 5.0  # seconds
BODY_LIMIT = 32 * 1024 * 1024  # bytes, decompressed
PAGE_LIMIT = 500  # pages of one listing; a plan has at most 9,000 tasks, a page 400
LONG_TOKEN = 16  # characters; a shorter token, of an emulator, may be part of any word
# Seconds; longer than a poll interval, shorter than the idle limit of Azure's front ends.
KEEP_ALIVE = 60.0

log = logging.getLogger(__name__)

# httpx logs URLs with e-mail addresses, hpack logs header blocks with tokens.
for noisy in ("httpx", "httpcore", "hpack", "h2"):
    logging.getLogger(noisy).setLevel(logging.WARNING)


class Graph:
    """Graph at `base_url` (scheme, host, version), for the plans in `plan_ids` and no others.

    `verify` says which certificates are trusted, for tests and private authorities; `transport`
    replaces the network. `body_limit` is in bytes, `connect_limit` in seconds.
    """

    def __init__(
        self,
        base_url: str,
        tokens: Tokens,
        gate: Gate,
        plan_ids: frozenset[str],
        *,
        verify: ssl.SSLContext | bool = True,
        body_limit: int = BODY_LIMIT,
        connect_limit: float = CONNECT_LIMIT,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = httpx.URL(base_url.rstrip("/"))
        self._prefix = self._base.path.rstrip("/")
        self._tokens = tokens
        self._gate = gate
        self._plan_ids = plan_ids
        self._body_limit = body_limit
        self._was_refused_for_a_right = False
        is_remote = self._base.scheme == "https"
        # Loopback uses no certificate, so none is loaded: that would take 80 ms.
        trust = verify if is_remote else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._http = httpx.AsyncClient(
            transport=transport,
            http2=is_remote,
            trust_env=is_remote,  # proxies are for the internet, never for loopback
            verify=trust,
            follow_redirects=False,
            # The rest is limited by the gate's deadline.
            timeout=httpx.Timeout(None, connect=connect_limit),
            limits=httpx.Limits(keepalive_expiry=KEEP_ALIVE),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
        )

    async def request(
        self,
        method: Method,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        etag: str | None = None,
        before: Before | None = None,
        interactive: bool = True,
        batchable: bool = True,
    ) -> GraphAnswer:
        """Send one request, alone or in a batch, and return its answer.

        Raises a GraphError unless the request was done. `path` begins with `/` below the base URL,
        with ids quoted. `before` runs once, right before the request is sent, and not again when it
        is repeated after a 401; an exception in it stops the request.
        """
        request = GraphRequest(method, path, json, etag)
        self._check_allowed(request)
        try:
            outcome = await self._gate.submit(
                request,
                self._round_trip,
                before=before,
                interactive=interactive,
                batchable=batchable,
            )
        except (Throttled, NotSent) as error:  # from the gate, which does not name the request
            raise type(error)(f"{request}: {error}", retry_after=error.retry_after) from None
        refusal = translate(request, outcome, self._gate.remaining_pause)
        if isinstance(refusal, Forbidden):
            self._check_rights(refusal)
        if refusal is not None:
            raise refusal
        assert isinstance(outcome, GraphAnswer)
        return outcome

    async def collect(self, path: str, *, interactive: bool = True) -> list[Json]:
        """All rows of a collection, each id once.

        Raises AnswerLost unless every page was read. Errors of the first page are raised as they
        are, because they are about the collection itself.
        """
        rows: dict[str, Json] = {}
        seen: list[str] = []
        link: str | None = path
        while link is not None:
            if link in seen or len(seen) >= PAGE_LIMIT:
                raise AnswerLost(
                    f"GET {_without_query(path)}: the listing does not end ({len(seen)} pages)"
                )
            seen.append(link)
            page = await self._page(link, is_first=link == path, interactive=interactive)
            for row in _rows(page, path):
                rows[row["id"]] = row
            link = self._next_path(page.get("@odata.nextLink"))
        return list(rows.values())

    def missing_right(self) -> str:
        """Why Graph refuses our token, as a code of causes.py; "" until it has refused a
        request."""
        return self._tokens.missing_right() if self._was_refused_for_a_right else ""

    async def aclose(self) -> None:
        await self._gate.aclose()
        await self._http.aclose()

    # -- listings ----------------------------------------------------------------------------------
    async def _page(self, path: str, *, is_first: bool, interactive: bool) -> Json:
        try:
            answer = await self.request("GET", path, interactive=interactive, batchable=False)
        except (NotFound, Forbidden, Rejected, CardChanged, LimitReached) as error:
            if is_first:
                raise
            # A 404 here is about the page, not about the plan.
            raise AnswerLost(
                f"the listing is incomplete: {error}", request_id=error.request_id
            ) from error
        assert answer.json is not None
        return answer.json

    def _next_path(self, link: object) -> str | None:
        """Path and query of a nextLink. Its origin is only compared, never used."""
        if link is None:
            return None
        try:
            url = httpx.URL(link) if isinstance(link, str) else httpx.URL()
        except httpx.InvalidURL:
            url = httpx.URL()
        origin = (url.scheme, url.host, url.port, url.userinfo)
        ours = (self._base.scheme, self._base.host, self._base.port, b"")
        if origin != ours or not self._is_below_base(url):
            raise AnswerLost("refused: the next page of the listing is outside the base URL")
        return url.raw_path.decode("ascii").removeprefix(self._prefix)

    # -- what may be sent --------------------------------------------------------------------------
    def _check_allowed(self, request: GraphRequest) -> None:
        url = self._url(request)
        for plan in [*_plans_in_url(url), *_plans_in_body(request.json)]:
            if plan not in self._plan_ids:
                raise Rejected(f"{request}: plan {plan} is not in the allow-list")
        if not self._is_below_base(url):
            raise Rejected(f"{request}: the path leads out of {self._prefix}")
        etag = request.etag or ""
        if not (etag.isascii() and etag.isprintable()):
            raise Rejected(f"{request}: the etag has characters that a header cannot hold")

    def _is_below_base(self, url: httpx.URL) -> bool:
        # httpx has resolved plain dot segments; a server may resolve encoded ones too.
        return url.path.startswith(f"{self._prefix}/") and ".." not in url.path.split("/")

    def _url(self, request: GraphRequest) -> httpx.URL:
        return httpx.URL(f"{self._base}{request.path}")

    def _check_rights(self, refusal: Forbidden) -> None:
        """Raise Unauthorized when the token itself lacks a right.

        Then the item is not at fault: every request for it will be refused.
        """
        missing = self._tokens.missing_right()
        if missing:
            self._was_refused_for_a_right = True
            raise Unauthorized(
                f"{refusal}; {with_advice(missing)}", status=403, code=refusal.code, cause=missing
            )

    # -- one round trip ----------------------------------------------------------------------------
    async def _round_trip(self, requests: list[GraphRequest], seconds: float) -> list[Outcome]:
        """Called by the gate: one outcome for each request, after at most `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        outcomes = await self._send_authorized(requests, deadline)
        answers = [outcome for outcome in outcomes if isinstance(outcome, GraphAnswer)]
        throttled = [answer for answer in answers if answer.status in (429, 503)]
        if throttled:
            self._gate.throttled(_longest_wait(throttled))
        elif answers:
            self._gate.not_throttled()
        return outcomes

    async def _send_authorized(
        self, requests: list[GraphRequest], deadline: float
    ) -> list[Outcome]:
        """Send with the current token; repeat once, with a new one, what was answered 401."""
        token = await self._token(deadline)
        if isinstance(token, NoAnswer):
            return [token] * len(requests)
        outcomes = await self._send_with(token, requests, deadline)
        refused = [number for number, outcome in enumerate(outcomes) if _is_401(outcome)]
        if not refused:
            return outcomes
        self._tokens.drop(token)
        new_token = await self._token(deadline)
        if new_token == token:
            return outcomes
        if isinstance(new_token, NoAnswer):
            repeated: list[Outcome] = [new_token] * len(refused)
        else:
            again = [requests[number] for number in refused]
            repeated = await self._send_with(new_token, again, deadline)
        for number, outcome in zip(refused, repeated, strict=True):
            outcomes[number] = outcome
        return outcomes

    async def _token(self, deadline: float) -> str | NoAnswer:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._tokens.token()
        except (Unauthorized, NotSent) as error:
            return NoAnswer(type(error), str(error), error.code, cause=error.cause)
        except TimeoutError:
            return NoAnswer(NotSent, "the sign-in did not answer in time", cause="sign_in_slow")

    async def _send_with(
        self, token: str, requests: list[GraphRequest], deadline: float
    ) -> list[Outcome]:
        """Send with this token, and take echoes of it out of the answers."""
        if len(requests) == 1:
            outcomes = [await self._send(requests[0], token, deadline)]
        else:
            outcomes = await self._send_batch(requests, token, deadline)
        if len(token) < LONG_TOKEN:
            return outcomes
        return [redact(outcome, token) for outcome in outcomes]

    async def _send_batch(
        self, requests: list[GraphRequest], token: str, deadline: float
    ) -> list[Outcome]:
        reply = await self._send(pack(requests), token, deadline)
        match reply:
            case GraphAnswer(status=200, json=dict()):
                return unpack(reply, len(requests))
            case GraphAnswer(status=401 | 408 | 429):
                return [reply] * len(requests)
            case GraphAnswer(status=status) if 400 <= status < 500:
                # The batch was refused as a whole, so none of it was done. One of its requests may
                # be the reason.
                return [await self._send(request, token, deadline) for request in requests]
            case _:
                return [reply] * len(requests)

    async def _send(self, request: GraphRequest, token: str, deadline: float) -> Outcome:
        clock = asyncio.get_running_loop().time
        started = clock()
        if started >= deadline:
            return NoAnswer(NotSent, "not sent: no time left before the deadline")
        trace_id = str(uuid.uuid4())
        try:
            async with (
                asyncio.timeout_at(deadline),
                self._stream(request, token, trace_id) as response,
            ):
                body = await self._body(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            reason = f"no connection ({type(error).__name__})"
            return NoAnswer(NotSent, reason, request_id=trace_id, cause="graph_unreachable")
        except (httpx.HTTPError, TimeoutError) as error:
            detail = error if isinstance(error, httpx.DecodingError) else type(error).__name__
            reason = f"no readable answer ({detail})"
            return NoAnswer(AnswerLost, reason, request_id=trace_id, cause="graph_no_answer")
        log.debug("%s: %d in %.0f ms", request, response.status_code, 1000 * (clock() - started))
        return read_answer(response.status_code, response.headers, body)

    def _stream(
        self, request: GraphRequest, token: str, trace_id: str
    ) -> AbstractAsyncContextManager[httpx.Response]:
        headers = {
            **request.headers,
            "Authorization": f"Bearer {token}",
            "client-request-id": trace_id,
        }
        content = None
        if request.json is not None:
            content = json_text.dumps(request.json, allow_nan=False)
        url = self._url(request)
        return self._http.stream(request.method, url, headers=headers, content=content)

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._body_limit:
                raise httpx.DecodingError(f"its body is larger than {self._body_limit} bytes")
        return bytes(body)


def _plans_in_url(url: httpx.URL) -> list[str]:
    """The plans that a path or a filter names."""
    query = unquote(url.query.decode("ascii"))
    in_path = re.findall(r"/plans(?:/|\(')([^/?')]+)", url.path, re.IGNORECASE)
    in_query = re.findall(r"planId\W+([\w-]+)", query, re.IGNORECASE)
    return [*in_path, *in_query]


def _plans_in_body(body: object) -> list[object]:
    """The plans that a body names, however deep."""
    found: list[object] = []
    match body:
        case Mapping():
            for name, value in body.items():
                if name.lower() == "planid":
                    found.append(value)
                found += _plans_in_body(value)
        case list():
            for item in body:
                found += _plans_in_body(item)
    return found


def _rows(page: Json, path: str) -> list[Json]:
    rows = page.get("value")
    if isinstance(rows, list) and all(_has_id(row) for row in rows):
        return rows
    raise AnswerLost(f"GET {_without_query(path)}: the answer is not a list of items with ids")


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("id"), str)


def _without_query(path: str) -> str:
    return path.partition("?")[0]


def _is_401(outcome: Outcome) -> bool:
    return isinstance(outcome, GraphAnswer) and outcome.status == 401


def _longest_wait(throttled: list[GraphAnswer]) -> float | None:
    """The longest `Retry-After` in seconds; None when no answer has one."""
    found = [retry_after_seconds(answer.headers) for answer in throttled]
    return max((seconds for seconds in found if seconds is not None), default=None)
