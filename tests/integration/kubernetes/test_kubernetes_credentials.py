"""Whom it believes, and what it shows: files that are renewed count from the next request on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_twisted

from tests.integration.kubernetes.conftest import Follow
from tests.integration.kubernetes.following import KUBEADM, NEXT, asked, replace, watched
from tests.integration.sockets import eventually
from tests.kubernetes.control import ApiServer
from tests.kubernetes.faults import On
from tests.kubernetes.kubeconfig import writeKubeconfig
from tests.kubernetes.shapes import endpointSlice
from tests.unit.kubeconfigs import V1

if TYPE_CHECKING:
    from tests.certificates import Authority


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file with a token."""
    path = tmp_path / "token"
    path.write_text("first\n")
    return path


@pytest.fixture
def kubeconfig(request: pytest.FixtureRequest, server: ApiServer, authority: Authority, tmp_path: Path) -> Path:
    """Leads to the server, which wants to see the token in the file."""
    token: Path = request.getfixturevalue("token")
    server.allow("first")
    return writeKubeconfig(tmp_path / "kubeconfig", server.url, authority.certificate, tokenFile=str(token))


@pytest_twisted.ensureDeferred
async def test_renewedToken(server: ApiServer, follow: Follow, token: Path) -> None:
    """A token that is renewed in time is shown with the next request, and nobody notices."""
    following = follow()
    await watched(server)
    replace(token, b"second\n")
    server.allow("first", "second")
    server.endWatches()
    await asked(server, On.WATCH, 2)
    await watched(server)
    assert [record["token"] for record in server.requests()] == ["first", "first", "second"]
    assert following.error is None


@pytest_twisted.ensureDeferred
async def test_renewedTooLate(server: ApiServer, follow: Follow, token: Path) -> None:
    """While the server does not believe the token the set stays; with another one all is well."""
    following = follow()
    await watched(server)
    server.allow("second")
    server.endWatches()
    assert "HTTP 401" in await following.fails()
    replace(token, b"second\n")
    await following.seesNext(server)
    assert following.changes() == [KUBEADM, (NEXT,)]


@pytest_twisted.ensureDeferred
async def test_renewedCertificate(server: ApiServer, follow: Follow, authority: Authority, tmp_path: Path) -> None:
    """So it is with a certificate of our own."""
    own = authority.issue("first")
    server.allow(certificates=("first",))
    path = writeKubeconfig(
        tmp_path / "certified", server.url, authority.certificate, client_certificate=str(own), client_key=str(own)
    )
    following = follow(path)
    await watched(server)
    server.allow(certificates=("second",))
    server.endWatches()
    assert "HTTP 401" in await following.fails()
    replace(own, authority.issue("second").read_bytes())
    await following.seesNext(server)
    shown = [record["certificate"] for record in server.requests()]
    assert (shown[0], shown[-1]) == ("first", "second")


@pytest_twisted.ensureDeferred
async def test_program(server: ApiServer, follow: Follow, authority: Authority, tmp_path: Path) -> None:
    """A token that a program gives is used until the server does not believe it any more; then it gives another."""
    path = tmp_path / "credential"
    path.write_bytes(execCredential("first"))
    program = {"apiVersion": V1, "command": "cat", "args": [str(path)], "interactiveMode": "Never"}
    following = follow(writeKubeconfig(tmp_path / "program", server.url, authority.certificate, exec=program))
    await watched(server)
    replace(path, execCredential("second"))
    server.endWatches()
    await asked(server, On.WATCH, 2)
    await watched(server)
    server.allow("second")
    server.endWatches()
    await asked(server, On.WATCH, 3)
    await following.seesNext(server)
    tokens = [record["token"] for record in server.requests()]
    assert tokens[:4] == ["first"] * 4
    assert set(tokens[4:]) == {"second"}


def execCredential(token: str) -> bytes:
    """What such a program says."""
    return json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": token}}).encode()


