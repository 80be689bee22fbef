"""What is known of each plan: its lease, its epoch, its cards, intents that wait for a listing, holds
and deletes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planner_sync.model.records import DeletedCard, Hold, Orphan
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts

LEASE_MS = 15_000
ADOPTING = "adopting-"
BURIED_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True)
class Epoch:
    """ "This Redis knows this plan": the server's run id, and a beat that every pass raises.

    While a plan is adopted, `run_id` is ADOPTING and a nonce of that pass.
    """

    run_id: str
    passes: int

    def __str__(self) -> str:
        return f"{self.run_id} {self.passes}"


@dataclass(frozen=True)
class ServerClock:
    """The server's time (ms) and its run id."""

    now: int
    run_id: str


class Plans:
    """The plans of one namespace, for one instance."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys, instance: str) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys
        self._instance = instance

    async def server_clock(self) -> ServerClock:
        """The server's time and run id."""
        now, run_id = await self._scripts["read_server_clock"](self._keys, [])
        return ServerClock(int(now), run_id.decode())

    async def take_lease(self, name: str, ms: int = LEASE_MS, *, min_gap_ms: int = 0) -> bool:
        """Take or renew the lease on a plan (or on "sweep", or "names {plan}").

        False: another instance has it, or has begun less than `min_gap_ms` ago, so that it is not our
        turn.
        """
        args: list[str | bytes | int] = [name, self._instance, ms, min_gap_ms]
        return bool(await self._scripts["take_lease"](self._keys, args))

    async def give_back(self, name: str) -> None:
        """End our lease."""
        await self.take_lease(name, 0)

    async def epoch(self, plan_id: str) -> Epoch | None:
        """The plan's epoch, None when this Redis has never heard of the plan."""
        value = await self._redis.hget(self._keys.private("epochs"), plan_id)
        if value is None:
            return None
        run_id, _, passes = value.decode().partition(" ")
        return Epoch(run_id, int(passes))

    async def knows(self, plan_id: str) -> bool:
        """Was the plan adopted by a whole pass?"""
        epoch = await self.epoch(plan_id)
        return epoch is not None and not epoch.run_id.startswith(ADOPTING)

    async def set_epoch(self, plan_id: str, before: Epoch | None, after: Epoch) -> bool:
        """Set the plan's epoch; False when it is not `before` any more."""
        args: list[str | bytes | int] = [plan_id, str(before or ""), str(after)]
        return bool(await self._scripts["set_epoch"](self._keys, args))

    async def cards(self, plan_id: str) -> dict[str, str]:
        """Planner id -> etags ("task etag details etag") of every mapped card of the plan."""
        return _strings(await self._redis.hgetall(self._keys.private("cards", plan_id)))

    async def creating(self, plan_id: str) -> dict[str, int]:
        """Task id -> time (ms) of its open create intent."""
        intents = _strings(await self._redis.hgetall(self._keys.private("creating", plan_id)))
        return {task_id: int(at) for task_id, at in intents.items()}

    async def orphans(self, plan_id: str) -> dict[str, Orphan]:
        """Planner id -> what was posted, and for whom, of cards whose mapping was refused."""
        orphans = _strings(await self._redis.hgetall(self._keys.private("orphans", plan_id)))
        return {planner_id: Orphan.load(text) for planner_id, text in orphans.items()}

    async def drop_orphan(self, plan_id: str, planner_id: str) -> None:
        """The orphan has found its place."""
        await self._redis.hdel(self._keys.private("orphans", plan_id), planner_id)

    async def unmapped_passes(self, plan_id: str) -> dict[str, int]:
        """Planner id -> number of passes that have seen it unmapped."""
        unmapped_passes = _strings(
            await self._redis.hgetall(self._keys.private("unmapped_passes", plan_id))
        )
        return {planner_id: int(passes) for planner_id, passes in unmapped_passes.items()}

    async def set_unmapped_passes(self, plan_id: str, unmapped_passes: Mapping[str, int]) -> None:
        """Replace the counts of unmapped cards."""
        key = self._keys.private("unmapped_passes", plan_id)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.delete(key)
            if unmapped_passes:
                pipe.hset(key, mapping=dict(unmapped_passes))
            await pipe.execute()

    async def names(self, plan_id: str) -> str | None:
        """The bucket and label names as they were last announced, JSON."""
        value = await self._redis.get(self._keys.private("names", plan_id))
        return None if value is None else str(value.decode())

    async def set_names(self, plan_id: str, names: str) -> None:
        """Remember the names that documents are written with."""
        await self._redis.set(self._keys.private("names", plan_id), names)

    async def names_digest(self, plan_id: str) -> str | None:
        """A hash of the plan's names as the last instance read them."""
        value = await self._redis.hget(self._keys.private("names_digests"), plan_id)
        return None if value is None else str(value.decode())

    async def set_names_digest(self, plan_id: str, names_digest: str) -> None:
        """Put it on record: whoever remembers other names reads them again."""
        await self._redis.hset(self._keys.private("names_digests"), plan_id, names_digest)

    async def record_name_intent(self, plan_id: str, name: str) -> None:
        """A bucket or label name is about to be sent."""
        await self._redis.hset(
            self._keys.private("name_intents", plan_id), name, (await self.server_clock()).now
        )

    async def forget_name_intent(self, plan_id: str, name: str) -> None:
        """It was not sent."""
        await self._redis.hdel(self._keys.private("name_intents", plan_id), name)

    async def name_intent_within(self, plan_id: str, name: str, window_ms: int) -> bool:
        """Was this name sent within the window?"""
        at = await self._redis.hget(self._keys.private("name_intents", plan_id), name)
        return at is not None and int(at) > (await self.server_clock()).now - window_ms

    async def recent_deletes(self, plan_id: str, window_ms: int) -> set[str]:
        """The tasks of the plan that were deleted within the window, or are about to be."""
        key, clock = self._keys.private("deletes", plan_id), await self.server_clock()
        await self._redis.zremrangebyscore(key, "-inf", clock.now - window_ms)
        return {task_id.decode() for task_id in await self._redis.zrange(key, 0, -1)}

    async def recorded_deletes(self, plan_id: str) -> set[str]:
        """The same, however old."""
        return {
            task_id.decode()
            for task_id in await self._redis.zrange(self._keys.private("deletes", plan_id), 0, -1)
        }

    async def record_deletes(self, plan_id: str, task_ids: Iterable[str]) -> None:
        """These tasks are about to be deleted."""
        now = (await self.server_clock()).now
        if scores := dict.fromkeys(task_ids, now):
            await self._redis.zadd(self._keys.private("deletes", plan_id), scores)

    async def hold(self, plan_id: str) -> Hold | None:
        """Why deletes of the plan are held, None when they are not."""
        value = await self._redis.hget(self._keys.private("holds"), plan_id)
        return None if value is None else Hold.load(value)

    async def holds(self) -> dict[str, Hold]:
        """Plan -> why its deletes are held."""
        holds = _strings(await self._redis.hgetall(self._keys.private("holds")))
        return {plan_id: Hold.load(hold) for plan_id, hold in sorted(holds.items())}

    async def set_hold(self, plan_id: str, hold: Hold) -> bool:
        """Hold deletes of the plan; False when they are held already."""
        return bool(await self._redis.hsetnx(self._keys.private("holds"), plan_id, hold.dump()))

    async def end_hold(self, plan_id: str, let_through_ms: int) -> None:
        """An operator has decided: no hold any more, and for so long no new one."""
        until = (await self.server_clock()).now + let_through_ms
        await self._redis.hset(self._keys.private("releases"), plan_id, until)
        await self._redis.hdel(self._keys.private("holds"), plan_id)
        await self._redis.delete(self._keys.private("deletes", plan_id))

    async def is_released(self, plan_id: str) -> bool:
        """Has an operator let the deletes of this plan through, for now?"""
        until = await self._redis.hget(self._keys.private("releases"), plan_id)
        return until is not None and int(until) > (await self.server_clock()).now

    async def application(self) -> str | None:
        """The application id that Planner gives our cards, once one was made."""
        value = await self._redis.get(self._keys.private("application"))
        return None if value is None else str(value.decode())

    async def set_application(self, application: str) -> None:
        """Remember the application id of our cards."""
        await self._redis.set(self._keys.private("application"), application)

    async def people(self, emails: Iterable[str]) -> dict[str, str]:
        """User ids by e-mail, as far as they were looked up before."""
        wanted = list(emails)
        if not wanted:
            return {}
        found = await self._redis.hmget(self._keys.private("people"), wanted)
        return {
            email: user.decode()
            for email, user in zip(wanted, found, strict=True)
            if user is not None
        }

    async def set_person(self, email: str, user_id: str) -> None:
        """Remember whom an e-mail address means."""
        await self._redis.hset(self._keys.private("people"), email, user_id)

    async def prune(self) -> None:
        """Drop tombstones and trash older than 30 days, with what belongs to them."""
        before = (await self.server_clock()).now - BURIED_MS
        private = self._keys.private
        await self._redis.zremrangebyscore(private("tombstones"), "-inf", before)
        old = await self._redis.zrangebyscore(private("trash"), "-inf", before)
        if old:
            await self._redis.hdel(private("trash", "entries"), *old)
            await self._redis.zrem(private("trash"), *old)
        deleted_cards = _strings(await self._redis.hgetall(private("deleted_cards")))
        if dead := [
            task_id
            for task_id, deleted_card in deleted_cards.items()
            if DeletedCard.load(deleted_card).at < before
        ]:
            await self._redis.hdel(private("deleted_cards"), *dead)


def _strings(reply: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in reply.items()}
