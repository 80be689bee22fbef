"""Leases: which instance may pass over a plan, sweep, or make names in a plan."""

from dataclasses import dataclass

from planner_sync.store.keys import Keys
from planner_sync.store.scripts import Scripts

LEASE_MS = 15_000


@dataclass(frozen=True)
class ServerClock:
    """The server's time (ms) and its run id."""

    now: int
    run_id: str


class Leases:
    """The leases of one namespace, for one instance."""

    def __init__(self, scripts: Scripts, keys: Keys, instance: str) -> None:
        self._scripts = scripts
        self._keys = keys
        self._instance = instance

    async def take(
        self, name: str, ms: int = LEASE_MS, *, min_gap_ms: int = 0
    ) -> ServerClock | None:
        """Take or renew the lease on a plan (or on "sweep", or "names {plan}").

        Returns the server's clock at that moment. None: another instance has the lease, or began
        less than `min_gap_ms` ago.
        """
        args: list[str | bytes | int] = [name, self._instance, ms, min_gap_ms]
        taken, now, run_id = await self._scripts["take_lease"](self._keys, args)
        return ServerClock(int(now), run_id.decode()) if taken else None

    async def give_back(self, name: str) -> None:
        """End our lease."""
        await self.take(name, 0)
