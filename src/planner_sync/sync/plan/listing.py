"""What Planner shows of a plan: its listing, the details that the listing may not bring, and one
card by its id. Changes nothing.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from planner_sync.decide.plan_observation import Answer
from planner_sync.errors import Forbidden, NotFound, Rejected
from planner_sync.graph.answers import Json
from planner_sync.graph.cards import read_card
from planner_sync.graph.planner import Planner
from planner_sync.model.card import Card, is_of_details

log = logging.getLogger(__name__)

Tasks = Mapping[str, Json]  # as Graph gives them, by id


@dataclass
class PlanReader:
    """Reads for passes. `brings_details`: may a listing of this Planner bring the details along?"""

    planner: Planner
    brings_details: bool = True

    async def list_tasks(self, plan_id: str) -> Tasks:
        """Every task of the plan."""
        try:
            tasks = await self.planner.list_cards(
                plan_id, expand=self.brings_details, interactive=False
            )
        except Rejected:
            if not self.brings_details:
                raise
            self.brings_details = False
            return await self.list_tasks(plan_id)
        if self.brings_details and tasks and not any("details" in task for task in tasks):
            self.brings_details = False
        return {task["id"]: task for task in tasks}

    async def complete(self, cards: Sequence[Card]) -> dict[str, Card | None]:
        """The cards by their ids, with details; those that lack them are asked for them.

        None for details that cannot be read. A card whose details do not show is left out: it was
        just made, or just deleted.
        """

        async def read(card: Card) -> Json | None:
            try:
                return await self.planner.read_details(card.id, interactive=False)
            except NotFound:
                return None

        lacking = [card for card in cards if card.details_etag is None]
        found = await asyncio.gather(*(read(card) for card in lacking))
        completed: dict[str, Card | None] = {card.id: card for card in cards}
        for card, details in zip(lacking, found, strict=True):
            if details is None:
                del completed[card.id]
            else:
                completed[card.id] = _with_details(card, details)
        return completed

    async def ask(self, planner_id: str) -> Answer:
        """One card by its id, with its details."""
        try:
            task = await self.planner.read_task(planner_id, interactive=False)
        except NotFound:
            return "gone"
        except Forbidden:
            return "forbidden"
        card = card_of(task)
        return (await self.complete([card])).get(planner_id) if card else None

    async def check_plan(self, plan_id: str) -> None:
        """The plan can be read now, so that gone means gone. Raises GraphError."""
        await self.planner.read_plan(plan_id, interactive=False)

    def missing_right(self) -> str:
        """Why Graph refuses a request of our token; empty while it has refused none."""
        return self.planner.missing_right()


def card_of(task: Json) -> Card | None:
    """The card, with its details if they are inside; None for JSON that is no card."""
    try:
        card = read_card(task)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return card if card.etag else None


def _with_details(card: Card, details: Json) -> Card | None:
    found = card_of({"id": card.id, "@odata.etag": card.etag, "details": details})
    if found is None:
        return None
    own = {atom: value for atom, value in found.atoms.items() if is_of_details(atom)}
    return replace(
        card, atoms={**card.atoms, **own}, details_etag=found.details_etag, order=found.order
    )


def log_unreadable(plan_id: str, planner_id: str) -> None:
    """Log that the card cannot be read. It is left alone until it can."""
    log.warning("plan %s: card %s cannot be read and is left alone", plan_id, planner_id)


def differs(task: Json, etags: str) -> bool:
    """Is the listed task, with its details if it has them, in another state than these etags?"""
    etag, _, details_etag = etags.partition(" ")
    details = task.get("details")
    if task.get("@odata.etag") != etag:
        return True
    return isinstance(details, dict) and details.get("@odata.etag") != details_etag
