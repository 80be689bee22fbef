"""Fixtures of the Graph room."""

from collections.abc import AsyncIterator

import pytest

from tests.graph.board import Board, board_with
from tests.graph.gate_setup import GateSetup


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    async with board_with() as board:
        yield board


@pytest.fixture
async def prompt() -> GateSetup:
    """A gate whose round trips are answered at once."""
    return GateSetup()


@pytest.fixture
async def stalled() -> GateSetup:
    """A gate whose round trips are answered when the test says so."""
    return GateSetup(answers_at_once=False)
