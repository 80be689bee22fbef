"""The standalone service, started as it is, but with leases, deadlines and waits a tenth as long,
polls a quarter.

A process that is frozen or killed is overtaken after 45 s, a lost create is posted again after a
minute; tests that sit these out each time would not be run. They are no settings, since they must
keep their proportions: so all of them are shortened together, before anything is built. Nothing
else differs from `python src/planner_sync_service.py`.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import planner_sync.sync.run.service
import planner_sync_service
from planner_sync.graph.client import Graph
from planner_sync.graph.gate import Gate
from planner_sync.settings import Settings
from planner_sync.store.leases import Leases

TIMES = 10
SHORTER = {
    "planner_sync.store.server.connection": ("SOCKET_SECONDS",),
    "planner_sync.store.pending": ("TASK_LEASE_MS", "SEND_MS"),
    "planner_sync.store.leases": ("LEASE_MS",),
    "planner_sync.identity.tokens": ("REMEMBER_FAILURE",),
    "planner_sync.graph.client": ("CONNECT_LIMIT",),
    "planner_sync.graph.gate": (
        "BATCH_WAIT",
        "BEFORE_LIMIT",
        "DEADLINE",
        "FIRST_BACKOFF",
        "MAX_INLINE_WAIT",
    ),
    "planner_sync.decide.transitions": ("NEW_CARD_MS",),
    "planner_sync.decide.unmapped": ("GRACE_MS",),
    "planner_sync.sync.task.names": ("LAG_MS", "MAKER_LEASE_MS"),
    "planner_sync.sync.task.reconcile": (
        "AGAIN_MS",
        "RECOVERING_MS",
        "RETRY_MS",
        "UNAUTHORIZED_MS",
    ),
    "planner_sync.sync.run.scheduler": ("SWEEP_LEASE_MS",),
    "planner_sync.sync.run.service": ("RECONNECT_SECONDS",),
    "planner_sync.sync.run.workers": ("IDLE_SECONDS", "RETRY_SECONDS"),
    "planner_sync.sync.run.listener": ("CANARY_DEAD", "CANARY_EVERY"),
}


class PollingMore(Settings):
    """No setting takes less than a second."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str], *, device_code: bool = False) -> Settings:
        settings = Settings.from_env(environ, device_code=device_code)
        return replace(settings, poll_seconds=settings.poll_seconds / 4)


def shorten() -> None:
    """Set the constants where they are defined, and wherever they were imported."""
    ours = [module for name, module in sys.modules.items() if name.startswith("planner_sync.")]
    for module_name, names in SHORTER.items():
        for name in names:
            length = getattr(sys.modules[module_name], name)
            for module in ours:
                if hasattr(module, name):
                    setattr(module, name, type(length)(length / TIMES))
    # Defaults of parameters were taken when the modules were read.
    for function, name in (
        (Gate.__init__, "deadline"),
        (Gate.__init__, "before_limit"),
        (Graph.__init__, "connect_limit"),
    ):
        function.__kwdefaults__[name] /= TIMES
    Leases.take.__defaults__ = (planner_sync.store.leases.LEASE_MS,)
    planner_sync_service.Settings = PollingMore  # type: ignore[misc]


if __name__ == "__main__":
    shorten()
    sys.exit(planner_sync_service.main())
