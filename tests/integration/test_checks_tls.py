"""Health checks over HTTPS: whom they believe, and who they are themselves."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.endpoints import TCP4ClientEndpoint

from tests.integration.bench import Bench, backend
from tests.integration.checked import Checked, check
from tests.integration.responders import Responder
from tests.integration.servers import Server
from tests.integration.sockets import eventually, reactor
from tests.integration.test_proxyprotocol import line
from tests.integration.tls import secureServer
from tinylb import EndpointBackend, TCPBackend
from tinylb.health import HTTPCheck

if TYPE_CHECKING:
    from tests.certificates import Authority

certificates = pytest.importorskip("tests.certificates", reason="TLS is not installed")
tls = pytest.importorskip("tinylb.tls", reason="TLS is not installed")

OK = b"HTTP/1.1 200 OK\r\n\r\n"
WELL = "check: HTTP 200"
DISTRUSTED = "check: TLS: the certificate is from an unknown authority"
HOSTS = ("127.0.0.1", "::1", "localhost")


@pytest.fixture
def engine() -> str:
    """No pair is opened here: one engine will do."""
    return "stream"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """It vouches for the servers."""
    made: Authority = certificates.Authority(tmp_path)
    return made


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """It does so, too, but nobody knows it."""
    made: Authority = certificates.Authority(tmp_path, "stranger")
    return made


def serve(
    bench: Bench, identity: Path, *, answer: bytes | None = OK, where: str = "127.0.0.1", clients: Path | None = None
) -> Responder:
    """
    A server with TLS.

    @param clients: the certificate of the authority that vouches for them; L{None}: they need none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return bench.add(Responder(answer, where=where, context=context))


def checkOver(bench: Bench, server: Responder, *files: Path | None) -> Checked:
    """Check a server, with these files: C{ca}, C{cert} and C{key}."""
    given = [None if file is None else str(file) for file in files]
    return check(bench, HTTPCheck("/readyz", tls.ClientTLS(*given)), backend(server))


async def again(server: Responder, times: int = 4) -> None:
    """Wait until a server has been checked so often from now on."""
    accepted = server.accepted
    await eventually(lambda: server.accepted >= accepted + times, "it is checked again and again")


def replace(path: Path, content: bytes) -> None:
    """Renew a file, at once."""
    renewed = path.with_suffix(".renewed")
    renewed.write_bytes(content)
    os.replace(renewed, path)


@pytest.mark.parametrize("where", ["127.0.0.1", "::1"])
@pytest_twisted.ensureDeferred
async def test_good(bench: Bench, authority: Authority, where: str) -> None:
    """A server whose certificate names its address, and is vouched for by the authority that is given, is believed."""
    server = serve(bench, authority.issue("server", HOSTS), where=where)
    checked = checkOver(bench, server, authority.certificate)
    await again(server)
    assert checked.found() == [("ready", WELL)]
    checked.close()
    await eventually(lambda: len(server.endings) == server.accepted, "all connections have ended")


@pytest_twisted.ensureDeferred
async def test_byName(bench: Bench, authority: Authority) -> None:
    """So is one that is known by its name."""
    server = serve(bench, authority.issue("server", ["localhost"]))
    assert await checkByName(bench, server, authority, "localhost").first() == ("ready", WELL)


def checkByName(bench: Bench, server: Responder, authority: Authority, name: str) -> Checked:
    """Check a server that is on this machine, whatever its name."""
    assert isinstance(server.address, tuple)
    host, port = server.address
    named = EndpointBackend(f"{name}:{port}", TCP4ClientEndpoint(reactor, host, port))
    return check(bench, HTTPCheck("/readyz", tls.ClientTLS(str(authority.certificate))), named)


@pytest.mark.parametrize(("status", "verdict"), [(401, "ready"), (403, "ready"), (500, "not-ready")])
@pytest_twisted.ensureDeferred
async def test_status(bench: Bench, authority: Authority, status: int, verdict: str) -> None:
    """What it says counts as it does without TLS."""
    server = serve(bench, authority.issue("server", HOSTS), answer=f"HTTP/1.1 {status}\r\n\r\n".encode())
    checked = checkOver(bench, server, authority.certificate)
    await again(server)
    assert checked.found() == [(verdict, f"check: HTTP {status}")]


@pytest_twisted.ensureDeferred
async def test_wrongAuthority(bench: Bench, authority: Authority, stranger: Authority) -> None:
    """A server that nobody vouches for whom we believe is not ready; a wrong file is nobody's death."""
    server = serve(bench, authority.issue("server", HOSTS))
    for ca in (stranger.certificate, None):
        checked = checkOver(bench, server, ca)
        await again(server)
        assert checked.found() == [("not-ready", DISTRUSTED)]
        checked.close()
    assert not server.questions


@pytest_twisted.ensureDeferred
async def test_wrongName(bench: Bench, authority: Authority) -> None:
    """Nor is one whose certificate is for another host."""
    server = serve(bench, authority.issue("server", ["server.example", "127.0.0.2"]))
    checked = checkOver(bench, server, authority.certificate)
    await again(server)
    assert checked.found() == [("not-ready", "check: TLS: the certificate is not for 127.0.0.1")]


@pytest_twisted.ensureDeferred
async def test_noName(bench: Bench, authority: Authority) -> None:
    """Nor is one whose certificate names nobody, but in the way that nobody looks at any more."""
    server = serve(bench, authority.issue("127.0.0.1"))
    checked = checkOver(bench, server, authority.certificate)
    await again(server)
    assert checked.found() == [("not-ready", "check: TLS: the certificate names no host")]


