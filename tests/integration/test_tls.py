"""TLS on either side, through Twisted's endpoints. Only half-close is not promised there."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.threads import deferToThread

from tests.integration.bench import Bench, Joined, backend
from tests.integration.servers import Server
from tests.integration.sockets import Ending, Peer, reactor
from tinylb import CloseReason, EndpointBackend, PairClosed

pytest.importorskip("OpenSSL", reason="TLS needs pyOpenSSL")
x509 = pytest.importorskip("cryptography.x509")
hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
ec = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ec")

MUCH = Random(0).randbytes(2 << 20)

SOME = MUCH[: 512 << 10]
"""Few enough that the kernel takes all of it while nobody reads."""


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that vouches for itself, in a folder of their own."""
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
    path = tmp_path_factory.mktemp("certificates") / "localhost.pem"
    path.write_bytes(plain + certificate.public_bytes(encoding))
    return path


def _secureClient(plain: Peer, pem: Path) -> Deferred[Peer]:
    """The client of a TLS server; it takes an end without a closing alert for an error."""
    context = ssl.create_default_context(cafile=pem)
    return _secure(partial(context.wrap_socket, plain.socket, server_hostname="localhost"))


def _secureServer(plain: Peer, pem: Path) -> Deferred[Peer]:
    """The same for a server's end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return _secure(partial(context.wrap_socket, plain.socket, server_side=True))


def _secure(wrap: Callable[..., ssl.SSLSocket]) -> Deferred[Peer]:
    """The handshake waits for the other end, and so for the reactor."""
    return deferToThread(wrap, suppress_ragged_eofs=False).addCallback(Peer)


def _finish(peer: Peer) -> Deferred[object]:
    """Send the closing alert, and wait for the other end's."""
    assert isinstance(peer.socket, ssl.SSLSocket)
    return deferToThread(peer.socket.unwrap)


async def _join(bench: Bench, pem: Path) -> tuple[Peer, Peer]:
    """A TLS client, and a server's plain end."""
    server = bench.add(Server())
    balanced = await bench.balance(endpoint=serverFromString(reactor, _listener(pem)))
    balanced.publish(a=backend(server))
    shakingHands = _secureClient(bench.connect(balanced), pem)
    serving = await server.accept()
    return bench.add(await shakingHands), serving


def _listener(pem: Path) -> str:
    return f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"


async def _joinSecurely(bench: Bench, pem: Path) -> Joined:
    """A TLS client, and a server's end that speaks TLS, too."""
    server = bench.add(Server())
    assert isinstance(server.address, tuple)
    target = f"tls:localhost:{server.address[1]}:trustRoots={pem.parent}"
    balanced = await bench.balance(endpoint=serverFromString(reactor, _listener(pem)))
    balanced.publish(a=EndpointBackend(target, clientFromString(reactor, target)))
    shakingHands = _secureClient(bench.connect(balanced), pem)
    serving = bench.add(await _secureServer(await server.accept(), pem))
    return Joined(balanced, bench.add(await shakingHands), serving)


@pytest_twisted.ensureDeferred
async def test_bothSides(bench: Bench, pem: Path) -> None:
    """With TLS on both sides, what one end sent is what the other received, both ways, up to the closing alert."""
    balanced, client, serving = await _joinSecurely(bench, pem)
    sending = client.send(MUCH)
    assert await serving.receive(len(MUCH)) == MUCH
    await sending
    sending = serving.send(MUCH)
    assert await client.receive(len(MUCH)) == MUCH
    await sending
    ending = serving.receiveToEnd()
    await _finish(client)
    assert await ending == (b"", Ending.FIN)
    await _finish(serving)
    closed = await balanced.hearOne(PairClosed)
    assert (closed.reason, closed.bytesIn, closed.bytesOut) == (CloseReason.CLIENT_CLOSED, len(MUCH), len(MUCH))


@pytest_twisted.ensureDeferred
async def test_backendsEndWithoutAlert(bench: Bench, pem: Path) -> None:
    """When the client is gone, and the backend goes without a closing alert, nothing of the pair is left."""
    balanced, client, serving = await _joinSecurely(bench, pem)
    ending = serving.receiveToEnd()
    await _finish(client)
    assert await ending == (b"", Ending.FIN)
    serving.close()
    await balanced.hearOne(PairClosed)
    assert balanced.balancer.describe()["connections"] == 0


@pytest_twisted.ensureDeferred
async def test_replyOfABackendThatIsGone(bench: Bench, pem: Path) -> None:
    """A TLS client gets the whole of a reply, although it begins to read when the backend has closed."""
    client, serving = await _join(bench, pem)
    await serving.send(SOME)
    serving.close()
    assert await client.receiveToEnd() == (SOME, Ending.FIN)


@pytest_twisted.ensureDeferred
async def test_uploadOfAClientThatIsGone(bench: Bench, pem: Path) -> None:
    """A backend gets the whole of a TLS client's upload, although it begins to read when the client has closed."""
    client, serving = await _join(bench, pem)
    await client.send(SOME)
    await _finish(client)
    client.close()
    assert await serving.receiveToEnd() == (SOME, Ending.FIN)


@pytest_twisted.ensureDeferred
async def test_clientsEndWithoutAlert(bench: Bench, pem: Path) -> None:
    """What ends without a closing alert may be cut short: the backend must not take it for complete."""
    client, serving = await _join(bench, pem)
    await client.send(b"half a message")
    assert await serving.receive(4) == b"half"
    client.finish()
    assert await serving.receiveToEnd() == (b" a message", Ending.RESET)
