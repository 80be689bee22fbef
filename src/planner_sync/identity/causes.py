"""Why Planner cannot be reached or will not let us in: a code for each cause, and what somebody can
do about it.

For logs and /api/status. Nothing is decided by a cause: that is what the classes in errors.py are
for.
"""

ADVICE = {
    "secret_expired": "make a new secret for the application and set it as AZURE_CLIENT_SECRET",
    "secret_wrong": "set AZURE_CLIENT_SECRET to the value of a secret of this application, not to the secret's id",
    "client_unknown": "AZURE_CLIENT_ID is no application in the tenant AZURE_TENANT_ID",
    "client_disabled": "the application is switched off in the tenant: an administrator can switch it on",
    "certificate_unknown": "upload the certificate of AZURE_CLIENT_CERTIFICATE_PATH to the application",
    "certificate_unusable": "AZURE_CLIENT_CERTIFICATE_PATH must be a PEM file with one RSA key and its certificate",
    "tenant_unknown": "there is no tenant AZURE_TENANT_ID at AZURE_AUTHORITY_HOST",
    "consent_missing": "an administrator has to consent to the application's permissions, again if it was revoked",
    "role_missing": "give the application the Graph permission Tasks.ReadWrite.All, and consent to it",
    "access_blocked": "a Conditional Access policy of the tenant blocks this sign-in",
    "identity_unreachable": "this host offers no managed identity: switch it on, or set a certificate or a secret",
    "identity_refused": "this host has no such managed identity: check AZURE_CLIENT_ID and that it is assigned",
    "authority_unreachable": "nobody answers at AZURE_AUTHORITY_HOST: check network, proxy and firewall",
    "authority_busy": "the sign-in service is ill or throttles: wait",
    "device_code_pending": "somebody has to enter the code that was written to stderr",
    "device_code_expired": "the code was not entered in time: enter the next one",
    "device_code_declined": "the sign-in was declined: enter the next code, and accept",
    "device_code_forbidden": "allow public client flows in the application's authentication settings",
    "sign_in_slow": "the sign-in service has not answered yet: wait",
    "sign_in_refused": "check tenant, client and authority; the number after AADSTS says more",
    "token_refused": "Graph takes no token of ours: check PLANNER_SYNC_GRAPH_URL, renew PLANNER_SYNC_GRAPH_TOKEN",
    "graph_unreachable": "nobody answers at PLANNER_SYNC_GRAPH_URL: check network, proxy and firewall",
    "graph_no_answer": "Graph gives no readable answer: wait",
}


def told(cause: str, detail: str = "") -> str:
    """`cause: what to do (detail)`, a line for people; `detail` must hold no secret."""
    return f"{cause}: {ADVICE[cause]}" + (f" ({detail})" if detail else "")
