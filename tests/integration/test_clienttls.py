"""Clients of TLS: whom they take a server for, what they tell it, and how they word what they do not like."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint

from tests.integration.responders import Responder
from tests.integration.sockets import reactor
from tinylb.health import Answer, HTTPCheck, Outcome
from tinylb.pem import PEM

if TYPE_CHECKING:
    from tests.certificates import Authority

certificates = pytest.importorskip("tests.certificates", reason="TLS is not installed")
tls = pytest.importorskip("tinylb.tls", reason="TLS is not installed")

WELL = Answer(Outcome.YES, "HTTP 200")
HOSTS = ("127.0.0.1", "localhost")
Serve = Callable[[ssl.SSLContext], Responder]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """It vouches for servers and clients."""
    made: Authority = certificates.Authority(tmp_path)
    return made


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers."""
    started: list[Responder] = []

    def start(context: ssl.SSLContext) -> Responder:
        started.append(Responder(b"HTTP/1.1 200 OK\r\n\r\n", context=context))
        return started[-1]

    yield start
    for server in started:
        server.close()


def served(identity: Path) -> ssl.SSLContext:
    """What a server of this identity needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    return context


def ask(server: Responder, client: object, host: str = "127.0.0.1") -> Deferred[Answer]:
    """Ask a server once."""
    assert isinstance(server.address, tuple)
    assert callable(client)
    port = server.address[1]
    return HTTPCheck("/", client).check(HostnameEndpoint(reactor, b"127.0.0.1", port), f"{host}:{port}")


@pytest.mark.parametrize(
    ("days", "why"),
    [((-2, -1), "TLS: the certificate has expired"), ((1, 2), "TLS: the certificate is not valid yet")],
    ids=["expired", "early"],
)
@pytest_twisted.ensureDeferred
async def test_validity(authority: Authority, serve: Serve, days: tuple[int, int], why: str) -> None:
    """A certificate that is not valid at present is told from one of an unknown authority."""
    server = serve(served(authority.issue("server", HOSTS, days)))
    assert await ask(server, tls.ClientTLS(str(authority.certificate))) == Answer(Outcome.NO, why)
    unknown = Answer(Outcome.NO, "TLS: the certificate is from an unknown authority")
    assert await ask(server, tls.ClientTLS()) == unknown


@pytest_twisted.ensureDeferred
async def test_serverName(authority: Authority, serve: Serve) -> None:
    """With a name of its own a server is told it, and has to have it in its certificate, whatever its host."""
    told: list[str | None] = []
    for name, expected in (
        ("kubernetes", WELL),
        ("127.0.0.1", Answer(Outcome.NO, "TLS: the certificate is not for kubernetes")),
    ):
        context = served(authority.issue("server", [name]))
        context.sni_callback = lambda _, heard, __: told.append(heard)
        client = tls.ClientTLS(str(authority.certificate), serverName="kubernetes")
        assert await ask(serve(context), client) == expected
    assert told == ["kubernetes", "kubernetes"]


@pytest_twisted.ensureDeferred
async def test_addressIsNoName(authority: Authority, serve: Serve) -> None:
    """A server is told the name by which it is known, and never an address."""
    told: list[str | None] = []
    context = served(authority.issue("server", HOSTS))
    context.sni_callback = lambda _, heard, __: told.append(heard)
    server, client = serve(context), tls.ClientTLS(str(authority.certificate))
    for host in HOSTS:
        assert await ask(server, client, host) == WELL
    assert told == [None, "localhost"]


@pytest_twisted.ensureDeferred
async def test_notVerifying(authority: Authority, serve: Serve) -> None:
    """Who does not look at certificates takes any of them, and shows its own all the same."""
    context = served(authority.issue("server", ["other.example"], (-2, -1)))
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    client = tls.ClientTLS(None, str(authority.issue("client")), isVerifying=False)
    assert await ask(serve(context), client) == WELL


@pytest_twisted.ensureDeferred
async def test_chain(tmp_path: Path, authority: Authority, serve: Serve) -> None:
    """The certificates behind our own, which vouch for it, are shown with it: the server may not know them."""
    between = certificates.Authority(tmp_path, "between", by=authority)
    own = between.issue("client")
    context = served(authority.issue("server", HOSTS))
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server = serve(context)
    alone = await ask(server, tls.ClientTLS(str(authority.certificate), str(own)))
    assert alone.outcome is Outcome.NO
    assert alone.why.startswith("TLS: ")
    own.write_bytes(own.read_bytes() + between.certificate.read_bytes())
    assert await ask(server, tls.ClientTLS(str(authority.certificate), str(own))) == WELL


@pytest_twisted.ensureDeferred
async def test_inline(authority: Authority, serve: Serve) -> None:
    """What is given as it stands needs no files."""
    context = served(authority.issue("server", HOSTS))
    context.load_verify_locations(authority.certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    own = PEM("own", text=authority.issue("client").read_bytes())
    client = tls.ClientTLS(PEM("ca", text=authority.certificate.read_bytes()), own, own)
    assert await ask(serve(context), client) == WELL
