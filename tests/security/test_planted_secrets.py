"""Secrets are planted wherever there can be one, everything goes wrong, and then all that came out
is searched."""

import asyncio
import json
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.graph.raw_server import RawServer, Received, reply
from tests.identity.authority import DEVICE, REFRESH, certificate_of_an_application
from tests.security import planted
from tests.security.echoing_graph import not_json, refuses, refuses_items, says
from tests.security.fault_run import FaultRun, fault_run

RUNS = [("secret", "DEBUG"), ("certificate", "INFO"), ("device code", "DEBUG"), ("token", "INFO")]
# What must have been logged of an answer of this status, before the next one comes.
TOLD = {
    403: r"task report-\d: \w+ [^ ]+: 403 ",
    500: r"task report-\d: \w+ [^ ]+: 500 ",
    302: r"WARNING [\w.]+ plan \w+: GET [^ ]+: 302",
}
READY_TOKEN = "planted-ready-token-" + "y" * 40


@dataclass(frozen=True)
class CameOut:
    """All that a run has let out, as text; `secrets` are those that were planted in it."""

    level: str
    secrets: tuple[str, ...]
    log: str
    keys: str
    messages: str
    bodies: str


@pytest.fixture(scope="module", params=RUNS, ids=" ".join)
def came_out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CameOut:
    way, level = request.param
    return asyncio.run(_play(way, level, tmp_path_factory.mktemp("run")))


# -- the rules -------------------------------------------------------------------------------------
def test_no_secret_is_in_what_the_process_wrote(came_out: CameOut) -> None:
    assert planted.found(came_out.log, came_out.secrets) == []


def test_no_secret_is_in_any_key_of_redis(came_out: CameOut) -> None:
    assert planted.found(came_out.keys, came_out.secrets) == []


def test_no_secret_is_in_any_message(came_out: CameOut) -> None:
    assert planted.found(came_out.messages, came_out.secrets) == []


def test_no_secret_is_in_what_health_and_status_show(came_out: CameOut) -> None:
    assert planted.found(came_out.bodies, came_out.secrets) == []


def test_no_content_of_a_task_and_no_address_is_in_what_the_process_wrote(
    came_out: CameOut,
) -> None:
    assert planted.contents(came_out.log) == []


def test_health_shows_nothing_of_any_task(came_out: CameOut) -> None:
    shown = [line for line in came_out.bodies.splitlines() if line.startswith("/health")]

    assert shown
    assert [line for line in shown if "report-" in line or planted.contents(line)] == []


def test_everything_did_go_wrong(came_out: CameOut) -> None:
    """Else a search that finds nothing would prove nothing."""
    happened = [
        *TOLD.values(),
        "Graph is throttling: no calls for",
        "it refuses our user or password",
        "NoPermissionError",
        "task report-1: the reconciliation has failed",
        "ConnectionError",
    ]
    assert [one for one in happened if not re.search(one, came_out.log)] == []
    assert ("DEBUG planner_sync.graph.client" in came_out.log) is (came_out.level == "DEBUG")
    assert {
        action for action in ("uploaded", "failed") if f'"action": "{action}"' in came_out.messages
    } == {
        "uploaded",
        "failed",
    }
    assert planted.contents(came_out.keys)


# -- the story -------------------------------------------------------------------------------------
async def _play(way: str, level: str, folder: Path) -> CameOut:
    key, arguments, env = _signing_in(way, folder)
    async with fault_run(folder, *arguments, PLANNER_SYNC_LOG_LEVEL=level, **env) as run:
        if way == "token":
            run.emulator.accept_token(READY_TOKEN)
        else:
            await _sign_in_is_refused(run, way)
        await _agents_and_people_work(run)
        await _graph_fails(run)
        await _agents_write_nonsense(run)
        await _redis_fails(run)
        await _our_own_state_is_spoilt(run)
        await _strangers_knock(run)
        ended, _ = await asyncio.to_thread(run.service.stop, signal.SIGTERM)
        assert ended == 0
        run.kept.append(await planted.everything_in(run.redis))
    secrets = (
        *(
            planted.REDIS_PASSWORD,
            planted.API_KEY,
            planted.CLIENT_SECRET,
            planted.CERTIFICATE_PASSWORD,
        ),
        *(READY_TOKEN, REFRESH, str(DEVICE["device_code"]), *run.tokens, *key),
    )
    return CameOut(
        level, secrets, run.log, "\n".join(run.kept), "\n".join(run.heard), "\n".join(run.shown)
    )


def _signing_in(way: str, folder: Path) -> tuple[list[str], list[str], dict[str, str]]:
    """The lines of a private key, the arguments and the settings of a way to sign in."""
    if way == "token":
        return [], [], {"PLANNER_SYNC_GRAPH_TOKEN": READY_TOKEN}
    if way == "device code":
        return [], ["--device-code"], {}
    if way == "secret":
        return [], [], {"AZURE_CLIENT_SECRET": planted.CLIENT_SECRET}
    pem, _ = certificate_of_an_application()
    (folder / "app.pem").write_bytes(_locked(pem))  # to be replaced once it was refused
    (folder / "good.pem").write_bytes(pem)
    lines = [line for line in pem.decode().splitlines() if len(line) > 30]
    return lines, [], {"AZURE_CLIENT_CERTIFICATE_PATH": str(folder / "app.pem")}


def _locked(pem: bytes) -> bytes:
    """The key below a password, which nothing can open."""
    key = load_pem_private_key(pem, None)
    lock = BestAvailableEncryption(planted.CERTIFICATE_PASSWORD.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)


