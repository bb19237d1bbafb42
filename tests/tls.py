"""TLS for the servers of the tests, whose programs lack it: certificates, and a TLS terminator."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HOST = "localhost"
"""The only name in the certificate; servers are reached at 127.0.0.1 too, which is not in it."""

SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)
"""How a client of PostgreSQL asks for TLS, which begins after the answer ``S``."""


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """Files: the authority of the servers, another one with the same name, and the servers' own certificate."""

    authority: Path
    stranger: Path
    server: Path


def make_certificates(folder: Path) -> Certificates:
    made = Certificates(
        authority=folder / "ca.pem", stranger=folder / "stranger.pem", server=folder / "server.pem"
    )
    for path in (made.stranger, made.authority):  # the latter signs
        authority_key = ec.generate_private_key(ec.SECP256R1())
        authority = _certificate("Authority", authority_key, authority_key, "Authority", is_authority=True)
        path.write_bytes(authority.public_bytes(Encoding.PEM))
    key = ec.generate_private_key(ec.SECP256R1())
    own = _certificate(HOST, key, authority_key, "Authority")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made.server.write_bytes(own.public_bytes(Encoding.PEM) + private)
    return made


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: str,
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not is_authority:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return built.sign(signer, SHA256())


class TlsTerminator:
    """Accepts only connections with TLS, and forwards their content to a server on this machine."""

    def __init__(self, certificates: Certificates, server_port: int, *, postgres: bool) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificates.server)
        self._server_port = server_port
        self._postgres = postgres
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self) -> None:
        tls = None if self._postgres else self._context
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_writer = None
        with suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if self._postgres:
                if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                    raise ConnectionAbortedError
                writer.write(b"S")
                await writer.start_tls(self._context)
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
            await asyncio.gather(_pump(reader, onward_writer), _pump(onward_reader, writer))
        for each in filter(None, (writer, onward_writer)):
            each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def running(*terminators: TlsTerminator) -> Iterator[None]:
    """Serve on a separate thread."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        for terminator in terminators:
            asyncio.run_coroutine_threadsafe(terminator.start(), loop).result(10)
        yield
    finally:
        for terminator in terminators:
            loop.call_soon_threadsafe(terminator.close)
        asyncio.run_coroutine_threadsafe(_end_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.05)  # aborted connections are closed in the next rounds of the loop
