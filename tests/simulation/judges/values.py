"""I3, I9, I12: every value is the last that an agent or a person meant; of two that crossed, the
other was reported.

What agents keep for themselves stays as it was, and they hear what became of their writes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.simulation.actors.history import Write
from tests.simulation.actors.people import shown
from tests.simulation.judges.scene import FIRST_BUCKET, SETTLING, Scene

DEFAULTS = {
    "percentComplete": 0,
    "priority": 5,
    "bucket": FIRST_BUCKET,
}  # what a document that does not show the field says
ONCE = (
    "title",
    "startDate",
    "dueDate",
    "description",
)  # fields whose every value was written once only
CAREFUL = {"reader", "client", "mixes up"}  # agents that take turns and read before they write


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
                continue  # in an old object a bucket that the card was in before is not meant, by the rule
            field = _field if _alone(styles) and "blind" not in styles else _careless_field
            yield from field(scene, birth, name, final[name], writes)


def _careless_field(
    scene: Scene, birth: str, name: str, final: Any, writes: list[Write]
) -> Iterator[str]:
    """Agents that overwrite each other, or leave out what they wrote before, may undo themselves,
    and nobody else."""
    human = next((write for write in reversed(writes) if write.by == "human"), None)
    agents = [write for write in writes if write.by == "agent"]
    if final == (human.value if human else DEFAULTS.get(name)):
        return
    if final not in [write.value for write in agents]:
        yield f"I3 {birth} {name}: {final!r} is neither the agent's nor the human's {human and human.value!r}"
    elif human and not any(write.at > human.at and write.stood == human.value for write in agents):
        again = any(write.value == human.value for write in writes if write is not human)
        if name in ONCE and not again and not reported(scene, birth, human):
            yield f"I3 {birth} {name}: the human's {human.value!r} is lost to {final!r}, and no conflict says so"


def remembered(scene: Scene) -> Iterator[str]:
    """I3 where Redis forgot: whatever a person wrote last is there, or a conflict says what became
    of it."""
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
            cleared = human.value is None and scene.lost_around(
                human.at
            )  # what only a document has seems an agent's
            if not cleared and not any(
                write.at > human.at and write.stood == human.value for write in writes
            ):
                yield f"I3 {birth} {name}: {final[name]!r}, but the human meant {human.value!r}; no conflict"


def revived(scene: Scene) -> Iterator[str]:
    """I3: what somebody deleted, and the other side brought back, is what it was, as far as agents
    were told of it."""
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
                yield f"I3 {birth} {name}: came back as {final[name]!r}, but the human meant {human.value!r}"


def _older_object(scene: Scene, birth: str) -> bool:
    """Has an agent set an object from before once more, when the card was a new one? What the first
    card has been through is forgotten with it.
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
            yield f"I3 {birth} {name}: {final!r}, but the {only.by} wrote {only.value!r} ({only.at:.1f}), nobody else"
        return
    first, last = sorted((agent, human), key=lambda write: write.at)
    stood = {write: DEFAULTS.get(name) if write.stood is None else write.stood for write in writes}
    knew = any(
        write.at > first.at and stood[write] == first.value
        for write in writes
        if write.by == last.by
    )
    if final not in (first.value, last.value):
        yield f"I3 {birth} {name}: {final!r} is neither the agent's {agent.value!r} nor the human's {human.value!r}"
    elif first.value == last.value or (final == last.value and knew) or _as_before(agent, stood):
        return
    elif (
        last is agent
        and not knew
        and any(write.value == agent.value for write in stood if write.at < human.at)
    ):
        return  # by the rule a value from before, in a copy that is older than the human's, is not meant
    elif final != last.value and knew and _nothing_in_doubt(scene, birth, first, last):
        yield f"I3 {birth} {name}: the {last.by} knew {first.value!r}, and its {last.value!r} is undone"
    elif final != agent.value or not _put_back(scene, birth, agent, human, stood):
        lost = first if final == last.value else last
        if name != "bucket" and not reported(
            scene, birth, lost
        ):  # buckets are no values of one writer
            yield f"I3 {birth} {name}: the {lost.by}'s {lost.value!r} is lost to {final!r}, and no conflict says so"


