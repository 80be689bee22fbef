"""A TLS server on this machine that offers HTTP/2.

Only clients that were given its certificate trust it.
"""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event, RequestReceived, StreamEnded

BODY = b'{"id": "a"}'


@dataclass
class H2Server:
    """Answers every request with BODY; keeps the headers of each and the number of connections."""

    certificate: Path
    url: str = ""
    connections: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["H2Server"]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate)
        context.set_alpn_protocols(["h2"])
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        try:
            writer.write(connection.data_to_send())
            while data := await reader.read(65536):
                self._answer(connection, connection.receive_data(data))
                writer.write(connection.data_to_send())
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, connection: H2Connection, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, RequestReceived):
                self.requests.append({str(name): str(value) for name, value in event.headers})
            elif isinstance(event, StreamEnded):
                connection.send_headers(
                    event.stream_id, [(":status", "200"), ("content-type", "application/json")]
                )
                connection.send_data(event.stream_id, BODY, end_stream=True)


def self_signed(path: Path, host: str = "127.0.0.1", *, days: int = 1) -> Path:
    """A PEM with key and certificate for `host`; with negative `days` it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(until - datetime.timedelta(days=2))
        .not_valid_after(until)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
