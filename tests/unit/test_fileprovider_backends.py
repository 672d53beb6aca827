"""The backends that come out of a file."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory, Protocol

from tests.unit.filecase import FileCase
from tinylb.interfaces import IBackend


class BackendTests(FileCase):
    """What an entry becomes."""

    def only(self, value: str) -> IBackend:
        """The backend of a file whose one entry has this value."""
        self.path.write_text(f'{{"backends": {{"cp-1": {value}}}}}')
        return self.provider.load()["cp-1"]

    def connect(self, backend: IBackend) -> None:
        """Try to connect."""
        backend.connect(Factory.forProtocol(Protocol)).addErrback(lambda _: None)
        self.reactor.advance(1)

    def dialled(self, clients: list[Any]) -> list[Any]:
        """Where the attempts went that this reactor was asked for."""
        return [client[0] for client in clients]

    def test_address(self) -> None:
        """An address is connected to over TCP; a name is looked up, which this reactor answers with 127.0.0.1."""
        self.connect(self.only('"192.0.2.11:6443"'))
        self.connect(self.only('{"address": "[2001:db8::12]:6443"}'))
        self.connect(self.only('"cp-3.example:6443"'))
        self.assertEqual(self.dialled(self.reactor.tcpClients), ["192.0.2.11", "2001:db8::12", "127.0.0.1"])

    def test_endpoint(self) -> None:
        """An endpoint is connected to through Twisted; its description is the target."""
        backend = self.only('{"endpoint": "unix:/run/apiserver.sock"}')
        self.connect(backend)
        self.assertEqual(self.dialled(self.reactor.unixClients), ["/run/apiserver.sock"])
        self.assertEqual(backend.target, "unix:/run/apiserver.sock")

    def test_sameTarget(self) -> None:
        """A plain TCP endpoint has the target of the address that it spells out."""
        for description in ("tcp:CP-1:6443", "tcp:host=cp-1:port=6443", "tcp:cp-1:6443:timeout=5"):
            self.assertEqual(self.only(f'{{"endpoint": "{description}"}}').target, "cp-1:6443")
        for description in ("tcp:192.0.2.11:06443", "tcp:192.0.2.11:port=6443"):
            self.assertEqual(self.only(f'{{"endpoint": "{description}"}}').target, "192.0.2.11:6443")

    def test_tierAndWeight(self) -> None:
        """Tier and weight are those of the file, for either kind."""
        for where in ('"address": "x:1"', '"endpoint": "unix:/x"'):
            backend = self.only(f'{{{where}, "tier": 2, "weight": 3}}')
            self.assertEqual((backend.tier, backend.weight, backend.draining), (2, 3, False))
