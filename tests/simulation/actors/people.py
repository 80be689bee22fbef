"""People at Planner's page, and what a card looks like to them."""

from typing import Any
from urllib.parse import unquote

from planner_emulator.refusals import Refused
from tests.simulation.actors.history import History, Item, Write, birth_of
from tests.simulation.machine.world import AGENT_LABEL, World

Json = dict[str, Any]


class People:
    """All people of one world. They know cards, but nothing of Redis."""

    def __init__(self, world: World, history: History) -> None:
        self._world = world
        self._history = history

    def do(self, op: Json) -> None:
        """Carry out one deed. It is skipped when Planner refuses it or the card is gone."""
        try:
            if op["do"] == "human creates":
                self._create(op)
            else:
                self._change(op)
        except (Refused, StopIteration):
            return

    def delete_many(self, plan: int) -> None:
        """Delete all cards of a plan at once, except its anchor."""
        for card in list(self._world.cards().values()):
            if card["planId"] == self._world.plan_ids[plan] and not card["title"].startswith(
                "anchor"
            ):
                self.do({"do": "human deletes", "task": birth_of(card["title"])})

    def _create(self, op: Json) -> None:
        world, task, plan = self._world, op["task"], op.get("plan", 0)
        if world.plan_ids[plan] not in world.planner.world.state.plans:
            return  # somebody has deleted it
        card = world.humans.create(
            world.plan_ids[plan], **self._body(world.plan_ids[plan], op["fields"])
        )
        self._history.born[task], self._history.plans[task] = "human", plan
        self._remember(op, {})
        world.trace(f"-- human creates {task} {op['fields']} as {card['id']}")

    def _change(self, op: Json) -> None:
        world, task, now = self._world, op["task"], self._world.loop.time()
        card_id, card = next(
            (pid, card) for pid, card in world.cards().items() if birth_of(card["title"]) == task
        )
        if op["do"] == "human deletes":
            world.humans.delete(card_id)
            world.trace(f"-- human deletes {task}")
            self._history.deletes.append((now, "human", task))
            return
        if op["do"] == "human transfers":
            self._transfer(task, card_id, card)
            return
        stood = shown(world, card)
        body, changed = self._body(card["planId"], op["fields"]), self._members(card, op)
        for member, put in changed:
            name, _, value = member.partition(" ")
            if name == "labels":
                body.setdefault("appliedCategories", {})[value] = put
            else:
                body.setdefault("assignments", {})[world.user_ids[value]] = put or None
        checklist, ticked = self._checklist(card, op)
        if checklist:
            body["checklist"] = checklist
        if "link" in op:
            body["references"] = {op["link"]: {"alias": "a link"}}
        if not body:
            return
        world.humans.edit(card_id, body)
        self._remember(op, stood)
        for member, put in [*changed, *ticked]:
            self._history.writes.append(Write(now, "human", task, member, put, not put))
        more = f"{op.get('add', '')} {op.get('link', '')} {dict([*changed, *ticked]) or ''}"
        world.trace(f"-- {op['do']} {task} {op['fields']} {more}".rstrip())

    def _transfer(self, task: str, card_id: str, card: Json) -> None:
        """Move a card to the bucket of the same name in the other plan.

        Two cards stay: that of a create without an answer, which is looked for in its own plan
        only, and one with a label that has a name in its plan.
        """
        world, plan_id = self._world, card["planId"]
        other = world.plan_ids[1 - world.plan_ids.index(plan_id)]
        named = world.labels(plan_id).keys() & card["appliedCategories"]
        if other not in world.planner.world.state.plans or named or not world.has_owner(card_id):
            return
        bucket = world.buckets(plan_id).get(card["bucketId"])
        there = next(pid for pid, text in world.buckets(other).items() if text == bucket)
        world.humans.transfer(card_id, other, there)
        self._history.transferred.add(task)
        self._history.plans[task] = world.plan_ids.index(other)
        self._history.writes.append(Write(world.loop.time(), "human", task, "bucket", bucket))
        world.trace(f"-- human transfers {task} to {other}")

    def _members(self, card: Json, op: Json) -> list[tuple[str, bool]]:
        """Which labels and people really change, and whether they are there afterwards."""
        there = {f"labels {slot}" for slot in card["appliedCategories"]}
        there |= {
            f"assignedTo {name}"
            for name, user in self._world.user_ids.items()
            if user in card["assignments"]
        }
        put = [(member, True) for member in op.get("put", ()) if member not in there]
        return put + [(member, False) for member in op.get("take", ()) if member in there]

    def _checklist(self, card: Json, op: Json) -> tuple[Json, list[tuple[str, bool]]]:
        if "add" in op:
            number = sum(map(ord, op["add"])) * 7919 + len(self._history.items)
            return {
                f"00000000-0000-4000-8000-{number:012d}": {"title": op["add"], "isChecked": False}
            }, []
        items = sorted(
            (card["details"]["checklist"] or {}).items(), key=lambda item: item[1]["title"]
        )
        if op["do"] != "human ticks" or not items:
            return {}, []
        item_id, item = items[0]
        ticked = not item["isChecked"]
        return {item_id: {"title": item["title"], "isChecked": ticked}}, [
            (f"tick {item['title']}", ticked)
        ]

    def _body(self, plan_id: str, fields: Json) -> Json:
        """A document's fields as Graph's."""
        body: Json = {}
        for name, value in fields.items():
            match name:
                case "startDate" | "dueDate":
                    body[f"{name}Time"] = value and f"{value}T10:00:00Z"
                case "description":
                    body[name] = value or ""
                case "bucket":
                    body["bucketId"] = next(
                        pid for pid, text in self._world.buckets(plan_id).items() if text == value
                    )
                case _:
                    body[name] = value
        return body

    def _remember(self, op: Json, stood: Json) -> None:
        now = self._world.loop.time()
        for name, value in op["fields"].items():
            if stood.get(name) != value:  # who writes what stands there has changed nothing
                self._history.writes.append(
                    Write(now, "human", op["task"], name, value, stood.get(name))
                )
        items = [op[name] for name in ("add", "link") if name in op]
        self._history.items.extend(Item(now, "human", op["task"], item) for item in items)


def shown(world: World, card: Json) -> Json:
    """A card in the words of a document, with the fields that scripts use."""
    names = world.labels(card["planId"])
    labels = [names.get(slot) or slot for slot in card["appliedCategories"]]
    people = {user: email for email, user in world.user_ids.items()}
    helpers = [label.removeprefix(AGENT_LABEL) for label in labels if label.startswith(AGENT_LABEL)]
    return {
        "title": card["title"],
        "percentComplete": card["percentComplete"],
        "startDate": (card["startDateTime"] or "")[:10] or None,
        "dueDate": (card["dueDateTime"] or "")[:10] or None,
        "priority": card["priority"],
        "description": (card["details"]["description"] or "").replace("\r\n", "\n") or None,
        "bucket": world.buckets(card["planId"]).get(card["bucketId"]),
        "labels": sorted(label for label in labels if not label.startswith(AGENT_LABEL)),
        "assignedTo": sorted([*(people[user] for user in card["assignments"]), *helpers]),
        "checklist": sorted(
            (i["title"], i["isChecked"]) for i in (card["details"]["checklist"] or {}).values()
        ),
        "references": sorted(unquote(key) for key in card["details"]["references"] or {}),
    }
