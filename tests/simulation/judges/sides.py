"""I1, I2, I4, I5: one card for each document, and both say the same.

Nothing is gone that nobody deleted, and nothing is back that somebody did.
"""

from collections.abc import Iterator
from typing import Any

from tests.simulation.actors.people import shown
from tests.simulation.judges.scene import FIRST_BUCKET, SETTLING, Json, Scene

HEARD_AGAIN = 15.0  # seconds after a restart


def one_to_one(scene: Scene) -> Iterator[str]:
    """I1, I4: one card for each birth, one document for each card."""
    for birth in scene.births:
        cards, documents = scene.cards.get(birth, []), scene.documents.get(birth, [])
        if len(cards) > 1 or len(documents) > 1:
            keys = [document["key"] for document in documents]
            yield f"I1 {birth}: {len(cards)} cards, documents {keys}"
        elif len(cards) != len(documents):
            counts = f"{len(cards)} cards, {len(documents)} documents"
            yield f"I1 {birth}: {counts}; refusals {scene.stored.refused}"


def nothing_gone(scene: Scene) -> Iterator[str]:
    """I5: nothing is gone that nobody deleted."""
    made = set(scene.world.births.values())
    for birth in scene.history.born:
        if scene.history.deleted(birth):
            continue
        if birth in scene.doomed:
            known = scene.history.born[birth] == "agent" or scene.told(birth, "created")
            if known and not (
                scene.script.loses or birth in scene.documents or birth in scene.unsynced
            ):
                yield f"I5 {birth}: its plan was deleted, and its document is gone"
        elif not scene.cards.get(birth) and (birth in made or not scene.script.loses):
            # Whether a refusal is right, another judge says.
            refused = birth in scene.unsynced and birth not in made
            if not refused:
                yield f"I5 {birth}: gone, and nobody deleted it"


def nothing_back(scene: Scene) -> Iterator[str]:
    """I5: what was deleted stays gone, unless there is a reason why it may be back."""
    for birth in scene.births:
        deletes = scene.history.deleted(birth)
        if not deletes or not scene.cards.get(birth):
            continue
        at, by = deletes[-1]
        if not (scene.lost_around(at) or scene.restored(at) or _may_be_back(scene, birth, at, by)):
            yield f"I5 {birth}: the {by} deleted it at {at:.1f}, and it is back"


def brought_back(scene: Scene) -> Iterator[str]:
    """I5: what was held when an operator restored it is there, unless both sides had deleted it."""
    for birth in scene.history.born if scene.sure else ():
        deletes = scene.history.deleted(birth)
        if birth in scene.doomed or len({by for _, by in deletes}) != 1:
            continue
        held = [
            message["at"]
            for message in scene.told(birth, "failed", since=deletes[-1][0])
            if _is_held(message)
        ]
        # One that was ordered just before may have been about an earlier hold.
        orders = [at for at in scene.history.restored if held and at > held[0]]
        wanted = orders[0] if orders else None
        if wanted is None or any(
            message["at"] < wanted for message in scene.told(birth, "deleted", since=held[0])
        ):
            continue  # nobody wanted it, or the hold had been released before
        if not (scene.cards.get(birth) and birth in scene.documents):
            yield f"I5 {birth}: held at {held[0]:.1f} and wanted back, and it is not there"


def _is_held(message: Json) -> bool:
    return bool(message["code"] == "held")


def _may_be_back(scene: Scene, birth: str, at: float, by: str) -> bool:
    """Has an agent set it again since, or did the other side change it and win a conflict?"""
    people_alone = all(who == "human" for _, who in scene.history.deleted(birth))
    sets = scene.history.nameless if people_alone else scene.history.sets
    if any(when >= at for when, task in sets if task == birth):  # several may act in one instant
        # After a delete by people: an object that does not name the card. Else any object.
        return True
    own = [when for when, who in scene.history.deleted(birth) if who == "agent" and when < at]
    if own and any(own[-1] < when < at for when, task in scene.history.sets if task == birth):
        # It was set again after an agent's own delete: nothing tells which delete took the card.
        return True
    overruled = any(
        m["field"] == "deleted" and m["lost"] is True
        for m in scene.told(birth, "conflict", since=at)
    )
    if by == "agent":
        return _lost_over_a_restart(scene, birth, at) or (
            overruled and _touched(scene, birth, "human", at)
        )
    if scene.history.born[birth] == "agent" and not scene.had_a_card(birth, at):
        # The card of a create without an answer: nobody could know that there had been one.
        return True
    winner = scene.script.env.get("CONFLICT_WINNER")
    return winner == "agents" and overruled and _touched(scene, birth, "agent", at)