def _nothing_in_doubt(scene: Scene, birth: str, first: Write, last: Write) -> bool:
    """Can it be told that the first value was there before the last? Not when it is that of nothing
    or of others, nor when the answer to an agent's change was lost.
    """
    unanswered = last.by == "human" and _times_sent(scene, birth, first) > 1
    return first.name in ONCE and first.value is not None and not unanswered


def _put_back(
    scene: Scene, birth: str, agent: Write, human: Write, stood: Mapping[Write, Any]
) -> bool:
    """Has the human put back what an agent had seen? Then nothing has changed between two polls;
    and where the answer to the agent's change was lost, nothing tells whether it was ever carried
    out, so it is sent again.
    """
    writes, over, upon = (
        list(stood),
        [write for write in stood if stood[write] == human.value],
        agent,
    )
    while (
        upon not in over
    ):  # what agents wrote over each other never came to Planner, or nobody knows that it did
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
    """Has an agent said what stood there? Then it has changed nothing. Or cleared a field that had
    been unset before? Then its copy is an old one, by the rule.
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
    """Did a conflict say that this value lost, or, to an agent that has insisted since, that it was
    the human's?

    A person's date is shown as the instant that it is.
    """
    sides = ("lost", "kept") if write.by == "human" else ("lost",)
    return any(
        message["field"].removesuffix("Id") == write.name
        and write.value in (message[side], str(message[side])[:10])
        for message in scene.told(birth, "conflict", since=write.at)
        for side in sides
    )


def members(scene: Scene) -> Iterator[str]:
    """I3 for labels, people and ticks, each on its own: as the last who meant it, unless that one
    has put back between two polls what the other took off, or took off again.
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
                yield f"I3 {birth} {name}: {there}, but the {last.by} meant {last.value} ({last.at:.1f})"


def _is_there(final: dict[str, Any], name: str) -> bool:
    kind, _, value = name.partition(" ")
    if kind == "tick":
        return (value, True) in final["checklist"]
    return value in final[kind]


def items(scene: Scene) -> Iterator[str]:
    """I3 for lists: what anybody added is there, once."""
    for birth, final in _judged(scene):
        mine = [item for item in scene.history.items if item.task == birth]
        added, there = (
            Counter(item.title for item in mine),
            Counter([*(title for title, _ in final["checklist"]), *final["references"]]),
        )
        if not _alone(
            _styles(scene, birth)
        ):  # an agent may have overwritten what another one added
            added -= Counter(
                item.title for item in mine if item.by == "agent" and item.title not in there
            )
        if there != added:
            yield f"I3 {birth} items: {dict(there)}, added were {dict(added)}"


def private(scene: Scene) -> Iterator[str]:
    """I12: fields of the agents' own are as they were, in refused documents too."""
    for birth, documents in [*scene.documents.items(), *scene.unsynced.items()]:
        if scene.keeps_private(birth):
            for document in documents:
                if document.get("x") != f"private {birth}":
                    yield f"I12 {birth}: the private field is {document.get('x')!r}"


def confirmed(scene: Scene) -> Iterator[str]:
    """I9: whoever created a task, or set a field, was told that it is on its card."""
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
                yield f"I9 {birth} {write.name}: nobody was told that {write.value!r} is on the card"


def _alone(styles: set[str]) -> bool:
    """Do the agents of a task leave each other's writes alone?"""
    return len(styles) <= 1 or styles <= CAREFUL


def _styles(scene: Scene, birth: str) -> set[str]:
    return scene.history.styles.get(birth, set()) - {"create", "agent deletes"}


def _judged(scene: Scene) -> Iterator[tuple[str, dict[str, Any]]]:
    """Births that nobody deleted, with what their card says."""
    return ((birth, final) for birth, final in _alive(scene) if not scene.history.deleted(birth))


def _alive(scene: Scene) -> Iterator[tuple[str, dict[str, Any]]]:
    """Births of one card whose values can be told, with what the card says."""
    for birth, cards in scene.cards.items():
        known = birth in scene.history.born and birth not in scene.doomed
        if known and scene.sure and len(cards) == 1:
            yield birth, shown(scene.world, cards[0])
