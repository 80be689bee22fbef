"""The command line and a namespace that does not fit a cluster. The other tests run on both."""

import pytest

from tests.operators.console import run


@pytest.fixture
def redis_kind() -> str:
    return "cluster"


def test_a_namespace_without_a_hash_tag_is_wrong_usage(away_url: str) -> None:
    said = run("planner-sync status", REDIS_URL=away_url, PLANNER_SYNC_NAMESPACE="annika")
    assert (said.code, said.out, "needs a hash tag" in said.err) == (2, "", True)
