"""The Graph client: one HTTP client behind one gate. Knows no Planner entity, no Redis and no task.

It never repeats a request, except after a 401, which is certain to have done nothing. It talks to
the configured origin and path only, follows no redirect, and lets no request leave that names a
plan outside the allow-list.
"""

import asyncio
import json as json_text
import logging
import re
import ssl
import uuid
from collections.abc import Mapping
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
    Answer,
    Failure,
    Json,
    Method,
    Outcome,
    Request,
    read_answer,
    translate,
    without,
)
from planner_sync.graph.batch import pack, unpack
from planner_sync.graph.gate import Before, Gate
from planner_sync.graph.retry_after import wished_pause
from planner_sync.identity.causes import with_advice
from planner_sync.identity.tokens import Tokens

CONNECT_LIMIT = 5.0  # seconds
BODY_LIMIT = 32 * 1024 * 1024  # bytes, unpacked
PAGE_LIMIT = 500  # pages of one listing; Planner has 9,000 tasks in a plan and 400 on a page
LONG_TOKEN = 16  # characters; a shorter one, of an emulator, may be part of any word
KEEP_ALIVE = (
    60.0  # seconds; longer than a poll interval, shorter than the idle limit of Azure's front ends
)

log = logging.getLogger(__name__)

# httpx logs URLs with e-mail addresses, hpack logs header blocks with tokens.
for noisy in ("httpx", "httpcore", "hpack", "h2"):
    logging.getLogger(noisy).setLevel(logging.WARNING)


