"""What the sign-in service answers and what a token says, as causes for people. Pure, no I/O.

Only the wording of logs and status depends on it. Microsoft may change its numbers at any time; one
that is not listed here becomes `sign_in_refused`, with its number in the log.
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from planner_sync.errors import GraphError, NotSent, Unauthorized
from planner_sync.identity.causes import with_advice

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
_TEMPORARY = ("temporarily_unavailable", "server_error")


def refusal_error(answer: Mapping[str, Any], default_cause: str = "sign_in_refused") -> GraphError:
    """The error for an answer without a token; `default_cause` is for one that gives no reason."""
    detail = _safe_detail(answer)
    error = str(answer.get("error"))
    if error in _TEMPORARY:
        return sign_in_error(NotSent, "authority_busy", detail)
    number = re.search(r"AADSTS\d+", detail)
    if number and number[0] in _BY_NUMBER:
        return sign_in_error(Unauthorized, _BY_NUMBER[number[0]], detail)
    return sign_in_error(Unauthorized, _BY_ERROR.get(error, default_cause), detail)


def sign_in_error(
    kind: type[GraphError], cause: str, detail: str = "", *, status: int | None = None
) -> GraphError:
    """An error of the sign-in; `detail` must not contain a secret."""
    return kind(f"sign-in: {with_advice(cause, detail)}", status=status, code=detail, cause=cause)


def claims(token: str) -> dict[str, Any]:
    """The claims in a JWT, without checking its signature; {} for a token of any other form."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    body = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        found = json.loads(base64.urlsafe_b64decode(body))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def missing_right(token: str) -> str:
    """The cause why Graph will refuse this token; "" when its claims do not say that it will."""
    found = claims(token)
    if not found:
        return ""
    scopes = str(found.get("scp") or "").split()
    roles = found.get("roles")
    if not isinstance(roles, list):
        roles = []
    if not scopes and not roles:
        return "consent_missing"
    if "Tasks.ReadWrite" in scopes or "Group.ReadWrite.All" in scopes:
        return ""
    if "Tasks.ReadWrite.All" in roles:
        return ""
    return "role_missing"


def _safe_detail(answer: Mapping[str, Any]) -> str:
    """`invalid_client AADSTS7000215`: the parts of a refusal that cannot contain a secret."""
    error = re.match(r"[a-z_]{1,40}\b", str(answer.get("error", "")))
    number = re.search(r"AADSTS\d{1,12}", str(answer.get("error_description", "")))
    parts = [found[0] for found in (error, number) if found]
    return " ".join(parts) or "no reason given"
