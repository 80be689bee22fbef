"""Everything that the command line reads and orders, over one connection to Redis."""

import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

from planner_sync.model.task import DOCUMENT_MAX_BYTES
from planner_sync.store.failures import Failures
from planner_sync.store.holds import Deletes, Holds
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.keys import Keys
from planner_sync.store.pending import Pending
from planner_sync.store.plan_state import PlanState
from planner_sync.store.scripts import Scripts
from planner_sync.store.server import connection
from planner_sync.store.task_repository import TaskRepository
from planner_sync.store.telemetry import Telemetry
from planner_sync.store.trash import Trash


@dataclass(frozen=True)
class Console:
    """One namespace, as operators see it."""

    telemetry: Telemetry
    holds: Holds
    trash: Trash
    failures: Failures


@contextlib.asynccontextmanager
async def open_console(url: str, namespace: str) -> AsyncIterator[Console]:
    """A console for the length of the block, on one server or on a cluster.

    Raises RedisError or OSError if Redis does not answer, SettingsError for a namespace that does
    not fit a cluster.
    """
    first = connection.connect(url)
    redis = first
    try:
        redis = await connection.for_namespace(first, url, namespace)
        keys, scripts = Keys(namespace), Scripts(redis)
        instance = f"operator-{socket.gethostname()}"
        repository = TaskRepository(redis, scripts, keys, DOCUMENT_MAX_BYTES)
        pending = Pending(scripts, keys, instance)
        deletes, plans = Deletes(redis, scripts, keys), PlanState(redis, scripts, keys)
        yield Console(
            telemetry=Telemetry(redis, scripts, keys),
            holds=Holds(deletes, plans, IdMapper(redis, keys), repository, pending),
            trash=Trash(redis, scripts, keys),
            failures=Failures(repository, pending),
        )
    finally:
        await redis.aclose()
        await first.aclose()
