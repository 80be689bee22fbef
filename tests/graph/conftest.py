"""Fixtures of the Graph room."""

import datetime
from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.graph.authority import Authority
from tests.graph.gate_setup import Setup


@pytest.fixture
async def authority() -> AsyncIterator[Authority]:
    authority = Authority()
    async with authority.server.running():
        yield authority


@pytest.fixture(scope="session")
def certificate() -> tuple[bytes, x509.Certificate]:
    """A PEM with a key and its certificate, and the certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "planner-sync")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + made.public_bytes(serialization.Encoding.PEM)
    return pem, made


@pytest.fixture
async def free() -> Setup:
    """Round trips come back at once."""
    return Setup()


@pytest.fixture
async def jam() -> Setup:
    """Round trips come back when the test says so."""
    return Setup(open_end=False)
