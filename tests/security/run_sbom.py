"""Is build/sbom.cdx.json valid CycloneDX, and exactly what requirements.txt pins?

    /path/to/an/environment/bin/python tests/security/run_sbom.py

The last step of make sbom. The environment has cyclonedx-bom.

Ends with 1 when it breaks its schema, when a package, version or hash is missing, another or too
many, and when it shows a time or a path of the machine that made it.
"""

import json
import re
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).resolve().parents[2]
Pins = dict[tuple[str, str], frozenset[str]]  # name and version -> SHA-256 of each file


def main() -> int:
    text = (ROOT / "build" / "sbom.cdx.json").read_text(encoding="utf-8")
    pinned = pins((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    listed = components(json.loads(text))
    wrong = [*faults(text), *differences(pinned, listed)]
    print(
        "\n".join(wrong)
        or f"valid CycloneDX 1.6: {len(listed)} packages, {sum(map(len, listed.values()))} hashes"
    )
    return 1 if wrong else 0


def faults(text: str) -> list[str]:
    """What breaks the schema, and what would differ on another machine or at another time."""
    broken = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    varying = [name for name in ("serialNumber", "timestamp", str(ROOT)) if name in text]
    return [f"breaks the schema: {str(broken).partition(chr(10))[0]}"] * bool(broken) + [
        f"has {name!r}, which is another each time" for name in varying
    ]


def pins(requirements: str) -> Pins:
    found: Pins = {}
    for line in requirements.replace("\\\n", " ").splitlines():
        if match := re.match(r"([\w.-]+)==([\w.]+)\s", line):
            found[match[1], match[2]] = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
    return found


def components(bom: dict[str, list[dict[str, list[dict[str, list[dict[str, str]]]]]]]) -> Pins:
    found: Pins = {}
    for one in bom["components"]:
        hashes = [code for where in one["externalReferences"] for code in where.get("hashes", [])]
        found[str(one["name"]), str(one["version"])] = frozenset(
            code["content"] for code in hashes if code["alg"] == "SHA-256"
        )
    return found


def differences(pinned: Pins, listed: Pins) -> list[str]:
    lines = [
        f"{name} {version} is pinned and not listed"
        for name, version in sorted(pinned.keys() - listed.keys())
    ]
    lines += [
        f"{name} {version} is listed and not pinned"
        for name, version in sorted(listed.keys() - pinned.keys())
    ]
    lines += [
        f"{name} {version} has no hash"
        for (name, version), hashes in sorted(pinned.items())
        if not hashes
    ]
    both = sorted(key for key in pinned.keys() & listed.keys() if pinned[key] != listed[key])
    return lines + [f"{name} {version} has other hashes" for name, version in both]


if __name__ == "__main__":
    sys.exit(main())
