"""Creates whose answer was lost: which of the unmapped cards may be theirs. Pure.

The content of the cards tells most of them apart; `unmapped.py` compares it. Where people have
changed every title, only the time is left: cards were made in the order of their intents, shortly
after them, by two clocks that may differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from planner_sync.decide.observation import CreateCandidates, Gone
from planner_sync.model import timing
from planner_sync.model.card import Card

CLOCKS_MS = timing.CLOCK_SKEW_MS  # how far the clocks of Planner and Redis may be apart
NEAR_MS = timing.NEAR_CLOCK_SKEW_MS  # the same if only the time tells: the card may not be ours
LISTING_LAG_MS = timing.LISTING_LAG_MS  # a listing may lack a card for so long
SENDING_MS = timing.SENDING_MS  # from the intent until the request has ended, at the latest


def candidates_for(
    cards: Iterable[Card], application: str | None, recorded_at: int, began: int
) -> CreateCandidates:
    """What a listing shows for a create intent (`began`, `recorded_at`: server's times, ms)."""
    candidates = [card for card in cards if _may_be_ours(card, application, recorded_at)]
    if application is not None:
        return CreateCandidates(candidates, began, sure=True)
    # Our application id is known from the first 201 on. Until then every card that no person made
    # may be ours.
    impersonal = [card for card in candidates if card.created_by_user is None]
    return CreateCandidates(impersonal or candidates, began, sure=bool(impersonal))


def true_as_of(began: int, lacking: Iterable[Card | Gone | str | None]) -> int | None:
    """The time as of which a listing shows all cards, although it lacks these (server's time, ms).

    A listing that lacks a new card lags, and is as old as that card. One that lacks an older card,
    or one that gave no answer, proves nothing: None.
    """
    made = [made_at(card) if isinstance(card, Card) else 0 for card in lacking]
    as_of = min([began, *made])
    return as_of if as_of >= began - LISTING_LAG_MS else None


# Needed by tests/simulation/regress/4058.json and 20161.json.
def match_by_creation_time(intents: Mapping[str, int], cards: Iterable[Card]) -> dict[str, Card]:
    """The card of each intent (task id -> its time, ms): both in order, as close as possible.

    A card that is too far from its intent is left out, and so is what is left over.
    """
    tasks = sorted(intents, key=lambda task_id: (intents[task_id], task_id))
    made = sorted(cards, key=lambda card: (made_at(card), card.id))
    pairs = _nearest([intents[task_id] for task_id in tasks], [made_at(card) for card in made])
    return {
        tasks[intent]: made[card]
        for intent, card in pairs
        if _is_near(intents[tasks[intent]], made_at(made[card]))
    }


def _nearest(intents: Sequence[int], cards: Sequence[int]) -> list[tuple[int, int]]:
    """As many pairs as possible, each list in its order, with the smallest sum of distances."""
    Best = tuple[int, list[tuple[int, int]]]
    before: list[Best] = [(0, [])] * (len(cards) + 1)
    for n, intent in enumerate(intents):
        row: list[Best] = [(0, [])]
        for c, card in enumerate(cards):
            together = (before[c][0] + abs(card - intent), [*before[c][1], (n, c)])
            row.append(
                min(together, before[c + 1], row[c], key=lambda best: (-len(best[1]), best[0]))
            )
        before = row
    return before[-1][1]


def _is_near(recorded_at: int, made_at: int) -> bool:
    return -NEAR_MS <= made_at - recorded_at <= NEAR_MS + SENDING_MS


def _may_be_ours(card: Card, application: str | None, recorded_at: int) -> bool:
    if application is not None and card.created_by_app != application:
        return False
    return made_at(card) >= recorded_at - CLOCKS_MS


def made_at(card: Card) -> int:
    """When Planner made the card, by its own clock (ms)."""
    return (
        round(datetime.fromisoformat(card.created_at).timestamp() * 1000) if card.created_at else 0
    )
