"""What must hold once everything is quiet. Each judge gives sentences about what does not hold.

They know the contract, the world and what everybody meant; they use no code of the service.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.simulation.actors import History, Write, birth_of, shown
from tests.simulation.script import Script
from tests.simulation.world import World

Json = dict[str, Any]
TOGETHER = 120.0  # seconds within which a delete and an edit may have crossed


class Scene:
    """Both sides as they are at the end."""

    def __init__(
        self, world: World, script: Script, history: History, documents: dict[str, bytes], refused: Json
    ) -> None:
        self.world, self.script, self.history = world, script, history
        self.cards: dict[str, list[Json]] = {}
        for card in world.cards().values():
            self.cards.setdefault(birth_of(card["title"]), []).append(card)
        self.refused = refused
        self.documents: dict[str, list[Json]] = {}
        for task_id, text in documents.items():
            if task_id not in refused:
                document = json.loads(text)
                self.documents.setdefault(birth_of(document["title"]), []).append({**document, "key": task_id})

    @classmethod
    async def of(cls, world: World, script: Script, history: History) -> "Scene":
        return cls(world, script, history, await world.documents(), await world.hash("refusals"))

    @property
    def births(self) -> list[str]:
        """All births that can be told apart: after all of Redis was lost, an agent's own object is a new task."""
        lost = [op["at"] for op in self.script.ops if op["do"] == "wipe" and op["what"] == "all"]
        blind = {w.task for w in self.history.writes if w.by == "agent" and not w.stood and lost and w.at >= lost[0]}
        return sorted({*self.history.born, *self.cards, *self.documents} - blind - self.history.strangers)

    def deleted(self, birth: str) -> list[tuple[float, str]]:
        return [(at, by) for at, by, task in self.history.deletes if task == birth]


def judge(scene: Scene) -> list[str]:
    """All sentences of all judges."""
    judges = (_one_to_one, _alive_or_gone, _equal, _values, _items, _private, _confirmed, _unasked)
    return [sentence for one in judges for sentence in one(scene)]


def _one_to_one(scene: Scene) -> Iterator[str]:
    """I1, I4: one card for each birth, one document for each card."""
    for birth in scene.births:
        cards, documents = scene.cards.get(birth, []), scene.documents.get(birth, [])
        if len(cards) > 1 or len(documents) > 1:
            keys = [document["key"] for document in documents]
            yield f"I1 {birth}: {len(cards)} cards, documents {keys}"
        elif len(cards) != len(documents):
            yield f"I1 {birth}: {len(cards)} cards, {len(documents)} documents; refusals {scene.refused}"


def _alive_or_gone(scene: Scene) -> Iterator[str]:
    """I5: nothing is gone that nobody deleted; what was deleted with nobody else at it is gone."""
    wiped = [op["at"] for op in scene.script.ops if op["do"] == "wipe" and op["what"] == "all"]
    for birth in scene.history.born:
        alive, deletes = bool(scene.cards.get(birth)), scene.deleted(birth)
        if not deletes and not alive and not wiped:
            yield f"I5 {birth}: gone, and nobody deleted it"
        if not deletes or wiped:
            continue
        at, by = deletes[-1]
        others = [write for write in scene.history.writes if write.task == birth and write.at > at - TOGETHER]
        others_items = [item for item in scene.history.items if item[1] == birth and item[0] > at - TOGETHER]
        if alive and not others and not others_items and len(deletes) == 1 and not scene.script.wipes:
            yield f"I5 {birth}: the {by} deleted it at {at:.1f}, and it is back"


def _equal(scene: Scene) -> Iterator[str]:
    """I2: document and card say the same."""
    for birth in scene.births:
        pairs = list(zip(scene.cards.get(birth, []), scene.documents.get(birth, []), strict=False))
        for card, document in pairs[: len(pairs) == 1]:
            wanted = shown(scene.world, card)
            for name, value in wanted.items():
                found = document.get(name)
                if name == "checklist":
                    found = sorted((item["title"], item.get("isChecked", False)) for item in found or [])
                default = value in (None, []) or (name, value) == ("percentComplete", 0)
                if (found or not default) and name in document and found != value:
                    yield f"I2 {birth} {name}: the document has {found!r}, the card {value!r}"
                elif name not in document and not default and name != "bucket":
                    yield f"I2 {birth} {name}: the document has nothing, the card {value!r}"
            if document.get("plannerId") != card["id"]:
                yield f"I2 {birth}: plannerId {document.get('plannerId')}, the card is {card['id']}"


