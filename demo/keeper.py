"""Ends the demo's processes when the demo itself was killed and could not.

Reads a process group a line from stdin. When stdin closes without a last line `done`, whoever
should have ended them is gone, and it kills every group. Started as a file, with the standard
library alone.
"""

import os
import signal
import sys
from contextlib import suppress

DONE = "done"


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    groups = []
    for line in sys.stdin:
        if line.strip() == DONE:
            return
        groups.append(int(line))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
