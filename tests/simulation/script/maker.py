"""Makes a script from a seed: tasks of agents, cards of people, deeds of operators.

`mishaps.py` adds the faults.

Every text, percentage and date is written once only, so that its writer is known.
"""

from random import Random
from typing import Any

from tests.simulation.script.mishaps import mishaps
from tests.simulation.script.script import SPAN, Json, Script

# How the agent of a task writes.
STYLES = ("reader", "reader", "client", "own", "keeper", "pair", "blind")
SCALARS = ("title", "percentComplete", "dueDate", "description", "bucket")
BUCKETS = ("To do", "Doing", "Done")
LABELS = ("red", "green")
SLOTS = ("category1", "category2")
PEOPLE = ("mira.novak@example.com", "jonas.berg@example.com")
URGENCIES = (1, 3, 5, 9)  # what Planner's page offers; programs may write any of 0 to 10
CLEARED = ("startDate", "dueDate", "description")
DEEDS = (
    "edits",
    "edits",
    "edits",
    "completes",
    "reopens",
    "moves",
    "relabels",
    "reassigns",
    "ticks",
)
HELPERS = ("scout", "mira.novak@example.com")


def of_seed(seed: int) -> Script:
    """The script of this seed."""
    random = Random(f"script {seed}")
    maker = Maker(random, Random(f"more {seed}"))
    ops = maker.ops()
    if not any(op["do"] == "delete plan" for op in ops):
        # Else a card that was just moved there cannot be told from one that a person has deleted.
        ops += maker.transfers(Random(f"transfers {seed}"))
    switches = _switches(random)
    faults = mishaps(random, maker, lags=switches["list_lag_ms"] != "0")
    return Script(
        seed=seed,
        instances=random.choice((1, 1, 1, 2, 2, 3)),
        env=_env(random, brake=0.9 if any(op["do"] == "delete many" for op in ops) else 0.25),
        switches=switches,
        ops=tuple(sorted(ops, key=lambda op: op["at"])),
        faults=tuple(sorted(faults, key=lambda fault: fault["at"])),
    )


def _env(random: Random, brake: float) -> Json:
    """Settings. `brake` is the probability of a brake that stops after a few deletes."""
    env = {"CONFLICT_WINNER": random.choice(("planner", "planner", "agents"))}
    env["POLL_SECONDS"] = random.choice(("30", "30", "10"))
    if random.random() < brake:
        env |= {"MAX_DELETE_COUNT": "1", "MAX_DELETE_RATIO": "0.3"}
    return env


def _switches(random: Random) -> Json:
    """Some of what is uncertain about Planner, each with its own odds."""
    odds = {
        "list_lag_ms": ("0", "0", "5000", "20000"),
        "expand_details": ("honour", "ignore", "reject"),
        "prefer": ("honour", "honour", "ignore"),
        "strict_etags": ("off", "off", "on"),
        "identical_values": ("conflict", "accept"),
        "noop_patch": ("moves", "stays"),
        "details_bump": ("counts", "always", "never"),
        "move_bumps": ("once", "twice"),
        "details_404_reads": ("0", "0", "1"),
        "page_size": ("400", "2"),
        "batch_order": ("random", "same"),
        "missing_plan": ("404", "403"),
        "human_newlines": ("lf", "crlf"),
    }
    return {name: random.choice(values) for name, values in odds.items()}


