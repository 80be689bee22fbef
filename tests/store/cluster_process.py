"""A real cluster of three servers, each with a third of the slots; gone afterwards."""

import time
from bisect import bisect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis
from redis.crc import key_slot

from tests.redis_process import RestartableRedis, free_port, redis_process

SERVERS, SLOTS = 3, 16384
BOUNDS = [
    n * SLOTS // SERVERS for n in range(SERVERS + 1)
]  # server n has the slots from its own to the next
PATIENCE = 30.0


@contextmanager
def cluster_process() -> Iterator[list[str]]:
    """The URLs of the servers; server n has the n-th third of the slots."""
    with ExitStack() as stack:
        buses = [free_port() for _ in range(SERVERS)]
        urls = [stack.enter_context(redis_process(**cluster_config(bus))) for bus in buses]
        join(urls, buses)
        yield urls


@contextmanager
def restartable_cluster(folder: Path) -> Iterator[list[RestartableRedis]]:
    """The same with servers that can be stopped and started again; each keeps its data in a folder
    of its own."""
    buses = [free_port() for _ in range(SERVERS)]
    servers = []
    for bus in buses:
        (folder / str(bus)).mkdir()
        servers.append(RestartableRedis(folder / str(bus), **cluster_config(bus)))
    try:
        join([server.url for server in servers], buses)
        yield servers
    finally:
        for server in servers:
            server.stop(keep=False)


def slot_of(namespace: str) -> int:
    """The slot of a namespace with a hash tag."""
    return key_slot(namespace.encode())


def hosting(urls: list[str], namespace: str) -> str:
    """The server that has this namespace, as long as no slot was moved."""
    return urls[bisect(BOUNDS, slot_of(namespace)) - 1]


def cluster_config(bus: int) -> dict[str, str]:
    """What makes a server one of a cluster; its servers talk on the port `bus`."""
    return {
        "cluster_enabled": "yes",
        "cluster_port": str(bus),
        "cluster_config_file": f"nodes-{bus}.conf",
        "cluster_node_timeout": "2000",
    }


def join(urls: list[str], buses: list[int]) -> None:
    """Make one cluster of these servers; returns when each of them knows all."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Redis.from_url(url)) for url in urls]
        for client, first, end in zip(clients, BOUNDS, BOUNDS[1:], strict=False):
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for url, bus in zip(urls[1:], buses[1:], strict=True):
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port_of(url), bus)
        end = time.monotonic() + PATIENCE
        while not all(_knows_all(client) for client in clients):
            assert time.monotonic() < end, "the servers have not become one cluster"
            time.sleep(0.05)


def move_slot(urls: list[str], giving_url: str, taking_url: str, namespace: str) -> None:
    """Move the slot of this namespace from one server to another, a few keys at a time, as a
    cluster is rebalanced."""
    slot = slot_of(namespace)
    with ExitStack() as stack:
        clients = {url: stack.enter_context(Redis.from_url(url)) for url in urls}
        giving, taking = clients[giving_url], clients[taking_url]
        giver, taker = [
            client.execute_command("CLUSTER", "MYID").decode() for client in (giving, taking)
        ]
        taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", giver)
        giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", taker)
        while keys := giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 5):
            giving.execute_command(
                "MIGRATE", "127.0.0.1", port_of(taking_url), "", 0, 5000, "KEYS", *keys
            )
        for client in (taking, giving, *clients.values()):
            client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", taker)


def port_of(url: str) -> int:
    """The port in a server's URL."""
    return int(url.rsplit(":", 1)[1].split("/")[0])


def _knows_all(client: Redis) -> bool:
    info = client.execute_command("CLUSTER INFO") or {}
    return info.get("cluster_state") == "ok" and info.get("cluster_known_nodes") == str(SERVERS)