def _touched(scene: Scene, birth: str, by: str, at: float) -> bool:
    """Has this side changed the task around the time of the delete?"""
    return any(
        e.at > at - 2 * SETTLING and (e.task, e.by) == (birth, by) for e in scene.history.edits
    )


def _lost_over_a_restart(scene: Scene, birth: str, at: float) -> bool:
    """May Redis have lost this delete when it restarted, so that the task is back?

    That is so when nobody had heard of the delete yet, or when it came without a message and was
    held or not carried out yet.
    """
    restarts = scene.script.times("restart redis")
    if (at, birth) in scene.history.said:  # nobody may hear it before the next canary is missed
        return any(
            restart <= at < restart + HEARD_AGAIN or _all_deaf(scene, at, restart)
            for restart in restarts
        )
    held = any(_is_held(message) for message in scene.told(birth, "failed", since=at))
    return any(abs(restart - at) < SETTLING or (held and at < restart) for restart in restarts)


def _all_deaf(scene: Scene, at: float, restart: float) -> bool:
    """Were all processes frozen or down while the delete was announced and Redis restarted?"""
    first, last = sorted((at, restart))
    faults = [fault for fault in scene.script.faults if fault["at"] <= first]
    deaf = [
        fault.get("seconds", fault.get("down"))
        for fault in faults
        if fault["kind"] in ("freeze", "kill")
    ]
    return sum(last < first + seconds + HEARD_AGAIN for seconds in deaf) >= scene.script.instances


def equal(scene: Scene) -> Iterator[str]:
    """I2: document and card say the same."""
    moved = {
        write.task
        for write in scene.history.writes
        if write.by == "human" and write.name == "bucket"
    }
    for birth in scene.births:
        pairs = list(zip(scene.cards.get(birth, []), scene.documents.get(birth, []), strict=False))
        for card, document in pairs[: len(pairs) == 1]:
            for name, value in shown(scene.world, card).items():
                found = _found(scene, card, document, name)
                if name == "priority" and found == _word(value):
                    continue
                default = value in (None, []) or (name, value) == ("percentComplete", 0)
                default |= name == "priority" and _word(value) == "medium"
                default |= name == "bucket" and (birth not in moved or value == FIRST_BUCKET)
                there = name in document or (name == "bucket" and "bucketId" in document)
                if (found or not default) and there and found != value:
                    yield f"I2 {birth} {name}: the document has {found!r}, the card {value!r}"
                elif not there and not default:
                    yield f"I2 {birth} {name}: the document has nothing, the card {value!r}"
            if document.get("planId", card["planId"]) != card["planId"]:
                yield f"I2 {birth}: planId {document['planId']}, the card is in {card['planId']}"
            if document.get("plannerId") != card["id"]:
                yield f"I2 {birth}: plannerId {document.get('plannerId')}, the card is {card['id']}"


def _word(priority: int) -> str:
    """The range that a priority is in."""
    return next(
        word
        for word, most in {"urgent": 1, "important": 4, "medium": 7, "low": 10}.items()
        if priority <= most
    )


def _found(scene: Scene, card: Json, document: Json, name: str) -> Any:
    """What the document says, in the form of `shown`."""
    found = document.get(name)
    match name:
        case "bucket":
            return found or scene.world.buckets(card["planId"]).get(document.get("bucketId"))
        case "checklist":
            return sorted((item["title"], item.get("isChecked", False)) for item in found or [])
        case "labels":
            return sorted(found or [])
        case "references":
            return sorted(reference["url"] for reference in found or [])
        case "assignedTo":
            known = {user: email for email, user in scene.world.user_ids.items()}
            return sorted(known.get(text.lower(), text) for text in found or [])
    return found
