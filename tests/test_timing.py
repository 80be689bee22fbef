"""Times that rest on one another: what one of them must leave room for."""

from planner_sync.decide import lost_creates, plan_observation, transitions, unmapped
from planner_sync.graph import gate
from planner_sync.model import timing
from planner_sync.store import pending


def test_an_intent_holds_its_lease_until_nothing_can_come_of_its_request():
    assert gate.DEADLINE * 1000 == timing.REQUEST_DEADLINE_MS
    assert pending.SEND_MS == lost_creates.SENDING_MS > timing.REQUEST_DEADLINE_MS


def test_a_create_is_posted_again_only_after_its_deadline_and_when_listings_show_its_card():
    assert unmapped.GRACE_MS == timing.REQUEST_DEADLINE_MS + timing.NEW_CARD_LISTED_MS


def test_a_404_is_doubted_for_less_time_than_an_old_card():
    assert transitions.NEW_CARD_MS < transitions.READ_LAG_MS


def test_an_orphan_is_given_up_only_when_no_create_of_its_task_is_open_any_more():
    assert plan_observation.CARD_SHOWS_MS > unmapped.GRACE_MS + lost_creates.LISTING_LAG_MS


def test_clocks_that_decide_alone_are_held_to_be_nearer_than_clocks_that_only_limit():
    assert timing.NEAR_CLOCK_SKEW_MS < timing.CLOCK_SKEW_MS
