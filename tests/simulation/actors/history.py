"""What everybody meant, kept for the judges.

A *birth* is the first word of every title of a task (`t0`, `h1`). It tells which card and which
document belong together.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Write:
    """Somebody meant `name` to be `value`.

    `stood` is what they saw before: in the document that an agent had read, or on the card. A
    member of a list has its own name (`labels red`) and is there or not.
    """

    at: float
    by: str
    task: str
    name: str
    value: Any
    stood: Any = None


@dataclass(frozen=True)
class Item:
    """Somebody added an item to the checklist, or a link. The title of a link is its address."""

    at: float
    by: str
    task: str
    title: str


@dataclass
class History:
    """Everything that was meant. `deletes` are (time, who, task), `said` those of them that an
    agent has announced.

    `strangers` are births whose document did not yet name its card when Redis lost what it
    knew, `plans` the plan (a number) of each birth, `restored` the times at which an operator
    wanted back what was missing, `sets` when an agent wrote a document, `nameless` those that do
    not name the card of their birth, `transferred` births whose card people have moved to another
    plan.
    """

    writes: list[Write] = field(default_factory=list)
    deletes: list[tuple[float, str, str]] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    born: dict[str, str] = field(default_factory=dict)
    plans: dict[str, int] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    styles: dict[str, set[str]] = field(default_factory=dict)
    restored: list[float] = field(default_factory=list)
    sets: list[tuple[float, str]] = field(default_factory=list)
    nameless: list[tuple[float, str]] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)
    transferred: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)

    @property
    def edits(self) -> list[Write | Item]:
        return [*self.writes, *self.items]

    def deleted(self, birth: str) -> list[tuple[float, str]]:
        return [(at, by) for at, by, task in self.deletes if task == birth]


def birth_of(title: str) -> str:
    return title.partition(" ")[0]
