"""Stands in for `az` and the tenant's directory behind it, as a program on PATH: `az cloud show`
and `az rest`.

The directory is a JSON file, named by DIRECTORY; queries are JMESPath, by the library that az has
too.
"""

import json
import os
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import jmespath


def main(arguments: list[str]) -> int:
    options = {name: value for name, value in pairwise(arguments) if name.startswith("--")}
    if arguments[:2] == ["cloud", "show"]:
        answer: Any = {"endpoints": {"microsoftGraphResourceId": "https://graph.example/"}}
    elif arguments[0] == "rest":
        answer = rest(options["--method"], options["--url"], options.get("--body"))
    else:
        sys.stderr.write(f"unknown: {arguments}\n")
        return 2
    found = jmespath.search(options.get("--query", "@"), answer)
    if options["--output"] == "tsv":
        sys.stdout.write(f"{'' if found is None else found}\n")
    return 0


def rest(method: str, url: str, body: str | None) -> Any:
    file = Path(os.environ["DIRECTORY"])
    directory = json.loads(file.read_text(encoding="utf-8"))
    granted = directory["granted"]
    path = url.removeprefix("https://graph.example/v1.0/servicePrincipals")
    if method == "get" and path == "(appId='00000003-0000-0000-c000-000000000000')":
        return directory["graph"]
    if method == "get" and (found := re.fullmatch(r"/([\w-]+)/appRoleAssignments", path)):
        return {"value": [one for one in granted if one["principalId"] == found[1]]}
    if method == "post" and path == f"/{directory['graph']['id']}/appRoleAssignedTo":
        assert body is not None
        granted.append({"id": f"assignment-{len(granted)}", **json.loads(body)})
    elif method == "delete" and (
        found := re.fullmatch(r"/[\w-]+/appRoleAssignedTo/([\w-]+)", path)
    ):
        directory["granted"] = [one for one in granted if one["id"] != found[1]]
    else:
        raise SystemExit(f"404 {method} {url}")
    file.write_text(json.dumps(directory), encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
