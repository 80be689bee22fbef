"""I3, I9, I12: every value is the last that an agent or a person meant.

Of two that crossed, a conflict tells the one that lost.

Agents' private fields stay as they were, and agents hear what became of their writes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.actors.history import Write
from tests.simulation.actors.people import shown
from tests.simulation.judges.scene import FIRST_BUCKET, SETTLING, Scene

# What a document that does not show the field says.
DEFAULTS = {"percentComplete": 0, "priority": 5, "bucket": FIRST_BUCKET}
# Fields whose values are written once only.
ONCE = ("title", "startDate", "dueDate", "description")
# Agents that take turns and read before they write.
CAREFUL = {"reader", "client", "mixes up"}


def fields(scene: Scene) -> Iterator[str]:
    """I3 for single values."""
    for birth, final in _judged(scene):
        styles = _styles(scene, birth)
        mine = [
            write for write in scene.history.writes if write.task == birth and " " not in write.name
        ]
        for name in dict.fromkeys(write.name for write in mine):
            writes = [write for write in mine if write.name == name]
            if name == "bucket" and styles & {"own", "keeper"}:
                continue  # in an old object, a bucket from before is never meant
            field = _field if _alone(styles) and "blind" not in styles else _careless_field
            yield from field(scene, birth, name, final[name], writes)


def _careless_field(
    scene: Scene, birth: str, name: str, final: Any, writes: list[Write]
) -> Iterator[str]:
    """Agents that overwrite each other, or leave something out, may undo only agents' writes."""
    human = next((write for write in reversed(writes) if write.by == "human"), None)
    agents = [write for write in writes if write.by == "agent"]
    if final == (human.value if human else DEFAULTS.get(name)):
        return
    if final not in [write.value for write in agents]:
        theirs = f"the human's {human and human.value!r}"
        yield f"I3 {birth} {name}: {final!r} is neither the agent's nor {theirs}"
    elif human and not any(write.at > human.at and write.stood == human.value for write in agents):
        again = any(write.value == human.value for write in writes if write is not human)
        if name in ONCE and not again and not reported(scene, birth, human):
            lost = f"the human's {human.value!r} is lost to {final!r}"
            yield f"I3 {birth} {name}: {lost}, and no conflict says so"


def remembered(scene: Scene) -> Iterator[str]:
    """I3 where Redis forgot: what a person wrote last is there, or a conflict tells of it."""
    for birth in () if scene.sure else scene.births:
        cards = scene.cards.get(birth, [])
        final = (
            shown(scene.world, cards[0])
            if len(cards) == 1 and not scene.history.deleted(birth)
            else {}
        )
        for name in ONCE if final else ():
            writes = [
                write for write in scene.history.writes if (write.task, write.name) == (birth, name)
            ]
            human = next((write for write in reversed(writes) if write.by == "human"), None)
            if human is None or final[name] == human.value or reported(scene, birth, human):
                continue
            # After a loss, a value that only the document has looks like an agent's change.
            cleared = human.value is None and scene.lost_around(human.at)
            if not cleared and not any(
                write.at > human.at and write.stood == human.value for write in writes
            ):
                meant = f"the human meant {human.value!r}"
                yield f"I3 {birth} {name}: {final[name]!r}, but {meant}; no conflict"


def revived(scene: Scene) -> Iterator[str]:
    """I3: what one side deleted and the other brought back is as agents knew it."""
    for birth, final in _alive(scene):
        if (
            not scene.history.deleted(birth)
            or scene.told(birth, "deleted")
            or _older_object(scene, birth)
        ):
            continue
        news = scene.told(birth, "created", "updated")
        for name in ONCE:
            writes = [
                write for write in scene.history.writes if (write.task, write.name) == (birth, name)
            ]
            human = next((write for write in reversed(writes) if write.by == "human"), None)
            if human is None or final[name] == human.value or reported(scene, birth, human):
                continue
            told = any(name in m["changed"] and m["task"].get(name) == human.value for m in news)
            if told and not any(
                write.at > human.at and write.stood == human.value for write in writes
            ):
                meant = f"the human meant {human.value!r}"
                yield f"I3 {birth} {name}: came back as {final[name]!r}, but {meant}"


