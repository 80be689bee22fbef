"""Why Planner cannot be reached or refuses us: a code for each cause, and what to do about it.

For logs and /api/status only. What the service does next is decided by the class of an error, never
by its cause.
"""

ADVICE = {
    "secret_expired": "create a new client secret and set it as AZURE_CLIENT_SECRET",
    "secret_wrong": "set AZURE_CLIENT_SECRET to the value of the client secret, not to its id",
    "client_unknown": "the tenant AZURE_TENANT_ID has no application AZURE_CLIENT_ID",
    "client_disabled": (
        "the application is disabled in the tenant; an administrator can enable it again"
    ),
    "certificate_unknown": (
        "upload the certificate in AZURE_CLIENT_CERTIFICATE_PATH to the application"
    ),
    "certificate_unusable": (
        "AZURE_CLIENT_CERTIFICATE_PATH must be a PEM file with one RSA key and its certificate"
    ),
    "tenant_unknown": "AZURE_AUTHORITY_HOST has no tenant AZURE_TENANT_ID",
    "consent_missing": (
        "an administrator must consent to the application's permissions; "
        "consent may have been revoked"
    ),
    "role_missing": (
        "grant the application the Graph permission Tasks.ReadWrite.All, with admin consent"
    ),
    "access_blocked": "a Conditional Access policy of the tenant blocks this sign-in",
    "identity_unreachable": (
        "this host offers no managed identity; enable one, or set a certificate or a secret"
    ),
    "identity_refused": (
        "this host does not have that managed identity; check AZURE_CLIENT_ID and its assignment"
    ),
    "authority_unreachable": (
        "AZURE_AUTHORITY_HOST cannot be reached; check network, proxy and firewall"
    ),
    "authority_busy": "the sign-in service is unavailable or throttling; retried automatically",
    "device_code_pending": "enter the code that was printed on stderr",
    "device_code_expired": "the code was not entered in time; enter the next one",
    "device_code_declined": "the sign-in was declined; enter the next code and accept",
    "device_code_forbidden": (
        "allow public client flows in the application's authentication settings"
    ),
    "sign_in_slow": "the sign-in service is slow to answer; retried automatically",
    "sign_in_refused": "check tenant, client and authority; look up the number after AADSTS",
    "token_refused": (
        "Graph rejects our token; check PLANNER_SYNC_GRAPH_URL, "
        "or replace PLANNER_SYNC_GRAPH_TOKEN if it is set"
    ),
    "graph_unreachable": (
        "PLANNER_SYNC_GRAPH_URL cannot be reached; check network, proxy and firewall"
    ),
    "graph_no_answer": "Graph gives no readable answer; retried automatically",
}


def with_advice(cause: str, detail: str = "") -> str:
    """`cause: what to do (detail)`, on one line; `detail` must not contain a secret."""
    line = f"{cause}: {ADVICE[cause]}"
    return f"{line} ({detail})" if detail else line
