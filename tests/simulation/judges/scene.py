"""Both sides as they are at the end of a run, by birth."""

import json
from collections.abc import Mapping
from typing import Any

from tests.simulation.history import History, birth_of
from tests.simulation.script import Script
from tests.simulation.world import World

Json = dict[str, Any]


class Scene:
    """Cards and documents by birth; refused documents are left out."""

    def __init__(
        self,
        world: World,
        script: Script,
        history: History,
        documents: dict[str, bytes],
        refused: dict[str, str],
        foreign: Mapping[str, str],
    ) -> None:
        self.world, self.script, self.history, self.foreign = world, script, history, foreign
        self.cards: dict[str, list[Json]] = {}
        for card in world.cards().values():
            self.cards.setdefault(birth_of(card["title"]), []).append(card)
        self.refused = refused
        self.documents: dict[str, list[Json]] = {}
        self.unsynced: set[str] = set()
        for task_id, text in documents.items():
            document = json.loads(text)
            if task_id in refused:
                self.unsynced.add(birth_of(document["title"]))
            else:
                self.documents.setdefault(birth_of(document["title"]), []).append({**document, "key": task_id})

    @property
    def doomed(self) -> frozenset[str]:
        """Births of a plan that was deleted: nothing more can be said of their cards."""
        if not self.script.times("delete plan"):
            return frozenset()
        return frozenset({"anchor1", *(birth for birth, plan in self.history.plans.items() if plan == 1)})

    @property
    def births(self) -> list[str]:
        """All births that can be told apart: after documents were lost, an agent's own object is a new task."""
        lost = self.script.loses
        span = max((op.get("seconds", 0) for op in self.script.ops if op["do"] == "failover"), default=0)
        blind = {w.task for w in self.history.writes if w.by == "agent" and not w.stood and lost and w.at >= lost[0]}
        old = {"own", "keeper", "blind"}  # objects that do not name their card
        writes = [w.task for w in self.history.writes if w.by == "agent" and lost and w.at >= lost[0]]
        blind |= {task for task in writes if self.history.styles.get(task, set()) & old}
        blind |= {w.task for w in self.history.writes if lost and any(at - 1 <= w.at <= at + span + 1 for at in lost)}
        return sorted({*self.history.born, *self.cards, *self.documents} - blind - self.history.strangers - self.doomed)

    @property
    def sure(self) -> bool:
        """Did Redis remember everything?"""
        return not self.script.forgets

    def restored(self, birth: str) -> bool:
        """Did an operator want back what was deleted?"""
        return bool(self.history.restored)
