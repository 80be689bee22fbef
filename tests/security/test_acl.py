"""The users of operators/acl.py on a real server: what each may do, and what is refused."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from planner_sync.operators import acl
from planner_sync.store.keys import Keys
from planner_sync.store.scripts import FOLDER
from tests.operators.console import run
from tests.redis_process import redis_process
from tests.security.guarded_redis import GuardedRedis, guarded_redis

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "planner_sync"
SHA = "0" * 40


@pytest.fixture(scope="module", params=["annika", "{annika}", "a*b?[x]\\y"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GuardedRedis]:
    with guarded_redis(tmp_path_factory.mktemp("acl"), request.param) as server:
        yield server


# `@` stands for the namespace, `!` for SCRIPT below.
ALLOWED = """
agent   SET @:tasks:t {}
agent   GET @:tasks:t
agent   MGET @:tasks:t @:tasks:u
agent   EXISTS @:tasks:t
agent   DEL @:tasks:t
agent   GET @:task:mapping:t
agent   GET @:task:mapping:planner:p
agent   PUBLISH @:tasks:updates x
agent   SUBSCRIBE @:tasks:updates @:tasks:sync
agent   WATCH @:tasks:t
client  SET @:tasks:t {}
client  PUBLISH @:tasks:updates x
client  PUBLISH @:sync:canary:me x
client  SUBSCRIBE @:sync:canary:me @:tasks:sync @:tasks:updates
client  INFO cluster
client  EVALSHA ! 5 @:tasks:t @:sync:pending @:sync:generations \
@:sync:task_leases @:sync:announced TIME
reader  GET @:tasks:t
reader  GET @:task:mapping:t
reader  SUBSCRIBE @:tasks:updates @:tasks:sync
service SET @:tasks:t {}
service SET @:task:mapping:t p
service HSET @:sync:owners p t
service PUBLISH @:tasks:sync x
service PUBLISH @:tasks:updates x
service SUBSCRIBE @:tasks:updates @:sync:canary:me
service SCRIPT LOAD "return 1"
service INFO server
health  HGETALL @:sync:heartbeats
health  HGETALL @:sync:counters
health  ZCARD @:sync:pending
health  HLEN @:sync:refusals
health  LRANGE @:sync:lags:upload 0 -1
health  INFO memory
"""

# What no user may do.
NOBODY = """
FLUSHALL
FLUSHDB
KEYS *
CONFIG GET *
ACL LIST
ACL WHOAMI
EVAL "return 1" 0
EVAL "return redis.call('FLUSHALL')" 0
FUNCTION LIST
FCALL f 0
SCRIPT FLUSH
MODULE LIST
SHUTDOWN NOSAVE
REPLICAOF NO ONE
MIGRATE h 1 k 0 1
MONITOR
CLIENT LIST
CLIENT KILL TYPE normal
SLOWLOG GET
SAVE
SWAPDB 0 1
RENAME @:tasks:t @:tasks:u
EXPIRE @:tasks:t 1
PSUBSCRIBE *
PSUBSCRIBE @:*
SUBSCRIBE other
PUBLISH other x
GET other
SET other x
GET @other:tasks:t
GET aXbcxy:tasks:t
SET x@:tasks:t x
"""

DENIED = """
agent   PUBLISH @:tasks:sync x
agent   PUBLISH @:sync:canary:me x
agent   SUBSCRIBE @:sync:canary:me
agent   SET @:task:mapping:t p
agent   DEL @:task:mapping:planner:p
agent   GET @:sync:token
agent   SET @:sync:pause 1
agent   HGETALL @:sync:owners
agent   HSET @:sync:owners p t
agent   ZADD @:sync:pending 1 t
agent   DEL @:sync:trash
agent   SCAN 0
agent   SCRIPT LOAD "return 1"
agent   EVALSHA ! 1 @:tasks:t GET
agent   INFO
client  PUBLISH @:tasks:sync x
client  SCRIPT LOAD "return 1"
client  EVALSHA ! 1 @:sync:owners HGETALL
client  EVALSHA ! 1 @:sync:task_leases DEL
client  EVALSHA ! 1 @:sync:pending DEL
client  EVALSHA ! 1 @:tasks:t FLUSHALL
client  EVALSHA ! 1 @:tasks:t PUBLISH
client  HSET @:sync:task_leases t 1
client  HSET @:sync:owners p t
client  HGETALL @:sync:task_leases
client  GET @:sync:token
client  SET @:task:mapping:t p
client  SCAN 0
reader  SET @:tasks:t {}
reader  DEL @:tasks:t
reader  SET @:task:mapping:t p
reader  PUBLISH @:tasks:updates x
reader  PUBLISH @:tasks:sync x
reader  GET @:sync:token
reader  EVALSHA ! 1 @:tasks:t GET
reader  SCAN 0
service PUBLISH @:tasks:elsewhere x
service GET @:elsewhere:x
service EVALSHA ! 1 @:tasks:t FLUSHALL
health  GET @:tasks:t
health  GET @:task:mapping:t
health  HGETALL @:sync:refusals
health  HGETALL @:sync:owners
health  HSET @:sync:heartbeats poll 1
health  SET @:tasks:t {}
health  SUBSCRIBE @:tasks:sync
health  PUBLISH @:tasks:updates x
health  EVALSHA ! 1 @:sync:heartbeats HGETALL
health  SCAN 0
"""
# Runs the command of its first argument on its first key. PUBLISH would forge a confirmation.
SCRIPT = """
if ARGV[1] == 'TIME' then return redis.call('TIME') end
if ARGV[1] == 'PUBLISH' then return redis.call('PUBLISH', ARGV[2] .. ':tasks:sync', 'x') end
if ARGV[1] == 'FLUSHALL' then return redis.call('FLUSHALL') end
return redis.call(ARGV[1], KEYS[1])
"""
ROLES = sorted(acl.grants("annika"))


def rows(table: str, role: str) -> list[str]:
    return [
        line.split(maxsplit=1)[1] for line in table.strip().splitlines() if line.split()[0] == role
    ]


def refusal(client: Redis, namespace: str, sha: str, line: str) -> str | None:
    """Send one command; how it was refused, None when it was not."""
    words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line)]
    filled = [sha if word == "!" else word.replace("@", namespace) for word in words]
    try:
        client.execute_command(*filled, *([namespace] if "PUBLISH" in filled[1:] else []))
    except (NoPermissionError, ResponseError) as error:
        return str(error)
    finally:
        client.connection_pool.disconnect()
    return None


@pytest.mark.parametrize("role", ROLES)
def test_a_user_may_do_what_it_needs(server, role):
    with server.admin() as admin, server.client(role) as client:
        sha = str(admin.script_load(SCRIPT))
        said = {line: refusal(client, server.namespace, sha, line) for line in rows(ALLOWED, role)}

    assert {line: why for line, why in said.items() if why is not None} == {}


@pytest.mark.parametrize("role", ROLES)
def test_a_user_is_refused_everything_else(server, role):
    tried = [*rows(DENIED, role), *NOBODY.strip().splitlines()]
    with server.admin() as admin, server.client(role) as client:
        sha = str(admin.script_load(SCRIPT))
        said = {line: refusal(client, server.namespace, sha, line) for line in tried}

    assert {
        line: why
        for line, why in said.items()
        if not re.search("(?i)no permission|can.t access", why or "")
    } == {}


def test_nobody_comes_in_without_a_password(server):
    with Redis.from_url(f"redis://{server.address}") as client, pytest.raises(AuthenticationError):
        client.ping()


def test_a_placeholder_keeps_the_server_from_loading_the_file(tmp_path):
    file = tmp_path / "users.acl"
    file.write_text("user default on nopass ~* &* +@all\n")
    with redis_process(aclfile=str(file)) as url:
        file.write_text("\n".join([*acl.lines(["annika"], {}), ""]))
        with (
            Redis.from_url(url) as client,
            pytest.raises(ResponseError, match=r"(?i)password|hash"),
        ):
            client.execute_command("ACL", "LOAD")


@pytest.mark.parametrize("namespace", ["", "a b", "a\nuser evil on nopass +@all", "ä", "a" * 65])
def test_a_namespace_that_no_line_can_name_is_refused(namespace):
    with pytest.raises(ValueError, match="namespace"):
        acl.grants(namespace)


def sent_by_code() -> set[str]:
    """The commands in the scripts, and the methods called on a Redis client or pipeline."""
    found = set()
    for script in FOLDER.iterdir():
        found |= {
            name.lower()
            for name in re.findall(r"redis\.p?call\('(\w+)'", script.read_text(encoding="utf-8"))
        }
    for path in [*(PACKAGE / "store").rglob("*.py"), *(PACKAGE / "sync").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if re.fullmatch(r"(self\._)?(redis|client|pipe|pubsub)", owner):
                    found.add(node.func.attr)
    return found


# Methods of redis-py that send no command, or one of another name.
NO_COMMANDS = {
    "register_script",
    "pipeline",
    "execute",
    "aclose",
    "pubsub",
    "get_message",
    "initialize",
}
OTHER_NAMES = {"delete": "del", "scan_iter": "scan", "script_load": "script|load"}


def test_the_service_may_send_every_command_of_its_code_and_no_more():
    (grant,) = acl.grants("annika")["service"]
    handshake = {*acl.HANDSHAKE.split(), *acl.CLUSTER.split()}
    sent = {OTHER_NAMES.get(name, name) for name in sent_by_code() - NO_COMMANDS}

    assert sent - set(grant.commands.split()) == set()
    assert set(grant.commands.split()) - sent - handshake == {"evalsha", "unsubscribe"}


# -- the command -----------------------------------------------------------------------------------
def test_without_passwords_the_lines_have_placeholders():
    printed = run("planner-sync acl")

    assert (printed.code, printed.err) == (0, "")
    assert printed.out.splitlines() == list(acl.lines(["annika"], {}))


def test_the_namespace_of_the_settings_is_the_default():
    printed = run("planner-sync acl", PLANNER_SYNC_NAMESPACE="{b}")

    assert printed.out.splitlines() == list(acl.lines(["{b}"], {}))


def test_passwords_are_made_once_kept_in_a_file_for_its_owner_and_never_printed(tmp_path):
    file = tmp_path / "passwords.txt"
    file.touch(0o600)
    file.write_text("annika-agent chosen-by-hand\n")
    command = f"planner-sync acl --namespace annika --namespace {{b}} --passwords {file}"
    first, second = run(command), run(command)
    kept = dict(line.split(" ") for line in file.read_text().splitlines())

    assert first.out.splitlines() == list(acl.lines(["annika", "{b}"], kept))
    assert second.out == first.out
    assert kept["annika-agent"] == "chosen-by-hand"
    assert len(set(kept.values())) == len(kept) == 2 * len(ROLES)
    assert not any(password in first.out + first.err for password in kept.values())
    assert file.stat().st_mode & 0o077 == 0


def test_a_new_file_of_passwords_is_for_its_owner_alone(tmp_path):
    run(f"planner-sync acl --passwords {tmp_path / 'new.txt'}")

    assert (tmp_path / "new.txt").stat().st_mode & 0o777 == 0o600


def test_a_wrong_namespace_is_told_in_one_line():
    refused = run("planner-sync acl --namespace 'a b'")

    assert (refused.code, refused.out, len(refused.err.splitlines())) == (2, "", 1)


def test_a_password_file_that_cannot_be_read_is_told_in_one_line(tmp_path):
    refused = run(f"planner-sync acl --passwords {tmp_path}")

    assert (refused.code, refused.out, len(refused.err.splitlines())) == (2, "", 1)


def test_every_private_key_that_a_client_may_write_is_one_of_its_script():
    granted = {
        key for grant in acl.grants("annika")["client"] for key in (*grant.keys, *grant.read)
    }
    keys = Keys("annika")

    assert {key for key in granted if key.startswith(keys.private(""))} == {
        keys.private(name) for name in ("pending", "generations", "task_leases", "announced")
    }
