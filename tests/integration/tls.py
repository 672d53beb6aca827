"""TLS at the far ends of a balancer."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.integration.sockets import Address, Peer


def makeCertificate(folder: Path) -> Path:
    """A key and a certificate for localhost that vouches for itself. The test is skipped where TLS is not installed."""
    pytest.importorskip("OpenSSL", reason="TLS needs pyOpenSSL")
    x509 = pytest.importorskip("cryptography.x509")
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    plain = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "localhost.pem"
    path.write_bytes(plain + certificate.public_bytes(encoding))
    return path


def tlsListener(pem: Path) -> str:
    """The description of an endpoint that listens."""
    return f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"


def tlsBackend(address: Address, pem: Path) -> str:
    """The description of an endpoint that leads to a server."""
    assert isinstance(address, tuple), "TLS is for TCP here"
    return f"tls:localhost:{address[1]}:trustRoots={pem.parent}"


def secureClient(plain: Peer, pem: Path) -> Deferred[Peer]:
    """The client of a TLS server; it takes an end without a closing alert for an error."""
    context = ssl.create_default_context(cafile=pem)
    return _secure(partial(context.wrap_socket, plain.socket, server_hostname="localhost"))


def secureServer(plain: Peer, pem: Path) -> Deferred[Peer]:
    """The same for a server's end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return _secure(partial(context.wrap_socket, plain.socket, server_side=True))


def finishSecurely(peer: Peer) -> Deferred[object]:
    """Send the closing alert, and wait for the other end's."""
    assert isinstance(peer.socket, ssl.SSLSocket)
    return deferToThread(peer.socket.unwrap)


def _secure(wrap: Callable[..., ssl.SSLSocket]) -> Deferred[Peer]:
    """The handshake waits for the other end, and so for the reactor."""
    return deferToThread(wrap, suppress_ragged_eofs=False).addCallback(Peer)
