"""The people of the story, at Planner's board: they add cards, move, label, comment, finish and
throw away.

They act through the emulator as its own page does, and know of no agent. `disagree` has one of each
change a field.
"""

import asyncio
from itertools import cycle
from time import time
from typing import Any

from demo.agents import Agent
from demo.board import Board, Card
from demo.flow import Flow
from demo.story import AFTERTHOUGHTS, COMMENTS, DOING, DONE, ERRANDS, TO_DO, WORKS, chance, in_days
from planner_sync.errors import TaskMissing

MOST_CARDS = 22
MOST_DONE = 6
TOPICS = {label for work in WORKS for label in work.labels}


class Person:
    """Somebody with an account in the emulator; `name` is the first name, as in the e-mail."""

    def __init__(self, email: str, board: Board, flow: Flow) -> None:
        self.name = email.partition(".")[0].title()
        self.board = board
        self._email = email
        self._flow = flow

    @property
    def id(self) -> str:
        return self.board.people[self._email]

    async def create(self, title: str, **fields: Any) -> None:
        started = time()
        plan_id = self.board.plan_id
        card = await self.board.act("create", plan_id=plan_id, title=title, user=self.id, **fields)
        if card is not None:
            self._flow.person_wrote(card["id"], self.name, started)

    async def act(self, action: str, card: Card, **fields: Any) -> None:
        self._flow.person_wrote(card["id"], self.name, time())
        await self.board.act(action, task_id=card["id"], user=self.id, **fields)

    async def edit(self, card: Card, **fields: Any) -> None:
        await self.act("edit", card, fields=fields)

    def cards(self, *buckets: str, done: bool = False) -> list[Card]:
        """The cards in these buckets (none: anywhere) that are done, or are not."""
        wanted = {self.board.buckets.get(name) for name in buckets}
        return [
            card
            for card in self.board.cards.values()
            if (card["percentComplete"] == 100) == done
            and (not buckets or card["bucketId"] in wanted)
        ]


async def lead(mira: Person) -> None:
    """Puts errands on the board, says what is urgent, and clears away what is done."""
    errands, to_do = cycle(ERRANDS), mira.board.buckets[TO_DO]
    while True:
        finished, going = mira.cards(done=True), mira.cards()
        if len(mira.board.cards) < MOST_CARDS and chance.random() < 0.5:
            due = f"{in_days(chance.randint(1, 9))}T10:00:00Z"
            await mira.create(next(errands), bucketId=to_do, dueDateTime=due)
        elif len(finished) > MOST_DONE:
            await mira.act("delete", finished[-1])
        elif going:
            card = chance.choice(going)
            await mira.edit(
                card,
                priority=chance.choice([each for each in (1, 3, 5, 9) if each != card["priority"]]),
            )
        await _pause(4, 8)


async def design(jonas: Person) -> None:
    """Takes up what lies around, comments, and finishes what people have put on the board."""
    while True:
        match chance.randrange(3):
            case 0 if waiting := _own(jonas.cards(TO_DO)):
                card = chance.choice(waiting)
                await jonas.edit(
                    card, bucketId=jonas.board.buckets[DOING], assignments={jonas.id: True}
                )
            case 1 if going := _own(jonas.cards(DOING)):
                await jonas.edit(going[0], percentComplete=100, bucketId=jonas.board.buckets[DONE])
            case _ if open_cards := jonas.cards():
                card = chance.choice(open_cards)
                text = card["details"]["description"]
                comment = f"{jonas.name}: {chance.choice(COMMENTS)}"
                if len(text) < 200:
                    await jonas.edit(card, description=f"{text}\n\n{comment}".strip())
        await _pause(4, 7)


async def market(aiko: Person) -> None:
    """Labels cards, ticks off steps, finds better titles."""
    while True:
        going = aiko.cards()
        if going:
            card = chance.choice(going)
            left = {
                key: item
                for key, item in card["details"]["checklist"].items()
                if not item["isChecked"]
            }
            match chance.randrange(3):
                case 0 if left:
                    key, item = next(iter(left.items()))
                    await aiko.edit(
                        card, checklist={key: {"title": item["title"], "isChecked": True}}
                    )
                case 1 if topics := [
                    slot for name, slot in aiko.board.labels.items() if name in TOPICS
                ]:
                    slot = chance.choice(topics)
                    taken_off = slot in card["appliedCategories"]
                    await aiko.act("relabel", card, **{"remove" if taken_off else "add": [slot]})
                case _ if not card["title"].endswith(AFTERTHOUGHTS):
                    await aiko.edit(card, title=card["title"] + chance.choice(AFTERTHOUGHTS))
        await _pause(4, 7)


async def disagree(person: Person, agent: Agent, flow: Flow) -> None:
    """A person and an agent change the priority of a card, and neither has seen the other's."""
    while True:
        await _pause(12, 25)
        known = {
            str(document.get("plannerId")): task_id for task_id, document in flow.documents.items()
        }
        cards = [
            card
            for card in person.cards()
            if card["id"] in known and card["priority"] not in (1, 9)
        ]
        if cards:
            card = chance.choice(cards)
            await person.edit(card, priority=1)
            await asyncio.sleep(0.4)
            try:
                await agent.update(known[card["id"]], {"priority": "low"})
            except TaskMissing:
                continue


def _own(cards: list[Card]) -> list[Card]:
    """Those without a label, and so without an agent."""
    return [card for card in cards if not card["appliedCategories"]]


async def _pause(least: float, most: float) -> None:
    await asyncio.sleep(chance.uniform(least, most))
