"""What we assume about Planner, Graph and Redis in time, in milliseconds.

Every other time that rests on one of these is derived from it, so that a new observation is one
change here.

Observed, except where a vendor's page is named; docs/faults.md lists the tests that hold them.
"""

# -- our own request -------------------------------------------------------------------------------
# From the stored intent to the answer, all waiting included. The gate enforces it.
REQUEST_DEADLINE_MS = 30_000
# To store what came of a request after its deadline, with a Redis that is slow to answer.
STORE_MS = 15_000
# From the intent until nothing more can come of its request.
SENDING_MS = REQUEST_DEADLINE_MS + STORE_MS

# -- Planner's servers agree late ------------------------------------------------------------------
# After a change, a single card may still be read as it was before.
READ_LAG_MS = 60_000
# After a create, a read of the new card by its id may still be answered 404.
NEW_CARD_404_MS = 5_000
# A new card is in every listing that begins this long after its create.
NEW_CARD_LISTED_MS = 30_000
# A card that no listing shows this long after its task was leased will not show any more.
NEW_CARD_CERTAIN_MS = 300_000
# No listing is older than this, even one that lacks cards.
LISTING_LAG_MS = 60_000
# A bucket or label that was sent may not be in the plan's names for this long.
NAMES_LAG_MS = 30_000

# -- clocks ----------------------------------------------------------------------------------------
# Planner's clock (`createdDateTime`) and Redis' may be this far apart.
CLOCK_SKEW_MS = 300_000
# The same if only the time tells two cards apart: one may not be ours.
NEAR_CLOCK_SKEW_MS = 30_000