@pytest_twisted.ensureDeferred
async def test_wrongAuthority(
    server: ApiServer, follow: Follow, authority: Authority, tmp_path: Path, log: list[str]
) -> None:
    """A server that the CA does not vouch for is shown nothing; one line says so, until there is a CA that does."""
    ca = tmp_path / "ca.crt"
    ca.write_bytes(type(authority)(tmp_path, "stranger").certificate.read_bytes())
    following = follow(writeKubeconfig(tmp_path / "distrustful", server.url, ca, token="first"))
    assert "the certificate is from an unknown authority" in await following.fails()
    tried = len(server.connections())
    await eventually(lambda: len(server.connections()) >= tried + 2, "it is tried again")
    assert server.requests() == []
    replace(ca, authority.certificate.read_bytes())
    await following.seesNext(server)
    assert len([line for line in log if "unknown authority" in line]) == 1


@pytest_twisted.ensureDeferred
async def test_anotherAuthority(
    server: ApiServer, follow: Follow, authority: Authority, kubeconfig: Path, tmp_path: Path
) -> None:
    """A cluster that changes its authority is followed again when the CA file has the new one, too."""
    following = follow()
    await watched(server)
    stranger = type(authority)(tmp_path, "stranger")
    server.identify(stranger.issue("renewed", ["127.0.0.1"]))
    server.endWatches()
    assert "unknown authority" in await following.fails()
    replace(authority.certificate, authority.certificate.read_bytes() + stranger.certificate.read_bytes())
    await following.seesNext(server)
    assert following.changes() == [KUBEADM, (NEXT,)]


@pytest_twisted.ensureDeferred
async def test_renewedServer(server: ApiServer, follow: Follow, authority: Authority) -> None:
    """A server that has renewed its certificate is believed as before."""
    following = follow()
    await watched(server)
    server.identify(authority.issue("renewed", ["127.0.0.1"]))
    server.endWatches()
    await asked(server, On.WATCH, 2)
    await watched(server)
    assert following.error is None


@pytest_twisted.ensureDeferred
async def test_otherHost(server: ApiServer, follow: Follow, authority: Authority) -> None:
    """A certificate for another host is not believed."""
    server.identify(authority.issue("elsewhere", ["elsewhere.example"]))
    following = follow()
    assert "the certificate is not for 127.0.0.1" in await following.fails()
    assert server.requests() == []


@pytest_twisted.ensureDeferred
async def test_serverName(server: ApiServer, follow: Follow, authority: Authority, tmp_path: Path) -> None:
    """It is, where C{tls-server-name} has its name; the server is told that."""
    server.allowAll()
    server.identify(authority.issue("elsewhere", ["elsewhere.example"]))
    cluster: dict[str, object] = {"tls-server-name": "elsewhere.example"}
    following = follow(writeKubeconfig(tmp_path / "named", server.url, authority.certificate, cluster=cluster))
    await following.becomes(*KUBEADM)
    assert server.requests()[0]["serverName"] == "elsewhere.example"


@pytest_twisted.ensureDeferred
async def test_insecure(server: ApiServer, follow: Follow, tmp_path: Path) -> None:
    """Any server is, with C{insecure-skip-tls-verify}."""
    cluster: dict[str, object] = {"insecure-skip-tls-verify": True}
    following = follow(writeKubeconfig(tmp_path / "insecure", server.url, cluster=cluster, token="first"))
    await following.becomes(*KUBEADM)


@pytest_twisted.ensureDeferred
async def test_anotherServer(server: ApiServer, follow: Follow, authority: Authority, kubeconfig: Path) -> None:
    """A kubeconfig that comes to lead elsewhere counts from the next request on."""
    following = follow()
    await watched(server)
    other = ApiServer(authority.issue("other", ["127.0.0.1"]))
    try:
        other.begin(endpointSlice("192.0.2.14"), revision=9000)
        draft = writeKubeconfig(kubeconfig.with_name("draft"), other.url, authority.certificate, token="first")
        draft.replace(kubeconfig)
        server.endWatches()
        await following.becomes(NEXT)
        await following.close()
    finally:
        other.close()
