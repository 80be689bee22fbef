"""Is there a secret in the files, or in any line that was ever added to them?

    /path/to/an/environment/bin/python tests/security/run_secret_scan.py

The environment has detect-secrets and unidiff.

Ends with 1 when something is found that `allowed_secrets.toml` does not have with its reason, and
when a row of that file is needed no more. Comments that allow a line in place are not heeded, and
nothing is sent anywhere to be verified. In a shallow clone the history is as short as the clone's.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from detect_secrets.core.scan import scan_diff
from detect_secrets.settings import default_settings, get_settings

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = Path(__file__).with_name("allowed_secrets.toml")
SCANNED = ("--", ".", f":(exclude){ALLOWED.relative_to(ROOT).as_posix()}")
# Planted before each scan, in two pieces here. The first is a key of AWS's own documentation.
CANARIES = ("AKIAIOSFODNN7" + "EXAMPLE", "-----BEGIN RSA PRIVATE " + "KEY-----")
# Comments would be reasons that nobody reads, and a file of the history need not exist any more.
UNWANTED = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.common.is_invalid_file",
)
Found = dict[tuple[str, str], set[str]]  # file and text -> where


def main() -> int:
    with default_settings():
        get_settings().disable_filters(*UNWANTED)
        if blind := [canary for canary in CANARIES if not list(scan_diff(_planted(canary)))]:
            print(f"the scanner does not see {blind}")
            return 1
        found: Found = {}
        commits = 0
        for place, diff in diffs():
            commits += 1
            for secret in scan_diff(diff):
                if is_name_of_a_test(secret.filename, str(secret.secret_value)):
                    continue
                where = f"{secret.filename}:{secret.line_number} ({place}, {secret.type})"
                found.setdefault((secret.filename, str(secret.secret_value)), set()).add(where)
    table = tomllib.loads(ALLOWED.read_text(encoding="utf-8"))
    allowed = {(file, text): why for file, texts in table.items() for text, why in texts.items()}
    is_shallow = _git("rev-parse", "--is-shallow-repository").strip() == "true"
    wrong = differences(found, allowed, may_miss=is_shallow)
    print(
        "\n".join(wrong)
        or f"the files and {commits - 1} commits: nothing but the {len(allowed)} that are allowed"
    )
    return 1 if wrong else 0


def is_name_of_a_test(file: str, text: str) -> bool:
    """The pages name many, and some have "secret" in them."""
    return file.endswith(".md") and re.match(r"test_[a-z0-9_]{12,}", text) is not None


def diffs() -> Iterator[tuple[str, str]]:
    """All lines of all files as they are now, then all that each commit has added."""
    nothing = _git("hash-object", "-t", "tree", "/dev/null").strip()
    yield "now", _git("diff", "--unified=0", "--no-renames", nothing, *SCANNED)
    history = _git("log", "--patch", "--unified=0", "--no-renames", "--format=%x00%h", *SCANNED)
    for commit in history.split("\0")[1:]:
        name, _, diff = commit.partition("\n")
        yield name, diff


def differences(found: Found, allowed: dict[tuple[str, str], str], *, may_miss: bool) -> list[str]:
    """What is wrong, a line each; a secret is shown by where it is. `may_miss`: what is allowed
    need not be found."""
    new = sorted(min(places) for key, places in found.items() if key not in allowed)
    lines = [
        f"{place}: looks like a secret. Take it out and change it; or give its reason"
        for place in new
    ]
    idle = [] if may_miss else sorted(allowed.keys() - found.keys())
    lines += [f"{ALLOWED.name}: {text!r} is not in {file}" for file, text in idle]
    return lines + [
        f"{ALLOWED.name}: {text!r} of {file} has no reason"
        for (file, text), why in allowed.items()
        if not why
    ]


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *arguments], cwd=ROOT, capture_output=True, check=True
    )
    return done.stdout.decode("utf-8", "replace").replace("\r", " ")


def _planted(line: str) -> str:
    return f"--- /dev/null\n+++ b/planted.py\n@@ -0,0 +1 @@\n+key = '{line}'\n"


if __name__ == "__main__":
    sys.exit(main())
