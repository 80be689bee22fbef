"""A procedure of docs/operations.md: its commands must print what the page shows."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.operators.console import Said

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
TEXT = PAGE.read_text(encoding="utf-8")


class Procedure:
    """The console blocks below a heading. A `with` block must follow all of them, in order."""

    def __init__(self, heading: str, run: Callable[[str], Said]) -> None:
        text = TEXT.split(f"\n{heading}\n", 1)[1]
        text = text.split("\n#", 1)[0]
        self._blocks = [
            textwrap.dedent(block)
            for block in re.findall(r" *```console\n(.*?)```", text, re.DOTALL)
        ]
        self._run = run

    def __enter__(self) -> "Procedure":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        assert kind or not self._blocks, f"never followed: {self._blocks}"

    def prints(self) -> bool:
        """Whether the next block prints what the page shows. For commands that change nothing."""
        return all(
            _equals(self._run(command), shown) for command, shown in _commands(self._blocks[0])
        )

    def follow(self) -> None:
        """Run the next block."""
        for command, shown in _commands(self._blocks.pop(0)):
            said = self._run(command)
            assert _equals(said, shown), (
                f"$ {command}\n{said.out}{said.err}\n-- instead of\n{shown}"
            )


def _commands(block: str) -> list[tuple[str, str]]:
    """Each command of a block with what it prints."""
    parts = [part.partition("\n") for part in block.split("$ ")[1:]]
    return [(command, shown) for command, _, shown in parts]


def _equals(said: Said, shown: str) -> bool:
    """Compare line by line: `…` stands for any text, and columns may have any width."""
    lines = [line for line in f"{said.out}{said.err}".splitlines() if line.strip()]
    wanted = [line for line in shown.splitlines() if line.strip()]
    return len(lines) == len(wanted) and all(map(_fits, lines, wanted))


def _fits(line: str, shown: str) -> bool:
    pattern = re.escape(" ".join(shown.split())).replace("…", ".*?")
    return re.fullmatch(pattern, " ".join(line.split())) is not None
