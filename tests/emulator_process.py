"""The Planner emulator for tests: as a process of its own, or served on the test's own event loop.

    with emulator_process(page_size=2) as emulator: ...      # a real process
    async with emulator_in_loop(page_size=2) as emulator: ... # real HTTP, same process, fast

Both give the same `Emulator`. Nothing here looks into answers of Graph: that is what the tests do
over `url`.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from planner_emulator.__main__ import seed
from planner_emulator.app import create_app
from planner_emulator.control import Control
from planner_emulator.planner import Planner
from planner_emulator.serving import Server
from planner_emulator.switches import Switches
from planner_emulator.tokens import Tokens
from planner_emulator.world import DEFAULT_PLAN

ROOT = Path(__file__).parent.parent
TOKEN = "emulator-token"

Call = Callable[[str, str, Any], tuple[int, Any]]


class Human:
    """What people do: `emulator.human.create(title="…")`, `.edit(task_id, fields={…})`,
    `.delete(task_id)` and so on.

    Every action of planner_emulator/README.md by its name with `_` for `-`, with its fields by
    keyword. `create` takes the first plan where none is named; the others take the card's id first.
    Gives the card, a dict.
    """

    def __init__(self, control: Call, plan_id: str) -> None:
        self._control = control
        self._plan_id = plan_id

    def __getattr__(self, action: str) -> Callable[..., dict[str, Any]]:
        def act(*task_id: str, **fields: Any) -> dict[str, Any]:
            if action == "create":
                fields.setdefault("plan_id", self._plan_id)
            if task_id:
                (fields["task_id"],) = task_id
            answer: dict[str, Any] = self._control(
                "POST", f"human/{action.replace('_', '-')}", fields
            )[1]
            return answer

        return act


class Faults:
    """`add("status", status=503, method="PATCH", path="/planner/tasks/", times=2)`; kinds are in
    the README."""

    def __init__(self, control: Call) -> None:
        self._control = control

    def add(self, kind: str, *, method: str = ".*", path: str = ".*", **rest: Any) -> None:
        self._control(
            "POST", "faults", {"kind": kind, "match": {"method": method, "path": path}, **rest}
        )

    def clear(self) -> None:
        self._control("DELETE", "faults", None)


class Emulator:
    """`url` is Graph's root, `page` the board's; `planner` is there only when it runs in this
    process."""

    def __init__(
        self, origin: str, control: Call, plan_ids: Sequence[str], planner: Planner | None = None
    ) -> None:
        self.url = f"{origin}/v1.0"
        self.page = f"{origin}/"
        self.token = TOKEN
        self.plan_id = plan_ids[0]
        self.plan_ids = list(plan_ids)
        self.human = Human(control, self.plan_id)
        self.faults = Faults(control)
        self.planner = planner
        self._control = control

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def requests(self, *, items: bool = True) -> list[dict[str, Any]]:
        """The calls so far: `method`, `path`, `status`, `body`, `item` (of a batch)…; without
        `items`, round trips."""
        rows: list[dict[str, Any]] = self._control("GET", "requests", None)[1]["value"]
        return [row for row in rows if items or row["item"] is None]

    def most_in_flight(self) -> int:
        """How many calls were under way at once, at most, since the requests were last
        forgotten."""
        return int(self._control("GET", "requests", None)[1]["mostInFlight"])

    def forget_requests(self) -> None:
        self._control("DELETE", "requests", None)

    def state(self) -> dict[str, Any]:
        """Everything there is: `plans` with `buckets`, `labels`, `tasks` (with `details`), and
        `users`."""
        found: dict[str, Any] = self._control("GET", "state", None)[1]
        return found

    def cards(self, plan_id: str | None = None) -> dict[str, dict[str, Any]]:
        """The plan's cards by their ids."""
        plan = next(
            plan for plan in self.state()["plans"] if plan["id"] == (plan_id or self.plan_id)
        )
        return {task["id"]: task for task in plan["tasks"]}

    def bucket_ids(self, plan_id: str | None = None) -> dict[str, str]:
        """Bucket ids by their names."""
        plan = next(
            plan for plan in self.state()["plans"] if plan["id"] == (plan_id or self.plan_id)
        )
        return {bucket["name"]: bucket["id"] for bucket in plan["buckets"]}

    def user_ids(self) -> dict[str, str]:
        """User ids by their e-mails."""
        return {user["email"]: user["id"] for user in self.state()["users"]}

    def accept_token(self, token: str) -> None:
        """From now on only this token is good; the old one has expired. `token` here follows."""
        self._control("PUT", "tokens", {"accept": [token]})
        self.token = token


@contextmanager
def emulator_process(
    *, plans: Sequence[str] = (), users: Sequence[str] = (), port: int = 0, **switches: object
) -> Iterator[Emulator]:
    """A process on a free port; plans are `ID[=TITLE]`, users `EMAIL[=GUID]`, the rest are
    switches."""
    process = _start(plans, users, port, switches)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "board at " in line, f"the emulator did not start: {line!r}"
        origin = line.rpartition("board at ")[2].strip().rstrip("/")
        with httpx.Client(base_url=f"{origin}/_emulator/", timeout=10) as client:
            yield Emulator(
                origin,
                _over_http(client),
                [plan.partition("=")[0] for plan in plans] or [DEFAULT_PLAN],
            )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


@asynccontextmanager
async def emulator_in_loop(
    *,
    plans: Sequence[str] = (),
    users: Sequence[str] = (),
    planner: Planner | None = None,
    **switches: object,
) -> AsyncIterator[Emulator]:
    """The same on this event loop. Pass a `planner` to choose clock and randomness; it must hold
    plans already."""
    if planner is None:
        planner = Planner(
            switches=Switches.parse(f"{name}={value}" for name, value in switches.items())
        )
        seed(planner.world, list(plans), list(users))
    control = Control(planner, Tokens([TOKEN]))
    server = Server(create_app(control), "127.0.0.1", 0)
    serving = asyncio.create_task(server.serve())
    await server.listening.wait()
    try:
        yield Emulator(
            f"http://127.0.0.1:{server.port}",
            _directly(control),
            list(planner.world.state.plans),
            planner,
        )
    finally:
        server.stop()
        await serving


def _start(
    plans: Sequence[str], users: Sequence[str], port: int, switches: dict[str, object]
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "planner_emulator", "--port", str(port), "--token", TOKEN]
    for option, values in (
        ("--plan", plans),
        ("--user", users),
        ("--switch", [f"{k}={v}" for k, v in switches.items()]),
    ):
        for value in values:
            command += [option, value]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def _over_http(client: httpx.Client) -> Call:
    def control(method: str, path: str, body: Any) -> tuple[int, Any]:
        response = (
            client.request(method, path, json=body)
            if body is not None
            else client.request(method, path)
        )
        return _checked(path, response.status_code, response.json() if response.content else None)

    return control


def _directly(control: Control) -> Call:
    def call(method: str, path: str, body: Any) -> tuple[int, Any]:
        return _checked(path, *control.answer(method, path, {}, body))

    return call


def _checked(path: str, status: int, answer: Any) -> tuple[int, Any]:
    assert status < 400, f"/_emulator/{path}: {status} {answer}"
    return status, answer
