"""
A balancer and its health checks, as two services of one application. With examples/demo_backends.py running in another
terminal:

    twistd -n -y examples/health_checks.py

    curl 127.0.0.1:6447     # balanced over cp-1 and cp-2; there is no cp-4, and the log says so

Stop the backends, and start them again: the log has one line for each change.
"""

from typing import Any, cast

from twisted.application.service import Application, IServiceCollection
from twisted.internet import reactor as installed
from twisted.internet.endpoints import serverFromString

from tinylb import BackendSet, HealthChecks, HTTPCheck, LoadBalancerService, TCPBackend, Value

reactor = cast(Any, installed)

backends = Value(
    BackendSet(
        {
            "cp-1": TCPBackend(reactor, "127.0.0.1", 7101),
            "cp-2": TCPBackend(reactor, "127.0.0.1", 7102),
            "cp-4": TCPBackend(reactor, "127.0.0.1", 7104),
        }
    )
)
service = LoadBalancerService(serverFromString(reactor, "tcp:6447:interface=127.0.0.1"), backends, reactor=reactor)
checks = HealthChecks(service.balancer, HTTPCheck("/"), interval=0.5)

application = Application("checked")
for each in (service, checks):
    IServiceCollection(application).addService(each)
