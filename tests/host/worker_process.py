"""Worker processes of the Functions host: started with settings, invoked line by line, killed."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from tests.host.service_process import surroundings

SCRIPT = Path(__file__).with_name("worker.py")


class Worker:
    """`invoke("poll")` waits for the answers; `begin` and `answers` let several workers be busy at
    once."""

    def __init__(self, process: "subprocess.Popen[str]", log: IO[bytes]) -> None:
        self.process = process
        self._log = log

    def begin(self, *names: str) -> None:
        """Start these invocations, all at once."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(names) + "\n")
        self.process.stdin.flush()

    def answers(self) -> list[Any]:
        """What those invocations gave, see worker.py."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the worker has ended: {self.log}"
        found: list[Any] = json.loads(line)
        return found

    def invoke(self, *names: str) -> list[Any]:
        self.begin(*names)
        return self.answers()

    def health(self) -> tuple[int, dict[str, Any]]:
        ((status, body),) = self.invoke("health")
        return status, body

    def kill(self) -> None:
        """The host's usual way to end a worker."""
        self.process.kill()
        self.process.wait(10)

    @property
    def log(self) -> str:
        return os.pread(self._log.fileno(), 1 << 26, 0).decode()


@contextlib.contextmanager
def worker(**env: str) -> Iterator[Worker]:
    """A worker that has indexed the app as soon as it answers; it has started nothing yet."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            env=surroundings(**env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        running = Worker(process, log)
        try:
            yield running
        finally:
            running.kill()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()
            print(running.log)  # shown where a test failed
