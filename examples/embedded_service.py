"""
tinylb inside an application: one service among the application's own, over backends that the application
decides on. With examples/demo_backends.py running in another terminal:

    twistd -n -y examples/embedded_service.py

    curl 127.0.0.1:6444                   # balanced over cp-1 to cp-3
    curl -X DELETE 127.0.0.1:6480/cp-2    # cp-2 is gone, and its connections with it
    curl -X PUT 127.0.0.1:6480/cp-2       # cp-2 is back
    curl 127.0.0.1:6480                   # what the balancer knows
"""

import json
from typing import Any, cast

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import Application, IServiceCollection
from twisted.internet import reactor as installed
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tinylb import BackendSet, LoadBalancerService, TCPBackend, Value

reactor = cast(Any, installed)


ALL = {
    "cp-1": TCPBackend(reactor, "127.0.0.1", 7101),
    "cp-2": TCPBackend(reactor, "127.0.0.1", 7102),
    "cp-3": TCPBackend(reactor, "127.0.0.1", 7103),
}


class Admin(Resource):
    """The application's own page. It publishes another set whenever somebody changes the backends."""

    isLeaf = True

    def __init__(self) -> None:
        Resource.__init__(self)
        self._ids = set(ALL)
        self.backends = Value(BackendSet(ALL))

    def render_GET(self, request: Request) -> bytes:
        return json.dumps(balancer.describe(), indent=2).encode() + b"\n"

    def render_PUT(self, request: Request) -> bytes:
        return self._publish(self._ids | {request.path[1:].decode()})

    def render_DELETE(self, request: Request) -> bytes:
        return self._publish(self._ids - {request.path[1:].decode()})

    def _publish(self, ids: set[str]) -> bytes:
        self._ids = ids & set(ALL)
        self.backends.set(BackendSet({id: ALL[id] for id in self._ids}))
        return f"Backends: {', '.join(sorted(self._ids)) or 'none'}\n".encode()


admin = Admin()
page = StreamServerEndpointService(serverFromString(reactor, "tcp:6480:interface=127.0.0.1"), Site(admin))
balancer = LoadBalancerService(
    serverFromString(reactor, "tcp:6444:interface=127.0.0.1"), admin.backends, reactor=reactor
)

application = Application("embedded")
for service in (balancer, page):
    IServiceCollection(application).addService(service)
