"""Makes a failing script small.

It leaves out ops and faults, halves first, as long as the same law stays broken.
"""

import re
from dataclasses import replace

from tests.simulation.runs.story import play
from tests.simulation.script.script import Script

RUNS = 120


def shrink(script: Script) -> Script:
    """A smaller script that breaks one of the same laws, or this one when nothing can go."""
    laws = _laws(script)
    runs = 0
    for part in ("faults", "ops", "faults", "ops"):
        size = max(len(getattr(script, part)) // 2, 1)
        while size:
            start = 0
            while start < len(getattr(script, part)) and runs < RUNS:
                runs += 1
                smaller = script.without(part, set(range(start, start + size)))
                if laws & _laws(smaller):
                    script = smaller
                else:
                    start += size
            size //= 2
    for fewer in range(1, script.instances):
        if laws & _laws(smaller := replace(script, instances=fewer)):
            return smaller
    return script


def _laws(script: Script) -> set[str]:
    """The broken laws, each with its birth and field: `I3 t0 title`."""
    found = (re.match(r"I\d+ \w+( \w+)?", sentence) for sentence in play(script).wrong)
    return {match[0] for match in found if match}
