"""Creates whose answer was lost: which of the cards that nobody has may be theirs. Pure.

What a card says tells most of them apart, and `decide.py` looks at that. Where people have changed
every title, only the time is left: cards were made in the order of their intents, shortly after them,
by two clocks that may differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from planner_sync.decide.observation import CreateCandidates
from planner_sync.model.card import Card

CLOCKS_MS = 300_000  # how far Planner's clock and Redis' may be apart
NEAR_MS = 30_000  # by its place alone a card is taken only where they are nearly alike: it may be anybody's
LISTING_LAG_MS = 60_000  # a listing may lack a card for so long
SENDING_MS = 45_000  # from the intent until the request has ended, at the latest


def candidates_for(
    cards: Iterable[Card], application: str | None, noted_at: int, began: int
) -> CreateCandidates:
    """What a listing that began at `began` shows for a create intent of this time (server's times,
    ms)."""
    candidates = [card for card in cards if _may_be_ours(card, application, noted_at)]
    if application is not None:
        return CreateCandidates(candidates, began, sure=True)
    # Until a 201 has told which application we are, whatever no person has made is ours.
    impersonal = [card for card in candidates if card.created_by_user is None]
    return CreateCandidates(impersonal or candidates, began, sure=bool(impersonal))


def true_as_of(began: int, lacking: Iterable[Card | str | None]) -> int | None:
    """As of when (server's time, ms) a listing that began at `began` shows all cards, although it
    lacks these.

    One that lacks a new card lags, and is as old as that; one that lacks others, or what gave no
    answer, proves nothing.
    """
    made = [made_at(card) if isinstance(card, Card) else 0 for card in lacking]
    as_of = min([began, *made])
    return as_of if as_of >= began - LISTING_LAG_MS else None


def match_by_creation_time(intents: Mapping[str, int], cards: Iterable[Card]) -> dict[str, Card]:
    """The card of each intent (task id -> its time, ms) by its place in time: both in order, as near
    as possible.

    A card that is too far from its intent to be its is left out, and so are intents and cards that are
    left over.
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
    """As many pairs as there can be, each list in its order, with the least sum of distances."""
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


def _is_near(noted_at: int, made_at: int) -> bool:
    return -NEAR_MS <= made_at - noted_at <= NEAR_MS + SENDING_MS


def _may_be_ours(card: Card, application: str | None, noted_at: int) -> bool:
    if application is not None and card.created_by_app != application:
        return False
    return made_at(card) >= noted_at - CLOCKS_MS


def made_at(card: Card) -> int:
    """When Planner made the card, by its own clock (ms)."""
    return (
        round(datetime.fromisoformat(card.created_at).timestamp() * 1000) if card.created_at else 0
    )
