"""The whole emulator without a wire: one call in, one answer out, synchronous and deterministic.

It knows no socket and never waits: how late an answer comes, and whether it is lost, is said in the
answer.
"""

import heapq
import math
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random

from planner_emulator import batch, faults, refusals, routes, shaping, tasks
from planner_emulator.faults import Faults
from planner_emulator.instants import stamp
from planner_emulator.journal import Journal
from planner_emulator.refusals import Refused
from planner_emulator.replies import Reply, Request, Response, json_response
from planner_emulator.switches import Switches
from planner_emulator.world import World, utc_now

_SECOND = 10_000_000
_MS = 10_000
_VERSIONS = ("v1.0", "beta")


class Planner:
    """Graph's Planner over one `world`; `faults` are met and `journal` is kept by every call."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime] = utc_now,
        random: Random | None = None,
        switches: Switches | None = None,
    ) -> None:
        # Ids and delays need no secrecy; a seed makes them repeat.
        self.world = World(clock, random or Random(), switches or Switches())  # noqa: S311
        self.faults = Faults()
        self.journal = Journal()
        self._later: list[tuple[int, int, Request]] = []
        self._recent: deque[int] = deque()

    def handle(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        origin: str = "https://graph.microsoft.com",
    ) -> Response:
        """Answer a call. `target` is path and query with the version; `origin` is what links in
        answers begin with."""
        version, slash, rest = target.lstrip("/").partition("/")
        request = Request.of(method, slash + rest, headers or {}, body, version, origin, None)
        self.catch_up()
        return self._answer(request)

    def refuse(self, method: str, target: str, no: Refused) -> Response:
        """Answer a call that got no further than the door."""
        version, slash, rest = target.lstrip("/").partition("/")
        request = Request.of(method, slash + rest, {}, b"", version, "", None)
        response = self._refuse(request, no)
        self.journal.note(self.world.now(), request, response, None)
        return response

    def catch_up(self) -> None:
        """Do what is due by now: writes that came late, etags that move again. Everybody who looks
        calls it first."""
        while self._later and self._later[0][0] <= self.world.now():
            self._execute(heapq.heappop(self._later)[2])
        if self.world.state.unsettled:
            tasks.settle_moves(self.world.state, self.world.act(self.world.client))

    def _answer(self, request: Request) -> Response:
        fault = self.faults.take(request)
        if fault is None:
            response = self._execute(request)
        else:
            response = faults.play(
                fault, lambda: self._execute(request), lambda no: self._refuse(request, no)
            )
            if fault.kind == "late":
                due = self.world.now() + fault.delay_ms * _MS
                heapq.heappush(self._later, (due, self.world.tick(), request))
        response.delay_ms += self.world.random.randint(*self.world.switches.latency)
        self.journal.note(self.world.now(), request, response, fault.kind if fault else None)
        return response

    def _execute(self, request: Request) -> Response:
        try:
            self._check_rate()
            if request.version not in _VERSIONS:
                raise refusals.bad_request(f"Invalid version: {request.version}")
            if (
                request.segments == ("$batch",)
                and request.method == "POST"
                and request.item is None
            ):
                shuffled = self.world.switches.batch_order == "random"
                return batch.run(request, self._answer, self.world.random, shuffled=shuffled)
            return self._wrap(request, routes.dispatch(self.world, request))
        except Refused as no:
            return self._refuse(request, no)

    def _refuse(self, request: Request, no: Refused) -> Response:
        ids = self._ids(request)
        date = stamp(self.world.now() // _SECOND * _SECOND).removesuffix("Z")
        inner = {
            "date": date,
            "request-id": ids["request-id"],
            "client-request-id": ids["client-request-id"],
        }
        body = {"error": {"code": no.code, "message": no.message, "innerError": inner}}
        return json_response(no.status, body, {**ids, **no.headers})

    def _wrap(self, request: Request, reply: Reply) -> Response:
        headers = {**self._ids(request), **reply.headers}
        if reply.body is None:
            return Response(reply.status, headers)
        bare = "odata.metadata=none" in request.headers.get("accept", "").replace(" ", "")
        return json_response(
            reply.status, shaping.without_metadata(reply.body) if bare else reply.body, headers
        )

    def _ids(self, request: Request) -> dict[str, str]:
        request_id = str(uuid.UUID(int=self.world.random.getrandbits(128), version=4))
        return {
            "request-id": request_id,
            "client-request-id": request.headers.get("client-request-id", request_id),
            "X-Tasks-CorrelationId": request_id,
        }

    def _check_rate(self) -> None:
        """Refused (429) above the rate of the switch `rate_limit`; items of a batch count one by
        one."""
        rate = self.world.switches.rate
        if rate is None:
            return
        most, seconds = rate
        now = self.world.now()
        while self._recent and self._recent[0] <= now - seconds * _SECOND:
            self._recent.popleft()
        if len(self._recent) >= most:
            wait = self._recent[0] + seconds * _SECOND - now
            raise refusals.throttled(str(math.ceil(wait / _SECOND)))
        self._recent.append(now)
