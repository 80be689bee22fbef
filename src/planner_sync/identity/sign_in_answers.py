"""What the sign-in service and a token say, for people. Pure: no I/O, and nothing is decided by it
but the wording.

Microsoft may change its numbers at any time; one that is not here is `sign_in_refused`, with its
number in the log. https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from planner_sync.errors import GraphError, NotSent, Unauthorized
from planner_sync.identity.causes import told

_BY_NUMBER = {
    "AADSTS7000222": "secret_expired",
    "AADSTS7000215": "secret_wrong",
    "AADSTS700016": "client_unknown",
    "AADSTS7000112": "client_disabled",
    "AADSTS700027": "certificate_unknown",
    "AADSTS90002": "tenant_unknown",
    "AADSTS900021": "tenant_unknown",
    "AADSTS900023": "tenant_unknown",
    "AADSTS65001": "consent_missing",
    "AADSTS7000229": "consent_missing",
    "AADSTS53003": "access_blocked",
    "AADSTS7000218": "device_code_forbidden",
    "AADSTS70020": "device_code_expired",
}
# https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code#expected-errors
_BY_ERROR = {
    "expired_token": "device_code_expired",
    "code_expired": "device_code_expired",
    "authorization_declined": "device_code_declined",
    "access_denied": "device_code_declined",
}
_NOT_NOW = ("temporarily_unavailable", "server_error")


def refusal(answer: Mapping[str, Any], otherwise: str = "sign_in_refused") -> GraphError:
    """The error that an answer without a token is; `otherwise` is its cause where nothing in it
    tells."""
    detail = _certain(answer)
    if answer.get("error") in _NOT_NOW:
        return failure(NotSent, "authority_busy", detail)
    number = re.search(r"AADSTS\d+", detail)
    cause = _BY_NUMBER.get(number[0] if number else "") or _BY_ERROR.get(
        str(answer.get("error")), otherwise
    )
    return failure(Unauthorized, cause, detail)


def failure(
    kind: type[GraphError], cause: str, detail: str = "", *, status: int | None = None
) -> GraphError:
    """An error of the sign-in; `detail` must hold no secret."""
    return kind(f"sign-in: {told(cause, detail)}", status=status, code=detail, cause=cause)


def _certain(answer: Mapping[str, Any]) -> str:
    """`invalid_client AADSTS7000215`: the two parts of a refusal that are certain to hold no
    secret."""
    error = re.match(r"[a-z_]{1,40}\b", str(answer.get("error", "")))
    number = re.search(r"AADSTS\d{1,12}", str(answer.get("error_description", "")))
    return " ".join(part[0] for part in (error, number) if part) or "no reason given"


def claims(token: str) -> dict[str, Any]:
    """What a token says of itself, unproven; empty where it is none that we can read."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def missing_right(token: str) -> str:
    """Why Graph will not do what we ask with this token, as far as the token tells; empty where it
    does not."""
    said = claims(token)
    if not said:
        return ""
    scopes, listed = str(said.get("scp") or "").split(), said.get("roles")
    roles = listed if isinstance(listed, list) else []
    if not scopes and not roles:
        return "consent_missing"
    is_enough = (
        "Tasks.ReadWrite" in scopes
        or "Group.ReadWrite.All" in scopes
        or "Tasks.ReadWrite.All" in roles
    )
    return "" if is_enough else "role_missing"
