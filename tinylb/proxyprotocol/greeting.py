"""Begins a connection with a header of the PROXY protocol that says that the connection is our own."""

from __future__ import annotations

from twisted.internet.interfaces import IProtocol, ITransport

from tinylb.proxyprotocol.header import ownHeader


def greet(protocol: IProtocol, version: str) -> None:
    """
    Make the connection that a protocol is about to get begin with a header of the PROXY protocol.

    @param version: of L{VERSIONS <tinylb.proxyprotocol.header.VERSIONS>}.
    """

    def makeConnection(transport: ITransport) -> None:
        del protocol.makeConnection  # uncovers the protocol's own method
        transport.write(ownHeader(version, transport.getHost(), transport.getPeer()))
        protocol.makeConnection(transport)

    protocol.makeConnection = makeConnection  # type: ignore[method-assign]
