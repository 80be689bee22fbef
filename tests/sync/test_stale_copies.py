"""Whatever agents write back, and whatever fails on the way: no human is undone, nothing is lost,
both sides end equal.

Agents of three kinds set whole documents: `copy` reads, thinks and writes back; `mem` reads once
and keeps its object; `own` does the same without `_rev`, `plannerId` and ids. Every value that
somebody writes is written once only, so it can be told whose a value is.
"""

import uuid
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from planner_sync.model.state import SyncState
from planner_sync.model.task import Value
from tests.sync.story import Story

STYLES = ("copy", "mem", "own")
AGENTS_LABELS = [f"category{n}" for n in (1, 2)]
HUMANS_LABELS = [f"category{n}" for n in (11, 12)]
ITEMS_MAX = 8
NTH = st.integers(0, 7)


class StaleCopies(RuleBasedStateMachine):
    """One task, one agent of any kind and one human."""

    @initialize(style=st.sampled_from(STYLES))
    def begin(self, style: str) -> None:
        self.serial = 0
        first = self._item("first", "B1") | self._item("second", "B2")
        self.story = Story(
            {
                "title": "B0",
                "description": "B3",
                "labels category1": True,
                "labels category11": True,
                **first,
            }
        )
        self.style = style
        self.mine: dict[str, Any] | None = None
        self.ever: dict[str, set[Value]] = {
            atom: {value} for atom, value in self.story.card.items()
        }
        self.labels = {
            "category1": True,
            "category2": False,
            "category11": True,
            "category12": False,
        }
        self.meant: dict[str, str] = {}
        self.removed_by_human: set[str] = set()
        self.removed_by_agent: set[Any] = set()
        self.checked = 0

    # -- the human ---------------------------------------------------------------------------------
    @rule(field=st.sampled_from(["title", "description"]))
    def human_writes(self, field: str) -> None:
        self._edit({field: self._token("H")})

    @rule(label=st.sampled_from(HUMANS_LABELS))
    def human_toggles_a_label(self, label: str) -> None:
        self.labels[label] = not self.labels[label]
        self._edit({f"labels {label}": self.labels[label] or None})

    @rule()
    def human_adds_an_item(self) -> None:
        if len(self._items()) < ITEMS_MAX:
            title = self._token("H")
            self._edit(self._item(title, title))

    @rule(nth=NTH)
    def human_renames_an_item(self, nth: int) -> None:
        if items := self._items():
            self._edit({f"{items[nth % len(items)]} title": self._token("H")})

    @rule(nth=NTH)
    def human_removes_an_item(self, nth: int) -> None:
        # What a lost request made, and a human took off before anybody read it, looks as if it had
        # never been made.
        known = SyncState.load(self.story.state or "").base
        if items := [item for item in self._items() if item in known]:
            item = items[nth % len(items)]
            self.removed_by_human |= {str(title) for title in self.ever[f"{item} title"]}
            self._edit({item: None, f"{item} title": None, f"{item} isChecked": None})

    # -- the agent ---------------------------------------------------------------------------------
    @rule()
    def agent_reads(self) -> None:
        if self.mine is None or self.style == "copy":
            self.mine = self.story.fields()
            if self.style == "own":
                self.mine = {
                    name: value
                    for name, value in self.mine.items()
                    if name not in ("_rev", "plannerId")
                }
                self.mine["checklist"] = [{**item} for item in self.mine.get("checklist", [])]
                for item in self.mine["checklist"]:
                    item.pop("id", None)

    @rule(field=st.sampled_from(["title", "description"]))
    def agent_writes(self, field: str) -> None:
        if self.mine is not None:
            self.mine[field] = self.meant[field] = self._token("A")
            self._set()

    @rule(label=st.sampled_from(AGENTS_LABELS))
    def agent_toggles_a_label(self, label: str) -> None:
        if self.mine is not None:
            there = label in self.mine.setdefault("labels", [])
            self.mine["labels"] = [name for name in self.mine["labels"] if name != label] + [
                label
            ] * (not there)
            self.labels[label] = not there
            self._set()

    @rule()
    def agent_adds_an_item(self) -> None:
        if self.mine is not None and len(self.mine.setdefault("checklist", [])) < ITEMS_MAX:
            title = self._token("A")
            self.meant[f"item {title}"] = title
            self.mine["checklist"] = [*self.mine["checklist"], {"title": title}]
            self._set()

    @rule(nth=NTH)
    def agent_renames_an_item(self, nth: int) -> None:
        if self.mine and (items := self.mine.get("checklist")):
            item = items[nth % len(items)]
            self.meant.pop(f"item {item['title']}", None)
            if "id" not in item:  # then it is another item
                self.removed_by_agent.add(item["title"])
            item["title"] = self._token("A")
            self.meant[f"item {item['title']}"] = item["title"]
            self._set()

    @rule(nth=NTH)
    def agent_removes_an_item(self, nth: int) -> None:
        if self.mine and (items := self.mine.get("checklist")):
            item = items.pop(nth % len(items))
            self.meant.pop(f"item {item['title']}", None)
            self.removed_by_agent |= {item["title"], item.get("id")}
            self._set()

    # -- the service -------------------------------------------------------------------------------
    @rule(listed=st.booleans())
    def look(self, listed: bool) -> None:
        self._look(listed=listed)

    @rule(listed=st.booleans(), fate=st.sampled_from(["refused", "lost before", "lost after"]))
    def look_with_trouble(self, listed: bool, fate: Any) -> None:
        self._look(listed=listed, fate=fate)

    @rule(
        listed=st.booleans(),
        fate=st.sampled_from(["killed before", "killed after", "killed settling"]),
    )
    def look_and_die(self, listed: bool, fate: Any) -> None:
        self._look(listed=listed, fate=fate)

    @rule(listed=st.booleans())
    def look_while_the_agent_writes(self, listed: bool) -> None:
        self._look(listed=listed, race=lambda: self.agent_writes("title"))

    # -- what must hold ----------------------------------------------------------------------------
    def teardown(self) -> None:
        if not hasattr(self, "story"):
            return
        for _ in range(6):
            self._look(listed=True)
        sent = len(self.story.sent)
        before = self.story.document
        self._look(listed=True)
        assert (len(self.story.sent), self.story.document) == (sent, before), "there is no quiet"
        self._both_sides_are_equal()
        self._nothing_is_lost()

    def _both_sides_are_equal(self) -> None:
        card, document = self.story.card, self.story.fields()
        assert (document["title"], document["description"]) == (
            card["title"],
            card.get("description"),
        )
        labels = {atom.split(" ")[1] for atom in card if atom.startswith("labels ")}
        assert set(document.get("labels", [])) == labels
        assert labels == {label for label, there in self.labels.items() if there}, (
            "a label was undone"
        )
        titles = sorted(str(card[f"{item} title"]) for item in self._items())
        assert sorted(item["title"] for item in document.get("checklist", [])) == titles

    def _nothing_is_lost(self) -> None:
        told = str(
            [message["lost"] for message in self.story.said if message["action"] == "conflict"]
        )
        written = {value for values in self.ever.values() for value in values}
        for what, value in self.meant.items():
            assert value in written or f"'{value}'" in told, f"{what} {value} is lost"

    def _check_sent(self) -> None:
        """Nothing that a human wrote is replaced by a value that was there before."""
        for before, changes in self.story.sent[self.checked :]:
            for atom, value in changes.items():
                known = self.ever.setdefault(atom, set())
                human = str(before.get(atom, "")).startswith("H")
                if isinstance(value, str):
                    assert not (human and value in known), (
                        f"{atom}: {before.get(atom)} was reverted to {value}"
                    )
                    known.add(value)
                if atom.endswith(" title") and atom.startswith("checklist ") and atom not in before:
                    assert value not in self.removed_by_human, f"item {value} is back"
                if atom.startswith("checklist ") and atom.count(" ") == 1 and value is None:
                    called = {atom.split(" ")[1], *self.ever[f"{atom} title"]}
                    assert called & self.removed_by_agent, f"{atom} was taken off"
        self.checked = len(self.story.sent)

    # -- small things ------------------------------------------------------------------------------
    def _look(self, **how: Any) -> None:
        self.story.look(**how)
        self._check_sent()

    def _set(self) -> None:
        assert self.mine is not None
        self.story.write(self.mine)
        if self.style == "copy":
            self.mine = None

    def _edit(self, atoms: dict[str, Value | None]) -> None:
        self.story.edit(atoms)
        for atom, value in atoms.items():
            if value is not None:
                self.ever.setdefault(atom, set()).add(value)

    def _items(self) -> list[str]:
        return [
            atom
            for atom in self.story.card
            if atom.startswith("checklist ") and atom.count(" ") == 1
        ]

    def _item(self, key: str, title: str) -> dict[str, Value]:
        atom = f"checklist {uuid.uuid5(uuid.NAMESPACE_OID, key)}"
        return {atom: True, f"{atom} title": title, f"{atom} isChecked": False}

    def _token(self, who: str) -> str:
        self.serial += 1
        return f"{who}{self.serial + 10}"


TestStaleCopies = StaleCopies.TestCase
TestStaleCopies.settings = settings(
    max_examples=250, stateful_step_count=30, deadline=None, report_multiple_bugs=False
)
# A story that fails is made shorter first, which takes its time.
pytestmark = [
    pytest.mark.contract("§6 An agent writes back a copy that it read"),
    pytest.mark.timeout(400),
]
