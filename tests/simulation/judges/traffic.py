"""I5, I8, I11, I12: what we send to Planner, and what must never leave or change.

No delete that nobody asked for, few writes, no request while Graph asked for a pause, nothing of
others touched, no secret anywhere.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from tests.simulation.judges.scene import AT_ONCE, Scene
from tests.simulation.judges.values import ONCE, reported
from tests.simulation.machine.virtual_time import START
from tests.simulation.machine.world import FOREIGN_KEYS, FOREIGN_PLAN, TOKEN

WRITES_PER_EVENT, WRITES_AT_LEAST = 4, 12


def asked_for(scene: Scene) -> Iterator[str]:
    """I5: we delete a card only when an agent deleted its document, or as a second card.

    What a person had written on it was known to that agent, or a conflict says that it lost.
    """
    for at, card in _deleted(scene):
        birth = scene.world.births.get(card, "?")
        asked = [when for when, by in scene.history.deleted(birth) if by == "agent" and when <= at]
        if not asked and list(scene.world.births.values()).count(birth) < 2:
            yield f"I5 {birth}: we deleted its card, and no agent did"
        first = max(
            (when for when, by in scene.history.deleted(birth) if by == "human" and when < at),
            default=0.0,
        )
        people = [
            w
            for w in scene.history.writes
            if (w.task, w.by) == (birth, "human") and first < w.at < at
        ]
        for name, write in {write.name: write for write in people}.items():
            if (
                name == "description"
                and scene.script.switches["details_bump"] != "always"
                and write.at > at - AT_ONCE
            ):
                continue  # this edit changes no etag that a DELETE can name
            back = any(w.name == name and w.stood == write.value for w in people if w is not write)
            # Putting back what stood there is no change.
            if asked and scene.sure and name in ONCE and not back:
                told = scene.told(birth, "created", "updated", since=write.at)
                knew = any(write.name in m["changed"] and m["at"] <= asked[-1] for m in told)
                if not knew and not reported(scene, birth, write):
                    wrote = f"a person had just written {write.value!r}"
                    yield f"I5 {birth}: we deleted its card, on which {wrote}"


def _deleted(scene: Scene) -> Iterator[tuple[float, str]]:
    """The cards that we deleted, each with its time."""
    for row in scene.world.planner.journal.rows():
        gone = re.fullmatch(r"/planner/tasks/([^/?]+)", row["path"])
        if row["method"] == "DELETE" and gone and row["status"] == 204:
            yield (datetime.fromisoformat(row["at"]) - START).total_seconds(), gone[1]


def bounded(scene: Scene) -> Iterator[str]:
    """I8: the number of writes to Planner is a small multiple of what happened."""
    writes = [
        row
        for row in scene.world.planner.journal.rows()
        if row["method"] != "GET" and "batch" not in row["path"]
    ]
    happened = (
        scene.history.done.total() + len(scene.script.faults) + len(scene.world.said("conflict"))
    )
    if len(writes) > WRITES_AT_LEAST + WRITES_PER_EVENT * happened:
        yield f"I8 {len(writes)} writes for {happened} deeds, faults and conflicts"


def left_alone(scene: Scene) -> Iterator[str]:
    """I11: no request while Graph asked for a pause, and none that names another plan."""
    for process in scene.world.started:
        yield from (f"I11 {offence}" for offence in process.offences)
    for row in scene.world.planner.journal.rows():
        if FOREIGN_PLAN in f"{row['path']} {row['body']}":
            yield f"I11 {row['method']} {row['path']}: a plan that is not ours"


def kept_secret(scene: Scene) -> Iterator[str]:
    """I12: no key of others was touched, and the token is nowhere."""
    wiped = any(op["do"] == "wipe" and op["what"] == "all" for op in scene.script.ops)
    if not wiped and dict(scene.stored.foreign) != FOREIGN_KEYS:
        yield f"I12 keys of others: {dict(scene.stored.foreign)}"
    if any(TOKEN in line for line in scene.world.lines):
        yield "I12 the token is in the log"
    if any(TOKEN in str(item.value) for item in scene.world.server.copy().values()):
        yield "I12 the token is in Redis"
