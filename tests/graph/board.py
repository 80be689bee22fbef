"""An emulator over HTTP and a Planner client for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from planner_sync.graph.gate import Gate
from planner_sync.graph.planner import Planner
from planner_sync.identity.tokens import ReadyToken, Tokens
from tests.emulator_process import Emulator, emulator_in_loop
from tests.graph.connect import graph_at


class Board:
    """An emulator, and the client that tests call."""

    def __init__(self, emulator: Emulator, planner: Planner) -> None:
        self.emulator = emulator
        self.planner = planner
        self.plan = emulator.plan_id

    async def card(self, **fields: Any) -> dict[str, Any]:
        return await self.planner.create_task({"planId": self.plan, "title": "Card"} | fields)


@asynccontextmanager
async def board_with(*, tokens: Tokens | None = None, **switches: object) -> AsyncIterator[Board]:
    async with emulator_in_loop(users=["ann@contoso.example"], **switches) as emulator:
        plans = tuple(emulator.plan_ids)
        tokens = tokens or ReadyToken(emulator.token)
        async with graph_at(
            emulator.url, tokens=tokens, plan_ids=plans, gate=Gate(deadline=5.0)
        ) as graph:
            yield Board(emulator, Planner(graph))
