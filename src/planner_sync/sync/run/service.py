"""Puts the service together, once for both hosts: `build(settings)`. Nothing else makes a
collaborator."""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from redis.exceptions import RedisError

from planner_sync.decide.observation import Policy
from planner_sync.graph.client import Graph
from planner_sync.graph.gate import Gate
from planner_sync.graph.planner import Planner
from planner_sync.identity.tokens import Tokens, build_tokens, redis_credentials
from planner_sync.model.task import DOCUMENT_MAX_BYTES
from planner_sync.settings import Settings
from planner_sync.store.directory import Directory
from planner_sync.store.holds import Deletes, Holds
from planner_sync.store.id_mapper import IdMapper
from planner_sync.store.keys import Keys
from planner_sync.store.leases import Leases
from planner_sync.store.pending import Pending
from planner_sync.store.plan_names import NameRecords
from planner_sync.store.plan_state import PlanState
from planner_sync.store.scripts import Scripts
from planner_sync.store.server.connection import (
    connect,
    describe,
    end_if_cancelled,
    for_namespace,
    may_evict,
)
from planner_sync.store.server.sign_in import Credentials
from planner_sync.store.sweep import Sweep
from planner_sync.store.task_repository import TaskRepository
from planner_sync.store.telemetry import Telemetry
from planner_sync.store.trash import Trash
from planner_sync.sync.plan.epochs import Epochs
from planner_sync.sync.plan.listing import PlanReader
from planner_sync.sync.plan.observer import PlanObserver
from planner_sync.sync.plan.plan_pass import PlanPass
from planner_sync.sync.plan.visitor import Visitor
from planner_sync.sync.run.bad_ids import BadIds
from planner_sync.sync.run.listener import Listener
from planner_sync.sync.run.scheduler import Scheduler
from planner_sync.sync.run.workers import Workers
from planner_sync.sync.task.act import Actor
from planner_sync.sync.task.brake import Brake
from planner_sync.sync.task.names import PlanNames
from planner_sync.sync.task.people import People
from planner_sync.sync.task.reconcile import Reconciler

log = logging.getLogger(__name__)

# https://learn.microsoft.com/azure/redis/entra-for-authentication
REDIS_RESOURCE = "https://redis.azure.com"
RECONNECT_SECONDS = 2.0
DRAIN_SECONDS, POLL_SECONDS = 60.0, 120.0


@dataclass(frozen=True)
class Ports:
    """Where the service meets the outside: its clock (seconds, monotonic), Redis by URL and
    credentials, and httpx' way to Graph.

    The simulation has its own; all other callers take these. `transport` None is a real connection.
    """

    clock: Callable[[], float] = time.monotonic
    connect: Callable[[str, Any], Any] = connect
    transport: Any = None


def build(settings: Settings, ports: Ports | None = None) -> "Service":
    """The service that the settings ask for; nothing is opened yet."""
    return Service(settings, ports or Ports())


class Parts:
    """Everything that needs an open Redis."""

    def __init__(
        self,
        settings: Settings,
        ports: Ports,
        redis: object,
        pubsub: object,
        telemetry: Telemetry,
        instance: str,
    ) -> None:
        keys = Keys(settings.namespace)
        scripts = Scripts(redis)
        self.pending = Pending(scripts, keys, instance)
        self.gate = Gate(publish_pause=self.pending.extend_pause, clock=ports.clock)
        self.graph = _graph(settings, self.gate, ports)
        planner = Planner(self.graph)
        leases = Leases(scripts, keys, instance)
        plans = PlanState(redis, scripts, keys)
        deletes = Deletes(redis, scripts, keys)
        name_records = NameRecords(redis, scripts, keys)
        mapper = IdMapper(redis, keys)
        repository = TaskRepository(redis, scripts, keys, DOCUMENT_MAX_BYTES)
        sweep = Sweep(redis, keys, DOCUMENT_MAX_BYTES, ports.clock)
        names = PlanNames(planner, name_records, leases)
        people = People(planner, Directory(redis, keys))
        window = round(2 * settings.poll_seconds * 1000)
        brake = Brake(
            deletes,
            plans,
            mapper,
            repository,
            settings.max_delete_ratio,
            settings.max_delete_count,
            window,
        )
        policy = Policy(
            frozenset(settings.plan_ids), settings.default_plan_id, settings.conflict_winner
        )
        actor = Actor(repository, mapper, plans, planner, names, people, brake)
        reconciler = Reconciler(actor, repository, plans, planner, policy)
        bad_ids = BadIds(repository, plans)
        self.workers = Workers(self.pending, reconciler, self.gate.pause_for)
        reader = PlanReader(planner)
        observer = PlanObserver(reader, plans, mapper, repository, sweep, names)
        visitor = Visitor(reader, plans, name_records, self.pending, brake, self.workers.reconcile)
        plan_pass = PlanPass(
            leases, Epochs(plans), observer, visitor, telemetry, waiting=reconciler.waiting
        )
        self.scheduler = Scheduler(
            plan_ids=settings.plan_ids,
            plan_pass=plan_pass,
            sweep=sweep,
            mapper=mapper,
            leases=leases,
            trash=Trash(redis, scripts, keys),
            scripts=scripts,
            pending=self.pending,
            bad_ids=bad_ids,
            telemetry=telemetry,
            interval=settings.poll_seconds,
            on_enqueued=self.workers.wake,
        )
        self.holds = Holds(deletes, plans, mapper, repository, self.pending)
        self.listener = Listener(
            subscribe=pubsub.pubsub,  # type: ignore[attr-defined]
            publish=pubsub.publish,  # type: ignore[attr-defined]
            keys=keys,
            pending=self.pending,
            bad_ids=bad_ids,
            telemetry=telemetry,
            instance=instance,
            on_enqueued=self.workers.wake,
            on_subscribed=self.scheduler.sweep_soon,
            clock=ports.clock,
        )


