"""
C{tinylb_engine ENGINE PORT FILE}: tinylb with a relay engine that is named, as an application embeds it. The rest is as
the program runs by default.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.python.log import startLogging

from tinylb.limits import clientsFor, raiseDescriptorLimit
from tinylb.providers.file import FileProvider
from tinylb.serverendpoints import BACKLOG
from tinylb.service import LoadBalancerService


def main() -> None:
    """See above."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    engine, port, path = sys.argv[1:]
    startLogging(sys.stdout)
    service = LoadBalancerService(
        serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1:backlog={BACKLOG}"),
        FileProvider(reactor, path),
        reactor=reactor,
        maxConnections=clientsFor(raiseDescriptorLimit()),
        relay=engine,
    )
    service.startService()
    reactor.run()


if __name__ == "__main__":
    main()
