"""Every route that may exist, with its method and access. Both hosts are held to this list.

Before you add a route, ask what it shows to whom.
"""

ALLOWED = {
    ("GET", "/api/health", "anonymous"),
    ("GET", "/api/status", "key"),
    ("POST", "/api/plans/{id}/release", "key"),
    ("POST", "/api/plans/{id}/restore", "key"),
}