class Maker:
    """Makes ops. Births are `t0`… for tasks of agents and `h0`… for cards of people.

    `more` is the chance for what came to scripts later, so that old seeds do what they did.
    """

    def __init__(self, random: Random, more: Random) -> None:
        self._random, self._more = random, more
        self._count, self._further_count = 0, 0
        self._percents = random.sample(range(1, 100), 99)
        self.tasks = [f"t{n}" for n in range(random.randint(1, 4))]
        self.cards = [f"h{n}" for n in range(random.randint(0, 2))]
        self._second = [birth for birth in (*self.tasks, *self.cards) if random.random() < 0.2]

    def ops(self) -> list[Json]:
        ops = [op for birth in self.tasks for op in self._task(birth)]
        ops += [op for birth in self.cards for op in self._card(birth)]
        ops += self._mistakes()
        return ops + self._operators()

    # -- people and agents -------------------------------------------------------------------------
    def _task(self, task: str) -> list[Json]:
        random = self._random
        style = random.choice(STYLES)
        born = round(random.uniform(2, 60), 2)
        fields = {"title": self._value(task, "title"), **self._some(task), **self._sets()}
        ops: list[Json] = [
            {"at": born, "do": "create", "task": task, "fields": fields, "say": self._say()}
        ]
        ops[0] |= self._plan(task)
        ops += [self.agent_op(task, style, self._at(born)) for _ in range(random.randint(0, 5))]
        ops += [self.human_op(task, self._at(born)) for _ in range(random.randint(0, 4))]
        if random.random() < 0.2:
            say = int(random.random() < 0.7)
            ops.append({"at": self._at(born + 20), "do": "agent deletes", "task": task, "say": say})
        if random.random() < 0.2:
            ops.append({"at": self._at(born + 20), "do": "human deletes", "task": task})
        return ops

    def _card(self, task: str) -> list[Json]:
        random = self._random
        born = round(random.uniform(2, 100), 2)
        fields = {"title": self._value(task, "title"), **self._by_hand(self._some(task))}
        ops: list[Json] = [
            {"at": born, "do": "human creates", "task": task, "fields": fields, **self._plan(task)}
        ]
        ops += [
            self.agent_op(task, "reader", self._at(born + 40)) for _ in range(random.randint(0, 3))
        ]
        ops += [self.human_op(task, self._at(born)) for _ in range(random.randint(0, 3))]
        if random.random() < 0.2:
            ops.append({"at": self._at(born + 40), "do": "human deletes", "task": task})
        return ops

    def transfers(self, random: Random) -> list[Json]:
        """People move cards from one plan to the other."""
        births = [birth for birth in (*self.tasks, *self.cards) if random.random() < 0.12]
        return [
            {"at": round(random.uniform(20, SPAN), 2), "do": "human transfers", "task": birth}
            for birth in births
        ]

    def _mistakes(self) -> list[Json]:
        """What agents do wrong with what the service wrote into a document."""
        random, ops = self._random, []
        if random.random() < 0.12:
            fields = {"title": self._value("c0", "title")}
            op: Json = {
                "at": self._at(90),
                "do": "copier",
                "task": "c0",
                "of": random.choice(self.tasks),
            }
            ops.append({**op, "fields": fields, "say": self._say()})
        if random.random() < 0.12:
            task = random.choice(self.tasks)
            op = {
                "at": self._at(60),
                "do": "mixes up",
                "task": task,
                "other": random.random() < 0.5,
            }
            ops.append({**op, "fields": self._some(task, 1), "say": self._say()})
        return ops

    def _plan(self, task: str) -> Json:
        return {"plan": 1} if task in self._second else {}

    def agent_op(self, task: str, style: str, at: float, think: float | None = None) -> Json:
        random = self._random
        pair = style == "pair"
        if pair:
            style = random.choice(("reader", "own"))
        fields = self._some(task, 1)
        # An agent that does not read cannot know that there is something to clear.
        if style not in ("reader", "client"):
            fields = {name: value for name, value in fields.items() if value is not None}
        op: Json = {"at": at, "do": style, "task": task, "fields": fields, "say": self._say()}
        if pair:
            op["pair"] = True
        if style == "reader":
            op["think"] = random.choice((0, 0, 0.5, 3, 30)) if think is None else think
            if random.random() < 0.25:
                op["add"] = self._value(task, "item")
            op |= self._link(task)
            if random.random() < 0.3:
                op |= {"put": self._members(LABELS, HELPERS), "take": self._members(SLOTS, PEOPLE)}
        return op

    def human_op(self, task: str, at: float) -> Json:
        random = self._random
        deed = random.choice(DEEDS)
        op: Json = {"at": at, "do": f"human {deed}", "task": task, "fields": {}}
        match deed:
            case "edits":
                op["fields"] = self._by_hand(self._some(task, 1))
                if random.random() < 0.25:
                    op["add"] = self._value(task, "item")
                op |= self._link(task)
            case "completes":
                op["fields"] = {"percentComplete": 100}
            case "reopens":
                op["fields"] = {"percentComplete": 0}
            case "moves":
                op["fields"] = {"bucket": random.choice(BUCKETS)}
            case "relabels":
                one, other = random.sample(SLOTS, 2)
                op |= {"put": [f"labels {one}"], "take": [f"labels {other}"]}
            case "reassigns":
                one, other = random.sample(PEOPLE, 2)
                op |= {"put": [f"assignedTo {one}"], "take": [f"assignedTo {other}"]}
        return op

    def _members(self, labels: tuple[str, ...], people: tuple[str, ...]) -> list[str]:
        members = [
            *(f"labels {name}" for name in labels),
            *(f"assignedTo {name}" for name in people),
        ]
        return self._random.sample(members, self._random.randint(0, 1))

    def _sets(self) -> Json:
        fields: Json = {}
        if self._random.random() < 0.25:
            fields["labels"] = [self._random.choice(LABELS)]
        if self._random.random() < 0.25:
            fields["assignedTo"] = [self._random.choice(HELPERS)]
        return fields

    def _some(self, task: str, least: int = 0) -> Json:
        names = self._random.sample(SCALARS, self._random.randint(least, 2))
        return {**{name: self._value(task, name) for name in names}, **self._further(least)}

    def _further(self, least: int) -> Json:
        """A start before every due date, a priority or, in an existing task, a cleared field."""
        more, found = self._more, {}
        self._further_count += 1
        if more.random() < 0.15:
            found["startDate"] = (
                f"2025-{1 + self._further_count // 28 % 12:02d}-{1 + self._further_count % 28:02d}"
            )
        if more.random() < 0.15:
            found["priority"] = more.randint(0, 10)
        if more.random() < 0.1 and least:
            found[more.choice(CLEARED)] = None
        return found

    def _by_hand(self, fields: Json) -> Json:
        """What a person can choose on the page."""
        return (
            {**fields, "priority": self._more.choice(URGENCIES)} if "priority" in fields else fields
        )

    def _link(self, task: str) -> Json:
        self._further_count += 1
        return (
            {"link": f"https://example.com/{task}/{self._further_count}"}
            if self._more.random() < 0.15
            else {}
        )

    def _value(self, task: str, name: str) -> Any:
        self._count += 1
        match name:
            case "percentComplete":
                return self._percents.pop()
            case "dueDate":
                return f"2026-{3 + self._count // 28 % 9:02d}-{1 + self._count % 28:02d}"
            case "bucket":
                return self._random.choice(BUCKETS)
            case "description":
                return f"text {self._count}\nof {task}"
        return f"{task} {name} {self._count}"

    def _say(self) -> int:
        return self._random.choice((1, 1, 1, 0, 2))

    def _at(self, least: float) -> float:
        return round(self._random.uniform(least, max(SPAN, least + 1)), 2)

    # -- operators ---------------------------------------------------------------------------------
    def _operators(self) -> list[Json]:
        random = self._random
        ops: list[Json] = []
        if random.random() < 0.15:
            ops.append(
                {
                    "at": self._at(60),
                    "do": "wipe",
                    "what": random.choice(("all", "private", "mapping")),
                }
            )
        if random.random() < 0.1:
            ops.append({"at": self._at(40), "do": "failover", "seconds": random.choice((1, 5, 15))})
        if random.random() < 0.15:
            ops.append({"at": self._at(30), "do": "restart redis"})
        if random.random() < 0.15:
            ops.append({"at": self._at(30), "do": "lose right", "seconds": random.randint(20, 90)})
        if random.random() < 0.1:
            ops.append({"at": self._at(80), "do": "delete plan"})
        if random.random() < 0.1:
            ops.append({"at": self._at(30), "do": "deploy"})
        if random.random() < 0.2:
            ops.append({"at": self._at(30), "do": "garbage"})
        if random.random() < 0.1:
            ops.append({"at": self._at(30), "do": "wrong type"})
        if random.random() < 0.25:
            at, by = self._at(90), random.choice(("agents", "people"))
            ops.append({"at": at, "do": "delete many", "by": by, "say": random.choice((0, 1))})
            ops.append(
                {
                    "at": round(at + random.uniform(40, 120), 2),
                    "do": random.choice(("release", "restore")),
                }
            )
        return ops
