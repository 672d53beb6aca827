"""TLS on either side, with openssl at the other end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.program.peers import freePort
from tests.program.processes import Process, run
from tests.program.stage import Stage, Tinylb

pytest.importorskip("OpenSSL", reason="TLS needs pyOpenSSL")
pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture
def pem(stage: Stage) -> Path:
    """A key and a certificate for localhost, in one file, in a folder of its own."""
    folder = stage.folder / "certificates"
    folder.mkdir()
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem")
    made = run(["openssl", "req", "-x509", *key, "-out", "certificate.pem", "-days", "2", *names], stage.folder)
    assert made.returncode == 0, made.stderr
    both = folder / "both.pem"
    both.write_text((stage.folder / "key.pem").read_text() + (stage.folder / "certificate.pem").read_text())
    return both


def secureListener(pem: Path) -> str:
    """The description of a TLS listener."""
    return f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"


def secureClient(stage: Stage, tinylb: Tinylb, pem: Path) -> Process:
    """openssl as a client that trusts only this certificate."""
    host, port = tinylb.address
    trust = ("-CAfile", pem, "-verify_return_error", "-servername", "localhost", "-verify_hostname", "localhost")
    return stage.run("openssl", "s_client", "-quiet", "-connect", f"{host}:{port}", *trust)


def secureServer(stage: Stage, pem: Path) -> int:
    """openssl as a server that sends each line back, turned round; its port."""
    port = freePort()
    server = stage.run("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pem, "-key", pem, "-rev")
    server.waitFor("ACCEPT")
    return port


def test_listener(stage: Stage, pem: Path) -> None:
    """Clients speak TLS, the backend does not; a removed backend ends them as any other."""
    a = stage.servers("a")["a"]
    tinylb = stage.follow(listen=secureListener(pem))
    client = secureClient(stage, tinylb, pem)
    client.waitFor("^a$")
    client.type("hello through TLS")
    client.waitFor("^hello through TLS$")
    assert a.connections == 1
    stage.write({})
    client.ended()
    tinylb.waitFor("removed: 1 connection")


def test_listenerStops(stage: Stage, pem: Path) -> None:
    """A stop with TLS clients is as clean as any."""
    stage.servers("a")
    tinylb = stage.follow("--drain", "0.1", listen=secureListener(pem))
    client = secureClient(stage, tinylb, pem)
    client.waitFor("^a$")
    assert tinylb.stop() == 0
    client.ended()


def test_backend(stage: Stage, pem: Path) -> None:
    """The backend speaks TLS, and is only used when its certificate is good; clients do not."""
    port = secureServer(stage, pem)
    endpoint = f"tls:localhost:{port}:trustRoots={pem.parent}"
    stage.writeText(f'{{"backends": {{"secure": {{"endpoint": "{endpoint}"}}}}}}')
    client = stage.client(stage.follow())
    client.send(b"abc\n")
    assert client.line() == "cba"


def test_bothSides(stage: Stage, pem: Path) -> None:
    """TLS ends here and begins again."""
    endpoint = f"tls:localhost:{secureServer(stage, pem)}:trustRoots={pem.parent}"
    stage.writeText(f'{{"backends": {{"secure": {{"endpoint": "{endpoint}"}}}}}}')
    tinylb = stage.follow(listen=secureListener(pem))
    client = secureClient(stage, tinylb, pem)
    client.type("abc")
    client.waitFor("^cba$")


def test_backendThatIsNotTrusted(stage: Stage, pem: Path) -> None:
    """A backend with a certificate that nobody vouches for serves nobody: its clients are reset."""
    port = secureServer(stage, pem)
    stage.writeText(f'{{"backends": {{"secure": {{"endpoint": "tls:localhost:{port}"}}}}}}')
    tinylb = stage.follow()
    client = stage.client(tinylb)
    client.send(b"secret\n")
    assert client.ending() == "reset"
    assert tinylb.stop() == 0
