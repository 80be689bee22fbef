"""What happens in one run, as data: who does what at which second, and what goes wrong when.

A script can be printed, kept as JSON, made smaller and run again. `of_seed` makes one from a seed.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any, Self

Json = dict[str, Any]

SPAN = 240  # seconds in which something happens
STYLES = ("rmw", "rmw", "client", "own", "kept", "two")  # how the agent of a task writes
SCALARS = ("title", "percentComplete", "dueDate", "description", "bucket")
BUCKETS = ("To do", "Doing", "Done")


@dataclass(frozen=True)
class Script:
    """`ops` have `at`, `do`, `task` and what the deed needs; `faults` have `at`, `kind`, `side`, `moment`, `match`.

    A fault with a `number` meets the first process at its step of that number. `span` is when everything is healed (s).
    """

    seed: int
    instances: int = 1
    env: Json = field(default_factory=dict)
    switches: Json = field(default_factory=dict)
    ops: tuple[Json, ...] = ()
    faults: tuple[Json, ...] = ()
    span: float = SPAN

    def dump(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def load(cls, text: str) -> Self:
        body = json.loads(text)
        return cls(**{**body, "ops": tuple(body["ops"]), "faults": tuple(body["faults"])})

    def without(self, part: str, indexes: set[int]) -> Self:
        """The script without these ops or faults."""
        kept = tuple(item for n, item in enumerate(getattr(self, part)) if n not in indexes)
        return replace(self, **{part: kept})  # type: ignore[arg-type]

    @property
    def wipes(self) -> bool:
        return any(op["do"] == "wipe" for op in self.ops)


def of_seed(seed: int) -> Script:
    """The script of this seed."""
    random = Random(f"script {seed}")
    maker = _Maker(random)
    return Script(
        seed=seed,
        instances=random.choice((1, 1, 1, 2, 2, 3)),
        env={"CONFLICT_WINNER": random.choice(("planner", "planner", "agents"))},
        switches=_switches(random),
        ops=tuple(sorted(maker.ops(), key=lambda op: op["at"])),
        faults=tuple(sorted(maker.faults(), key=lambda fault: fault["at"])),
    )


def _switches(random: Random) -> Json:
    """A few of what is uncertain about Planner, each with its own odds."""
    odds = {
        "list_lag_ms": ("0", "0", "5000", "20000"),
        "expand_details": ("honour", "ignore", "reject"),
        "prefer": ("honour", "honour", "ignore"),
        "strict_etags": ("off", "off", "on"),
        "details_bump": ("counts", "always", "never"),
        "move_bumps": ("once", "twice"),
        "details_404_reads": ("0", "0", "1"),
        "page_size": ("400", "2"),
        "batch_order": ("random", "same"),
        "human_newlines": ("lf", "crlf"),
    }
    return {name: random.choice(values) for name, values in odds.items()}


class _Maker:
    """Makes ops and faults; every value that anybody writes is written once only."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._count = 0
        self._tasks = random.randint(1, 4)
        self._cards = random.randint(0, 2)
        self._percents = random.sample(range(1, 100), 99)

    def ops(self) -> list[Json]:
        ops = [op for n in range(self._tasks) for op in self._task(f"t{n}")]
        ops += [op for n in range(self._cards) for op in self._card(f"h{n}")]
        if self._random.random() < 0.15:
            what = self._random.choice(("all", "private", "mapping"))
            ops.append({"at": self._at(60), "do": "wipe", "what": what})
        if self._random.random() < 0.2:
            ops.append({"at": self._at(30), "do": "restart redis"})
        if self._random.random() < 0.15:
            ops.append({"at": self._at(30), "do": "lose right", "seconds": self._random.randint(20, 90)})
        if self._random.random() < 0.2:
            ops.append({"at": self._at(30), "do": "garbage"})
        return ops

    def faults(self) -> list[Json]:
        return [self._fault() for _ in range(self._random.choice((0, 2, 6, 6, 10)))]

    # -- people and agents -------------------------------------------------------------------------------------------
    def _task(self, task: str) -> list[Json]:
        style = self._random.choice(STYLES)
        born = self._random.uniform(2, 60)
        fields = {"title": self._value(task, "title"), **self._some(task)}
        ops: list[Json] = [{"at": born, "do": "create", "task": task, "fields": fields, "say": self._say()}]
        for _ in range(self._random.randint(0, 5)):
            ops.append(self._agent_op(task, style, self._at(born)))
        for _ in range(self._random.randint(0, 4)):
            ops.append(self._human_op(task, self._at(born)))
        if self._random.random() < 0.2:
            ops.append(
                {"at": self._at(born + 20), "do": "agent deletes", "task": task, "say": self._random.random() < 0.7}
            )
        if self._random.random() < 0.2:
            ops.append({"at": self._at(born + 20), "do": "human deletes", "task": task})
        return ops

    def _card(self, task: str) -> list[Json]:
        born = self._random.uniform(2, 100)
        fields = {"title": self._value(task, "title"), **self._some(task)}
        ops: list[Json] = [{"at": born, "do": "human creates", "task": task, "fields": fields}]
        for _ in range(self._random.randint(0, 3)):
            ops.append(self._agent_op(task, "rmw", self._at(born + 40)))
        for _ in range(self._random.randint(0, 3)):
            ops.append(self._human_op(task, self._at(born)))
        if self._random.random() < 0.2:
            ops.append({"at": self._at(born + 40), "do": "human deletes", "task": task})
        return ops

    def _agent_op(self, task: str, style: str, at: float) -> Json:
        if style == "two":
            style = self._random.choice(("rmw", "own"))
        op = {"at": at, "do": style, "task": task, "fields": self._some(task, 1), "say": self._say()}
        if style == "rmw":
            op["think"] = self._random.choice((0, 0, 0.5, 3, 30))
            if self._random.random() < 0.25:
                op["add"] = self._value(task, "item")
        return op

    def _human_op(self, task: str, at: float) -> Json:
        op: Json = {"at": at, "do": "human edits", "task": task, "fields": self._some(task, 1)}
        if self._random.random() < 0.25:
            op["add"] = self._value(task, "item")
        return op

    def _some(self, task: str, least: int = 0) -> Json:
        names = self._random.sample(SCALARS, self._random.randint(least, 2))
        return {name: self._value(task, name) for name in names}

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

    # -- what goes wrong ---------------------------------------------------------------------------------------------
    def _fault(self) -> Json:
        random = self._random
        at = round(random.uniform(0, SPAN), 2)
        if random.random() < 0.25:
            return self._redis_fault(at)
        match = random.choice(("POST", "PATCH", "DELETE", "GET", "PATCH|POST|DELETE", ".", "PATCH|POST|DELETE"))
        kinds = (
            "cut",
            "cut",
            "status",
            "throttle",
            "stall",
            "kill",
            "kill",
            "freeze",
            "empty list",
            "deed",
            "deed",
            "deed",
        )
        kind = random.choice(kinds)
        moment = "before" if kind in ("throttle", "empty list") else random.choice(("before", "after", "after"))
        fault: Json = {"at": at, "kind": kind, "side": "graph", "moment": moment, "match": match}
        match kind:
            case "status":
                fault["status"] = random.choice((504, 503, 500, 403) if moment == "after" else (504, 503, 500))
            case "throttle":
                fault |= {"retry_after": random.choice((None, "1", "7", "40")), "times": random.randint(1, 3)}
            case "stall":
                fault["seconds"] = random.choice((3, 28, 45))
            case "freeze":
                fault["seconds"] = random.choice((20, 60, 120))
            case "kill":
                fault["down"] = random.choice((0.5, 5, 25))
            case "empty list":
                fault |= {"match": r"GET /planner/plans/[^/]+/tasks", "seconds": random.choice((5, 65))}
            case "deed":
                task = f"t{random.randrange(self._tasks)}"
                make = random.choice((self._human_op, self._human_op, self._agent_now))
                fault["op"] = make(task, at)
                if random.random() < 0.1:
                    fault["op"] = {
                        "at": at,
                        "do": random.choice(("human deletes", "agent deletes")),
                        "task": task,
                        "say": 1,
                    }
        return fault

    def _agent_now(self, task: str, at: float) -> Json:
        return {"at": at, "do": "rmw", "task": task, "fields": self._some(task, 1), "say": 1, "think": 0}

    def _redis_fault(self, at: float) -> Json:
        random = self._random
        match = random.choice((".", "settle_task", "write_note", "claim_tasks", "mark_tasks", "settle_task"))
        kind = random.choice(("cut", "kill", "stall"))
        fault = {"at": at, "kind": kind, "side": "redis", "moment": random.choice(("before", "after")), "match": match}
        return fault | {"down": random.choice((0.5, 5, 25)), "seconds": random.choice((0.5, 3))}
