"""Users for Redis: who may do what with the keys of a namespace, as the lines of an ACL file.

    python -m planner_sync.operators.acl --namespace annika --passwords passwords.txt > users.acl

    agent    documents: read, write, delete; says "this task changed", hears both channels. No script
    client   an agent with the Python client: besides, it runs scripts that the service has loaded
    reader   documents and both channels, reading
    service  everything below the namespace, and nothing else
    health   signs of life and counts; no document, no text of anybody

It opens no connection and prints no password: the lines hold hashes. For Redis from 7.2 and for
Valkey; a script runs with the rights of who calls it.
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

import argparse
import hashlib
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner_sync.store.keys import Keys, literally
from planner_sync.store.scripts import script_keys

HANDSHAKE = "hello auth ping select client|setname client|setinfo"
CLUSTER = "cluster|slots command readonly info"
READ, WRITE = "get mget exists", "set del multi exec discard watch unwatch"
SERVICE = (
    "get set del exists getrange strlen type mget scan "
    "hget hset hdel hsetnx hmget hgetall hvals hlen hincrby hscan "
    "zadd zrem zscore zcard zrange zrangebyscore zremrangebyscore "
    "lpush ltrim lrange evalsha script|load time publish subscribe unsubscribe"
)
READING = frozenset(("get", "hget", "zscore"))
PASSWORD_BYTES = 32

_NAMESPACE = re.compile(r"[!-~]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Grant:
    """Commands on keys and channels. `keys` are read and written, `read` only read; all are
    patterns."""

    commands: str
    keys: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def rules(self) -> str:
        """In the words of an ACL; what is not granted here is denied."""
        keys = [*(f"~{key}" for key in self.keys), *(f"%R~{key}" for key in self.read)]
        channels = [f"&{channel}" for channel in self.channels]
        commands = [f"+{command}" for command in self.commands.split()]
        return " ".join(["resetkeys", "resetchannels", "-@all", *keys, *channels, *commands])


def grants(namespace: str) -> dict[str, tuple[Grant, ...]]:
    """Each role with its grants; a command is allowed when one of them allows all of it.

    Raises ValueError for a namespace that no ACL can name. What is special in patterns is escaped.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError("a namespace has 1 to 64 visible ASCII characters")
    keys = Keys(literally(namespace))
    documents, private = keys.document("*"), keys.private
    mapping, canary = keys.planner_id("*"), keys.canary("*")
    both = (keys.updates, keys.sync)
    hear = Grant("subscribe", channels=both)
    agent = (
        Grant(f"{HANDSHAKE} {READ} {WRITE} unsubscribe", keys=(documents,)),
        Grant(READ, read=(mapping,)),
    )
    say = (keys.updates,)
    return {
        "agent": (*agent, Grant("publish", channels=say), hear),
        "client": (
            *agent,
            Grant(f"{CLUSTER} time"),
            *_grants_to_save(keys),
            Grant("publish", channels=(*say, canary)),
            Grant("subscribe", channels=(*both, canary)),
        ),
        "reader": (Grant(f"{HANDSHAKE} {READ} unsubscribe", read=(documents, mapping)), hear),
        "service": (
            Grant(
                f"{HANDSHAKE} {CLUSTER} {SERVICE}",
                keys=(documents, mapping, private("*")),
                channels=(*both, canary),
            ),
        ),
        "health": (
            Grant(f"{HANDSHAKE} info"),
            Grant("hgetall", read=(private("heartbeats"), private("counters"))),
            Grant("hlen", read=(private("holds"), private("refusals"))),
            Grant("zcard zcount", read=(private("pending"),)),
            Grant("lrange", read=(private("lags", "*"),)),
        ),
    }


def _grants_to_save(keys: Keys) -> Iterator[Grant]:
    """What save_document.lua needs of whoever runs it, as its header says. What agents may do with
    documents stands in their own grants."""
    script, named = script_keys("save_document"), keys.about("*")
    yield Grant("evalsha", keys=tuple(named[key.name] for key in script))
    commands = dict.fromkeys(command for key in script for command in key.commands)
    for command in commands:
        needed = [
            named[key.name] for key in script if command in key.commands and key.name != "document"
        ]
        if not needed:
            continue
        if command in READING:
            yield Grant(command, read=tuple(needed))
        else:
            yield Grant(command, keys=tuple(needed))


def user(namespace: str, role: str) -> str:
    """The name of a user: one server may hold several namespaces."""
    return f"{namespace}-{role}"


def lines(namespaces: Sequence[str], passwords: Mapping[str, str]) -> Iterator[str]:
    """The ACL file. A user without a password gets a placeholder, with which no server loads the
    file."""
    yield "user default off"
    for namespace in namespaces:
        for role, (first, *others) in grants(namespace).items():
            name = user(namespace, role)
            password = passwords.get(name)
            known = (
                "<sha256-of-its-password>"
                if password is None
                else hashlib.sha256(password.encode()).hexdigest()
            )
            selectors = [f"({grant.rules()})" for grant in others]
            yield " ".join([f"user {name} on #{known}", first.rules(), *selectors])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ACL file of the namespaces; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="planner_sync.operators.acl", description="Print an ACL file for Redis."
    )
    parser.add_argument(
        "--namespace", action="append", help="annika where none is given; may be repeated"
    )
    parser.add_argument(
        "--passwords",
        type=Path,
        help="a file of lines `user password`; who has none gets one, which is added there",
    )
    options = parser.parse_args(arguments)
    namespaces = list(dict.fromkeys(options.namespace or ["annika"]))
    try:
        names = [user(namespace, role) for namespace in namespaces for role in grants(namespace)]
        passwords = {} if options.passwords is None else _kept(options.passwords, names)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in lines(namespaces, passwords))
    return 0


def _kept(path: Path, names: Sequence[str]) -> dict[str, str]:
    """The passwords of the file, and new ones for whoever has none; the file is for its owner
    alone."""
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        name, _, password = line.partition(" ")
        known[name] = password
    fresh = {name: secrets.token_urlsafe(PASSWORD_BYTES) for name in names if not known.get(name)}
    with os.fdopen(
        os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a", encoding="utf-8"
    ) as file:
        file.writelines(f"{name} {password}\n" for name, password in fresh.items())
    return known | fresh


if __name__ == "__main__":
    sys.exit(main())
