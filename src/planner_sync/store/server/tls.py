"""An error of a TLS connection to Redis → what is wrong, and what to do. Pure.

Names the server, never a user or a password.
"""

import re
import ssl
from collections.abc import Iterator

_RENEW = "renew it at the server"
_CLOCK = "check the clock of this machine"
_NAME = "REDIS_URL must use the server's name as in its certificate"
_TRUST = "add the PEM file of the authority that signed it to REDIS_URL: ?ssl_ca_certs=/path/ca.pem"
# By the codes of https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/.
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
_DEFAULT_ADVICE = "have a new certificate issued for the server"
_FILES = "a file in REDIS_URL (ssl_ca_certs, ssl_certfile or ssl_keyfile)"

# redis-py puts this text around an error of the socket.
_SERVER = re.compile(r"connecting to (\S+:\d+)\.")


def problem_with_tls(error: BaseException) -> str | None:
    """`host:port: what is wrong: what to do`, or None if TLS is not the problem."""
    chain = list(_chain(error))
    server = _server(chain)
    for each in chain:
        problem = _problem(each, is_tcp=server is not None)
        if problem:
            return f"{server or 'Redis'}: {problem}"
    return None


def _problem(error: BaseException, *, is_tcp: bool) -> str | None:
    match error:
        # The certificate of the server.
        case ssl.SSLCertVerificationError(verify_code=code, verify_message=message):
            advice = _ADVICE.get(code, _DEFAULT_ADVICE)
            return f"its certificate is not trusted: {message.rstrip('.')}: {advice}"
        # One of our own files.
        case ssl.SSLError(library=library) if library in ("X509", "PEM") or "PEM lib" in str(error):
            return f"{_FILES} is not valid PEM"
        # Everything else of the handshake.
        case ssl.SSLError(reason=reason) if reason:
            question = "is this the server's TLS port, and does it support TLS 1.2?"
            return f"no TLS connection: {reason}: {question}"
        # Only a file can be missing over TCP; without TCP it may be the socket.
        case FileNotFoundError() | IsADirectoryError() | PermissionError() if is_tcp:
            return f"{_FILES} cannot be read: {error.strerror}"
    return None


def _server(chain: list[BaseException]) -> str | None:
    for error in chain:
        found = _SERVER.search(str(error))
        if found:
            return found.group(1)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and the errors that caused it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
