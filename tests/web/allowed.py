"""Every route that there may be, with its method and who may ask: the list that both hosts are held
to.

A new route belongs here only after somebody has asked what it shows to whom.
"""

ALLOWED = {
    ("GET", "/api/health", "anonymous"),
    ("GET", "/api/status", "key"),
    ("POST", "/api/plans/{id}/release", "key"),
    ("POST", "/api/plans/{id}/restore", "key"),
}
