"""The Planner emulator as its people see it: the cards on the board, what they do to them, and the
calls to Graph.

People's actions are planner_emulator's `/_emulator/human/…`. Knows nothing of Redis.
"""

import asyncio
from datetime import datetime
from time import time
from typing import Any

import httpx

Card = dict[str, Any]

LOOK_SECONDS = 0.25
MOST_CALLS = 150


class Board:
    """One plan as of the last look: `cards` by id, ids of `buckets` and `labels` by name, of
    `people` by e-mail.

    `stirred` has the time at which a card was first seen changed since somebody forgot it;
    `graph_calls` counts items of batches singly. Times are seconds of the epoch.
    """

    def __init__(self, origin: str) -> None:
        self.plan_id = ""
        self.cards: dict[str, Card] = {}
        self.buckets: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.people: dict[str, str] = {}
        self.stirred: dict[str, float] = {}
        self.graph_calls = 0
        self._calls: list[dict[str, Any]] = []
        self._calls_before = 0
        self._revision = ""
        self._http = httpx.AsyncClient(base_url=f"{origin}/_emulator/", trust_env=False, timeout=10)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        answer = await self._http.get("state", params={"known": self._revision})
        if answer.status_code == httpx.codes.NO_CONTENT:
            return
        state = answer.raise_for_status().json()
        plan = state["plans"][0]
        cards = {card["id"]: card for card in plan["tasks"]}
        for card_id in cards.keys() | self.cards.keys():
            if _etags(cards.get(card_id)) != _etags(self.cards.get(card_id)):
                self.stirred.setdefault(card_id, time())
        self.cards, self._revision = cards, str(state["revision"])
        self.plan_id = plan["id"]
        self.buckets = {bucket["name"]: bucket["id"] for bucket in plan["buckets"]}
        self.labels = {name: slot for slot, name in plan["labels"].items() if name}
        self.people = {user["email"]: user["id"] for user in state["users"]}

    async def act(self, action: str, **fields: Any) -> Card | None:
        """Do what a person does; None when Planner refuses it, as it does when the card is gone."""
        answer = await self._http.post(f"human/{action}", json=fields)
        if answer.is_client_error:
            return None
        card: Card = answer.raise_for_status().json()
        return card

    async def read_calls(self) -> None:
        """Bring up to date what `graph_calls` and `last_write` tell."""
        calls = (await self._http.get("requests")).raise_for_status().json()["value"]
        self._calls = [call for call in calls if call["path"] != "/$batch"]
        self.graph_calls = self._calls_before + len(self._calls)
        if len(calls) > MOST_CALLS:
            # Its journal would grow for ever. A call between these two requests is not counted.
            await self._http.delete("requests")
            self._calls_before = self.graph_calls

    def last_write(self, card_id: str | None, title: str | None) -> float | None:
        """When Graph last carried out a write to this card, or made a card of this title."""
        found = [call["at"] for call in self._calls if _is_write(call, card_id, title)]
        return datetime.fromisoformat(found[-1]).timestamp() if found else None


def _etags(card: Card | None) -> tuple[str, str] | None:
    return (card["@odata.etag"], card["details"]["@odata.etag"]) if card else None


def _is_write(call: dict[str, Any], card_id: str | None, title: str | None) -> bool:
    if (
        call["method"] == "GET"
        or call["status"] is None
        or call["status"] >= httpx.codes.MULTIPLE_CHOICES
    ):
        return False
    if call["method"] == "POST":
        return (
            call["path"] == "/planner/tasks"
            and title is not None
            and call["body"].get("title") == title
        )
    return card_id is not None and card_id in call["path"]
