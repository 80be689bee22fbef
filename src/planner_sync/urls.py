"""What is wrong with a URL of the settings. Opens no connection.

Every problem is the end of a sentence that begins with the setting's name. None shows a host, a
user, a password or a path.
"""

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, urlsplit

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_DATABASE = re.compile(r"/?\d*", re.ASCII)
# The authorities of each cloud → its hosts of Graph.
# https://learn.microsoft.com/graph/deployments
# https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
_CLOUDS = {
    ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com"): (
        "graph.microsoft.com",
    ),
    ("login.microsoftonline.us",): ("graph.microsoft.us", "dod-graph.microsoft.us"),
    ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"): (
        "microsoftgraph.chinacloudapi.cn",
    ),
}
_AUTHORITIES = {authority for authorities in _CLOUDS for authority in authorities}
# Options of redis-py that can turn certificate checks off → the values that keep them on. 771 is
# TLS 1.2.
_TLS_CHECKS = {
    "ssl_cert_reqs": ("required",),
    "ssl_check_hostname": ("true", "yes", "1"),
    "ssl_min_version": ("771", "772"),
}
_TLS_FILES = ("ssl_ca_certs", "ssl_ca_data", "ssl_certfile", "ssl_keyfile", "ssl_password")
_TLS_OPTIONS = frozenset({*_TLS_CHECKS, *_TLS_FILES})
# redis-py parses these only when it connects, which is too late to report a mistake.
_NUMERIC_OPTIONS = frozenset(
    {
        "db",
        "protocol",
        "socket_timeout",
        "socket_connect_timeout",
        "max_connections",
        "health_check_interval",
    }
)
_REDIS_OPTIONS = frozenset(
    {*_NUMERIC_OPTIONS, *_TLS_OPTIONS, "username", "password", "client_name"}
)
_ENCODE = "percent-encode special characters in the password"


def problem_with_redis_url(url: str) -> str | None:
    """What is wrong with a Redis URL, or None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"has a host or a port that cannot be read; {_ENCODE}"
    if parts.scheme not in ("redis", "rediss", "unix"):
        return "must start with redis://, rediss:// or unix://"
    if parts.fragment or not _VISIBLE.fullmatch(url):
        return f"contains '#', a space or a non-ASCII character; {_ENCODE}"
    if port == 0:
        return "has the port 0"
    return _problem_with_path(parts) or _problem_with_options(parts)


def _problem_with_path(parts: SplitResult) -> str | None:
    """The path is a socket, or the number of a database."""
    if parts.scheme == "unix":
        if parts.path in ("", "/"):
            return "must name a socket, such as unix:///run/redis.sock"
        return None
    if not _DATABASE.fullmatch(parts.path):
        return "must end with the number of a database, such as /0, or with nothing"
    return None


def _problem_with_options(parts: SplitResult) -> str | None:
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        problem = _problem_with_option(parts.scheme, name, value)
        if problem is not None:
            return problem
    return None


def _problem_with_option(scheme: str, name: str, value: str) -> str | None:
    # An unknown option is not shown: it may be the rest of a password that contains '?'.
    if name not in _REDIS_OPTIONS:
        return f"has an unknown option; the known ones are {', '.join(sorted(_REDIS_OPTIONS))}"
    # A TLS option without TLS.
    if name in _TLS_OPTIONS and scheme != "rediss":
        return f"has {name} but is not encrypted: it must start with rediss://"
    # An option that turns a check off.
    if name in _TLS_CHECKS and value.lower() not in _TLS_CHECKS[name]:
        return (
            f"has {name}={value}: the server's certificate and name are always checked, "
            "with TLS 1.2 or newer"
        )
    if name in _NUMERIC_OPTIONS and not _NUMBER.fullmatch(value):
        return f"has a {name} that is not a number"
    return None


def problem_with_web_url(url: str) -> str | None:
    """What is wrong with a URL that requests are sent to, or None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "has a host or a port that cannot be read"
    has_user = parts.username is not None or parts.password is not None
    if has_user or parts.query or parts.fragment:
        return "must have no user, password, query or fragment"
    if not host or not _VISIBLE.fullmatch(url):
        return "must be a URL such as https://graph.microsoft.com/v1.0"
    if parts.scheme == "https":
        return None
    if parts.scheme == "http" and is_loopback(host):
        return None
    return "must start with https://; http:// is allowed on this machine only"


def problem_with_token_url(redis_url: str) -> str | None:
    """Why a token must not be the password of this Redis URL, or None."""
    try:
        parts = urlsplit(redis_url)
    except ValueError:
        return None  # problem_with_redis_url reports it
    options = {name for name, _ in parse_qsl(parts.query)}
    has_user = bool(parts.username or parts.password)
    if has_user or options & {"username", "password"}:
        return "has a user or a password too: remove them"
    if parts.scheme == "redis" and not is_loopback(parts.hostname or "localhost"):
        return "is not encrypted: it must start with rediss://"
    return None


def problem_with_clouds(authority_url: str, graph_url: str) -> str | None:
    """Why Graph rejects tokens of this authority: both are known, and of different clouds."""
    authority, graph = _host(authority_url), _host(graph_url)
    wanted = _authorities_for(graph)
    if not wanted or authority not in _AUTHORITIES or authority in wanted:
        return None
    return f"signs in to another cloud than that of {graph}: set https://{wanted[0]}"


def _authorities_for(graph_host: str) -> tuple[str, ...]:
    for authorities, hosts in _CLOUDS.items():
        if graph_host in hosts:
            return authorities
    return ()


def is_of_authority(url: str, authority_url: str) -> bool:
    """Whether a URL leads to the authority itself, or to another authority of its cloud."""
    try:
        target, authority = urlsplit(url), urlsplit(authority_url)
        target_port, authority_port = target.port or 443, authority.port or 443
    except ValueError:
        return False
    if target.username is not None:
        return False
    # The authority itself.
    if (target.scheme, target.hostname, target_port) == (
        authority.scheme,
        authority.hostname,
        authority_port,
    ):
        return True
    # Another authority of its cloud.
    if target.scheme != "https" or target_port != 443:
        return False
    return any(
        authority.hostname in authorities and target.hostname in authorities
        for authorities in _CLOUDS
    )


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
