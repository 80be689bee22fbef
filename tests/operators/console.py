"""The command line as an operator runs it: a process of its own."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.host.service_process import surroundings

SCRIPT = Path(sys.executable).with_name("planner-sync")


@dataclass(frozen=True)
class Said:
    """What a command has left."""

    code: int
    out: str
    err: str


def run(command: str, **env: str) -> Said:
    """Run a line that begins with `planner-sync`, with these settings and no others."""
    name, *arguments = shlex.split(command)
    assert name == "planner-sync"
    done = subprocess.run(
        [os.fspath(SCRIPT), *arguments],
        env=surroundings(**env),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)