class Service:
    """The sync of one process: standalone by `run`, under Azure Functions by `tick`."""

    def __init__(self, settings: Settings, ports: Ports) -> None:
        self._settings = settings
        self._ports = ports
        self._instance = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._credentials = _redis_credentials(settings, ports)
        self._redis = ports.connect(settings.redis_url.reveal(), self._credentials)
        self._cluster = self._redis
        self.telemetry = Telemetry(self._redis, Scripts(self._redis), Keys(settings.namespace))
        self._parts: Parts | None = None
        self._opening = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Listen, work and poll until cancelled. Waits for a Redis that is not there yet."""
        parts = await self._opened()
        async with asyncio.TaskGroup() as group:
            group.create_task(parts.workers.run())
            group.create_task(parts.scheduler.run())
            if self._settings.listener:
                group.create_task(parts.listener.run())

    async def tick(self) -> None:
        """One tick of a timer: what is due, one sweep, one pass over each plan. Each is bounded in
        time."""
        self.ensure_listener()
        async with asyncio.timeout(RECONNECT_SECONDS * 5):
            await self._opened()
        await self.sweep_once()
        await self.drain_once()
        async with asyncio.timeout(POLL_SECONDS):
            await self.poll_once()
        await self.drain_once()

    async def sweep_once(self) -> None:
        """One sweep over all documents: enqueues those that changed or went missing without a
        message."""
        parts = await self._opened()
        await parts.scheduler.sweep_once()

    async def drain_once(self, seconds: float = DRAIN_SECONDS) -> None:
        """Reconcile due tasks until none is left, or for `seconds`; reconciliations that still run
        then go on."""
        parts = await self._opened()
        await parts.workers.drain(seconds)

    async def poll_once(self, min_gap_ms: int = 0) -> None:
        """One pass over each plan that no other instance began less than `min_gap_ms` (ms) ago."""
        parts = await self._opened()
        await parts.scheduler.poll(min_gap_ms)

    def ensure_listener(self) -> None:
        """Start listener and workers on the running loop, or start them again when they have
        ended."""
        if not self._settings.listener:
            return
        if self._background is not None and self._background.done():
            error = None if self._background.cancelled() else self._background.exception()
            log.error("the listener had ended", exc_info=error)
            self._background = None
        if self._background is None:
            self._background = asyncio.get_running_loop().create_task(self._listen())

    async def release(self, plan_id: str) -> int | None:
        """Carry out the deletes of a plan that are held. How many, None when nothing is held."""
        parts = await self._opened()
        count = await parts.holds.release(plan_id)
        parts.workers.wake()
        return count

    async def restore(self, plan_id: str) -> int | None:
        """Bring back what is missing in a plan whose deletes are held. How many, None when nothing
        is held."""
        parts = await self._opened()
        count = await parts.holds.restore(plan_id)
        parts.workers.wake()
        return count

    async def aclose(self) -> None:
        """Close every connection."""
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        if self._parts is not None:
            await self._parts.graph.aclose()
        if self._cluster is not self._redis:
            await self._cluster.aclose()
        await self._redis.aclose()

    async def _listen(self) -> None:
        parts = await self._opened()
        async with asyncio.TaskGroup() as group:
            group.create_task(parts.workers.run())
            group.create_task(parts.listener.run())

    async def _opened(self) -> Parts:
        async with self._opening:
            while self._parts is None:
                try:
                    self._parts = await self._open()
                except (RedisError, OSError) as error:
                    end_if_cancelled()
                    log.warning("waiting for Redis: %s", describe(error))
                    await asyncio.sleep(RECONNECT_SECONDS)
            return self._parts

    async def _open(self) -> Parts:
        settings = self._settings
        url = settings.redis_url.reveal()
        self._cluster = await for_namespace(self._redis, url, settings.namespace, self._credentials)
        if self._cluster is not self._redis:
            self.telemetry.use(self._cluster, Scripts(self._cluster))
        parts = Parts(
            settings, self._ports, self._cluster, self._redis, self.telemetry, self._instance
        )
        parts.scheduler.evicting = await may_evict(self._cluster)
        if parts.scheduler.evicting:
            log.warning(
                "maxmemory-policy lets Redis take keys away: no missing document counts as deleted"
            )
        return parts


def _graph(settings: Settings, gate: Gate, ports: Ports) -> Graph:
    parts = urlsplit(settings.graph_url)
    ready = settings.graph_token.reveal() if settings.graph_token else None
    tokens = _tokens(settings, ports, f"{parts.scheme}://{parts.netloc}", ready_token=ready)
    return Graph(
        settings.graph_url, tokens, gate, frozenset(settings.plan_ids), transport=ports.transport
    )


def _redis_credentials(settings: Settings, ports: Ports) -> Credentials | None:
    if settings.redis_auth == "url":
        return None
    return redis_credentials(_tokens(settings, ports, REDIS_RESOURCE, missing=lambda _: ""))


def _tokens(settings: Settings, ports: Ports, resource: str, **options: Any) -> Tokens:
    return build_tokens(
        resource=resource,
        device_code=settings.sign_in == "device code",
        tenant_id=settings.tenant_id,
        client_id=settings.client_id,
        client_secret=settings.client_secret.reveal() if settings.client_secret else None,
        certificate_path=settings.certificate_path,
        authority_host=settings.authority_host,
        clock=ports.clock,
        **options,
    )
