"""I1, I2, I4, I5: one card for each document, both alike, nothing gone that nobody deleted, nothing back that somebody
did.
"""

from collections.abc import Iterator
from typing import Any

from tests.simulation.judges.scene import Scene
from tests.simulation.people import shown

TOGETHER = 120.0  # seconds within which a delete and an edit may have crossed


def one_to_one(scene: Scene) -> Iterator[str]:
    """I1, I4: one card for each birth, one document for each card."""
    for birth in scene.births:
        cards, documents = scene.cards.get(birth, []), scene.documents.get(birth, [])
        if len(cards) > 1 or len(documents) > 1:
            keys = [document["key"] for document in documents]
            yield f"I1 {birth}: {len(cards)} cards, documents {keys}"
        elif len(cards) != len(documents):
            yield f"I1 {birth}: {len(cards)} cards, {len(documents)} documents; refusals {scene.refused}"


def alive_or_gone(scene: Scene) -> Iterator[str]:
    """I5: nothing is gone that nobody deleted; what was deleted with nobody else at it is gone."""
    lost = scene.script.loses
    for birth in scene.history.born:
        alive, deletes = bool(scene.cards.get(birth)), scene.history.deleted(birth)
        if birth in scene.doomed:
            there = birth in scene.documents or birth in scene.unsynced
            if scene.history.born[birth] == "agent" and not (deletes or lost or there):
                yield f"I5 {birth}: its plan was deleted, and its document is gone"
            continue
        if not deletes and not alive and not lost and birth not in scene.unsynced:
            yield f"I5 {birth}: gone, and nobody deleted it"
        if not deletes or lost or scene.history.restored:
            continue
        at, by = deletes[-1]
        others = [write for write in scene.history.writes if write.task == birth and write.at > at - TOGETHER]
        others_items = [item for item in scene.history.items if item[1] == birth and item[0] > at - TOGETHER]
        if by == "human" and scene.history.born[birth] == "agent" and not _was_told(scene, birth, at):
            continue  # the card of a create that had no answer yet: nobody could know that there had been one
        if by == "agent" and _held_over_a_restart(scene, at):
            continue
        if alive and not others and not others_items and len(deletes) == 1 and scene.sure:
            yield f"I5 {birth}: the {by} deleted it at {at:.1f}, and it is back"


def _held_over_a_restart(scene: Scene, at: float) -> bool:
    """What vanished without a word and was held may be lost by a Redis that has restarted since: it is back."""
    ops = scene.script.ops
    silent = any(op["do"] == "delete many" and op["by"] == "agents" and not op["say"] for op in ops)
    return silent and any(op["do"] == "restart redis" and op["at"] > at for op in ops)


def _was_told(scene: Scene, birth: str, at: float) -> bool:
    told = scene.world.said("uploaded")
    return any(message["redisId"] == birth and message["created"] and message["at"] <= at for message in told)


def equal(scene: Scene) -> Iterator[str]:
    """I2: document and card say the same."""
    for birth in scene.births:
        pairs = list(zip(scene.cards.get(birth, []), scene.documents.get(birth, []), strict=False))
        for card, document in pairs[: len(pairs) == 1]:
            for name, value in shown(scene.world, card).items():
                found = _found(scene, document, name)
                default = value in (None, []) or (name, value) == ("percentComplete", 0)
                if (found or not default) and name in document and found != value:
                    yield f"I2 {birth} {name}: the document has {found!r}, the card {value!r}"
                elif name not in document and not default and name != "bucket":
                    yield f"I2 {birth} {name}: the document has nothing, the card {value!r}"
            if document.get("plannerId") != card["id"]:
                yield f"I2 {birth}: plannerId {document.get('plannerId')}, the card is {card['id']}"


def _found(scene: Scene, document: dict[str, Any], name: str) -> Any:
    """What the document says, in the words of `shown`."""
    found = document.get(name)
    match name:
        case "checklist":
            return sorted((item["title"], item.get("isChecked", False)) for item in found or [])
        case "labels":
            return sorted(found or [])
        case "assignedTo":
            known = {user: email for email, user in scene.world.user_ids.items()}
            return sorted(known.get(text.lower(), text) for text in found or [])
    return found
