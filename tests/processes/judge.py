"""What everybody meant, and the judge over both sides at the end. Knows the contract and no code of
the service.

A task is known by its title, which nobody changes: whatever becomes of keys and cards, it is still
the same task.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
PRIORITIES = {1: "urgent", 3: "important", 5: "medium", 9: "low"}
FIELDS = ("percentComplete", "priority", "description", "bucket", "checklist")
NOT_SET: Json = {"percentComplete": 0, "priority": "medium", "description": "", "checklist": []}


@dataclass
class Ledger:
    """What agents and people have done, by the title of the task.

    `meant` are the last values of fields, `items` the checklist items added, `gone` what somebody
    has deleted.
    """

    born: set[str] = field(default_factory=set)
    meant: dict[str, Json] = field(default_factory=dict)
    items: dict[str, list[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def note(self, title: str, **fields: Any) -> None:
        """Somebody has created the task, or changed these fields."""
        self.born.add(title)
        self.meant.setdefault(title, {}).update(fields)


@dataclass(frozen=True)
class Sides:
    """Both sides at one moment: cards by planner id and documents by task id, both in the words of
    a document, and the public mapping in both directions."""

    cards: Mapping[str, Json]
    documents: Mapping[str, Json]
    planner_ids: Mapping[str, str]
    task_ids: Mapping[str, str]


def judge(sides: Sides, ledger: Ledger) -> list[str]:
    """What does not hold, one sentence for each."""
    return [
        *_paired(sides),
        *_counted("card", sides.cards.values(), ledger),
        *_counted("document", sides.documents.values(), ledger),
        *_equal(sides),
        *_kept(sides, ledger),
    ]


def _paired(sides: Sides) -> Iterator[str]:
    """Every document has its card, every card its document, and the mapping says so both ways."""
    for task_id, document in sides.documents.items():
        planner_id = sides.planner_ids.get(task_id)
        if planner_id not in sides.cards:
            yield f"{task_id}: is mapped to {planner_id}, which is no card"
        if (
            document.get("plannerId") != planner_id
            or sides.task_ids.get(str(planner_id)) != task_id
        ):
            back = sides.task_ids.get(str(planner_id))
            told = document.get("plannerId")
            yield f"{task_id}: is mapped to {planner_id}, back to {back}, says {told}"
    for planner_id, card in sides.cards.items():
        if sides.task_ids.get(planner_id) not in sides.documents:
            yield f"{card['title']}: its card {planner_id} has no document"


def _counted(what: str, present: Iterable[Json], ledger: Ledger) -> Iterator[str]:
    """Each task once, and none that was deleted."""
    found = Counter(one["title"] for one in present)
    for title in sorted(ledger.born | found.keys()):
        wanted = title in ledger.born and title not in ledger.gone
        if found[title] != wanted:
            yield f"{title}: {found[title]} times as a {what}, not {int(wanted)}"


def _equal(sides: Sides) -> Iterator[str]:
    for task_id, document in sides.documents.items():
        card = sides.cards.get(sides.planner_ids.get(task_id, ""), {})
        for name in ("title", *FIELDS) if card else ():
            if name == "bucket" and name not in document:
                continue  # Planner's own choice, which does not count as set
            ours, theirs = document.get(name), card[name]
            if _plain(name, ours) != _plain(name, theirs):
                yield f"{task_id} {name}: the document has {ours!r}, the card {theirs!r}"


def _kept(sides: Sides, ledger: Ledger) -> Iterator[str]:
    """Each value is the last that somebody meant, each item is there once."""
    for card in sides.cards.values():
        title = card["title"]
        for name, value in ledger.meant.get(title, {}).items():
            if card[name] != value:
                yield f"{title} {name}: {card[name]!r} is not {value!r}, which was written last"
        items, wanted = (
            Counter(item["title"] for item in card["checklist"]),
            Counter(ledger.items.get(title, ())),
        )
        if items != wanted:
            yield f"{title} checklist: {dict(items)}, added were {dict(wanted)}"


def _plain(name: str, value: Any) -> Any:
    if name == "checklist":
        return sorted((item["title"], bool(item.get("isChecked"))) for item in value or [])
    return NOT_SET.get(name) if value is None else value


def card_as_document(card: Json, buckets: Mapping[str, str]) -> Json:
    """A card of the emulator's state in the words of a document; `buckets` are names by ids."""
    details = card["details"]
    return {
        "title": card["title"],
        "percentComplete": card["percentComplete"],
        "priority": PRIORITIES.get(card["priority"], card["priority"]),
        "description": (details["description"] or "").replace("\r\n", "\n"),
        "bucket": buckets.get(card["bucketId"]),
        "checklist": [
            {"title": item["title"], "isChecked": item["isChecked"]}
            for item in (details["checklist"] or {}).values()
        ],
    }
