"""A real server with the users of operators/acl.py, and an administrator for the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from redis import Redis

from planner_sync.operators.acl import grants, lines, user
from tests.redis_process import redis_process

ADMIN = "admin"


@dataclass(frozen=True)
class GuardedRedis:
    """`url(role)` signs in as that user of the namespace; `admin` may do everything."""

    address: str
    namespace: str

    def url(self, role: str) -> str:
        name = user(self.namespace, role)
        return f"redis://{quote(name, safe='')}:{quote(password(name), safe='')}@{self.address}"

    def client(self, role: str) -> "Redis":
        return Redis.from_url(self.url(role), protocol=2)

    def admin(self) -> "Redis":
        return Redis.from_url(f"redis://{ADMIN}:{ADMIN}@{self.address}")


def password(name: str) -> str:
    return f"password-of-{name}"


@contextmanager
def guarded_redis(folder: Path, namespace: str, **config: str) -> Iterator[GuardedRedis]:
    """The server loads the file as an operator's would: ACL LOAD."""
    file = folder / "users.acl"
    file.write_text("user default on nopass ~* &* +@all\n")
    with redis_process(aclfile=str(file), **config) as url:
        passwords = {
            user(namespace, role): password(user(namespace, role)) for role in grants(namespace)
        }
        admin = f"user {ADMIN} on >{ADMIN} ~* &* +@all"
        file.write_text("\n".join([*lines([namespace], passwords), admin, ""]))
        with Redis.from_url(url) as client:
            client.execute_command("ACL", "LOAD")
        yield GuardedRedis(url.partition("//")[2].rstrip("0").rstrip("/"), namespace)
