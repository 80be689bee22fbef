"""Runs azure-functions-doctor on the app, once for each hosting plan: no failure, and no warning
without a reason.

    python -m tests.host.run_doctor /path/to/an/environment/bin/azure-functions-doctor

The table in ARCHITECTURE.md has the accepted warnings with their reasons. Exit code 1: a warning
has no row, or a row has no warning. The doctor reads everything in a folder, caches and
environments too, so it gets a copy of what git would commit.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PLANS = ("flex-consumption", "dedicated", "premium", "linux-consumption")
HEADING = "### What azure-functions-doctor warns of"
Warned = dict[str, set[str]]


def main(doctor: str) -> int:
    found: Warned = {}
    fails = 0
    with tempfile.TemporaryDirectory() as folder:
        copy_to(Path(folder))
        for plan in PLANS:
            items = examine(doctor, Path(folder), plan)
            failed = [item for item in items if item["status"] == "fail"]
            warned = [item for item in items if item["status"] == "warn"]
            passed = sum(item["status"] == "pass" for item in items)
            counts = f"{len(failed)} fails, {len(warned)} warnings, {passed} passed"
            print(f"{plan}: {counts} of {len(items)}")
            for item in failed:
                print(f"    {item['rule_id']}: {item['value']}")
            fails += len(failed)
            for item in warned:
                found.setdefault(item["rule_id"], set()).add(plan)
    told = reasons((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    wrong = differences(found, told)
    print(
        "\n".join(wrong) or f"each of the {len(found)} warnings has its reason in ARCHITECTURE.md"
    )
    return 1 if fails or wrong else 0


def copy_to(folder: Path) -> None:
    """Everything that git tracks, or would."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(
        listing, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def examine(doctor: str, folder: Path, plan: str) -> list[dict[str, Any]]:
    """What the doctor says of each of its rules: `rule_id`, `status`, `value`."""
    report = folder / f"{plan}.json"
    command = [doctor, "doctor", "--path", ".", "--profile", "deploy", "--hosting-plan", plan]
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("APPLICATIONINSIGHTS_")
    }
    run = subprocess.run(
        [*command, "--format", "json", "--output", report.name],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode not in (0, 1):
        raise SystemExit(f"the doctor ended with {run.returncode}: {run.stderr}")
    answer = json.loads(report.read_text(encoding="utf-8"))
    report.unlink()
    return [item for section in answer["results"] for item in section["items"]]


def reasons(text: str) -> Warned:
    """Rule -> the plans that it warns of, as the table has it."""
    table = text.split(f"{HEADING}\n", 1)[1].split("\n#", 1)[0]
    told: Warned = {}
    for line in table.splitlines():
        if row := re.match(r"\| `(\w+)` \| ([^|]+) \| [^|]+ \|$", line):
            told[row[1]] = (
                set(PLANS) if row[2].strip() == "all" else set(re.findall(r"`([^`]+)`", row[2]))
            )
    return told


def differences(found: Warned, told: Warned) -> list[str]:
    lines = []
    for rule in sorted(found.keys() | told.keys()):
        more, less = (
            found.get(rule, set()) - told.get(rule, set()),
            told.get(rule, set()) - found.get(rule, set()),
        )
        lines += (
            [f"{rule} warns and has no reason in ARCHITECTURE.md: {', '.join(sorted(more))}"]
            if more
            else []
        )
        lines += (
            [f"{rule} has a reason and does not warn: {', '.join(sorted(less))}"] if less else []
        )
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
