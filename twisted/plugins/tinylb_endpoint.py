"""
Makes C{tinylb:} known to C{clientFromString}. Every program on the machine that calls it imports this file, so tinylb
itself is imported only when such an endpoint is made.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint, IStreamClientEndpointStringParserWithReactor
from twisted.plugin import IPlugin
from zope.interface import implementer


@implementer(IPlugin, IStreamClientEndpointStringParserWithReactor)
class Parser:
    """For C{tinylb:file=backends.json} and its like; see L{tinylb.endpointstring.parseBalanced}."""

    prefix = "tinylb"

    def parseStreamClient(  # type: ignore[override]
        self, reactor: Any, /, *args: Any, **kwargs: Any
    ) -> IStreamClientEndpoint:
        """See L{IStreamClientEndpointStringParserWithReactor}."""
        from tinylb.endpointstring import parseBalanced

        return parseBalanced(reactor, *args, **kwargs)


tinylb = Parser()
