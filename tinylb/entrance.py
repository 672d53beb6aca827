"""The factory that receives the clients of one listener."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory

from tinylb.acceptor import Acceptor
from tinylb.arrival import Arrival
from tinylb.ends import End
from tinylb.proxyprotocol.introduction import Introduction
from tinylb.reception import Reception


class Entrance(Factory):
    """
    Receives the clients of one listener.

    @param proxyProtocol: whether each of them begins with a header of the PROXY protocol.
    @ivar listener: the listener's address, as its clients' events name it; L{None} where it was not set.
    """

    noisy = False

    listener: str | None = None

    def __init__(self, reception: Reception, *, proxyProtocol: bool = False) -> None:
        self._reception = reception
        self._owner = Introduction if proxyProtocol else Arrival

    def logPrefix(self) -> str:
        """See L{ILoggingContext <twisted.internet.interfaces.ILoggingContext>}: what Twisted says when it listens."""
        return "LoadBalancer"

    def buildProtocol(self, addr: IAddress | None) -> End:
        """A client connects. See L{Factory.buildProtocol}."""
        return End(self._owner(self._reception, addr, self.listener))

    def accept(self, port: IListeningPort) -> Acceptor | None:
        """
        Accept in place of a port that listens with this factory, at less cost than the port does. The caller still
        closes the port, and stops the acceptor before that. Not for a subclass that wraps the protocols which
        L{buildProtocol} gives: they do not get complete transports.

        @return: L{None} when the port goes on accepting by itself, such as one with TLS.
        """
        return self._reception.rules.engines.accept(port, self)
