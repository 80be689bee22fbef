"""Planner's entities when something fails, and when many calls are made at once."""

import asyncio
from typing import Any

import pytest

from planner_sync.errors import (
    AnswerLost,
    Forbidden,
    GraphError,
    NotFound,
    Throttled,
)
from planner_sync.graph.planner import Planner
from planner_sync.identity.tokens import MsalTokens, ReadyToken
from tests.emulator_process import emulator_in_loop
from tests.graph.board import Board, board_with
from tests.graph.connect import graph_at
from tests.graph.raw_server import RawServer, reply

# -- faults, as the emulator has them --------------------------------------------------------------
WRITES = [
    pytest.param({"kind": "status", "status": 500}, AnswerLost, False, id="500"),
    pytest.param(
        {"kind": "status", "status": 504, "apply": True}, AnswerLost, True, id="504, done"
    ),
    pytest.param({"kind": "html"}, AnswerLost, False, id="502 with a page"),
    pytest.param({"kind": "drop_before"}, AnswerLost, False, id="cut before"),
    pytest.param({"kind": "drop_after"}, AnswerLost, True, id="cut after"),
    pytest.param({"kind": "truncate"}, AnswerLost, True, id="truncated"),
    pytest.param({"kind": "cut"}, AnswerLost, True, id="cut in the body"),
    pytest.param({"kind": "throttle", "retry_after": "60"}, Throttled, False, id="throttled"),
    pytest.param({"kind": "status", "status": 403}, Forbidden, False, id="403"),
    pytest.param({"kind": "status", "status": 403, "apply": True}, Forbidden, True, id="403, done"),
]


@pytest.mark.parametrize(("fault", "kind", "done"), WRITES)
async def test_a_create_that_fails_is_sent_once(
    board: Board, fault: dict[str, Any], kind: type[GraphError], done: bool
) -> None:
    board.emulator.faults.add(method="POST", **fault)

    with pytest.raises(kind):
        await board.card()

    assert len(board.emulator.requests()) == 1
    assert len(board.emulator.cards()) == int(done)


async def test_a_slow_answer_is_lost_at_the_deadline() -> None:
    async with emulator_in_loop() as emulator:
        tokens = ReadyToken(emulator.token)
        async with graph_at(
            emulator.url, tokens=tokens, plan_ids=(emulator.plan_id,), deadline=0.2
        ) as graph:
            emulator.faults.add("slow", delay_ms=1000)
            with pytest.raises(AnswerLost, match="TimeoutError"):
                await Planner(graph).create_task({"planId": emulator.plan_id, "title": "a"})
            assert len(emulator.requests()) <= 1


async def test_an_expired_token_is_refreshed_in_the_middle_of_a_batch() -> None:
    good = ["emulator-token", "emulator-token-2"]

    async def acquire() -> dict[str, Any]:
        return {"access_token": good.pop(0), "expires_in": 3600}

    async with board_with(tokens=MsalTokens(acquire)) as board:
        cards = [await board.card(title=str(n)) for n in range(5)]
        board.emulator.accept_token("emulator-token-2")

        read = await asyncio.gather(*(board.planner.read_task(card["id"]) for card in cards))

        assert [card["title"] for card in read] == ["0", "1", "2", "3", "4"]


async def test_an_answer_without_an_id_shows_no_e_mail_address() -> None:
    async with (
        RawServer(lambda _: reply(200, {})).running() as server,
        graph_at(server.url) as graph,
    ):
        with pytest.raises(AnswerLost, match="GET /users/…: 200 without an item that has an id"):
            await Planner(graph).find_user("ann@contoso.example")


# -- many at once ----------------------------------------------------------------------------------
async def test_three_hundred_cards_are_made_in_at_most_twenty_round_trips(board: Board) -> None:
    """The emulator answers a batch in random order; each caller gets its own card."""
    intents: list[int] = []

    async def make(n: int) -> tuple[int, dict[str, Any]]:
        async def intend() -> None:
            intents.append(n)

        body = {"planId": board.plan, "title": f"Card {n}"}
        return n, await board.planner.create_task(body, intend)

    made = await asyncio.gather(*(make(n) for n in range(300)))

    assert len(board.emulator.requests(items=False)) <= 20
    assert all(card["title"] == f"Card {n}" for n, card in made)
    assert len(board.emulator.cards()) == len({card["id"] for _, card in made}) == 300
    assert sorted(intents) == list(range(300))
    assert board.emulator.most_in_flight() <= 4


async def test_a_lone_caller_makes_a_plain_request(board: Board) -> None:
    await board.card()

    assert [row["path"] for row in board.emulator.requests(items=False)] == ["/planner/tasks"]


async def test_each_item_of_a_batch_fails_for_itself(board: Board) -> None:
    cards = [await board.card(title=str(n)) for n in range(3)]
    board.emulator.faults.add("status", method="PATCH", path=cards[1]["id"], status=404)

    changes = (
        board.planner.update_task(card["id"], {"title": "x"}, card["@odata.etag"]) for card in cards
    )
    first, second, third = await asyncio.gather(*changes, return_exceptions=True)

    assert isinstance(first, dict)
    assert isinstance(second, NotFound)
    assert isinstance(third, dict)


async def test_a_lost_batch_is_lost_for_each_of_its_writes(board: Board) -> None:
    board.emulator.faults.add("drop_after", method="POST", path="batch")

    results = await asyncio.gather(*(board.card() for _ in range(3)), return_exceptions=True)

    assert [type(result) for result in results] == [AnswerLost] * 3
    assert len(board.emulator.cards()) == 3


async def test_after_an_outage_the_next_call_goes_through(board: Board) -> None:
    board.emulator.faults.add("drop_before", times=3)
    for _ in range(3):
        with pytest.raises(AnswerLost):
            await board.card()

    await board.card()
