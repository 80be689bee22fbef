"""A whole world in one thread and on virtual time.

It has Planner's state machine, Redis, and instances of the service.
"""

import asyncio
import hashlib
import json
from random import Random
from typing import Any

from planner_emulator.actors import User
from planner_emulator.control import Control
from planner_emulator.humans import Humans
from planner_emulator.planner import Planner
from planner_emulator.switches import Switches
from planner_emulator.tokens import Tokens
from planner_emulator.world import DEFAULT_PLAN, SEEDED_USERS
from planner_sync.settings import Settings
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import script_names, script_text
from planner_sync.sync.run.service import Ports, Service, build
from tests.simulation.machine import redis_double
from tests.simulation.machine.gates import ORIGIN, GraphGate, Hook, Process, RedisGate, Step
from tests.simulation.machine.virtual_time import VirtualLoop

OTHER_PLAN = "Second-Plan_of-simulations-0"
FOREIGN_PLAN = "Nobody-elses_plan-is-here-00"
TOKEN = "the-token-that-nobody-may-ever-see"
AGENT_LABEL = "Agent: "
# The number on a card for each word in a document.
URGENCIES = {"urgent": 1, "important": 3, "medium": 5, "low": 9}
FOREIGN_KEYS = {"someone:else": "theirs", "annikas:tasks:x": "theirs too"}
Json = dict[str, Any]


class OpenGate:
    """Agents and judges reach Redis without faults."""

    async def before(self, what: bytes) -> None:
        """Nothing in the way."""

    async def after(self, what: bytes) -> None:
        """Nothing in the way."""


async def no_hook(step: Step, process: Process) -> None:
    """Nothing goes wrong."""


