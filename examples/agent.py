"""
Twisted's web client, Agent, over a balanced endpoint. With examples/demo_backends.py running in another terminal:

    python examples/agent.py

It asks every half second, and the backends take turns. Stop them, and start them again.
"""

import warnings
from typing import Any

from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater, react
from twisted.web.client import URI, Agent, readBody
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from tinylb import BackendSet, BalancedEndpoint, TCPBackend, Value

# Twisted's HTTP client gives this warning with any endpoint.
warnings.filterwarnings("ignore", "Using readBody with a transport")

PORTS = {"cp-1": 7101, "cp-2": 7102, "cp-3": 7103}


@implementer(IAgentEndpointFactory)
class Balanced:
    """Connects to a backend, whichever host the URI names; the host only appears in the request."""

    def __init__(self, endpoint: BalancedEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        # For https: wrapClientTLS(optionsForClientTLS(uri.host.decode()), self._endpoint)
        return self._endpoint


async def main(reactor: Any) -> None:
    backends = BackendSet({id: TCPBackend(reactor, "127.0.0.1", port) for id, port in PORTS.items()})
    agent = Agent.usingEndpointFactory(reactor, Balanced(BalancedEndpoint(reactor, Value(backends))))
    while True:
        try:
            response = await agent.request(b"GET", b"http://api.example.com/")
            print((await readBody(response)).decode(), end="", flush=True)
        except ConnectError as error:
            print("Nobody can be reached:", error, flush=True)
        await deferLater(reactor, 0.5)


react(main)
