"""What a procedure runs on: a Redis that can stop, a Planner and a service, each a process."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from tests.emulator_process import Emulator, emulator_process
from tests.host.service_process import Running, eventually, running
from tests.operators.console import Said, run
from tests.redis_process import RestartableRedis

PATIENCE = 30.0


class Stage:
    """Agents, people and an operator, who starts and stops the service."""

    def __init__(
        self, server: RestartableRedis, emulator: Emulator, settings: dict[str, str]
    ) -> None:
        self.server = server
        self.emulator = emulator
        self.human = emulator.human
        self.redis = Redis.from_url(server.url)
        self.settings = {
            "REDIS_URL": server.url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_GRAPH_TOKEN": emulator.token,
            "PLANNER_SYNC_POLL_SECONDS": "1",
            **settings,
        }
        self.service: Running | None = None
        self._running = ExitStack()

    def start(self, **changed: str) -> None:
        self.settings.update(changed)
        self.service = self._running.enter_context(running(**self.settings))

    def stop(self) -> None:
        self._running.close()
        self.service = None

    def health(self) -> tuple[int, str]:
        assert self.service is not None
        code, body = self.service.health()
        return code, body["status"]

    def console(self, command: str) -> Said:
        """What the operator types."""
        return run(command, REDIS_URL=self.settings["REDIS_URL"])

    # -- agents and people -------------------------------------------------------------------------
    def write(self, task_id: str, **fields: Any) -> None:
        self.redis.set(f"annika:tasks:{task_id}", json.dumps({"id": task_id, **fields}))
        self.tell("created", task_id)

    def change(self, task_id: str, **fields: Any) -> None:
        self.redis.set(f"annika:tasks:{task_id}", json.dumps({**self.document(task_id), **fields}))
        self.tell("updated", task_id)

    def delete(self, *task_ids: str) -> None:
        self.redis.delete(*(f"annika:tasks:{task_id}" for task_id in task_ids))
        for task_id in task_ids:
            self.tell("deleted", task_id)

    def tell(self, action: str, task_id: str) -> None:
        self.redis.publish(
            "annika:tasks:updates", json.dumps({"action": action, "taskId": task_id})
        )

    def find(self, task_id: str) -> dict[str, Any] | None:
        text: Any = self.redis.get(f"annika:tasks:{task_id}")
        return None if text is None else json.loads(text)

    def document(self, task_id: str) -> dict[str, Any]:
        found = self.find(task_id)
        assert found is not None, f"there is no document {task_id}"
        return found

    def documents(self) -> dict[str, dict[str, Any]]:
        ids = [
            key.decode().removeprefix("annika:tasks:")
            for key in self.redis.scan_iter("annika:tasks:*")
        ]
        return {task_id: document for task_id in ids if (document := self.find(task_id))}

    def titles(self, plan_id: str | None = None) -> list[str]:
        """The titles of the cards."""
        return sorted(card["title"] for card in self.emulator.cards(plan_id).values())

    def uploaded(self, task_id: str) -> str:
        """Wait until the document has its card; gives the planner id."""

        def planner_id() -> str | None:
            found = (self.find(task_id) or {}).get("plannerId")
            return found if found in self.emulator.cards() else None

        return str(self.until(planner_id))

    def in_sync(self) -> bool:
        """Whether each document has its card, and each card its document."""
        known = sorted(document.get("plannerId", "") for document in self.documents().values())
        return known == sorted(self.emulator.cards())

    def until_listed(self, cards: int) -> None:
        """Wait until a pass that has seen so many cards is complete."""

        def listed() -> bool:
            plans: Any = json.loads(self.console("planner-sync status --json").out or "{}").get(
                "plans", {}
            )
            return any(plan["cards"] == cards for plan in plans.values())

        self.until(listed)

    def until(self, look: Callable[[], Any]) -> Any:
        return eventually(look, PATIENCE)

    def close(self) -> None:
        self.stop()
        self.redis.close()


@contextmanager
def staged(folder: Path, settings: dict[str, str], **emulator: Any) -> Iterator[Stage]:
    """A stage for the length of the block; the service is not running yet."""
    server = RestartableRedis(folder)
    try:
        with emulator_process(**emulator) as planner:
            stage = Stage(server, planner, settings)
            try:
                yield stage
            finally:
                stage.close()
    finally:
        server.stop(keep=False)
