"""What the demo shows in the terminal: who it is and where, one line for each thing that crossed, a
summary.

Colours only on a terminal, whole lines on a pipe. Decides nothing.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, TextIO

Kind = Literal["up", "down", "conflict", "failed"]

ARROWS: dict[Kind, str] = {"up": "──▶", "down": "◀──", "conflict": "▶═◀", "failed": "──✕"}
COLOURS: dict[Kind, str] = {"up": "32", "down": "36", "conflict": "33;1", "failed": "31"}
AGENT_WIDTH, PERSON_WIDTH, TOOK_WIDTH, TITLE_WIDTH = 11, 11, 7, 48


class Terminal:
    """Writes to `stream`, line by line. Raises BrokenPipeError when nobody reads any more."""

    def __init__(self, stream: TextIO) -> None:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # arrows on a terminal that knows only ASCII
        self._stream = stream
        self._colourful = (
            stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        )
        self._width = shutil.get_terminal_size().columns if stream.isatty() else None

    def say(self, *lines: str) -> None:
        self._stream.writelines(f"{line}\n" for line in lines)
        self._stream.flush()

    def show_columns(self) -> None:
        line = _columns("", "agents", "   ", "people", "took", "task", "what")
        self.say(f"\x1b[2m{line}\x1b[0m" if self._colourful else line)

    def show(
        self, kind: Kind, agent: str, person: str, took: float | None, title: str, what: str
    ) -> None:
        """One thing that crossed; `took` is seconds, None where nobody knows when it began."""
        at = datetime.now().strftime("%H:%M:%S")  # noqa: DTZ005 - the clock on the reader's wall
        line = _columns(at, agent, ARROWS[kind], person, shown_seconds(took), title, what)[
            : self._width
        ]
        if self._colourful:
            line = line.replace(ARROWS[kind], f"\x1b[{COLOURS[kind]}m{ARROWS[kind]}\x1b[0m", 1)
        self.say(line)


def shown_seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None without a value."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else None


def head(redis_port: int, emulator_port: int, http_port: int, poll_seconds: int) -> list[str]:
    """Where everything is, and how to take part by hand."""
    http = f"http://127.0.0.1:{http_port}/api"
    task = """'{"id":"hello","title":"Hello from the shell"}'"""
    message = """'{"action":"created","taskId":"hello"}'"""
    python = os.path.relpath(sys.executable)
    code = (
        f"import redis, sys; print(redis.Redis(port={redis_port}).execute_command(*sys.argv[1:]))"
    )
    return [
        f"  board   http://127.0.0.1:{emulator_port}/ where people work: drag a card, or add one",
        f"  Redis   redis://127.0.0.1:{redis_port}/0 where agents work",
        f"  health  {http}/health",
        f"  status  {http}/status",
        "",
        "  Be an agent yourself, in another terminal:",
        f"    redis-cli -p {redis_port} SET annika:tasks:hello {task}",
        f"    redis-cli -p {redis_port} PUBLISH annika:tasks:updates {message}",
        f"  The same without redis-cli: instead of `redis-cli -p {redis_port}` begin with",
        f'    {python} -c "{code}"',
        "",
        "  What agents write goes at once; what people do is found by polls, "
        f"here every {poll_seconds} s (else 30).",
        "  Ctrl+C ends it.",
        "",
    ]


def summary(
    counts: Mapping[Kind, int],
    took: Mapping[Kind, Sequence[float]],
    graph_calls: int,
    seconds: float,
) -> list[str]:
    """What has happened in this time."""
    return [
        "",
        f"  {seconds:.0f} s",
        f"  agents ──▶ people   {_figures(counts['up'], took['up'])}",
        f"  agents ◀── people   {_figures(counts['down'], took['down'])}",
        f"  conflicts {counts['conflict']}, refused or failed {counts['failed']}, "
        f"requests to Planner {graph_calls}",
    ]


def _figures(number: int, took: Sequence[float]) -> str:
    p50, p95 = (shown_seconds(percentile(took, share)) for share in (0.5, 0.95))
    return f"{number:>4}   p50 {p50:>7}   p95 {p95:>7}"


def _columns(at: str, agent: str, arrow: str, person: str, took: str, title: str, what: str) -> str:
    cut = title if len(title) <= TITLE_WIDTH else f"{title[: TITLE_WIDTH - 1]}…"
    left = f"{at:<8}  {agent:<{AGENT_WIDTH}} {arrow} {person:<{PERSON_WIDTH}} {took:>{TOOK_WIDTH}}"
    return f"{left}  {cut:<{TITLE_WIDTH}}  {what}".rstrip()
