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
SETTLING = 120.0  # seconds within which two deeds may have crossed: a poll, a plan that cannot be read, a pause


@dataclass(frozen=True)
class Stored:
    """What Redis holds at the end: documents by task, the service's refusals and trash, the public
    mapping with its keys' last parts, keys of others.
    """

    documents: Mapping[str, bytes]
    refused: Mapping[str, str]
    trash: Mapping[str, str]
    mapping: Mapping[str, str]
    foreign: Mapping[str, str]


def _of_the_card(message: Json) -> bool:
    """Not a conflict, but for the one that brings a card back which people have deleted."""
    return message["action"] != "conflict" or (message["field"], message["winner"]) == (
        "deleted",
        "agents",
    )


class Scene:
    """Cards and documents by birth; refused documents stand apart."""

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
        """Whose birth is the task of this id?"""
        known = task_id in self.history.born
        return (
            task_id if known else self.world.births.get(task_id.removeprefix("planner-"), task_id)
        )

    def told(self, birth: str, *actions: str, since: float = 0.0) -> list[Json]:
        """What was said of this birth, on either channel."""
        return [m for m in self.said.get(birth, []) if m["action"] in actions and m["at"] >= since]

    @property
    def doomed(self) -> frozenset[str]:
        """Births of a plan that was deleted: nothing more can be said of their cards."""
        if not self.script.times("delete plan"):
            return frozenset()
        return frozenset(
            {"anchor1", *(birth for birth, plan in self.history.plans.items() if plan == 1)}
        )

    @property
    def births(self) -> list[str]:
        """All births that can be told apart: after documents were lost, whoever sets an object
        without a look makes a new task, unless it names a card that nobody has by then; a restore
        that Redis has lost is done once more.
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
            - self.history.unresolved_people
            - self.doomed
        )

    @property
    def sure(self) -> bool:
        """Did Redis remember everything that is the service's own?"""
        return not self.script.forgets

    def keeps_private(self, birth: str) -> bool:
        """Must the agents' own field be there? A blind agent drops it itself; Redis may have lost
        it, and what was deleted before it had a card was never kept.
        """
        if self.history.born.get(birth) != "agent" or "blind" in self.history.styles.get(birth, ()):
            return False
        if birth in self.history.unresolved_people:
            return False  # its card may have got a document of its own
        deletes = self.history.deleted(birth)
        kept = not deletes or (self.sure and all(self.had_a_card(birth, at) for at, _ in deletes))
        return kept and not self.script.loses

    def had_a_card(self, birth: str, at: float) -> bool:
        """Had it been said at this time that the card was made, and not that it is gone, or is made
        anew?"""
        said = [m for m in self.told(birth, "uploaded", "deleted", "conflict") if m["at"] <= at]
        made = [
            m["action"] == "uploaded" for m in said if m.get("created", True) and _of_the_card(m)
        ]
        return bool(made) and made[-1]

    def lost_around(self, at: float) -> bool:
        """Did Redis forget something that was not settled yet at this time, or later?"""
        return any(lost > at - SETTLING for lost in self.script.forgets)

    def restored(self, at: float) -> float | None:
        """When did an operator, after this time or just before, want back what was deleted?"""
        return next(
            (restored for restored in self.history.restored if restored > at - AT_ONCE), None
        )
