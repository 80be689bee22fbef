"""One run of the service in which everything goes wrong, and all that came out of it.

Real processes: the service, Redis, the emulator behind a Graph that echoes, an authority that
speaks as Entra does.
"""

import asyncio
import contextlib
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis.asyncio
from redis.exceptions import RedisError

from tests.emulator_process import Emulator, emulator_process
from tests.graph.h2_server import self_signed
from tests.host.service_process import Running, running
from tests.identity.authority import Authority
from tests.redis_process import RestartableRedis
from tests.security import planted
from tests.security.echoing_graph import EchoingGraph, Spoil

PATIENCE = 30.0
HASTY = Path(__file__).parents[1] / "processes" / "hasty_service.py"
ACL = f"user default on nopass ~* &* +@all\nuser sync on >{planted.REDIS_PASSWORD} ~* &* +@all\n"


class FaultRun:
    """What the story acts upon; `tokens` are all that were handed out, `heard` is every message,
    `shown` every body, `kept` what was in Redis from time to time."""

    def __init__(
        self, folder: Path, emulator: Emulator, authority: Authority, graph: EchoingGraph
    ) -> None:
        self.emulator, self.authority, self.graph = emulator, authority, graph
        (folder / "users.acl").write_text(ACL)
        self.server = RestartableRedis(folder / "redis", aclfile=str(folder / "users.acl"))
        self.redis = redis.asyncio.Redis.from_url(self.server.url, decode_responses=True)
        self.output = folder / "output"
        self.tokens: list[str] = []
        self.heard: list[str] = []
        self.shown: list[str] = []
        self.kept: list[str] = []
        self.service: Running
        self._numbers = itertools.count(1)
        authority.grant = self._grant

    def _grant(self, _: dict[str, str]) -> str:
        self.tokens.append(f"planted-bearer-{len(self.tokens)}-{'x' * 40}")
        self.emulator.accept_token(self.tokens[-1])
        return self.tokens[-1]

    @property
    def env(self) -> dict[str, str]:
        return {
            "REDIS_URL": self.server.url.replace(
                "//", f"//sync:{quote(planted.REDIS_PASSWORD, safe='')}@"
            ),
            "PLANNER_SYNC_PLAN_IDS": self.emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": self.graph.url,
            "PLANNER_SYNC_POLL_SECONDS": "1",
            "PLANNER_SYNC_API_KEY": planted.API_KEY,
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_AUTHORITY_HOST": self.authority.login,
            "SSL_CERT_FILE": str(self.authority.server.certificate),
        }

    @property
    def log(self) -> str:
        return self.output.read_text(encoding="utf-8")

    # -- HTTP --------------------------------------------------------------------------------------
    async def status(self) -> dict[str, Any]:
        return dict(json.loads(await self.ask("/status")))

    async def ask(self, path: str, *, key: str = planted.API_KEY, body: bytes | None = None) -> str:
        """What a route answers; its body is kept."""
        http = self.service.http
        method = "GET" if body is None else "POST"
        answer = await asyncio.to_thread(
            http.request, method, path, headers={"x-functions-key": key}, content=body or b""
        )
        self.shown.append(f"{path.partition('?')[0]} {answer.text}")
        return answer.text

    async def look_around(self) -> None:
        """Keep what the status and Redis show now."""
        await self.status()
        self.kept.append(await planted.everything_in(self.redis))

    # -- agents ------------------------------------------------------------------------------------
    async def write(self, task_id: str, text: str, action: str = "updated") -> None:
        await self.redis.set(f"annika:tasks:{task_id}", text)
        await self.redis.publish(
            "annika:tasks:updates", json.dumps({"action": action, "taskId": task_id})
        )

    async def until(self, look: Callable[[], Any], what: str) -> None:
        """Wait until the look, which may be async, finds something."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    with contextlib.suppress(RedisError, OSError, ValueError, KeyError):
                        seen = look()
                        if await seen if asyncio.iscoroutine(seen) else seen:
                            return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            ended = self.service.process.poll()
            state = "still runs" if ended is None else f"has ended with {ended}"
            raise AssertionError(
                f"waited for {what}; the service {state}; its log ends:\n{self.log[-5000:]}"
            ) from None

    async def until_logged(self, text: str, times: int = 1) -> None:
        await self.until(lambda: self.log.count(text) >= times, f"{text!r} in the log")

    async def until_cause(self, cause: str) -> None:
        async def is_told() -> bool:
            return (await self.status())["graph"]["cause"] == cause

        await self.until(is_told, cause)

    async def until_uploaded(self, *task_ids: str) -> None:
        async def are_there() -> bool:
            return all(
                await self.redis.mget(*(f"annika:task:mapping:{task_id}" for task_id in task_ids))
            )

        await self.until(are_there, f"cards for {task_ids}")

    async def through(self, spoil: Spoil, answers: int = 2, told: str = "") -> None:
        """Agents write while Graph answers so, until it has done so a few times and the log tells
        of it (an expression); what can be seen then is kept."""
        self.graph.spoil, self.graph.met = spoil, 0

        async def is_met() -> object:
            for task_id in ("report-1", "report-2", "report-3"):
                await self.write(task_id, planted.document(task_id, next(self._numbers)))
            return self.graph.met >= answers and re.search(told, self.log)

        await self.until(is_met, "the service to meet the fault")
        await self.look_around()
        self.graph.spoil = None

    # -- everything that came out ------------------------------------------------------------------
    async def listen(self) -> None:
        """Hear every message on every channel, also after a restart of Redis."""
        while True:
            with contextlib.suppress(RedisError, OSError):
                async with self.redis.pubsub() as pubsub:
                    await pubsub.psubscribe("*")
                    async for message in pubsub.listen():
                        self.heard.append(f"{message['channel']} {message['data']}")
            await asyncio.sleep(0.1)


@asynccontextmanager
async def fault_run(folder: Path, *arguments: str, **env: str) -> AsyncIterator[FaultRun]:
    """Everything is started; it ends with the block, and the service before, if the block has ended
    it."""
    async with AsyncExitStack() as stack:
        sign_in = "delegated" if "--device-code" in arguments else "app"
        users = [f"{address}" for address in planted.PEOPLE[:2]]
        emulator = stack.enter_context(emulator_process(users=users, sign_in=sign_in))
        authority = Authority(self_signed(folder / "authority.pem"))
        await stack.enter_async_context(authority.server.running())
        graph = await stack.enter_async_context(EchoingGraph(emulator.url).running())
        run = FaultRun(folder, emulator, authority, graph)
        stack.callback(run.server.stop, keep=True)
        stack.push_async_callback(run.redis.aclose)
        listening = asyncio.create_task(run.listen())
        stack.callback(listening.cancel)
        output = stack.enter_context(run.output.open("w"))
        processes = contextlib.ExitStack()
        stack.push_async_callback(asyncio.to_thread, processes.close)
        started = running(
            *arguments,
            script=HASTY,
            stdout=output.fileno(),
            stderr=output.fileno(),
            **{**run.env, **env},
        )
        run.service = await asyncio.to_thread(processes.enter_context, started)
        yield run