def _older_object(scene: Scene, birth: str) -> bool:
    """Has an agent set an older object again after a new card was made?

    What happened to the first card is forgotten with it.
    """
    made = [message["at"] for message in scene.told(birth, "uploaded") if message["created"]][1:]
    writes = [
        write.at for write in scene.history.writes if (write.task, write.by) == (birth, "agent")
    ]
    return bool(made and _styles(scene, birth) - CAREFUL and any(at > made[-1] for at in writes))


def _field(scene: Scene, birth: str, name: str, final: Any, writes: list[Write]) -> Iterator[str]:
    agent = next((write for write in reversed(writes) if write.by == "agent"), None)
    human = next((write for write in reversed(writes) if write.by == "human"), None)
    if agent is None or human is None:
        (only,) = [write for write in (agent, human) if write]
        if final != only.value:
            wrote = f"the {only.by} wrote {only.value!r} ({only.at:.1f})"
            yield f"I3 {birth} {name}: {final!r}, but {wrote}, nobody else"
        return
    first, last = sorted((agent, human), key=lambda write: write.at)
    stood = {write: DEFAULTS.get(name) if write.stood is None else write.stood for write in writes}
    knew = any(
        write.at > first.at and stood[write] == first.value
        for write in writes
        if write.by == last.by
    )
    if final not in (first.value, last.value):
        values = f"the agent's {agent.value!r} nor the human's {human.value!r}"
        yield f"I3 {birth} {name}: {final!r} is neither {values}"
    elif first.value == last.value or (final == last.value and knew) or _as_before(agent, stood):
        return
    elif (
        last is agent
        and not knew
        and any(write.value == agent.value for write in stood if write.at < human.at)
    ):
        return  # in a copy older than the human's change, a value from before is never meant
    elif final != last.value and knew and _nothing_in_doubt(scene, birth, first, last):
        undone = f"its {last.value!r} is undone"
        yield f"I3 {birth} {name}: the {last.by} knew {first.value!r}, and {undone}"
    elif final != agent.value or not _put_back(scene, birth, agent, human, stood):
        lost = first if final == last.value else last
        # Several writers may name the same bucket.
        if name != "bucket" and not reported(scene, birth, lost):
            what = f"the {lost.by}'s {lost.value!r} is lost to {final!r}"
            yield f"I3 {birth} {name}: {what}, and no conflict says so"


def _nothing_in_doubt(scene: Scene, birth: str, first: Write, last: Write) -> bool:
    """Was the first value surely there before the last?

    That is unknown for an empty value, for one that others may write too, and when the answer to an
    agent's change was lost.
    """
    unanswered = last.by == "human" and _times_sent(scene, birth, first) > 1
    return first.name in ONCE and first.value is not None and not unanswered


def _put_back(
    scene: Scene, birth: str, agent: Write, human: Write, stood: Mapping[Write, Any]
) -> bool:
    """Has the human put back what an agent had seen?

    Then nothing has changed between two polls. When the answer to the agent's change was lost,
    nothing tells whether it was carried out, so it is sent again.
    """
    writes = list(stood)
    over = [write for write in stood if stood[write] == human.value]
    upon = agent
    # What agents wrote over each other never reached Planner, or nobody knows that it did.
    while upon not in over:
        mine = [w for w in writes if w.by == "agent" and w.at < upon.at and w.value == stood[upon]]
        if not mine or any(
            message["at"] < human.at and upon.name in message["fields"]
            for message in scene.told(birth, "uploaded", since=mine[-1].at)
        ):
            return any(
                _times_sent(scene, birth, write) > 1 for write in over if write.by == "agent"
            )
        upon = mine[-1]
    return True


def _as_before(agent: Write, stood: Mapping[Write, Any]) -> bool:
    """Has the agent changed nothing, or cleared a field that was unset before?

    Then its copy counts as an old one.
    """
    return agent.value == stood[agent] or (agent.value is None and None in stood.values())


def _times_sent(scene: Scene, birth: str, write: Write) -> int:
    paths = [
        f"/planner/tasks/{card['id']}{part}"
        for card in scene.cards[birth]
        for part in ("", "/details")
    ]
    rows = [
        row
        for row in scene.world.planner.journal.rows()
        if row["method"] == "PATCH" and row["path"] in paths
    ]
    bodies = [row["body"] or {} for row in rows if row["status"] < 300]
    values = (body.get(write.name) or str(body.get(f"{write.name}Time"))[:10] for body in bodies)
    return sum(value == write.value for value in values)


