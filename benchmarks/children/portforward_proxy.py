"""C{portforward_proxy PORT BACKEND_PORT}: Twisted's own proxy, as its documentation has it."""

from __future__ import annotations

import sys
from typing import Any

from twisted.protocols.portforward import ProxyClientFactory, ProxyFactory

from benchmarks.ports import HOST


def main() -> None:
    """See above. It has no options. Nothing is logged: the lines of each connection would be kept in memory."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    port, backend = map(int, sys.argv[1:])
    ProxyClientFactory.noisy = False
    reactor.listenTCP(port, ProxyFactory(HOST, backend), backlog=1024, interface=HOST)
    reactor.run()


if __name__ == "__main__":
    main()
