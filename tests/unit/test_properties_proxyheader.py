"""Headers of the PROXY protocol under arbitrary addresses and bytes: there and back, and as Twisted reads them."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import assume, example, given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.protocols.haproxy._v1parser import V1Parser
from twisted.protocols.haproxy._v2parser import V2Parser
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tests.unit.test_proxyheader import LOCAL, SIGNATURE
from tinylb.proxyprotocol.header import VERSIONS, Header, InvalidHeader, header, read
from tinylb.sockets import Address

ports = st.integers(0, 65535)
versions = st.sampled_from(VERSIONS)
four = st.builds(IPv4Address, st.just("TCP"), st.ip_addresses(v=4).map(str), ports)
six = st.builds(IPv6Address, st.just("TCP"), st.ip_addresses(v=6).map(str), ports)
paths = st.builds(UNIXAddress, st.none() | st.binary(min_size=1, max_size=108).filter(lambda name: b"\0" not in name))
ips = st.tuples(four, four) | st.tuples(six, six)
pairs = ips | st.tuples(paths, paths)
# Anything, but often with what headers are made of.
pieces = st.sampled_from(
    [
        b"PROXY ",
        b"TCP4 ",
        b"TCP6 ",
        b"UNKNOWN",
        b"1.2.3.4 ",
        b"::1 ",
        b"443",
        b" ",
        b"\r",
        b"\n",
        b"\r\n",
        SIGNATURE,
        LOCAL,
    ]
)
anything = st.lists(pieces | st.binary(max_size=40), max_size=12).map(b"".join)


def known(address: object) -> object:
    """What an address comes to, however it is spelled."""
    if isinstance(address, (IPv4Address, IPv6Address)):
        host = ip_address(address.host)
        return getattr(host, "ipv4_mapped", None) or host, address.port
    return address.name if isinstance(address, UNIXAddress) else address


class RoundTripTests(SynchronousTestCase):
    """What is written is what is read."""

    @REPEATABLE
    @given(versions, pairs, st.binary(max_size=20))
    @example("v2", (UNIXAddress(None), UNIXAddress(None)), b"\0")
    def test_here(self, version: str, addresses: tuple[Address, Address], rest: bytes) -> None:
        """We read what we have written, and not a byte more."""
        data = header(version, *addresses)
        found = read(data + rest)
        assert found is not None
        self.assertEqual(found.length, len(data))
        if version == "v1" and isinstance(addresses[0], UNIXAddress):
            self.assertEqual(found, Header(None, None, len(data)))
        else:
            self.assertEqual([known(found.source), known(found.destination)], [known(each) for each in addresses])

    @REPEATABLE
    @given(versions, ips, st.binary(max_size=20))
    def test_twisted(self, version: str, addresses: tuple[Address, Address], rest: bytes) -> None:
        """So does Twisted."""
        parser = V1Parser() if version == "v1" else V2Parser()
        found, remaining = parser.feed(header(version, *addresses) + rest)
        assert found is not None
        self.assertEqual(remaining, rest)
        self.assertEqual([known(found.source), known(found.destination)], [known(each) for each in addresses])


class AnythingTests(SynchronousTestCase):
    """Whatever a peer says."""

    @REPEATABLE
    @given(anything, st.integers(0, 600))
    def test_pieces(self, data: bytes, cut: int) -> None:
        """In how many pieces it comes makes no difference, and there is no error but the one."""
        assume(data)
        whole = self.outcome(data)
        partial = self.outcome(data[: max(1, min(cut, len(data)))])
        if partial is not None:
            self.assertEqual(partial, whole)

    def outcome(self, data: bytes) -> Header | str | None:
        """What is read, or why not."""
        try:
            return read(data)
        except InvalidHeader as error:
            return str(error)
