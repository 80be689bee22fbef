"""The standalone service as a process: started as an operator starts it, asked over HTTP."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

import httpx

from tests.redis_process import free_port

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "src" / "planner_sync_service.py"
Found = TypeVar("Found")
PLAN = "xqQg5FS2LkCp935s-FIFm2QAFkHM"


class Running:
    """A running service; `health` is what it answers, `log` what it has written so far."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> None:
        self.process = process
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=5)
        self._log = log

    @property
    def log(self) -> str:
        return os.pread(self._log.fileno(), 1 << 26, 0).decode()

    def first_answer(self) -> bool:
        assert self.process.poll() is None, self.log
        return bool(self.health())

    def health(self) -> tuple[int, dict[str, Any]]:
        answer = self.http.get("/health")
        return answer.status_code, answer.json()

    def stop(self, *signals: signal.Signals) -> tuple[int, str]:
        """Send the signals; the exit code and everything that was written to stderr."""
        for number in signals:
            self.process.send_signal(number)
        return self.process.wait(20), self.log


@contextlib.contextmanager
def running(
    *arguments: str,
    deaf_parent: bool = False,
    script: Path = SCRIPT,
    stdout: int | None = None,
    stderr: int | None = None,
    **env: str,
) -> Iterator[Running]:
    """Start the service and wait for its first answer. A deaf parent ignores signals, and so would
    its children.

    `stderr` is where its log goes: None, it is kept; else a file descriptor. `stdout` goes with the
    test's own.
    """
    port = free_port()
    command = [sys.executable, str(script), *arguments]
    if deaf_parent:
        command = ["sh", "-c", 'trap "" INT TERM; exec "$@"', "sh", *command]
    with tempfile.TemporaryFile() as log:  # not a pipe: one that nobody reads stops who writes much
        process = subprocess.Popen(
            command,
            env=surroundings(PLANNER_SYNC_HTTP_PORT=str(port), **env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=log if stderr is None else stderr,
        )
        service = Running(process, port, log)
        try:
            eventually(service.first_answer)
            yield service
        finally:
            service.http.close()
            process.kill()
            process.wait(10)
            print(service.log)  # shown where a test failed


def run(*arguments: str, cwd: Path = ROOT, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the service to its end, which must come soon."""
    return subprocess.run(
        [sys.executable, os.path.relpath(SCRIPT, cwd), *arguments],
        cwd=cwd,
        env=surroundings(**env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def surroundings(**env: str) -> dict[str, str]:
    """The environment of this process without settings of its own, and with these."""
    ours = ("PLANNER_SYNC_", "AZURE_", "REDIS_", "IDENTITY_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        **env,
    }


def eventually(look: Callable[[], Found], within: float = 15) -> Found:
    """The first truthy result of `look`; connection errors count as none."""
    end = time.monotonic() + within
    while True:
        with contextlib.suppress(httpx.TransportError):
            if found := look():
                return found
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
