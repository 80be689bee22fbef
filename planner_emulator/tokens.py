"""Which bearer tokens are good. A token that is good no longer has expired."""

from collections.abc import Iterable

from planner_emulator import refusals


class Tokens:
    def __init__(self, good: Iterable[str]) -> None:
        self._good = set(good)

    def replace(self, good: Iterable[str]) -> None:
        """From now on these are good and all others have expired."""
        self._good = set(good)

    def check(self, authorization: str | None) -> None:
        """Refused (401) without a good token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise refusals.unauthorized("Access token is empty.")
        if token not in self._good:
            raise refusals.unauthorized()
