"""Between backends and what a file says of them."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BackendSet, EndpointBackend, TCPBackend
from tinylb.backends import proxyProtocolOf
from tinylb.interfaces import IBackend
from tinylb.providers.backendsfile import InvalidBackends, parseBackends
from tinylb.providers.entries import backendOf, written
from tinylb.testing import MemoryBackend


class EntryCase(SynchronousTestCase):
    """Entries of a file with one backend, C{a}."""

    def setUp(self) -> None:
        """Nothing is connected to."""
        self.reactor = MemoryReactorClock()

    def read(self, said: Any) -> IBackend:
        """The backend that a file speaks of so."""
        return backendOf(self.reactor, parseBackends(json.dumps({"backends": {"a": said}}).encode())["a"])

    def write(self, backend: IBackend) -> dict[str, Any] | None:
        """What a file says of a backend."""
        [member] = BackendSet({"a": backend}).members
        return written(member, backend)


class ReadTests(EntryCase):
    """From what is said to a backend."""

    def test_address(self) -> None:
        """An address is a TCP backend there, with its tier and weight."""
        backend = self.read({"address": "[2001:DB8:0::1]:6443", "tier": 2, "weight": 3})
        self.assertIsInstance(backend, TCPBackend)
        self.assertEqual((backend.target, backend.tier, backend.weight), ("[2001:db8::1]:6443", 2, 3))

    def test_endpoint(self) -> None:
        """Anything else is what its description says, which is also its target."""
        backend = self.read({"endpoint": "unix:/run/a.sock", "tier": 2, "weight": 3})
        self.assertEqual((backend.target, backend.tier, backend.weight), ("unix:/run/a.sock", 2, 3))

    def test_proxyProtocol(self) -> None:
        """Both kinds want the header that the file says, or none."""
        for said in ({"address": "192.0.2.1:1"}, {"endpoint": "unix:/run/a.sock"}):
            for version in ("v1", "v2"):
                self.assertEqual(proxyProtocolOf(self.read({**said, "proxyProtocol": version})), version)
            self.assertIsNone(proxyProtocolOf(self.read(said)))

    def test_sameTarget(self) -> None:
        """A plain TCP endpoint leads to the same target as the address in it, however it is spelled."""
        for description in (
            "tcp:CP.Example:6443",
            "tcp:host=cp.example:port=6443",
            "tcp:cp.example:port=6443",
            "tcp:cp.example:6443:timeout=3",
        ):
            self.assertEqual(self.read({"endpoint": description}).target, self.read("cp.example:6443").target)

    def test_otherTarget(self) -> None:
        """One that leads to another place does not."""
        targets = {
            self.read({"endpoint": f"tcp:{each}"}).target for each in ("a.example:1", "a.example:2", "b.example:1")
        }
        self.assertEqual(len(targets), 3)

    def test_noEndpoint(self) -> None:
        """A description that is none is named, with where it stands, what is wrong and what would be right."""
        for description in (
            "owl:x",
            "tcp:cp.example",
            "tcp:cp.example:0",
            "tcp:cp.example:70000",
            "unix",
            ":",
            "tcp:a b:1",
        ):
            with self.subTest(description):
                error = self.assertRaises(InvalidBackends, self.read, {"endpoint": description})
                self.assertTrue(str(error).startswith("$.backends[") and str(error).isprintable(), error)
                for words in ("a", f"].endpoint: {description!r} is not a client endpoint", '"unix:/run/api.sock"'):
                    self.assertIn(words, str(error))


class WriteTests(EntryCase):
    """From a backend to what is said."""

    def test_address(self) -> None:
        """A TCP backend is written by its target."""
        backend = TCPBackend(self.reactor, "2001:DB8::1", 6443, tier=2, weight=3)
        self.assertEqual(self.write(backend), {"address": "[2001:db8::1]:6443", "tier": 2, "weight": 3})

    def test_endpoint(self) -> None:
        """An endpoint is written by what it was made of."""
        backend = self.read({"endpoint": "tcp:cp.example:6443:timeout=3", "weight": 3})
        self.assertEqual(self.write(backend), {"endpoint": "tcp:cp.example:6443:timeout=3", "tier": 0, "weight": 3})

    def test_asItWasInTheSet(self) -> None:
        """What counts is what was read when the set was made, as everywhere."""
        backend = TCPBackend(self.reactor, "192.0.2.1", 1)
        [member] = BackendSet({"a": backend}).members
        backend.tier = 5
        self.assertEqual(written(member, backend), {"address": "192.0.2.1:1", "tier": 0, "weight": 1})

    def test_unknown(self) -> None:
        """Nobody can say what another kind of backend was made of, nor an endpoint without a description."""
        endpoint = TCP4ClientEndpoint(self.reactor, "192.0.2.1", 1)
        self.assertIsNone(self.write(EndpointBackend("192.0.2.1:1", endpoint)))
        self.assertIsNone(self.write(MemoryBackend(self.reactor, "192.0.2.1:1")))

    def test_andBack(self) -> None:
        """What is written is read as the same."""
        for said in (
            "192.0.2.1:1",
            {"endpoint": "unix:/a", "tier": 1, "weight": 2},
            "[fe80::1%eth0]:80",
            {"address": "192.0.2.1:1", "proxyProtocol": "v1"},
            {"endpoint": "unix:/a", "proxyProtocol": "v2"},
        ):
            backend = self.read(said)
            again = self.read(self.write(backend))
            self.assertEqual(BackendSet({"a": again}).members, BackendSet({"a": backend}).members)
