"""What agents are told, once and truly, and what is kept for them: trash and public mapping."""

import json
from collections import Counter
from collections.abc import Iterator

from tests.simulation.judges.scene import SETTLING, Json, Scene
from tests.simulation.judges.values import ONCE


def once(scene: Scene) -> Iterator[str]:
    """Agents are told once each that a card was made, imported and gone."""
    if not scene.sure:
        return
    said: Counter[tuple[str, str]] = Counter()
    for message in scene.world.said("uploaded", "created", "deleted"):
        card = message.get("plannerId") or message.get("task", {}).get("plannerId")
        if card and message.get("created", True):
            said[card, message["action"]] += 1
    for (card, action), times in said.items():
        if times > 1:
            yield f"I9 {scene.world.births.get(card)}: {action} was said {times} times"


def true(scene: Scene) -> Iterator[str]:
    """Messages name the right card, conflicts the right winner and two different values.

    Revisions only grow.
    """
    winner, births = scene.script.env.get("CONFLICT_WINNER", "planner"), scene.world.births
    newest: dict[str, int] = {}
    for message in scene.world.said():
        task_id = message.get("redisId") or message["taskId"]
        birth, card = scene.birth(task_id), message.get("plannerId")
        if card in births and births[card] != birth and birth not in scene.history.strangers:
            yield f"I9 {birth}: {message['action']} names the card of {births[card]}"
        if message["action"] == "conflict" and message["kept"] == message["lost"]:
            yield f"I9 {birth}: a conflict between {message['kept']!r} and the same"
        if (
            message["action"] == "conflict"
            and message["field"] != "deleted"
            and message["winner"] != winner
        ):
            yield f"I9 {birth}: {message['winner']} wins over {message['field']}"
        if "task" in message and scene.sure:
            before, newest[task_id] = newest.get(task_id, 0), message["task"]["_rev"]
            if newest[task_id] < before:
                yield f"I9 {birth}: revision {newest[task_id]} after {before}"


def people_heard(scene: Scene) -> Iterator[str]:
    """I9: agents were told of everything that a person made or wrote."""
    if not scene.sure:
        return
    for birth, documents in scene.documents.items():
        news = scene.told(birth, "created", "updated")
        if scene.history.born.get(birth) == "human" and not any(
            m["action"] == "created" for m in news
        ):
            yield f"I9 {birth}: no agent was told that there is such a task"
        final = {write.name: write for write in scene.history.writes if write.task == birth}
        for name, write in final.items():
            said = [m for m in news if name in m["changed"] and m["task"].get(name) == write.value]
            there = documents[0].get(name) == write.value is not None
            if (
                write.by == "human"
                and name in ONCE
                and there
                and not any(m["at"] >= write.at for m in said)
            ):
                yield f"I9 {birth} {name}: no agent was told of the human's {write.value!r}"


def deletes_told(scene: Scene) -> Iterator[str]:
    """I9: agents were told of every card that is gone, and its document is in the trash."""
    trash = {name.split(" ")[1]: json.loads(text) for name, text in scene.stored.trash.items()}
    for card, birth in scene.world.births.items():
        deletes = scene.history.deleted(birth)
        gone = deletes and card not in scene.world.cards() and birth not in scene.doomed
        if not gone or scene.lost_around(deletes[-1][0]):
            continue
        of_card = [m for m in scene.said.get(birth, []) if m.get("plannerId") == card]
        of_card += [
            m for m in scene.said.get(birth, []) if m.get("task", {}).get("plannerId") == card
        ]
        until = dict(scene.script.lost_spans)
        forgot = max(
            (until.get(at, at) for at in scene.script.forgets if at < deletes[-1][0]), default=0.0
        )
        # A card that was not imported again after a loss is unknown.
        of_card = [m for m in of_card if m["at"] >= forgot]
        said = [m for m in of_card if m["action"] == "deleted"]
        anew = any(
            m["action"] == "conflict" and m["field"] == "deleted" and m["lost"] for m in of_card
        )
        if of_card and not (said or anew or scene.restored(deletes[0][0])):
            yield f"I9 {birth}: its card is gone, and nobody was told"
        if (
            any(m["by"] == "planner" for m in said)
            and not scene.told(birth, "deleted", since=said[0]["at"])[1:]
        ):
            yield f"I9 {birth}: deleted was said on one channel only"
        if said and card not in trash and birth not in scene.documents:
            yield f"I5 {birth}: deleted, and not in the trash"
        # A document that was never settled is not kept.
        settled = of_card and of_card[0]["at"] < deletes[-1][0] - SETTLING
        if said and card in trash and settled:
            yield from _whole(scene, birth, trash[card])


def _whole(scene: Scene, birth: str, entry: Json) -> Iterator[str]:
    """The document in the trash is as it was, with its private fields."""
    kept = json.loads(entry["document"] or "{}")
    if not kept:
        yield f"I5 {birth}: its document is not in the trash"
    elif scene.keeps_private(birth) and kept.get("x") != f"private {birth}":
        yield f"I12 {birth}: in the trash the private field is {kept.get('x')!r}"


def _names_a_bucket_of_another_plan(scene: Scene, birth: str) -> bool:
    """Its document may have a bucket's id, and no plan, when it gets its card: as a copy of another
    document, or as what an agent still had of a card that people had moved and agents deleted."""
    anew = any(by == "agent" for _, by in scene.history.deleted(birth))
    return scene.history.styles.get(birth) == {"copier"} or (
        anew and birth in scene.history.transferred
    )


def refusals(scene: Scene) -> Iterator[str]:
    """Every refusal was told and has a reason that can come up in a script."""
    for task_id, text in scene.stored.refused.items():
        refusal, birth = json.loads(text), scene.birth(task_id)
        code, waits = refusal["code"], birth in scene.doomed and not refusal.get("said", True)
        if not waits and not any(
            message["code"] == code for message in scene.told(birth, "failed")
        ):
            yield f"I9 {birth}: refused as {code}, and nobody was told"
        because = {
            "stale_copy": any(
                by == "human" or scene.script.forgets for _, by, _ in scene.history.deletes
            ),
            "unauthorized": birth in scene.doomed,
            "unreachable": birth in scene.doomed,
            "limit": "max_tasks" in scene.script.switches,
            "unknown_bucket": _names_a_bucket_of_another_plan(scene, birth),
            "not_json": task_id == "odd",
        }
        if not because.get(code):
            yield f"I5 {birth}: refused as {code} for no reason: {text}"


def mapped(scene: Scene) -> Iterator[str]:
    """I1: the public mapping has every pair of card and document, both ways, and nothing else."""
    cards, mapping = scene.world.cards(), scene.stored.mapping
    pairs = {
        d["key"]: d["plannerId"]
        for of_birth in scene.documents.values()
        for d in of_birth
        if "plannerId" in d
    }
    pairs = {task_id: card for task_id, card in pairs.items() if card in cards}
    wanted = {**pairs, **{f"planner:{card}": task_id for task_id, card in pairs.items()}}
    for name in sorted(wanted.keys() | mapping.keys()):
        # After a loss nobody sees that a card goes, so its pair may stay.
        left = name not in wanted and (scene.doomed or not scene.sure)
        if wanted.get(name) != mapping.get(name) and not left:
            yield f"I1 mapping {name}: {mapping.get(name)}, and not {wanted.get(name)}"