class Graph:
    """Graph at `base_url` (scheme, host, version), for the plans in `plan_ids` and no other.

    `verify` is the trust in certificates, for tests and private authorities; `transport` stands in
    for the network. `body_limit` is in bytes, `connect_limit` in seconds.
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
        self._was_missed = False
        is_remote = self._base.scheme == "https"
        self._http = httpx.AsyncClient(
            transport=transport,
            http2=is_remote,
            trust_env=is_remote,  # a proxy is for the way out, never for loopback
            # No certificate counts on loopback, so none is loaded: that takes 80 ms.
            verify=verify if is_remote else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            follow_redirects=False,
            timeout=httpx.Timeout(
                None, connect=connect_limit
            ),  # the rest is bounded by the gate's deadline
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
    ) -> Answer:
        """Send one request, alone or in a batch, and give its answer. Raises a GraphError for any
        other than 2xx.

        `path` begins with `/` below the base URL, ids quoted. `before` runs right before sending,
        once, also when a 401 has the request sent again; what it raises stops the request.
        """
        request = Request(method, path, json, etag)
        self._fence(request)
        try:
            outcome = await self._gate.ride(
                request, self._carry, before=before, interactive=interactive, batchable=batchable
            )
        except (Throttled, NotSent) as error:  # of the gate, which does not know what it holds back
            raise type(error)(f"{request}: {error}", retry_after=error.retry_after) from None
        refusal = translate(request, outcome, self._gate.paused)
        if isinstance(refusal, Forbidden) and (missing := self._tokens.missing_right()):
            # Nothing is wrong with the item: whatever we ask for, we may not.
            self._was_missed = True
            raise Unauthorized(
                f"{refusal}; {with_advice(missing)}", status=403, code=refusal.code, cause=missing
            )
        if refusal is not None:
            raise refusal
        assert isinstance(outcome, Answer)
        return outcome

    async def collect(self, path: str, *, interactive: bool = True) -> list[Json]:
        """Every row of a collection, each id once. Raises AnswerLost unless the listing is complete
        and whole.

        Errors of the first page are raised as they are: they speak of the collection itself.
        """
        rows: dict[str, Json] = {}
        seen: list[str] = []
        link: str | None = path
        while link is not None:
            if link in seen or len(seen) >= PAGE_LIMIT:
                raise AnswerLost(
                    f"GET {path.partition('?')[0]}: the listing does not end ({len(seen)} pages)"
                )
            seen.append(link)
            page = await self._page(link, is_first=link == path, interactive=interactive)
            rows |= {row["id"]: row for row in _rows(page, path)}
            link = self._next_path(page.get("@odata.nextLink"))
        return list(rows.values())

    def missing_right(self) -> str:
        """The cause why Graph has refused something for a right that our token lacks; empty while
        it has not."""
        return self._tokens.missing_right() if self._was_missed else ""

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
            raise AnswerLost(
                f"the listing broke off: {error}", request_id=error.request_id
            ) from error
        assert answer.json is not None
        return answer.json

    def _next_path(self, link: object) -> str | None:
        """The path and query of a nextLink; the host of a link is only compared, never used."""
        if link is None:
            return None
        try:
            url = httpx.URL(link) if isinstance(link, str) else httpx.URL()
        except httpx.InvalidURL:
            url = httpx.URL()
        origin = (url.scheme, url.host, url.port, url.userinfo)
        if origin != (
            self._base.scheme,
            self._base.host,
            self._base.port,
            b"",
        ) or not self._is_below_base(url):
            raise AnswerLost("the listing goes on at another place: refused")
        return url.raw_path.decode("ascii").removeprefix(self._prefix)

    # -- the fence ---------------------------------------------------------------------------------
    def _fence(self, request: Request) -> None:
        url = self._url(request)
        named = re.findall(r"/plans(?:/|\(')([^/?')]+)", url.path, re.IGNORECASE)
        named += re.findall(r"planId\W+([\w-]+)", unquote(url.query.decode("ascii")), re.IGNORECASE)
        named += _plans_in(request.json)
        if foreign := [plan for plan in named if plan not in self._plan_ids]:
            raise Rejected(f"{request}: plan {foreign[0]} is not in the allow-list")
        if not self._is_below_base(url):
            raise Rejected(f"{request}: the path leads out of {self._prefix}")
        if request.etag is not None and not (request.etag.isascii() and request.etag.isprintable()):
            raise Rejected(f"{request}: the etag cannot be sent")

    def _is_below_base(self, url: httpx.URL) -> bool:
        # httpx has resolved plain dot segments; a server may resolve encoded ones too.
        return url.path.startswith(f"{self._prefix}/") and ".." not in url.path.split("/")

    def _url(self, request: Request) -> httpx.URL:
        return httpx.URL(f"{self._base}{request.path}")

    # -- one round trip ----------------------------------------------------------------------------
    async def _carry(self, requests: list[Request], seconds: float) -> list[Outcome]:
        """What the gate calls: one outcome for each request, after at most `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        outcomes = await self._authorised(requests, deadline)
        answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
        wishes = [wished_pause(answer.headers) for answer in answers if answer.status in (429, 503)]
        if wishes:
            self._gate.throttled(max((wish for wish in wishes if wish is not None), default=None))
        elif answers:
            self._gate.flowing()
        return outcomes

    async def _authorised(self, requests: list[Request], deadline: float) -> list[Outcome]:
        """Send with the token that we have; what is refused with 401 goes again, once, with a fresh
        one."""
        token = await self._token(deadline)
        if isinstance(token, Failure):
            return [token] * len(requests)
        outcomes = await self._exchange(requests, token, deadline)
        refused = [
            n
            for n, outcome in enumerate(outcomes)
            if isinstance(outcome, Answer) and outcome.status == 401
        ]
        if not refused:
            return outcomes
        self._tokens.drop(token)
        fresh = await self._token(deadline)
        if fresh == token:
            return outcomes
        again: list[Outcome] = [fresh] * len(refused) if isinstance(fresh, Failure) else []
        if isinstance(fresh, str):
            again = await self._exchange([requests[n] for n in refused], fresh, deadline)
        for n, outcome in zip(refused, again, strict=True):
            outcomes[n] = outcome
        return outcomes

    async def _token(self, deadline: float) -> str | Failure:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._tokens.token()
        except (Unauthorized, NotSent) as error:
            return Failure(type(error), str(error), error.code, cause=error.cause)
        except TimeoutError:
            return Failure(NotSent, "no token in time", cause="sign_in_slow")

    async def _exchange(
        self, requests: list[Request], token: str, deadline: float
    ) -> list[Outcome]:
        outcomes = await self._deliver(requests, token, deadline)
        return (
            outcomes
            if len(token) < LONG_TOKEN
            else [without(outcome, token) for outcome in outcomes]
        )

    async def _deliver(self, requests: list[Request], token: str, deadline: float) -> list[Outcome]:
        if len(requests) == 1:
            return [await self._send(requests[0], token, deadline)]
        whole = await self._send(pack(requests), token, deadline)
        match whole:
            case Answer(status=200, json=dict()):
                return unpack(whole, len(requests))
            case Answer(status=status) if 400 <= status < 500 and status not in (401, 408, 429):
                # The batch was refused as a whole, so nothing of it was done. One of its requests
                # may be the reason.
                return [await self._send(request, token, deadline) for request in requests]
            case _:
                return [whole] * len(requests)

    async def _send(self, request: Request, token: str, deadline: float) -> Outcome:
        trace = str(uuid.uuid4())
        headers = {
            **request.headers,
            "Authorization": f"Bearer {token}",
            "client-request-id": trace,
        }
        content = None if request.json is None else json_text.dumps(request.json, allow_nan=False)
        loop = asyncio.get_running_loop()
        began = loop.time()
        if began >= deadline:
            return Failure(NotSent, "no time was left: it was not sent")
        try:
            async with (
                asyncio.timeout_at(deadline),
                self._http.stream(
                    request.method, self._url(request), headers=headers, content=content
                ) as response,
            ):
                body = await self._body(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            reason = f"no connection ({type(error).__name__})"
            return Failure(NotSent, reason, request_id=trace, cause="graph_unreachable")
        except (httpx.HTTPError, TimeoutError) as error:
            why = error if isinstance(error, httpx.DecodingError) else type(error).__name__
            reason = f"no readable answer ({why})"
            return Failure(AnswerLost, reason, request_id=trace, cause="graph_no_answer")
        log.debug("%s: %d in %.0f ms", request, response.status_code, 1000 * (loop.time() - began))
        return read_answer(response.status_code, response.headers, body)

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._body_limit:
                raise httpx.DecodingError(f"its body is larger than {self._body_limit} bytes")
        return bytes(body)


def _plans_in(body: object) -> list[object]:
    """Every plan that a body names, however deep."""
    match body:
        case Mapping():
            own = [value for name, value in body.items() if name.lower() == "planid"]
            return own + [plan for value in body.values() for plan in _plans_in(value)]
        case list():
            return [plan for item in body for plan in _plans_in(item)]
    return []


def _rows(page: Json, path: str) -> list[Json]:
    rows = page.get("value")
    if isinstance(rows, list) and all(
        isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows
    ):
        return rows
    raise AnswerLost(f"GET {path.partition('?')[0]}: the answer is no list of items with an id")
