"""Start an emulator and drive it with Microsoft's SDK from another environment.

    python -m tests.emulator.run_fidelity /path/to/environment/with/msgraph-sdk/bin/python

Ends with the exit code of fidelity_msgraph_sdk.py.
"""

import subprocess
import sys
from pathlib import Path

from tests.emulator_process import emulator_process

SCRIPT = Path(__file__).with_name("fidelity_msgraph_sdk.py")

if __name__ == "__main__":
    with emulator_process() as emulator:
        command = [sys.argv[1], str(SCRIPT), emulator.url, emulator.token, emulator.plan_id]
        sys.exit(subprocess.call(command))
