"""What crosses between agents and people, and how long it takes: a line each in the terminal,
figures for the end.

Hears the messages of the sync as any agent does; from the actors it learns when they wrote. Changes
nothing.
"""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from time import time
from typing import Any, get_args

from demo.board import Board
from demo.terminal import Kind, Terminal
from planner_sync.agents import AgentClient
from planner_sync.agents.messages import Change, Conflict, Deleted, Failed, Subscribed, Uploaded
from planner_sync.errors import Refusal, TaskExists, TaskMissing

Task = dict[str, Any]

STALE_SECONDS = 20.0
SOMEBODY = "somebody"  # who takes part by hand
NEWS = {"created": "new task", "deleted": "deleted"}


@dataclass(frozen=True)
class Write:
    """Somebody wrote something at this time, seconds of the epoch."""

    at: float
    who: str


class Flow:
    """`documents` by task id, as the agents see them; `counts` of what was shown, and how many
    seconds it `took`."""

    def __init__(self, client: AgentClient, board: Board, terminal: Terminal) -> None:
        self.documents: dict[str, Task] = {}
        self.ready = asyncio.Event()
        self.counts: dict[Kind, int] = dict.fromkeys(get_args(Kind), 0)
        self.took: dict[Kind, list[float]] = {"up": [], "down": []}
        self._client = client
        self._board = board
        self._terminal = terminal
        self._by_agents: dict[str, list[Write]] = {}
        self._by_people: dict[str, list[Write]] = {}
        self._titles: dict[str, str] = {}
        self._last: dict[str, str] = {}

    # -- what the actors tell ----------------------------------------------------------------------
    @contextmanager
    def agent_writes(self, task_id: str, agent: str) -> Iterator[None]:
        """Around an agent's write."""
        write = Write(time(), agent)
        self._by_agents.setdefault(task_id, []).append(write)
        self._last[task_id] = agent
        try:
            yield
        except (TaskMissing, TaskExists, Refusal):
            self._by_agents[task_id].remove(write)
            raise

    def person_wrote(self, card_id: str, person: str, at: float) -> None:
        self._by_people.setdefault(card_id, []).append(Write(at, person))
        self._last[card_id] = person

    # -- what is heard -----------------------------------------------------------------------------
    async def keep_listening(self) -> None:
        async with aclosing(self._client.messages()) as heard:
            async for message in heard:
                match message:
                    case Subscribed():
                        self.ready.set()
                    case Change(source="planner"):
                        await self._people_changed(message)
                    case Change():
                        await self._agent_changed(message)
                    case Uploaded():
                        what = "new card" if message.created else ", ".join(message.fields)
                        await self._reached_planner(message.redis_id, message.planner_id, what)
                    case Deleted(by="agent"):
                        await self._reached_planner(message.redis_id, message.planner_id, "deleted")
                    case Conflict():
                        self._show_conflict(message)
                    case Failed():
                        self._show_failure(message)

    async def _agent_changed(self, message: Change) -> None:
        await self._read(message.task_id)
        # Whoever takes part by hand tells us nothing; their message does.
        if not self._by_agents.get(message.task_id):
            self._last[message.task_id] = message.source or SOMEBODY
            self._by_agents[message.task_id] = [Write(time(), self._last[message.task_id])]

    async def _reached_planner(self, task_id: str, card_id: str | None, what: str) -> None:
        await self._read(task_id)
        await self._board.read_calls()
        title = self._titles.get(task_id, task_id)
        at = self._board.last_write(card_id, title) or time()
        writes = self._by_agents.get(task_id, [])
        self._by_agents[task_id] = [write for write in writes if write.at > at]
        self._board.stirred.pop(card_id or "", None)
        # Without a word it was found by a poll.
        self._show("up", _fresh(writes, at), self._last.get(task_id, SOMEBODY), at, title, what)

    async def _people_changed(self, message: Change) -> None:
        now = time()
        card_id = str((message.task or self.documents.get(message.task_id, {})).get("plannerId"))
        await self._read(message.task_id)
        stirred = self._board.stirred.pop(card_id, None)
        edits = _fresh(self._by_people.pop(card_id, []), now)
        if not edits and stirred is not None:
            edits = [Write(stirred, SOMEBODY)]
        what = ", ".join(message.changed) if message.action == "updated" else NEWS[message.action]
        self._show(
            "down", edits, SOMEBODY, now, self._titles.get(message.task_id, message.task_id), what
        )

    async def _read(self, task_id: str) -> None:
        """Keep the document, and its title also when it is gone."""
        document = None
        with suppress(Refusal):
            document = await self._client.get(task_id)
        if document is None:
            self.documents.pop(task_id, None)
        else:
            self.documents[task_id] = document
            self._titles[task_id] = str(document.get("title"))

    # -- what is shown -----------------------------------------------------------------------------
    def _show(
        self, kind: Kind, writes: list[Write], else_by: str, at: float, title: str, what: str
    ) -> None:
        took = at - min(write.at for write in writes) if writes else None
        who = ", ".join(dict.fromkeys(write.who for write in writes)) or else_by
        self.counts[kind] += 1
        if took is not None:
            self.took[kind].append(took)
        agent, person = (who, "") if kind == "up" else ("", who)
        self._terminal.show(kind, agent, person, took, title, what)

    def _show_conflict(self, message: Conflict) -> None:
        self.counts["conflict"] += 1
        what = f"{message.field}: {message.kept} stays, {message.lost} is lost"
        self._show_other(
            "conflict", message.redis_id, self._last.get(message.planner_id or "", ""), what
        )

    def _show_failure(self, message: Failed) -> None:
        self.counts["failed"] += 1
        self._show_other("failed", message.redis_id, "", f"{message.code}: {message.reason}")

    def _show_other(self, kind: Kind, task_id: str, person: str, what: str) -> None:
        self._by_agents.pop(task_id, None)
        title = self._titles.get(task_id, task_id)
        self._terminal.show(kind, self._last.get(task_id, ""), person, None, title, what)


def _fresh(writes: list[Write], at: float) -> list[Write]:
    """The writes until then. One that changed nothing is never answered; it must not be taken for a
    later one."""
    return [write for write in writes if at - STALE_SECONDS < write.at <= at]
