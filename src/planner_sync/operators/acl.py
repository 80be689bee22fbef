"""Redis users for a namespace, as the lines of an ACL file: who may do what with which keys.

    agent    documents: read, write, delete. Publishes changes, hears both channels. No scripts
    client   an agent with the Python client: also runs scripts that the service has loaded
    reader   reads documents, hears both channels
    service  everything in the namespace, and nothing else
    health   telemetry and counts: no documents, no text that anyone wrote

The lines hold password hashes, never passwords. For Redis from 7.2 and for Valkey. A script runs
with the rights of its caller.
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner_sync.store.keys import Keys, escape_pattern
from planner_sync.store.scripts import script_keys

HANDSHAKE = "hello auth ping select client|setname client|setinfo"
CLUSTER = "cluster|slots command readonly info"
READ = "get mget exists"
WRITE = "set del multi exec discard watch unwatch"
SERVICE = (
    "get set del exists getrange strlen type mget scan "
    "hget hset hdel hsetnx hmget hgetall hvals hlen hincrby hscan "
    "zadd zrem zscore zcard zrange zrangebyscore zremrangebyscore "
    "lpush ltrim lrange evalsha script|load time publish subscribe unsubscribe"
)
READING = frozenset(("get", "hget", "zscore"))
PASSWORD_BYTES = 32
PLACEHOLDER = "<sha256-of-its-password>"

_NAMESPACE = re.compile(r"[!-~]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Grant:
    """Commands on keys and channels, all of them patterns.

    `keys` may be read and written, `read` only read.
    """

    commands: str
    keys: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def rules(self) -> str:
        """The grant in ACL syntax. Everything else is denied."""
        words = ["resetkeys", "resetchannels", "-@all"]
        words += [f"~{key}" for key in self.keys]
        words += [f"%R~{key}" for key in self.read]
        words += [f"&{channel}" for channel in self.channels]
        words += [f"+{command}" for command in self.commands.split()]
        return " ".join(words)


Grants = tuple[Grant, ...]


def grants(namespace: str) -> dict[str, Grants]:
    """The grants of each role. A command is allowed if one grant allows all of it.

    Raises ValueError for a namespace that no ACL line can hold.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise ValueError("a namespace has 1 to 64 visible ASCII characters")
    keys = Keys(escape_pattern(namespace))
    return {
        "agent": _agent(keys),
        "client": _client(keys),
        "reader": _reader(keys),
        "service": _service(keys),
        "health": _health(keys),
    }


def _documents(keys: Keys) -> Grants:
    """What every writing agent may do with documents and mappings."""
    return (
        Grant(f"{HANDSHAKE} {READ} {WRITE} unsubscribe", keys=(keys.document("*"),)),
        Grant(READ, read=(keys.planner_id("*"),)),
    )


def _agent(keys: Keys) -> Grants:
    return (
        *_documents(keys),
        Grant("publish", channels=(keys.updates,)),
        Grant("subscribe", channels=(keys.updates, keys.sync)),
    )


def _client(keys: Keys) -> Grants:
    canary = keys.canary("*")
    return (
        *_documents(keys),
        Grant(f"{CLUSTER} time"),
        *_grants_to_save(keys),
        Grant("publish", channels=(keys.updates, canary)),
        Grant("subscribe", channels=(keys.updates, keys.sync, canary)),
    )


def _reader(keys: Keys) -> Grants:
    readable = (keys.document("*"), keys.planner_id("*"))
    return (
        Grant(f"{HANDSHAKE} {READ} unsubscribe", read=readable),
        Grant("subscribe", channels=(keys.updates, keys.sync)),
    )


def _service(keys: Keys) -> Grants:
    everything = Grant(
        f"{HANDSHAKE} {CLUSTER} {SERVICE}",
        keys=(keys.document("*"), keys.planner_id("*"), keys.private("*")),
        channels=(keys.updates, keys.sync, keys.canary("*")),
    )
    return (everything,)


def _health(keys: Keys) -> Grants:
    return (
        Grant(f"{HANDSHAKE} info"),
        Grant("hgetall", read=(keys.private("heartbeats"), keys.private("counters"))),
        Grant("hlen", read=(keys.private("holds"), keys.private("refusals"))),
        Grant("zcard zcount", read=(keys.private("pending"),)),
        Grant("lrange", read=(keys.private("lags", "*"),)),
    )


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
    """The name of a user. One server may hold several namespaces."""
    return f"{namespace}-{role}"


def lines(namespaces: Sequence[str], passwords: Mapping[str, str]) -> Iterator[str]:
    """The ACL file. A user without a password gets a placeholder that no server accepts.

    Raises ValueError as `grants` does.
    """
    yield "user default off"
    for namespace in namespaces:
        for role, (first, *others) in grants(namespace).items():
            name = user(namespace, role)
            digest = _digest(passwords.get(name))
            selectors = [f"({grant.rules()})" for grant in others]
            yield " ".join([f"user {name} on #{digest}", first.rules(), *selectors])


def _digest(password: str | None) -> str:
    if password is None:
        return PLACEHOLDER
    return hashlib.sha256(password.encode()).hexdigest()


def passwords_from(path: Path, namespaces: Sequence[str]) -> dict[str, str]:
    """User → password, from a file with lines `user password`.

    A user that is missing there gets a new password, which is appended. A new file is readable by
    its owner alone. Raises ValueError as `grants` does, and OSError.
    """
    names = [user(namespace, role) for namespace in namespaces for role in grants(namespace)]
    known = _read_passwords(path)
    new = {}
    for name in names:
        if not known.get(name):
            new[name] = secrets.token_urlsafe(PASSWORD_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.writelines(f"{name} {password}\n" for name, password in new.items())
    return known | new


def _read_passwords(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, password = line.partition(" ")
        known[name] = password
    return known
