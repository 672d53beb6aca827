"""
Three small web servers to balance over, cp-1 to cp-3 at ports 7101 to 7103 of 127.0.0.1:

    python examples/demo_backends.py

Each answers with its name; /stream repeats the name every second. They end when their parent process does.
"""

import os
import sys
from typing import Any

from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.task import LoopingCall, react
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

PORTS = {"cp-1": 7101, "cp-2": 7102, "cp-3": 7103}


class Greeter(Resource):
    """Says its name, once or for ever."""

    isLeaf = True

    def __init__(self, name: str) -> None:
        Resource.__init__(self)
        self._line = f"Hello from {name}\n".encode()

    def render_GET(self, request: Request) -> bytes | int:
        request.setHeader("Content-Type", "text/plain; charset=utf-8")
        if request.path != b"/stream":
            return self._line
        repeating = LoopingCall(request.write, self._line)
        request.notifyFinish().addBoth(lambda _: repeating.stop())
        repeating.start(1.0)
        return NOT_DONE_YET


def checkParent(parent: int) -> None:
    """Exit if the parent process has ended, however it ended: this process then has another parent."""
    if os.getppid() != parent:
        sys.exit()


async def main(reactor: Any) -> None:
    for name, port in PORTS.items():
        site = Site(Greeter(name))
        site.noisy = False
        try:
            await TCP4ServerEndpoint(reactor, port, interface="127.0.0.1").listen(site)
        except CannotListenError as error:
            sys.exit(f"{name} cannot listen on 127.0.0.1:{port}: {error.socketError.strerror.lower()}")
    print("Listening:", ", ".join(f"{name} on 127.0.0.1:{port}" for name, port in PORTS.items()), flush=True)
    await LoopingCall(checkParent, os.getppid()).start(0.1)


react(main)
