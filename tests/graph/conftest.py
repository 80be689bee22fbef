"""Fixtures of the Graph room."""

from collections.abc import AsyncIterator

import pytest

from tests.graph.board import Board, board_with
from tests.graph.gate_setup import Setup


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    async with board_with() as board:
        yield board


@pytest.fixture
async def free() -> Setup:
    """Round trips come back at once."""
    return Setup()


@pytest.fixture
async def jam() -> Setup:
    """Round trips come back when the test says so."""
    return Setup(open_end=False)
