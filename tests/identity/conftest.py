"""Fixtures of the sign-in."""

from collections.abc import AsyncIterator

import pytest
from cryptography import x509

from tests.identity.authority import Authority, certificate_of_an_application


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    authority = Authority()
    async with authority.server.running():
        yield authority


@pytest.fixture(scope="session")
def certificate() -> tuple[bytes, x509.Certificate]:
    """A PEM with a key and its certificate, and the certificate."""
    return certificate_of_an_application()
