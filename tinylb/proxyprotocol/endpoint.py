"""The listeners whose clients have to introduce themselves."""

from __future__ import annotations

from twisted.internet import endpoints
from twisted.internet.interfaces import IStreamServerEndpoint


def unwrapped(endpoint: IStreamServerEndpoint) -> tuple[IStreamServerEndpoint, bool]:
    """
    Twisted's C{haproxy:} endpoint stands between a socket and us: it takes us for connected before the header has come,
    resets nobody who sends it in pieces or never, and knows no half-close. What it wraps is listened on in its place,
    and the header is read here.

    @return: what to listen on, and whether clients begin with a header.
    """
    if type(endpoint) is endpoints._WrapperServerEndpoint:
        from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory

        if endpoint._wrapperFactory is HAProxyWrappingFactory:
            return endpoint._wrappedEndpoint, True
    return endpoint, False
