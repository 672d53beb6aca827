"""Twisted's ClientService over a balanced endpoint: it is connected again, to somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_twisted
from twisted.application.internet import ClientService
from twisted.internet.protocol import Factory
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.protocols.wire import Echo
from zope.interface import provider

from tests.integration.bench import backend
from tests.integration.outgoing.bench import EndpointBench, Service, failureOf, isIdle
from tests.integration.servers import BlackHole, Refusing
from tests.integration.sockets import eventually
from tests.integration.talkers import Talker, settled
from tinylb import BalancedEndpoint
from tinylb.failures import AllFailed

PAUSE = 0.01
"""Seconds from one attempt to the next."""


@asynccontextmanager
async def running(endpoint: BalancedEndpoint) -> AsyncIterator[ClientService]:
    """A service that is stopped in the end, and leaves nothing."""
    factory = Factory.forProtocol(Talker)
    factory.noisy = False
    service = ClientService(endpoint, factory, retryPolicy=lambda attempt: PAUSE)
    service.startService()
    try:
        yield service
    finally:
        stopped: list[object] = []
        service.stopService().addCallback(stopped.append)
        await eventually(lambda: bool(stopped), "the service has stopped")
    assert isIdle(endpoint)
    assert factory.numPorts == 0


async def connectionOf(service: ClientService) -> Talker:
    """Its connection, the present one or the next."""
    talker = await settled(service.whenConnected())
    assert isinstance(talker, Talker)
    return talker


async def serveTwo(ends: EndpointBench) -> list[Service]:
    """Two servers, which are the set from now on."""
    services = [await ends.serve(Factory.forProtocol(Echo)) for _ in range(2)]
    ends.publish(a=backend(services[0]), b=backend(services[1]))
    return services


@pytest_twisted.ensureDeferred
async def test_removed(ends: EndpointBench) -> None:
    """When its target leaves, the service is connected elsewhere."""
    services = await serveTwo(ends)
    async with running(ends.endpoint()) as service:
        first = await connectionOf(service)
        ends.publish(b=backend(services[1]))
        await eventually(lambda: first.lost is not None, "it is lost")
        second = await connectionOf(service)
        second.transport.write(b"hello")
        await eventually(lambda: second.heard == b"hello", "it is served")
        assert [each.served for each in services] == [1, 1]


@pytest_twisted.ensureDeferred
async def test_killed(ends: EndpointBench) -> None:
    """When its server dies, the service is connected elsewhere, at the first attempt."""
    services = await serveTwo(ends)
    endpoint = ends.endpoint()
    async with running(endpoint) as service:
        first = await connectionOf(service)
        services[0].close()
        await eventually(lambda: first.lost is not None, "it is lost")
        second = await connectionOf(service)
        second.transport.write(b"hello")
        await eventually(lambda: second.heard == b"hello", "it is served")
        assert [each["connections"] for each in endpoint.describe()["backends"]] == [0, 1]


@pytest_twisted.ensureDeferred
async def test_comesBack(ends: EndpointBench) -> None:
    """While there is nobody the service tries on, and is connected once there is somebody."""
    refusing = ends.add(Refusing())
    ends.publish(a=backend(refusing))
    async with running(ends.endpoint()) as service:
        error = await failureOf(service.whenConnected(failAfterFailures=3))
        assert isinstance(error, AllFailed)
        waiting = connectionOf(service)
        ends.publish(b=backend(await ends.serve(Factory.forProtocol(Echo))))
        assert isinstance(await waiting, Talker)


@pytest.mark.parametrize("isKnown", [False, True])
@pytest_twisted.ensureDeferred
async def test_stoppedWhileConnecting(ends: EndpointBench, isKnown: bool) -> None:
    """A service that waits for the first set, or for an answer, stops at once."""
    hole = ends.add(BlackHole())
    if isKnown:
        ends.publish(a=backend(hole))
    endpoint = ends.endpoint()
    async with running(endpoint):
        await eventually(lambda: not isIdle(endpoint) and hole.trying() == isKnown, "it is connecting")
    assert hole.trying() == 0


@pytest_twisted.ensureDeferred
async def test_log(ends: EndpointBench) -> None:
    """What the service logs of its attempts says which endpoint it means."""
    refusing = ends.add(Refusing())
    ends.publish(a=backend(refusing))
    lines: list[str] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    try:
        async with running(ends.endpoint()) as service:
            await failureOf(service.whenConnected(failAfterFailures=1))
    finally:
        globalLogPublisher.removeObserver(observe)
    (line,) = (each for each in lines if "Scheduling retry 1 " in each)
    assert "<BalancedEndpoint Value>" in line
