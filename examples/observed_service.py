"""
A balancer that can be observed like "tinylb run": with a status page, metrics and an access log. With
examples/demo_backends.py running in another terminal:

    twistd -n -y examples/observed_service.py

    curl 127.0.0.1:6448                   # a line in access.log
    curl 127.0.0.1:9091/metrics           # and http://127.0.0.1:9091 in a browser
"""

from pathlib import Path
from typing import Any, cast

from twisted.application.service import Application, MultiService, Service
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString

from tinylb import AccessLog, FileProvider, LoadBalancerService, Metrics, StatusService

reactor = cast(Any, installed)

HERE = Path(__file__).parent


def listener(description: str) -> Any:
    """An endpoint that listens on loopback only."""
    return serverFromString(reactor, f"{description}:interface=127.0.0.1")


balancer = LoadBalancerService(listener("tcp:6448"), FileProvider(reactor, HERE / "backends.json"), reactor=reactor)

log = AccessLog(reactor, str(HERE / "access.log"))
balancer.balancer.observers.append(log)

status = StatusService(reactor, listener("tcp:9091"), balancer, metrics=Metrics(balancer, accessLog=log))


class OneByOne(MultiService):
    """Stops its services one by one, the last one first: the access log outlives the connections that end in a stop."""

    def stopService(self) -> "Deferred[None]":
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        Service.stopService(self)
        for service in reversed(list(self)):
            await maybeDeferred(service.stopService)


services = OneByOne()
for service in (log, status, balancer):
    services.addService(service)

application = Application("observed")
services.setServiceParent(application)