@pytest_twisted.ensureDeferred
async def test_oddName(bench: Bench, authority: Authority) -> None:
    """A name that cannot be in any certificate is nobody's death."""
    server = serve(bench, authority.issue("server", ["localhost"]))
    checked = checkByName(bench, server, authority, "my_host.example")
    other = bench.add(Responder(None))
    ticking = check(bench, HTTPCheck("/readyz"), backend(other), timeout=0.2, fall=2)
    await ticking.becomes("dead")
    assert {verdict for verdict, _ in checked.found()} == {"not-ready"}


@pytest_twisted.ensureDeferred
async def test_clientCertificate(bench: Bench, authority: Authority) -> None:
    """Where the server wants to know who we are, we show our certificate."""
    server = serve(bench, authority.issue("server", HOSTS), clients=authority.certificate)
    checked = checkOver(bench, server, authority.certificate, authority.issue("client"))
    assert await checked.first() == ("ready", WELL)


@pytest_twisted.ensureDeferred
async def test_noClientCertificate(bench: Bench, authority: Authority, stranger: Authority) -> None:
    """Without one, or with one that it does not believe, the backend is not ready, and not dead."""
    server = serve(bench, authority.issue("server", HOSTS), clients=authority.certificate)
    for own in (None, stranger.issue("client")):
        checked = checkOver(bench, server, authority.certificate, own)
        await again(server)
        assert {verdict for verdict, _ in checked.found()} == {"not-ready"}
        assert all(why.startswith("check: TLS: ") for _, why in checked.found()), checked.found()
        checked.close()


@pytest_twisted.ensureDeferred
async def test_plainServer(bench: Bench, authority: Authority) -> None:
    """A server that does not speak TLS answers in a way that nobody understands."""
    server = bench.add(Responder(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    server.isPatient = False
    checked = checkOver(bench, server, authority.certificate)
    await again(server)
    assert {verdict for verdict, _ in checked.found()} == {"not-ready"}
    assert all(why.startswith("check: TLS: ") for _, why in checked.found()), checked.found()


@pytest_twisted.ensureDeferred
async def test_silentServer(bench: Bench, authority: Authority) -> None:
    """One that accepts, and does not shake hands, is silent."""
    server = bench.add(Responder(None))
    kind = HTTPCheck("/readyz", tls.ClientTLS(str(authority.certificate)))
    checked = check(bench, kind, backend(server), timeout=1.0)
    assert await checked.first() == ("not-ready", "check: no answer within 1 s")
    checked.close()
    await eventually(lambda: len(server.endings) == server.accepted, "all connections have ended")


@pytest_twisted.ensureDeferred
async def test_renewedAuthority(bench: Bench, authority: Authority, stranger: Authority, tmp_path: Path) -> None:
    """A file of authorities that is renewed counts from the next check on."""
    ca = tmp_path / "ca.pem"
    ca.write_bytes(stranger.certificate.read_bytes())
    checked = checkOver(bench, serve(bench, authority.issue("server", HOSTS)), ca)
    assert await checked.first() == ("not-ready", DISTRUSTED)
    replace(ca, stranger.certificate.read_bytes() + authority.certificate.read_bytes())
    assert await checked.becomes("ready") == WELL
    replace(ca, stranger.certificate.read_bytes())
    assert await checked.becomes("not-ready") == DISTRUSTED


@pytest_twisted.ensureDeferred
async def test_renewedCertificate(bench: Bench, authority: Authority, stranger: Authority) -> None:
    """So does a certificate of our own."""
    own = stranger.issue("client")
    server = serve(bench, authority.issue("server", HOSTS), clients=authority.certificate)
    checked = checkOver(bench, server, authority.certificate, own)
    await checked.becomes("not-ready")
    replace(own, authority.issue("renewed").read_bytes())
    assert await checked.becomes("ready") == WELL


@pytest.mark.parametrize("content", [b"", b"nonsense", None], ids=["empty", "nonsense", "missing"])
@pytest_twisted.ensureDeferred
async def test_badRenewal(bench: Bench, authority: Authority, log: list[str], content: bytes | None) -> None:
    """While a renewed file is of no use the one that was read before stays in use; that and its end are said once."""
    ca = authority.certificate
    good = ca.read_bytes()
    server = serve(bench, authority.issue("server", HOSTS))
    checked = checkOver(bench, server, ca)
    await again(server)
    if content is None:
        ca.unlink()
    else:
        replace(ca, content)
    await again(server, 6)
    assert checked.found() == [("ready", WELL)]
    (line,) = [line for line in log if str(ca) in line]
    assert line.startswith(f"CA {ca}: ")
    assert line.endswith("what was read before stays in use")
    replace(ca, good)
    await again(server)
    assert checked.found() == [("ready", WELL)]
    assert [line for line in log if str(ca) in line] == [line, f"CA {ca} is in use again"]


@pytest_twisted.ensureDeferred
async def test_proxyProtocol(bench: Bench, authority: Authority) -> None:
    """A backend that wants to hear who connects hears it before TLS begins, as from others that speak TLS to it."""
    server = bench.add(Server())
    assert isinstance(server.address, tuple)
    asked = HTTPCheck("/readyz", tls.ClientTLS(str(authority.certificate)))
    checked = check(bench, asked, TCPBackend(reactor, *server.address, proxyProtocol="v1"), interval=60.0)
    serving = await server.accept()
    header = line(serving.socket.getpeername(), server.address)
    assert await serving.receive(len(header)) == header
    secure = bench.add(await secureServer(serving, authority.issue("server", HOSTS)))
    assert (await secure.receive(11)) == b"GET /readyz"
    await secure.send(OK)
    assert await checked.becomes("ready") == WELL
