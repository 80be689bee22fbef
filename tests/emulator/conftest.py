"""A Planner in memory for tests that look at its rules: no wire, its own clock, the same ids in
every run."""

import pytest

from tests.emulator.desk import Desk


@pytest.fixture
def desk() -> Desk:
    """A Planner with every switch at its default."""
    return Desk()
