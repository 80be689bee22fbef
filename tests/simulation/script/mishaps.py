"""Makes the faults of a script: what goes wrong at which step.

Most hit the way to Planner and its writes.

"A person edits now" and "an agent writes now" are faults too: they hit moments that a random time
would not.
"""

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.script.script import SPAN, Json

if TYPE_CHECKING:
    from tests.simulation.script.maker import Maker

LISTING = r"GET /planner/plans/[^/]+/tasks"
WRITES = "PATCH|POST|DELETE"
SETTLES = "record_answer|settle_task|bury_task"
KINDS = (
    *("cut", "kill") * 3,
    *("human now", "agent now") * 4,
    *(
        "status",
        "throttle",
        "stall",
        "freeze",
        "empty list",
        "short list",
        "lagging list",
        "spoilt",
    ),
)


def mishaps(random: Random, maker: "Maker", *, lags: bool) -> list[Json]:
    """Up to ten faults. Where listings lag already (`lags`), no fault makes them lag more."""
    faults = [_fault(random, maker) for _ in range(random.choice((0, 2, 6, 6, 10)))]
    return [fault for fault in faults if not (lags and fault["kind"] == "lagging list")]


def _fault(random: Random, maker: "Maker") -> Json:
    at = round(random.uniform(0, SPAN), 2)
    kind = random.choice(KINDS)
    if random.random() < 0.25 and kind in (
        "cut",
        "kill",
        "stall",
        "freeze",
        "human now",
        "agent now",
    ):
        match = random.choice(
            (".", SETTLES, "record_intent", "lease_tasks", "enqueue_tasks", SETTLES)
        )
        fault = {
            "at": at,
            "kind": kind,
            "side": "redis",
            "moment": random.choice(("before", "after")),
            "match": match,
        }
    else:
        match = random.choice(("POST", "PATCH", "DELETE", "GET", WRITES, ".", WRITES))
        moments = (
            ("before", "after", "after")
            if kind != "status"
            else ("before", "before", "after", "after", "after")
        )
        moment = random.choice(moments)
        fault = {"at": at, "kind": kind, "side": "graph", "moment": moment, "match": match}
    return fault | _more(random, maker, fault)


def _more(random: Random, maker: "Maker", fault: Json) -> Json:
    match fault["kind"]:
        case "status":
            after = (504, 503, 500, 403) if fault["match"] == "POST" else (504, 503, 500)
            status = random.choice(after if fault["moment"] == "after" else (504, 503, 500, 401))
            # Planner has been seen to answer 403 to a create that it had carried out, and to
            # nothing else.
            return {"status": status, **({"match": "POST /planner/tasks"} if status == 403 else {})}
        case "throttle":
            wish = random.choice((None, "1", "7", "40"))
            return {"moment": "before", "retry_after": wish, "times": random.randint(1, 3)}
        case "stall":
            return {"seconds": random.choice((3, 28, 45) if fault["side"] == "graph" else (0.5, 3))}
        case "freeze":
            return {"seconds": random.choice((20, 60, 120))}
        case "kill":
            return {"down": random.choice((0.5, 5, 25))}
        case "empty list":
            return {"moment": "before", "match": LISTING, "seconds": random.choice((5, 65))}
        case "short list" | "lagging list":
            return {"moment": "after", "match": LISTING, "times": random.randint(1, 3)}
        case "spoilt":
            return {
                "moment": "after",
                "match": "GET|PATCH",
                "how": random.choice(("half", "html", "nothing")),
            }
        case "human now" | "agent now":
            return {"op": _now(random, maker, fault)}
    return {}


def _now(random: Random, maker: "Maker", fault: Json) -> Json:
    at, human = fault["at"], fault["kind"] == "human now"
    task = random.choice((*maker.tasks, *maker.cards))
    if random.random() < 0.1:
        return {
            "at": at,
            "do": "human deletes" if human else "agent deletes",
            "task": task,
            "say": 1,
        }
    return (
        maker.human_op(task, at)
        if human
        else {**maker.agent_op(task, "reader", at, think=0), "say": 1}
    )