class World:
    """`env` has settings without their prefix, `switches` those of the emulator.

    `hook` is called at every step.
    """

    def __init__(
        self, seed: int, env: dict[str, str], switches: dict[str, str], hook: Hook = no_hook
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop = loop
        self.random = Random(f"world {seed}")
        self.hook = hook
        self.lines: list[str] = []
        self.broken: list[str] = []
        self.steps: list[float] = []  # when the first process began each of its steps
        parsed = Switches.parse(f"{name}={value}" for name, value in switches.items())
        self.planner = Planner(clock=loop.date, random=Random(f"planner {seed}"), switches=parsed)
        for email in SEEDED_USERS:
            self.planner.world.add_user(User.named(email, ""))
        self.plan_ids = [DEFAULT_PLAN, OTHER_PLAN]
        for plan_id in (*self.plan_ids, FOREIGN_PLAN):
            self.planner.world.add_plan(plan_id, "Plan")
        self.user_ids = {user.email: user.id for user in self.planner.world.state.users.values()}
        self.humans = Humans(self.planner)
        # An anchor in each plan: an empty plan could not be told from a wrong listing.
        for n, plan_id in enumerate(self.plan_ids):
            self.humans.create(plan_id, f"anchor{n} of the plan")
        self.humans.create(FOREIGN_PLAN, "foreign card")
        self.births: dict[str, str] = {}  # of every card that there ever was
        self._control = Control(self.planner, Tokens([TOKEN]))
        self.server = redis_double.Server()
        self.redis = redis_double.client(self.server, OpenGate(), retries=3)
        self.keys = Keys("annika")
        self.settings = Settings.from_env(
            {
                "PLANNER_SYNC_PLAN_IDS": ",".join(self.plan_ids),
                "PLANNER_SYNC_GRAPH_URL": f"{ORIGIN}/v1.0",
                "PLANNER_SYNC_GRAPH_TOKEN": TOKEN,
                **{f"PLANNER_SYNC_{name}": value for name, value in env.items()},
            }
        )
        self.processes: dict[str, Process] = {}
        self.started: list[Process] = []
        self._names = _script_names()

    def trace(self, line: str) -> None:
        """One line of the timeline."""
        self.lines.append(f"{self.loop.time():10.3f}  {line}")

    def digest(self) -> str:
        """What two runs of one seed must have in common."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()[:16]

    # -- the service -------------------------------------------------------------------------------
    def start(self, slot: str) -> Process:
        """Start a further incarnation of the service in this slot."""
        process = Process(
            f"{slot}.{len(self.started) + 1}", Random(self.random.random()), self._at, self.trace
        )
        service = self._build(process)
        running = self.loop.create_task(self._run(process, service))
        process.on_kill = running.cancel
        self.processes[slot] = process
        self.started.append(process)
        self.trace(f"{process.name} starts")
        return process

    async def end_hold(self, plan_id: str, how: str) -> int | None:
        """An operator's own process releases or restores what is held.

        None when nothing is held.
        """
        service = self._build(Process("operator", Random(0), no_hook, self.trace))
        try:
            return await (
                service.release(plan_id) if how == "release" else service.restore(plan_id)
            )
        finally:
            await service.aclose()

    def _build(self, process: Process) -> Service:
        ports = Ports(
            clock=self.loop.time,
            connect=lambda _url, _credentials: redis_double.client(
                self.server, RedisGate(process, self._name)
            ),
            transport=GraphGate(process, self.planner, self.note_births),
        )
        return build(self.settings, ports)

    async def close(self) -> None:
        """Kill every process."""
        for process in self.processes.values():
            process.kill()
        await asyncio.sleep(0.1)

    async def _run(self, process: Process, service: Service) -> None:
        try:
            await service.run()
        except BaseException as error:  # noqa: BLE001 - whatever ends it is to be judged
            if not process.is_dead:
                self.broken.append(f"{process.name} ended by itself: {error!r}")
                self.trace(self.broken[-1])

    async def _at(self, step: Step, process: Process) -> Any:
        if step.moment == "before" and process is self.started[0]:
            self.steps.append(self.loop.time())
        return await self.hook(step, process)

    def _name(self, packed: bytes) -> str:
        words = packed.split(b"\r\n", 7)
        name = words[2].decode("ascii", "replace")
        if name.upper() == "EVALSHA":
            return self._names.get(words[4].decode(), "script")
        return name

    # -- looking -----------------------------------------------------------------------------------
    def state(self) -> Json:
        """Everything that Planner holds."""
        found: Any = self._control.answer("GET", "state", {}, None)[1]
        return dict(found)

    def cards(self) -> dict[str, Json]:
        """All cards of our plans by their ids."""
        plans = [plan for plan in self.state()["plans"] if plan["id"] in self.plan_ids]
        return {task["id"]: task for plan in plans for task in plan["tasks"]}

    def note_births(self) -> None:
        """Remember the birth of every card, also after the card is gone."""
        for plan in self.planner.world.state.plans.values():
            for card_id, card in plan.tasks.items():
                self.births.setdefault(
                    card_id, str(card.resource.fields["title"]).partition(" ")[0]
                )

    def buckets(self, plan_id: str) -> dict[str, str]:
        """Names of buckets by their ids."""
        plan = self.planner.world.state.plans[plan_id]
        return {
            bucket_id: str(bucket.resource.fields["name"])
            for bucket_id, bucket in plan.buckets.items()
        }

    def labels(self, plan_id: str) -> dict[str, str]:
        """Names of labels by their slots, where they have one."""
        named = self.planner.world.state.plans[plan_id].details.fields["categoryDescriptions"]
        return {slot: name for slot, name in named.items() if name}

    def same_member(self, text: str, value: str) -> bool:
        """Do two members of a list in a document mean the same?"""
        return text.lower() in (value.lower(), self.user_ids.get(value, value).lower())

    def has_owner(self, card_id: str) -> bool:
        """Does a task have this card? Read from the double's memory, without a command."""
        owners = self.server.dbs[0]._dict.get(self.keys.private("owners").encode())
        return owners is not None and card_id.encode() in owners.value

    async def documents(self) -> dict[str, bytes]:
        """All documents, as bytes. Keys that hold no string are left out."""
        ids = sorted(
            [
                self.keys.task_id(key.decode())
                async for key in self.redis.scan_iter("annika:tasks:*", 1000)
            ]
        )
        kinds = [await self.redis.type(self.keys.document(task_id)) for task_id in ids]
        good = [task_id for task_id, kind in zip(ids, kinds, strict=True) if kind == b"string"]
        return {task_id: await self.redis.get(self.keys.document(task_id)) for task_id in good}

    def said(self, *actions: str) -> list[Json]:
        """What the service has said, on both channels."""
        found = []
        for at, channel, text in self.server.said:
            if channel in (self.keys.sync, self.keys.updates):
                try:
                    message = json.loads(text)
                except ValueError:
                    continue
                own = channel == self.keys.sync or (
                    isinstance(message, dict) and message.get("source") == "planner"
                )
                if own and (not actions or message.get("action") in actions):
                    found.append({**message, "at": at, "channel": channel})
        return found

    async def mapping(self) -> dict[str, str]:
        """The public mapping: of task ids, and of `planner:` with a card's id."""
        start = self.keys.planner_id("")
        keys = sorted([key.decode() async for key in self.redis.scan_iter(f"{start}*", 1000)])
        return {key.removeprefix(start): (await self.redis.get(key)).decode() for key in keys}

    async def hash(self, *parts: str) -> dict[str, str]:
        """One of the service's private hashes."""
        found = await self.redis.hgetall(self.keys.private(*parts))
        return {name.decode(): value.decode() for name, value in found.items()}


def _script_names() -> dict[str, str]:
    texts = {name: script_text(name) for name in script_names()}
    return {
        hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(): name
        for name, text in texts.items()
    }
