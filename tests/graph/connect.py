"""A Graph client for a test, closed at its end, and tokens for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from planner_sync.graph.client import Graph
from planner_sync.graph.gate import Gate
from planner_sync.identity.tokens import MsalTokens, ReadyToken, Tokens

PLAN = "plan-1"


@asynccontextmanager
async def graph_at(
    url: str,
    *,
    tokens: Tokens | None = None,
    plan_ids: tuple[str, ...] = (PLAN,),
    gate: Gate | None = None,
    deadline: float = 5.0,
    **options: Any,
) -> AsyncIterator[Graph]:
    gate = gate or Gate(deadline=deadline)
    graph = Graph(url, tokens or ReadyToken("the-token"), gate, frozenset(plan_ids), **options)
    try:
        yield graph
    finally:
        await graph.aclose()


def numbered_tokens(first: int = 1) -> tuple[Tokens, list[str]]:
    """token-1, token-2, … and a list of those that were asked for."""
    given: list[str] = []

    async def acquire() -> dict[str, Any]:
        given.append(f"token-{len(given) + first}")
        return {"access_token": given[-1], "expires_in": 3600}

    return MsalTokens(acquire), given
