"""`--device-code`: somebody tries the service as a process, signed in as a person."""

import asyncio
import re
import signal
from pathlib import Path
from typing import Any

from tests.emulator_process import TOKEN, emulator_process
from tests.graph.h2_server import self_signed
from tests.host.service_process import eventually, run, running
from tests.identity.authority import DEVICE, REFRESH, Authority
from tests.redis_process import redis_process


def test_without_tenant_and_client_it_ends_with_a_line_for_each():
    ended = run("--device-code", PLANNER_SYNC_PLAN_IDS="x" * 28)

    assert ended.returncode == 2
    assert [line.partition(":")[0] for line in ended.stderr.splitlines()] == [
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_ID",
    ]


async def test_a_person_enters_the_code_and_the_service_works(tmp_path: Path) -> None:
    authority = Authority(self_signed(tmp_path / "authority.pem"))
    authority.grant = lambda _: TOKEN
    async with authority.server.running():
        await asyncio.to_thread(_try_it, authority, tmp_path / "log")


def _try_it(authority: Authority, log: Path) -> None:
    with (
        redis_process() as redis_url,
        emulator_process(sign_in="delegated") as emulator,
        log.open("w") as stderr,
    ):
        env = {
            "REDIS_URL": redis_url,
            "PLANNER_SYNC_PLAN_IDS": emulator.plan_id,
            "PLANNER_SYNC_GRAPH_URL": emulator.url,
            "PLANNER_SYNC_POLL_SECONDS": "1",
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_AUTHORITY_HOST": authority.login,
            "SSL_CERT_FILE": str(authority.server.certificate),
        }
        with running("--device-code", stderr=stderr.fileno(), **env) as service:

            def graph() -> Any:
                return service.http.get("/status").json().get("graph", {})

            eventually(lambda: "enter the code ABCD-EFGH" in log.read_text())
            assert "https://login.example/device" in log.read_text()
            eventually(lambda: graph().get("cause") == "device_code_pending")
            authority.entered = True
            eventually(lambda: graph().get("okAt") and graph()["cause"] is None)
            assert service.stop(signal.SIGTERM)[0] == 0
    text = log.read_text()
    assert not re.search("|".join([TOKEN, REFRESH, str(DEVICE["device_code"])]), text)
    assert len(re.findall("enter the code ABCD", text)) == 1


async def test_while_nobody_has_entered_the_code_it_ends_cleanly(tmp_path: Path) -> None:
    authority = Authority(self_signed(tmp_path / "authority.pem"))

    def story() -> None:
        log = tmp_path / "log"
        with redis_process() as redis_url, log.open("w") as stderr:
            env = {
                "AZURE_TENANT_ID": "tenant",
                "AZURE_CLIENT_ID": "client",
                "AZURE_AUTHORITY_HOST": authority.login,
            }
            plans = {"PLANNER_SYNC_PLAN_IDS": "x" * 28, "REDIS_URL": redis_url}
            trust = {"SSL_CERT_FILE": str(authority.server.certificate)}
            with running(
                "--device-code", stderr=stderr.fileno(), **env, **plans, **trust
            ) as service:
                eventually(lambda: "enter the code" in log.read_text())
                assert service.stop(signal.SIGTERM)[0] == 0
        assert "Traceback" not in log.read_text()

    async with authority.server.running():
        await asyncio.to_thread(story)
