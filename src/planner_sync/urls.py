"""What is wrong with a URL that an operator wrote, in words that show nothing of it. Opens no
connection."""

import re
from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
# The authorities of each cloud, and its hosts of Graph.
# https://learn.microsoft.com/graph/deployments, https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
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
# Options by which redis-py would trust any server, with the values that leave the checks on; 771 is
# TLS 1.2.
_TRUSTING = {
    "ssl_cert_reqs": ("required",),
    "ssl_check_hostname": ("true", "yes", "1"),
    "ssl_min_version": ("771", "772"),
}
# Of a Redis URL's options, those that redis-py turns into numbers when it connects, which would be
# too late.
_REDIS_NUMBERS = frozenset(
    {
        "db",
        "protocol",
        "socket_timeout",
        "socket_connect_timeout",
        "max_connections",
        "health_check_interval",
    }
)
_FOR_TLS = frozenset(
    {*_TRUSTING, "ssl_ca_certs", "ssl_ca_data", "ssl_certfile", "ssl_keyfile", "ssl_password"}
)
_REDIS_OPTIONS = frozenset({*_REDIS_NUMBERS, *_FOR_TLS, "username", "password", "client_name"})


def problem_with_redis_url(url: str) -> str | None:
    """What is wrong with a Redis URL, in words that show nothing of it."""
    try:
        parts = urlsplit(url)
        port_fits = parts.port is None or parts.port > 0
    except ValueError:
        return "has a host or a port that cannot be read; percent-encode what is special in the password"
    if parts.scheme not in ("redis", "rediss", "unix"):
        return "must start with redis://, rediss:// or unix://"
    if parts.fragment or not _VISIBLE.fullmatch(url):
        return "holds '#', a space or a letter outside ASCII; percent-encode what is special in the password"
    if not port_fits:
        return "has the port 0"
    if parts.scheme == "unix" and parts.path in ("", "/"):
        return "must name a socket, such as unix:///run/redis.sock"
    if parts.scheme != "unix" and not re.fullmatch(r"/?\d*", parts.path, re.ASCII):
        return "must end with the number of a database, such as /0, or with nothing"
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _REDIS_OPTIONS:  # not shown: it may be a part of a password with a '?'
            return f"has an option that is none of {', '.join(sorted(_REDIS_OPTIONS))}"
        if name in _FOR_TLS and parts.scheme != "rediss":
            return f"has {name} and is not encrypted: it must start with rediss://"
        if name in _TRUSTING and value.lower() not in _TRUSTING[name]:
            return f"has {name}={value}: the server's certificate and name are always checked, with TLS 1.2 or newer"
        if name in _REDIS_NUMBERS and not _NUMBER.fullmatch(value):
            return f"has a {name} that is not a number"
    return None


def problem_with_web_url(url: str) -> str | None:
    """What is wrong with a URL that requests are sent to, in words that show nothing of it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "has a host or a port that cannot be read"
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        return "must have no user, password, query or fragment"
    if not host or not _VISIBLE.fullmatch(url):
        return "must be a URL such as https://graph.microsoft.com/v1.0"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        return "must start with https://, or with http:// and a host that is this machine"
    return None


def problem_with_token_url(redis_url: str) -> str | None:
    """Why a Redis URL does not go with a token as password, in words that show nothing of it."""
    try:
        parts = urlsplit(redis_url)
    except ValueError:
        return None  # which is told already
    if (
        parts.username
        or parts.password
        or {"username", "password"} & {name for name, _ in parse_qsl(parts.query)}
    ):
        return "has a user or a password too: take them out"
    if parts.scheme == "redis" and not is_loopback(parts.hostname or "localhost"):
        return "is not encrypted: it must start with rediss://"
    return None


def problem_with_clouds(authority_url: str, graph_url: str) -> str | None:
    """Why a token of this authority is no good at this Graph: they are known, and of different
    clouds."""
    authority, graph = _host(authority_url), _host(graph_url)
    wanted = next((known for known, hosts in _CLOUDS.items() if graph in hosts), None)
    if wanted is None or authority not in _AUTHORITIES or authority in wanted:
        return None
    return f"signs in to another cloud than that of {graph}: set https://{wanted[0]}"


def is_of_authority(url: str, authority_url: str) -> bool:
    """Whether a URL that an authority names is at the authority itself, or at another one of its
    cloud."""
    try:
        named, own = urlsplit(url), urlsplit(authority_url)
        places = [(parts.scheme, parts.hostname, parts.port or 443) for parts in (named, own)]
    except ValueError:
        return False
    cloud = next((known for known in _CLOUDS if own.hostname in known), ())
    is_own = places[0] == places[1] or (
        places[0] == ("https", named.hostname, 443) and named.hostname in cloud
    )
    return is_own and named.username is None


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
