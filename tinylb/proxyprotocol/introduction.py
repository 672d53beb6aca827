"""A client that is a proxy, and has to say first whom it connects for."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IDelayedCall

from tinylb.arrival import Arrival
from tinylb.ends import End
from tinylb.events import CloseReason
from tinylb.failures import DialError
from tinylb.proxyprotocol.header import Header, InvalidHeader, read
from tinylb.reception import Reception, Waiting


class Introduction(Waiting):
    """
    Owns a proxy's end until a header of the PROXY protocol has come, in however many pieces; then an L{Arrival} takes
    over, for the client that the header names. A peer that sends something else, or nothing for too long, is reset.

    @param address: the proxy's.
    """

    def __init__(self, reception: Reception, address: IAddress | None, listener: str | None) -> None:
        super().__init__(reception, address, listener)
        self._heard = bytearray()
        self._deadline: IDelayedCall | None = None

    def connected(self, end: End) -> None:
        """The proxy is connected: read its header."""
        if self._enter(end):
            rules = self._reception.rules
            self._deadline = rules.clock.callLater(self._reception.patience, self._tooLate)
            rules.engines.open(end)
            end.resumeProducing()

    def received(self, end: End, data: bytes) -> None:
        """The proxy has sent something: look whether the header is complete."""
        self._heard += data
        try:
            found = read(self._heard)
        except InvalidHeader as error:
            self._turnAway(CloseReason.DIAL_FAILED, str(error))
            return
        if found is not None:
            self._introduced(end, found)

    def finished(self, end: End) -> None:
        """The peer has finished. A peer that has sent nothing at all only checks whether we are here."""
        if self._heard:
            self._turnAway(CloseReason.DIAL_FAILED, "incomplete PROXY header")
        else:
            self._cancel(CloseReason.CLIENT_CLOSED)

    def _introduced(self, end: End, found: Header) -> None:
        rest = bytes(self._heard[found.length :])
        end.count = len(rest)
        self._over()
        arrival = Arrival(self._reception, found.source or self._address, self._listener, found.destination)
        arrival.introduced(end, rest, self._since)

    def _tooLate(self) -> None:
        self._deadline = None
        self._turnAway(CloseReason.DIAL_TIMEOUT, f"no PROXY header within {self._reception.patience:g} s")

    def _turnAway(self, reason: CloseReason, why: str) -> None:
        """Reset the connection: the specification wants the peer that is wrong to notice it, and soon."""
        self._over()
        self._refuse(reason, DialError((why,), 0), isAbrupt=True)

    def _over(self) -> None:
        super()._over()
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
