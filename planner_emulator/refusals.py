"""How Planner says no: one constructor for each kind of refusal, with the texts that were captured.

Errors of Planner's own back end have the code ""; those of Graph's front door have a name.
"""


class Refused(Exception):
    """A request that is answered with `status` and an error body."""

    def __init__(
        self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


def invalid(entity: str, field: str, why: str) -> Refused:
    """400: `field` of `entity`, in Planner's own spelling, breaks its schema."""
    return Refused(
        400,
        f"Schema validation has failed. Validation for field '{field}', "
        f"on entity '{entity}' has failed: {why}",
    )


def bad_request(message: str) -> Refused:
    return Refused(400, message, "BadRequest")


def not_found() -> Refused:
    return Refused(404, "The requested item is not found.")


def forbidden(may_be_missing: bool = False) -> Refused:
    tail = ", or the item may not exist." if may_be_missing else "."
    return Refused(403, f"You do not have the required permissions to access this item{tail}")


def limit_reached(code: str) -> Refused:
    return Refused(403, "The request exceeded allowed limits.", code)


def conflict() -> Refused:
    return Refused(
        409,
        "The attempted changes conflicted with already accepted changes. "
        "Read the latest state and resolve differences.",
    )


def precondition_missing(status: int) -> Refused:
    return Refused(status, "The If-Match header must be specified for this kind of request.")


def precondition_invalid() -> Refused:
    return Refused(412, "The If-Match header contains an invalid value.")


def throttled(retry_after: str | None) -> Refused:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Refused(429, "Please retry again later.", "TooManyRequests", headers)


def unauthorized(message: str = "Access token has expired or is not yet valid.") -> Refused:
    return Refused(
        401, message, "InvalidAuthenticationToken", {"WWW-Authenticate": 'Bearer realm=""'}
    )
