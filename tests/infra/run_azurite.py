"""Does `make azurite` give the storage that local.settings.json.example names? Run by .ci/run;
needs npm."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
BLOBS = (
    "http://127.0.0.1:10000/devstoreaccount1?comp=list"  # where UseDevelopmentStorage=true looks
)
PATIENCE = 150.0  # npm fetches it first


def main() -> int:
    storage = ROOT / ".azurite"
    was_there = storage.exists()
    process = subprocess.Popen(["make", "azurite"], cwd=ROOT, start_new_session=True)
    try:
        until = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < until:
            try:
                server = httpx.get(BLOBS, timeout=5).headers.get("server", "")
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            print("port 10000 answers:", server)
            return 0 if server.startswith("Azurite-Blob/") and process.poll() is None else 1
        print("port 10000 does not answer; make azurite ended with", process.poll())
        return 1
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if not was_there:
            shutil.rmtree(storage, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
