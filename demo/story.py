"""The story that is played: a small company brings a reading lamp to one country after another.
Data, and chance."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from random import Random

PLAN_TITLE = "Lumen goes to market"
PEOPLE = ("mira.novak@example.com", "jonas.berg@example.com", "aiko.tanaka@example.com")
TO_DO, DOING, DONE = "To do", "Doing", "Done"
FOR_REVIEW, APPROVED = "For review", "Approved"

chance = Random()  # noqa: S311 - who does what next, no secret


@dataclass(frozen=True)
class Work:
    """Something that the coordinator plans once for each country."""

    key: str
    title: str
    labels: tuple[str, ...]
    steps: tuple[str, ...]
    about: str
    days: int
    priority: str


WORKS = (
    Work(
        "announcement",
        "Draft the announcement",
        ("Writing",),
        ("Headline", "Three reasons to care", "A quote from a tester"),
        "One page. No superlatives.",
        4,
        "important",
    ),
    Work(
        "price",
        "Compare prices with the shops",
        ("Numbers",),
        ("Five shops", "Shipping", "Taxes"),
        "What a customer pays in the end.",
        3,
        "medium",
    ),
    Work(
        "manual",
        "Translate the manual",
        ("Writing", "Legal"),
        ("Safety pages", "Set-up pages"),
        "The safety pages go to the agency first.",
        9,
        "important",
    ),
    Work(
        "faq",
        "Answer the ten first questions",
        ("Support",),
        ("Returns", "Spare bulbs", "Guarantee"),
        "From the support inbox of the last launch.",
        6,
        "medium",
    ),
    Work(
        "press",
        "List the reporters to write to",
        ("Press",),
        ("Design magazines", "Local papers"),
        "Only people who have written about lamps.",
        5,
        "low",
    ),
    Work(
        "page",
        "Write the product page",
        ("Writing", "Web"),
        ("First screen", "Pictures and captions", "Small print"),
        "Shows the dimmer above everything else.",
        7,
        "urgent",
    ),
)
COUNTRIES = ("Norway", "Japan", "Portugal", "Canada", "Poland", "Chile", "Austria", "Kenya")

# What people put on the board by themselves.
ERRANDS = (
    "Call the printer about the boxes",
    "Book the studio for two days",
    "Ask legal about the guarantee",
    "Order twenty samples",
    "Find a room for the launch evening",
    "Check the plug adapters",
    "Thank the testers",
    "Choose the picture for the cover",
    "Move the stock to the new warehouse",
    "Settle the invoice of the photographer",
)
COMMENTS = (
    "Looks good to me, please go on.",
    "Let us keep this shorter than last time.",
    "I have asked the warehouse, answer tomorrow.",
    "The blue one, not the green one.",
    "See the mail from Tuesday.",
)
AFTERTHOUGHTS = (" (before Friday)", " – second round", ", with numbers", " (call first)")


def plan_ahead() -> Iterator[tuple[str, str, Work]]:
    """(task id, title, work) for ever; no id comes twice, since the card of an id may be gone for
    good."""
    for season in count(1):
        for country in COUNTRIES:
            for work in WORKS:
                yield f"{work.key}-{country.lower()}-{season}", f"{work.title} · {country}", work


def in_days(days: int) -> str:
    """A date as a document has it."""
    return (today() + timedelta(days=days)).isoformat()


def today() -> date:
    return datetime.now(UTC).date()
