"""The gate under random callers: some slow, some failing, some giving up, some throttled. No rule
may break."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from planner_sync.errors import NotSent, Throttled
from planner_sync.graph.gate import BATCH_SIZE, IN_FLIGHT, Gate


class Witness:
    """Answers what the gate sends, and counts what the rules are checked by."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.in_flight = self.most_in_flight = self.largest = 0
        self.sent: Counter[int] = Counter()
        self.intended: Counter[int] = Counter()
        self.gate = Gate(sleep=lambda seconds: asyncio.sleep(seconds / 1000), deadline=1000.0)

    async def send(self, requests: list[int], seconds: float) -> list[int]:
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        self.largest = max(self.largest, len(requests))
        self.sent.update(requests)
        try:
            await self.dawdle()
            if self.chance.random() < 0.1:
                raise ConnectionError("lost")
            if self.chance.random() < 0.05:
                self.gate.throttled(0.002)
            else:
                self.gate.not_throttled()
            return [-request for request in requests]
        finally:
            self.in_flight -= 1

    async def dawdle(self) -> None:
        for _ in range(self.chance.choice((0, 0, 1, 3, 10))):
            await asyncio.sleep(0)

    async def call(self, n: int) -> None:
        async def intend() -> None:
            await self.dawdle()
            if self.chance.random() < 0.1:
                raise LookupError("the lease is lost")
            self.intended[n] += 1

        await self.dawdle()
        how = {"interactive": self.chance.random() < 0.5, "batchable": self.chance.random() < 0.8}
        assert await self.gate.submit(n, self.send, before=intend, **how) == -n


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_callers_do_each_request_is_sent_at_most_once_and_after_its_intent(
    seed: int,
) -> None:
    witness = Witness(random.Random(seed))
    calls: list[asyncio.Task[Any]] = [asyncio.create_task(witness.call(n)) for n in range(1, 151)]
    for call in witness.chance.sample(calls, 20):
        await witness.dawdle()
        call.cancel()

    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 20)

    expected = (
        type(None),
        asyncio.CancelledError,
        ConnectionError,
        LookupError,
        NotSent,
        Throttled,
    )
    assert [result for result in results if not isinstance(result, expected)] == []
    assert max(witness.sent.values()) == 1
    assert witness.sent.keys() <= witness.intended.keys()
    done = {n for n, result in enumerate(results, 1) if result is None}
    assert done <= witness.sent.keys()
    assert witness.most_in_flight <= IN_FLIGHT
    assert witness.largest <= BATCH_SIZE
    assert await witness.gate.submit(0, answer_at_once) == 0, "the gate is free again"


async def answer_at_once(requests: list[int], seconds: float) -> list[int]:
    return requests