async def _sign_in_is_refused(run: FaultRun, way: str) -> None:
    """By an authority that repeats what it was sent."""
    if way == "certificate":
        await run.until_cause("certificate_unusable")
        folder = run.output.parent
        (folder / "app.pem").write_bytes((folder / "good.pem").read_bytes())
    echo = f"No: {planted.CLIENT_SECRET} {DEVICE['device_code']} {REFRESH}"
    run.authority.token_answer = reply(
        401, {"error": echo, "error_description": f"AADSTS7000215: {echo}"}
    )
    await run.until_cause("secret_wrong")
    run.authority.token_answer = reply(
        401, {"error": "interaction_required", "error_description": f"AADSTS53003: {echo}"}
    )
    await run.until_cause("access_blocked")
    run.authority.token_answer = reply(503, echo.encode(), kind="text/html")
    await run.until_cause("authority_busy")
    run.authority.token_answer = None
    run.authority.entered = True


async def _agents_and_people_work(run: FaultRun) -> None:
    for n in (1, 2, 3):
        await run.write(f"report-{n}", planted.document(f"report-{n}"), "created")
    await run.until_uploaded("report-1", "report-2", "report-3")
    text = f"{planted.WORD} by {planted.PEOPLE[0]}"
    card = run.emulator.human.create(title=text, description=text)

    async def is_imported() -> bool:
        return bool(await run.redis.exists(f"annika:task:mapping:planner-{card['id']}"))

    await run.until(is_imported, "the person's card")
    run.emulator.human.edit(card["id"], fields={"title": f"{text} again"})


async def _graph_fails(run: FaultRun) -> None:
    for status in (401, 400, 403, 404, 409, 412, 500, 503):
        await run.through(refuses(status), told=TOLD.get(status, ""))
    await run.through(refuses(302, Location="https://elsewhere.example/"), told=TOLD[302])
    await run.through(refuses_items, answers=1)
    await run.through(not_json)
    await run.through(says(200, {"value": [{"id": "a", "title": [planted.WORD], "planId": 7}]}))
    await run.through(refuses(429, Retry_After="1"), answers=1)


async def _agents_write_nonsense(run: FaultRun) -> None:
    for task_id, text in planted.BAD_DOCUMENTS.items():
        await run.write(task_id, text)
    await run.redis.rpush("annika:tasks:a-list", planted.WORD)
    for message in planted.BAD_MESSAGES:
        await run.redis.publish("annika:tasks:updates", message)

    async def are_refused() -> bool:
        return int(await run.redis.hlen("annika:sync:refusals")) >= len(planted.BAD_DOCUMENTS)

    await run.until(are_refused, "the refusals")
    await run.look_around()


async def _redis_fails(run: FaultRun) -> None:
    user = ["ACL", "SETUSER", "sync"]
    await run.redis.execute_command(*user, "-evalsha")
    await run.until_logged("NoPermissionError")
    await run.redis.execute_command(*user, "+@all", "resetpass", ">another")
    await run.redis.execute_command("CLIENT", "KILL", "USER", "sync")
    await run.until_logged("it refuses our user or password")
    await run.ask("/health")
    await run.redis.execute_command(*user, f">{planted.REDIS_PASSWORD}")
    await asyncio.to_thread(run.server.stop, keep=True)
    await run.until_logged("ConnectionError")
    await run.ask("/health")
    await asyncio.to_thread(run.server.start)
    await run.until(run.redis.ping, "Redis")


async def _our_own_state_is_spoilt(run: FaultRun) -> None:
    """An error that nobody has foreseen, with a task's content in its words."""
    belief = json.loads(await run.redis.hget("annika:sync:task:report-1", "state"))
    spoilt = json.dumps({**belief, f"{planted.WORD} {planted.PEOPLE[0]}": ""})

    async def has_failed() -> bool:
        await run.redis.hset("annika:sync:task:report-1", "state", spoilt)
        await run.write("report-1", planted.document("report-1", 30))
        return "the reconciliation has failed" in run.log

    await run.until(has_failed, "an unforeseen error")


async def _strangers_knock(run: FaultRun) -> None:
    for path in ("/status", f"/status?code={planted.API_KEY}", "/status/../health", "/nothing"):
        await run.ask(path, key="wrong")
    await run.ask("/plans/none/release", body=b"{")
    await run.ask("/health")
    await run.status()


# -- a proxy ---------------------------------------------------------------------------------------
async def test_the_password_of_a_proxy_is_not_shown_when_the_proxy_repeats_it(
    tmp_path: Path,
) -> None:
    def refuse(asked: Received) -> bytes:
        told = f"{asked.headers['proxy-authorization']} {planted.PROXY_PASSWORD}".encode()
        return b"HTTP/1.1 407 %s\r\ncontent-length: %d\r\n\r\n%s" % (told, len(told), told)

    async with RawServer(refuse).running() as proxy:
        through = proxy.url.replace("//", f"//user:{planted.PROXY_PASSWORD}@")
        env = {
            "AZURE_CLIENT_SECRET": planted.CLIENT_SECRET,
            "HTTPS_PROXY": through,
            "PLANNER_SYNC_LOG_LEVEL": "DEBUG",
        }
        async with fault_run(tmp_path, **env) as run:
            await run.until_cause("authority_unreachable")
            await run.look_around()

    out = "\n".join([run.log, *run.kept, *run.heard, *run.shown])
    assert proxy.requests[0].method == "CONNECT"
    assert "authority_unreachable" in out
    assert planted.found(out, [planted.PROXY_PASSWORD, f"user:{planted.PROXY_PASSWORD}"]) == []
