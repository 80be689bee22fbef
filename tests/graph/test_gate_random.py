"""The gate under random callers: some slow, some failing, some giving up, some throttled. No rule
may break."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from planner_sync.errors import NotSent, Throttled
from planner_sync.graph.gate import IN_FLIGHT, SEATS, Gate


class Witness:
    """Carries what the gate sends, and keeps what every rule needs to be checked."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.under_way = self.most_under_way = self.largest = 0
        self.carried: Counter[int] = Counter()
        self.noted: Counter[int] = Counter()
        self.gate = Gate(sleep=lambda seconds: asyncio.sleep(seconds / 1000), deadline=1000.0)

    async def carry(self, requests: list[int], seconds: float) -> list[int]:
        self.under_way += 1
        self.most_under_way = max(self.under_way, self.most_under_way)
        self.largest = max(self.largest, len(requests))
        self.carried.update(requests)
        try:
            await self.dawdle()
            if self.chance.random() < 0.1:
                raise ConnectionError("lost")
            if self.chance.random() < 0.05:
                self.gate.throttled(0.002)
            else:
                self.gate.flowing()
            return [-request for request in requests]
        finally:
            self.under_way -= 1

    async def dawdle(self) -> None:
        for _ in range(self.chance.choice((0, 0, 1, 3, 10))):
            await asyncio.sleep(0)

    async def call(self, n: int) -> None:
        async def note() -> None:
            await self.dawdle()
            if self.chance.random() < 0.1:
                raise LookupError("no claim any more")
            self.noted[n] += 1

        await self.dawdle()
        how = {"interactive": self.chance.random() < 0.5, "batchable": self.chance.random() < 0.8}
        assert await self.gate.ride(n, self.carry, before=note, **how) == -n


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_callers_do_each_request_leaves_at_most_once_and_after_its_note(
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
    assert max(witness.carried.values()) == 1
    assert witness.carried.keys() <= witness.noted.keys()
    done = {n for n, result in enumerate(results, 1) if result is None}
    assert done <= witness.carried.keys()
    assert witness.most_under_way <= IN_FLIGHT
    assert witness.largest <= SEATS
    assert await witness.gate.ride(0, answer_at_once) == 0, "the gate is free again"


async def answer_at_once(requests: list[int], seconds: float) -> list[int]:
    return requests
