"""How far a long run is: a line on stderr now and then."""

import sys
import time

EVERY_SECONDS = 10.0
EVERY_RUNS = 50


class Progress:
    """Counts the runs that have ended and those of them that were wrong.

    `kind` is what is counted ("seeds"). `total` is how many there will be. Where that is open,
    `seconds` is how long the run lasts.
    """

    def __init__(self, kind: str, total: int | None = None, seconds: float = 0.0) -> None:
        self._kind = kind
        self._total = total
        self._seconds = seconds
        self._began = time.monotonic()
        self._done = 0
        self._wrong = 0
        self._told_at = self._began
        self._told_done = 0

    def count(self, *, wrong: bool) -> None:
        """One more run has ended."""
        self._done += 1
        self._wrong += wrong
        now = time.monotonic()
        if now - self._told_at < EVERY_SECONDS and self._done - self._told_done < EVERY_RUNS:
            return
        self._told_at = now
        self._told_done = self._done
        print(self.line(now - self._began), file=sys.stderr, flush=True)

    def line(self, elapsed: float) -> str:
        """What is said after `elapsed` seconds."""
        if self._total is None:
            done = f"{self._done} {self._kind}"
            left = self._seconds - elapsed
        else:
            done = f"{self._done} of {self._total} {self._kind}"
            left = elapsed / max(self._done, 1) * (self._total - self._done)
        return f"  {done}, violations {self._wrong}, about {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min"
