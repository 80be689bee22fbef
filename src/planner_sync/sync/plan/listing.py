"""What Planner shows of a plan: its listing, and the details that the listing may not bring.
Changes nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from planner_sync.decide.observation import Gone
from planner_sync.errors import Forbidden, NotFound, Rejected
from planner_sync.graph.cards import read_card
from planner_sync.graph.planner import Planner
from planner_sync.model.card import Card

FORBIDDEN: Final = "forbidden"  # a card that we may not read, or a right that we have lost


@dataclass
class PlanReader:
    """Reads for passes; `brings_details` says whether this Planner's listings can bring the details
    along."""

    planner: Planner
    brings_details: bool = True

    async def list_tasks(self, plan_id: str) -> list[dict[str, Any]]:
        """Every task of the plan, as Graph gives it."""
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
        return tasks

    async def with_details(self, tasks: Sequence[dict[str, Any]]) -> list[Card]:
        """The cards with their details, which are asked for where the listing does not bring
        them."""

        async def read(task: dict[str, Any]) -> Card | None:
            if "details" in task:
                return read_card(task)
            try:
                return read_card(
                    task, await self.planner.read_details(task["id"], interactive=False)
                )
            except NotFound:
                return None  # just made, or just deleted: the next pass will tell

        return [card for card in await asyncio.gather(*(read(task) for task in tasks)) if card]

    async def ask(self, planner_id: str) -> Card | Gone | Literal["forbidden"] | None:
        """One card by its id; FORBIDDEN, or None when the details do not show."""
        try:
            task = await self.planner.read_task(planner_id, interactive=False)
        except NotFound:
            return Gone()
        except Forbidden:
            return FORBIDDEN
        cards = await self.with_details([task])
        return cards[0] if cards else None