def _values(scene: Scene) -> Iterator[str]:
    """I3: every value is the last that an agent or a person meant; of two that crossed, the other was reported."""
    if scene.script.wipes:
        return
    for birth, cards in scene.cards.items():
        styles = scene.history.styles.get(birth, set())
        if scene.deleted(birth) or len(cards) != 1 or len(styles - {"create", "agent deletes"}) > 1:
            continue
        final = shown(scene.world, cards[0])
        for name in {write.name for write in scene.history.writes if write.task == birth}:
            writes = [write for write in scene.history.writes if write.task == birth and write.name == name]
            yield from _value(scene, birth, name, final[name], writes)


def _value(scene: Scene, birth: str, name: str, final: Any, writes: list[Write]) -> Iterator[str]:
    agent = next((write for write in reversed(writes) if write.by == "agent"), None)
    human = next((write for write in reversed(writes) if write.by == "human"), None)
    if agent is None or human is None:
        (only,) = [write for write in (agent, human) if write]
        if final != only.value:
            yield f"I3 {birth} {name}: {final!r}, but the {only.by} wrote {only.value!r} ({only.at:.1f}), nobody else"
        return
    first, last = sorted((agent, human), key=lambda write: write.at)
    knew = any(write.at > first.at and write.stood == first.value for write in writes if write.by == last.by)
    if final not in (first.value, last.value):
        yield f"I3 {birth} {name}: {final!r} is neither the agent's {agent.value!r} nor the human's {human.value!r}"
    elif first.value == last.value or (final == last.value and knew):
        return
    else:
        lost = first if final == last.value else last
        if name != "bucket" and not _reported(scene, name, lost.value):  # buckets are no values of one writer
            yield f"I3 {birth} {name}: the {lost.by}'s {lost.value!r} is lost to {final!r}, and no conflict says so"


def _reported(scene: Scene, name: str, value: Any) -> bool:
    """Did a conflict show this value? A person's date is shown as the instant that it is."""
    return any(
        message["field"].removesuffix("Id") == name and value in (said, str(said)[:10])
        for message in scene.world.said("conflict")
        for said in (message["lost"], message["kept"])
    )


def _items(scene: Scene) -> Iterator[str]:
    """I3 for lists: what anybody added is there, once."""
    if scene.script.wipes:
        return
    for birth, cards in scene.cards.items():
        if scene.deleted(birth) or len(cards) != 1:
            continue
        styles = scene.history.styles.get(birth, set()) - {"create"}
        added = Counter(item for _, task, item in scene.history.items if task == birth)
        there = Counter(title for title, _ in shown(scene.world, cards[0])["checklist"])
        if there != added and "own" not in styles and "kept" not in styles:
            yield f"I3 {birth} checklist: {dict(there)}, added were {dict(added)}"


def _private(scene: Scene) -> Iterator[str]:
    """I12: fields of the agents' own are as they were."""
    if any(op["do"] == "wipe" for op in scene.script.ops):
        return
    for birth, documents in scene.documents.items():
        if scene.history.born.get(birth) == "agent" and not scene.deleted(birth):
            for document in documents:
                if document.get("x") != f"private {birth}":
                    yield f"I12 {birth}: the private field is {document.get('x')!r}"


def _confirmed(scene: Scene) -> Iterator[str]:
    """I9: whoever created a task was told that it has its card."""
    if scene.script.wipes:
        return
    told = {message["redisId"] for message in scene.world.said("uploaded") if message["created"]}
    for birth, by in scene.history.born.items():
        if by == "agent" and scene.cards.get(birth) and birth not in told and not scene.deleted(birth):
            yield f"I9 {birth}: nobody was told that the card was made"


def _unasked(scene: Scene) -> Iterator[str]:
    """I11: while Graph asks for a pause it is left alone."""
    for process in scene.world.started:
        yield from (f"I11 {offence}" for offence in process.offences)


async def judge_store(world: World) -> list[str]:
    """I6: nothing is left to do, and no trace of work is left behind."""
    found = []
    for name in ("pending",):
        if left := await world.redis.zrange(world.keys.private(name), 0, -1, withscores=True):
            found.append(f"I6 {name}: {left}")
    for name in ("attempts", "said", "look", "missing"):
        if left := await world.hash(name):
            found.append(f"I6 {name}: {left}")
    for plan_id in world.plan_ids:
        for name in ("creating", "orphans", "young"):
            if left := await world.hash(name, plan_id):
                found.append(f"I6 {name}: {left}")
    async for key in world.redis.scan_iter("annika:sync:task:*", 1000):
        for name in await world.redis.hkeys(key):
            if name.startswith(b"note "):
                found.append(f"I6 {key.decode()}: a note is open")
    claims = await world.hash("claims")
    found += [f"I6 {task}: claimed by {claim}" for task, claim in claims.items() if " done " not in claim]
    return found