def reported(scene: Scene, birth: str, write: Write) -> bool:
    """Did a conflict say that this value lost?

    A human's value may also be the one kept, when an agent insisted. A person's date is shown as an
    instant.
    """
    sides = ("lost", "kept") if write.by == "human" else ("lost",)
    return any(
        message["field"].removesuffix("Id") == write.name
        and write.value in (message[side], str(message[side])[:10])
        for message in scene.told(birth, "conflict", since=write.at)
        for side in sides
    )


def members(scene: Scene) -> Iterator[str]:
    """I3 for labels, people and ticks: each is as the last writer meant it.

    The exception is a writer who, between two polls, puts back what the other side took off, or the
    reverse.
    """
    for birth, final in _judged(scene):
        styles = _styles(scene, birth)
        mine = [
            write for write in scene.history.writes if write.task == birth and " " in write.name
        ]
        for name in dict.fromkeys(write.name for write in mine):
            writes = [write for write in mine if write.name == name]
            there, last = _is_there(final, name), writes[-1]
            if last.by == "agent" and ("blind" in styles or not _alone(styles)):
                continue  # agents that overwrite each other, or themselves
            lately = [write for write in writes if write.at > last.at - SETTLING]
            crossed = (
                any(write.by != last.by for write in lately)
                and sum(write.by == last.by for write in lately) > 1
            )
            if there != last.value and not crossed:
                meant = f"the {last.by} meant {last.value} ({last.at:.1f})"
                yield f"I3 {birth} {name}: {there}, but {meant}"


def _is_there(final: dict[str, Any], name: str) -> bool:
    kind, _, value = name.partition(" ")
    if kind == "tick":
        return (value, True) in final["checklist"]
    return value in final[kind]


def items(scene: Scene) -> Iterator[str]:
    """I3 for lists: everything that anybody added is there, once."""
    for birth, final in _judged(scene):
        mine = [item for item in scene.history.items if item.task == birth]
        added = Counter(item.title for item in mine)
        there = Counter([*(title for title, _ in final["checklist"]), *final["references"]])
        if not _alone(_styles(scene, birth)):  # one agent may overwrite what another has added
            added -= Counter(
                item.title for item in mine if item.by == "agent" and item.title not in there
            )
        if there != added:
            yield f"I3 {birth} items: {dict(there)}, added were {dict(added)}"


def private(scene: Scene) -> Iterator[str]:
    """I12: agents' private fields are as they were, in refused documents too."""
    for birth, documents in [*scene.documents.items(), *scene.unsynced.items()]:
        if scene.keeps_private(birth):
            for document in documents:
                if document.get("x") != f"private {birth}":
                    yield f"I12 {birth}: the private field is {document.get('x')!r}"


def confirmed(scene: Scene) -> Iterator[str]:
    """I9: agents were told that the card was made, and of every value of theirs that is on it."""
    if not scene.sure:
        return
    for birth, by in scene.history.born.items():
        if by != "agent" or not scene.cards.get(birth) or birth in scene.doomed:
            continue
        told = scene.told(birth, "uploaded")
        if not any(message["created"] for message in told):
            yield f"I9 {birth}: nobody was told that the card was made"
        final = shown(scene.world, scene.cards[birth][0])
        mine = [
            write for write in scene.history.writes if write.task == birth and write.by == "agent"
        ]
        for write in (
            write
            for write in mine
            if write.name in ONCE and write.value == final[write.name] is not None
        ):
            if not any(
                write.name in message["fields"] and message["at"] >= write.at for message in told
            ):
                untold = f"nobody was told that {write.value!r} is on the card"
                yield f"I9 {birth} {write.name}: {untold}"


def _alone(styles: set[str]) -> bool:
    """Do the agents of a task leave each other's writes alone?"""
    return len(styles) <= 1 or styles <= CAREFUL


def _styles(scene: Scene, birth: str) -> set[str]:
    return scene.history.styles.get(birth, set()) - {"create", "agent deletes"}


def _judged(scene: Scene) -> Iterator[tuple[str, dict[str, Any]]]:
    """Births that nobody deleted, with what their card says."""
    return ((birth, final) for birth, final in _alive(scene) if not scene.history.deleted(birth))


def _alive(scene: Scene) -> Iterator[tuple[str, dict[str, Any]]]:
    """Births with one card whose values can be judged, with what the card says."""
    for birth, cards in scene.cards.items():
        known = birth in scene.history.born and birth not in scene.doomed
        if known and scene.sure and len(cards) == 1:
            yield birth, shown(scene.world, cards[0])
