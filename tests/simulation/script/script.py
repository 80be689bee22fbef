"""What happens in one run, as data: who does what at which second, and what goes wrong when.

A script can be printed, kept as JSON, made smaller and run again. `maker.of_seed` makes one from a
seed. `kept` has those that found something.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

Json = dict[str, Any]

SPAN = 240  # seconds in which something happens

AGENTS = (
    "create",
    "reader",
    "keeper",
    "own",
    "blind",
    "client",
    "pair",
    "copier",
    "mixes up",
    "agent deletes",
    "silent",
    "says twice",
)
PEOPLE = (
    "human creates",
    "human edits",
    "human completes",
    "human reopens",
    "human moves",
    "human transfers",
    "human relabels",
    "human reassigns",
    "human ticks",
    "human deletes",
)
OPERATORS = (
    "wipe",
    "restart redis",
    "failover",
    "lose right",
    "delete plan",
    "deploy",
    "delete many",
    "release",
    "restore",
    "garbage",
    "wrong type",
)
FAULTS = (
    "cut before",
    "cut after",
    "status before",
    "status after",
    "throttle",
    "stall",
    "kill before",
    "kill after",
    "freeze",
    "empty list",
    "short list",
    "lagging list",
    "spoilt",
    "human now",
    "agent now",
)


@dataclass(frozen=True)
class Script:
    """`ops` have `at` (s), `do`, `task` and what the deed needs.

    `faults` have `at`, `kind`, `side`, `moment`, `match`.

    A fault with a `number` hits the first process at its step of that number. At `span` (s)
    everything is healed.
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
        """From JSON. The `why` of a kept script is ignored."""
        body = json.loads(text)
        body.pop("why", None)
        return cls(**{**body, "ops": tuple(body["ops"]), "faults": tuple(body["faults"])})

    def without(self, part: str, indexes: set[int]) -> Self:
        """The script without these ops or faults."""
        kept = tuple(item for n, item in enumerate(getattr(self, part)) if n not in indexes)
        return replace(self, **{part: kept})  # type: ignore[arg-type]

    def times(self, *deeds: str) -> list[float]:
        """When any of these deeds happens."""
        return [op["at"] for op in self.ops if op["do"] in deeds]

    @property
    def forgets(self) -> list[float]:
        """When the service's own state may be lost. The public mapping is not part of it."""
        wipes = [op["at"] for op in self.ops if op["do"] == "wipe" and op["what"] != "mapping"]
        return sorted([*wipes, *self.times("failover")])

    @property
    def loses(self) -> list[float]:
        """When documents may be lost."""
        wipes = [op["at"] for op in self.ops if op["do"] == "wipe" and op["what"] == "all"]
        return sorted([*wipes, *self.times("failover")])

    @property
    def lost_spans(self) -> list[tuple[float, float]]:
        """The seconds that Redis loses at each failover, from and until."""
        return [
            (op["at"], op["at"] + op["seconds"] + 1) for op in self.ops if op["do"] == "failover"
        ]
