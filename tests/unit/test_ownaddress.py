"""Backends that are this very balancer."""

from __future__ import annotations

import os
import socket

from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BackendSet
from tinylb.ownaddress import OwnAddresses
from tinylb.testing import MemoryBackend

LOCAL = frozenset(("127.0.0.1", "127.0.0.2", "192.0.2.1", "::1", "2001:db8::1"))
"""The addresses of this test's machine."""


class OwnAddressesTests(SynchronousTestCase):
    """See L{OwnAddresses}."""

    def setUp(self) -> None:
        """A machine with a name."""
        self.patch(socket, "gethostname", lambda: "CP-1.example")

    def assertOwn(self, host: IAddress, *, own: str = "", others: str = "") -> None:
        """Who listens there meets itself at these targets, and not at the others."""
        addresses = OwnAddresses([host], LOCAL.__contains__)
        self.assertEqual({target: addresses.isOwn(target) for target in own.split()}, dict.fromkeys(own.split(), True))
        self.assertEqual(
            {target: addresses.isOwn(target) for target in others.split()}, dict.fromkeys(others.split(), False)
        )

    def test_exact(self) -> None:
        """Listening on one address, that address is our own, with that port."""
        self.assertOwn(
            IPv4Address("TCP", "192.0.2.1", 6443),
            own="192.0.2.1:6443",
            others="192.0.2.1:6444 192.0.2.2:6443 127.0.0.1:6443 [::1]:6443 localhost:6443",
        )
        self.assertOwn(
            IPv6Address("TCP", "2001:db8::1", 6443),
            own="[2001:db8::1]:6443",
            others="[2001:db8::1]:6444 [2001:db8::2]:6443 192.0.2.1:6443",
        )

    def test_loopback(self) -> None:
        """Listening on loopback, its names and its other spellings are our own, too."""
        self.assertOwn(
            IPv4Address("TCP", "127.0.0.1", 6443),
            own="127.0.0.1:6443 localhost:6443 localhost.:6443 [::ffff:127.0.0.1]:6443",
            others="127.0.0.2:6443 localhost:6444 [::1]:6443 192.0.2.1:6443 cp-1:6443",
        )
        self.assertOwn(IPv6Address("TCP", "::1", 6443), own="[::1]:6443 localhost:6443", others="127.0.0.1:6443")

    def test_everywhere(self) -> None:
        """Listening on every interface, every address of this machine is our own, and no other one."""
        self.assertOwn(
            IPv4Address("TCP", "0.0.0.0", 6443),
            own="127.0.0.1:6443 127.0.0.2:6443 192.0.2.1:6443 localhost:6443 [::ffff:192.0.2.1]:6443",
            others="192.0.2.1:6444 192.0.2.2:6443 [2001:db8::1]:6443 cp-2.example:6443",
        )

    def test_everywhereBoth(self) -> None:
        """IPv6's every interface is IPv4's as well."""
        self.assertOwn(
            IPv6Address("TCP", "::", 6443),
            own="[::1]:6443 [2001:db8::1]:6443 192.0.2.1:6443 127.0.0.1:6443 localhost:6443",
            others="[2001:db8::2]:6443 192.0.2.2:6443 192.0.2.1:6444",
        )

    def test_unspecified(self) -> None:
        """To connect to no address in particular is to connect to this machine."""
        self.assertOwn(IPv4Address("TCP", "127.0.0.1", 6443), own="0.0.0.0:6443", others="[::]:6443 0.0.0.0:6444")
        self.assertOwn(IPv6Address("TCP", "::1", 6443), own="[::]:6443", others="0.0.0.0:6443")
        self.assertOwn(IPv4Address("TCP", "192.0.2.1", 6443), others="0.0.0.0:6443")
        self.assertOwn(IPv4Address("TCP", "0.0.0.0", 6443), own="0.0.0.0:6443")

    def test_hostname(self) -> None:
        """So is the machine's own name, in any case of letters; other names are not looked up."""
        self.assertOwn(
            IPv4Address("TCP", "0.0.0.0", 6443),
            own="cp-1.example:6443 CP-1.Example:6443",
            others="cp-1:6443 cp-2.example:6443",
        )

    def test_unix(self) -> None:
        """Listening on a UNIX socket, endpoints with that path are our own."""
        self.assertOwn(
            UNIXAddress("/run/lb.sock"),
            own="unix:/run/lb.sock unix:path=/run/lb.sock unix:/run/lb.sock:timeout=5",
            others="unix:/run/other.sock unix:/run/lb.soc unix: 127.0.0.1:6443",
        )

    def test_unixBytes(self) -> None:
        """A path may be any bytes, and so may the path of a backend elsewhere."""
        name = b"/run/caf\xe9.sock"
        self.assertOwn(UNIXAddress(name), own="unix:" + os.fsdecode(name), others="unix:/run/caf\ud800.sock")
        self.assertOwn(UNIXAddress("/run/lb.sock"), others="unix:" + os.fsdecode(name))

    def test_several(self) -> None:
        """Listening on several, each of them counts."""
        addresses = OwnAddresses(
            [IPv4Address("TCP", "127.0.0.1", 1), IPv6Address("TCP", "::1", 2), UNIXAddress("/x")], LOCAL.__contains__
        )
        for target, own in (("127.0.0.1:1", True), ("[::1]:2", True), ("unix:/x", True), ("127.0.0.1:2", False)):
            self.assertEqual(addresses.isOwn(target), own, target)

    def test_nothingKnown(self) -> None:
        """Listening nowhere yet, or somewhere that has no such address, nothing is our own."""
        for hosts in ([], [HostnameAddress(b"cp-1", 6443)], [UNIXAddress(None)]):
            addresses = OwnAddresses(hosts, LOCAL.__contains__)
            for target in ("127.0.0.1:6443", "cp-1:6443", "unix:", "tls:cp-1:6443", "", ":", "anything at all"):
                self.assertFalse(addresses.isOwn(target), target)

    def test_leaveOut(self) -> None:
        """They are left out of a set; the rest of it stays, the very same backends."""
        addresses = OwnAddresses([IPv4Address("TCP", "127.0.0.1", 6443)], LOCAL.__contains__)
        backends = BackendSet(
            {
                id: MemoryBackend(Clock(), target)
                for id, target in (("a", "192.0.2.11:6443"), ("b", "127.0.0.1:6443"), ("c", "localhost:6443"))
            }
        )
        rest, own = addresses.leaveOut(backends)
        self.assertEqual((list(rest), own), (["a"], ("b", "c")))
        self.assertIs(rest["a"], backends["a"])

    def test_nothingToLeaveOut(self) -> None:
        """A set without them stays as it is."""
        backends = BackendSet({"a": MemoryBackend(Clock(), "192.0.2.11:6443")})
        rest, own = OwnAddresses([IPv4Address("TCP", "0.0.0.0", 6443)], LOCAL.__contains__).leaveOut(backends)
        self.assertEqual((rest, own), (backends, ()))
