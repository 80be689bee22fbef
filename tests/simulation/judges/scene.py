"""Both sides as they are at the end of a run, by birth."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulation.actors.history import History, birth_of
from tests.simulation.machine.world import World
from tests.simulation.script.script import Script

Json = dict[str, Any]
FIRST_BUCKET = "To do"  # where a card is that nobody has put anywhere
AT_ONCE = 5.0  # seconds within which what an operator wants is done
# Seconds within which two deeds may have crossed: a poll, a plan that cannot be read, a pause.
SETTLING = 120.0


@dataclass(frozen=True)
class Stored:
    """What Redis holds at the end.

    `documents` by task, the service's `refused` and `trash`, the public `mapping` by the last part
    of its keys, and `foreign`: keys of others.
    """

    documents: Mapping[str, bytes]
    refused: Mapping[str, str]
    trash: Mapping[str, str]
    mapping: Mapping[str, str]
    foreign: Mapping[str, str]


def _of_the_card(message: Json) -> bool:
    """Does the message tell whether there is a card? Of conflicts, only one that recreates it."""
    return message["action"] != "conflict" or (message["field"], message["winner"]) == (
        "deleted",
        "agents",
    )


class Scene:
    """Cards and documents by birth. Refused documents are kept apart, in `unsynced`."""

    def __init__(self, world: World, script: Script, history: History, stored: Stored) -> None:
        self.world, self.script, self.history, self.stored = world, script, history, stored
        self.cards: dict[str, list[Json]] = {}
        for card in world.cards().values():
            self.cards.setdefault(birth_of(card["title"]), []).append(card)
        self.documents: dict[str, list[Json]] = {}
        self.unsynced: dict[str, list[Json]] = {}
        for task_id, text in stored.documents.items():
            document = json.loads(text)
            kept = self.unsynced if task_id in stored.refused else self.documents
            kept.setdefault(birth_of(document["title"]), []).append({**document, "key": task_id})
        self.said: dict[str, list[Json]] = {}
        for message in world.said():
            self.said.setdefault(
                self.birth(message.get("redisId") or message["taskId"]), []
            ).append(message)

    def birth(self, task_id: str) -> str:
        """The birth of the task with this id."""
        known = task_id in self.history.born
        return (
            task_id if known else self.world.births.get(task_id.removeprefix("planner-"), task_id)
        )

    def told(self, birth: str, *actions: str, since: float = 0.0) -> list[Json]:
        """What was said about this birth, on either channel."""
        return [m for m in self.said.get(birth, []) if m["action"] in actions and m["at"] >= since]

    @property
    def doomed(self) -> frozenset[str]:
        """Births of a plan that was deleted. Nothing more can be said about their cards."""
        if not self.script.times("delete plan"):
            return frozenset()
        return frozenset(
            {"anchor1", *(birth for birth, plan in self.history.plans.items() if plan == 1)}
        )

    @property
    def births(self) -> list[str]:
        """All births that can be told apart.

        After documents were lost, an agent that sets an object without reading makes a new task,
        unless the object names a card that is still free. A restore that Redis has lost is done
        again.
        """
        first = min(self.script.loses, default=float("inf")) - 1
        blind = {birth for at, birth in self.history.nameless if at >= first}
        kept = {birth for birth, styles in self.history.styles.items() if "keeper" in styles}
        blind |= {birth for at, birth in self.history.sets if birth in kept and at >= first}
        if any(
            at <= restored <= until
            for at, until in self.script.lost_spans
            for restored in self.history.restored
        ):
            blind |= {birth for _, _, birth in self.history.deletes}
        return sorted(
            {*self.history.born, *self.cards, *self.documents}
            - blind
            - self.history.strangers
            - self.doomed
        )

    @property
    def sure(self) -> bool:
        """Did Redis keep all of the service's own state?"""
        return not self.script.forgets

    def keeps_private(self, birth: str) -> bool:
        """Must the agents' own field still be there?

        Not with a blind agent, which drops it. Not when Redis may have lost it, or when the
        document was deleted before it had a card.
        """
        if self.history.born.get(birth) != "agent" or "blind" in self.history.styles.get(birth, ()):
            return False
        if birth in self.history.strangers:
            return False  # its card may have got a document of its own
        deletes = self.history.deleted(birth)
        kept = not deletes or (self.sure and all(self.had_a_card(birth, at) for at, _ in deletes))
        return kept and not self.script.loses

    def had_a_card(self, birth: str, at: float) -> bool:
        """By what agents had been told until then, was there a card?"""
        said = [m for m in self.told(birth, "uploaded", "deleted", "conflict") if m["at"] <= at]
        made = [
            m["action"] == "uploaded" for m in said if m.get("created", True) and _of_the_card(m)
        ]
        return bool(made) and made[-1]

    def lost_around(self, at: float) -> bool:
        """Did Redis forget something that was not settled yet at this time, or later?"""
        return any(lost > at - SETTLING for lost in self.script.forgets)

    def restored(self, at: float) -> float | None:
        """When did an operator restore what was deleted: after this time, or just before it?"""
        return next(
            (restored for restored in self.history.restored if restored > at - AT_ONCE), None
        )
