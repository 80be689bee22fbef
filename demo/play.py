"""The play: agents and people at work on what run.py has started, and everything that they need for
it.

Starts no process and knows no signal.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from time import monotonic

import httpx
from redis.asyncio import Redis
from redis.exceptions import RedisError

from demo import agents, people
from demo.agents import Agent
from demo.board import Board
from demo.flow import Flow
from demo.people import Person
from demo.story import PEOPLE
from demo.terminal import Terminal, summary
from planner_sync.agents import AgentClient

Work = Coroutine[None, None, None]
Watch = Callable[[], Work]


async def play(redis_url: str, emulator_url: str, terminal: Terminal, watch: Watch) -> None:
    """Go on until cancelled; `watch` raises when something is gone, which comes out in an exception
    group."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(Redis.from_url(redis_url))
        clients = {
            name: await stack.enter_async_context(AgentClient.connect(redis_url, agent=name))
            for name in ("observer", "coordinator", "writer", "reviewer")
        }
        board = Board(emulator_url)
        stack.push_async_callback(board.aclose)
        flow = Flow(clients["observer"], board, terminal)
        cast = {name: Agent(name, client, flow) for name, client in clients.items()}
        await _work(watch, board, flow, terminal, lambda: _actors(cast, redis, board, flow))


def _actors(cast: dict[str, Agent], redis: Redis, board: Board, flow: Flow) -> list[Work]:
    mira, jonas, aiko = (Person(email, board, flow) for email in PEOPLE)
    return [
        agents.coordinate(cast["coordinator"]),
        agents.write(cast["writer"]),
        agents.review(cast["reviewer"]),
        agents.count_sign_ups(redis, flow),
        people.lead(mira),
        people.design(jonas),
        people.market(aiko),
        people.disagree(aiko, cast["coordinator"], flow),
    ]


async def _work(
    watch: Watch, board: Board, flow: Flow, terminal: Terminal, actors: Callable[[], list[Work]]
) -> None:
    since = monotonic()
    await board.look()
    terminal.show_columns()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            group.create_task(board.keep_looking())
            group.create_task(flow.keep_listening())
            await flow.ready.wait()
            for actor in actors():
                group.create_task(actor)
    except* (RedisError, httpx.TransportError):
        # Most likely because a process is gone: then that is what to tell.
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await watch()
        raise
    finally:
        with suppress(httpx.HTTPError):
            await board.read_calls()
        terminal.say(*summary(flow.counts, flow.took, board.graph_calls, monotonic() - since))
