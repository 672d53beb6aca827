"""Finds the listeners whose clients have to begin with a header of the PROXY protocol."""

from __future__ import annotations

from twisted.internet import endpoints
from twisted.internet.interfaces import IStreamServerEndpoint


def unwrapped(endpoint: IStreamServerEndpoint) -> tuple[IStreamServerEndpoint, bool]:
    """
    Twisted's C{haproxy:} endpoint stands between a socket and us: it connects our protocol before the header has come,
    does not reset a client that sends the header in pieces or never, and does not support half-close. So we listen on
    the endpoint that it wraps, and read the header here.

    @return: what to listen on, and whether clients begin with a header.
    """
    if type(endpoint) is endpoints._WrapperServerEndpoint:
        from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory

        if endpoint._wrapperFactory is HAProxyWrappingFactory:
            return endpoint._wrappedEndpoint, True
    return endpoint, False
