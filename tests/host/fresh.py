"""The Function App in a fresh interpreter, with the settings of a test and no others."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python(code: str, **env: str) -> str:
    """What a fresh interpreter prints after it has imported the app."""
    return run_python(code, **env).stdout


def run_python(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    names = ("PLANNER_SYNC_", "AZURE_", "REDIS_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return subprocess.run(
        [sys.executable, "-c", f"import sys, azure.functions, function_app\n{code}"],
        cwd=ROOT,
        env={**environment, **env},
        capture_output=True,
        text=True,
        check=True,
    )
