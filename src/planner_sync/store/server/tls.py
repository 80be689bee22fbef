"""What is wrong with the encryption of a connection to Redis, and what to do about it, told from an
error. Pure.

Says which server is meant, never a user or a password.
"""

import re
import ssl
from collections.abc import Iterator

_RENEW = "renew it at the server"
_CLOCK = "check the clock of this machine"
_NAME = "REDIS_URL must name the server as its certificate does"
_TRUST = "name the file of the authority that has signed it in REDIS_URL: ?ssl_ca_certs=/path/authority.pem"
# By the numbers of https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/.
_ADVICE = {
    9: _CLOCK,
    10: f"{_RENEW}, or {_CLOCK}",
    18: _TRUST,
    19: _TRUST,
    20: _TRUST,
    21: _TRUST,
    62: _NAME,
    64: _NAME,
}
_OTHERWISE = "have another certificate made for the server"
_FILES = "a file that REDIS_URL names in ssl_ca_certs, ssl_certfile or ssl_keyfile"

# redis-py gives an error of the socket this text around it.
_PLACE = re.compile(r"connecting to (\S+:\d+)\.")


def problem_with_tls(error: BaseException) -> str | None:
    """`host:port: what is wrong: what to do`, or None when the trouble is not one of TLS."""
    chain = list(_chain(error))
    place = next((found.group(1) for each in chain if (found := _PLACE.search(str(each)))), None)
    said = next((said for each in chain if (said := _said(each, place is not None))), None)
    return said and f"{place or 'Redis'}: {said}"


def _said(error: BaseException, is_tcp: bool) -> str | None:
    match error:
        case ssl.SSLCertVerificationError(verify_code=code, verify_message=message):
            return f"its certificate is not trusted: {message.rstrip('.')}: {_ADVICE.get(code, _OTHERWISE)}"
        case ssl.SSLError(library=library) if library in ("X509", "PEM") or "PEM lib" in str(error):
            return f"{_FILES} holds no PEM"
        case ssl.SSLError(reason=reason) if reason:
            return f"no TLS connection: {reason}: is this the server's port for TLS, and does it know TLS 1.2?"
        case FileNotFoundError() | IsADirectoryError() | PermissionError() if (
            is_tcp
        ):  # no socket of a network says so
            return f"{_FILES} cannot be read: {error.strerror}"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came from."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__
