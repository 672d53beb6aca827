"""The life of the status endpoint."""

from __future__ import annotations

from twisted.internet.error import CannotListenError, ConnectionRefusedError

from tests.unit.servicecase import SlowEndpoint
from tests.unit.statuscase import StatusTestCase
from tinylb.addresses import spell
from tinylb.listeners import CannotListen
from tinylb.status.service import StatusService
from tinylb.testing import MemoryEndpoint

TAKEN = CannotListenError("", 9090, OSError(98, "Address already in use"))


class StartTests(StatusTestCase):
    """Its start."""

    def test_listens(self) -> None:
        """From the start on it listens, and says so."""
        service = self.serve()
        self.successResultOf(service.whenListening())
        self.assertEqual([spell(host) for host in service.hosts], ["127.0.0.1:9090"])
        self.assertEqual(self.lines[-1], "info: Status at 127.0.0.1:9090")

    def test_privileged(self) -> None:
        """It listens while there are privileges, if it is told of that, and once only."""
        door = SlowEndpoint(self.clock)
        service = StatusService(self.clock, door, self.balancer)
        self.addCleanup(self.endStatus, service)
        service.privilegedStartService()
        self.assertEqual(len(door.listening), 1)
        service.startService()
        self.assertEqual(len(door.listening), 1)
        door.succeed()

    def test_cannot(self) -> None:
        """When it cannot listen the start fails, as the balancer's does."""
        service = StatusService(self.clock, MemoryEndpoint(self.clock, 9090, TAKEN), self.balancer)
        error = self.assertRaises(CannotListen, service.startService)
        self.assertEqual((str(error), error.number), ("address already in use", 0))
        self.failureResultOf(service.whenListening(), CannotListen)

    def test_cannotLater(self) -> None:
        """When that is known only later, whoever waits for it hears of it."""
        door = SlowEndpoint(self.clock)
        service = self.serve(endpoint=door)
        listening = service.whenListening()
        self.assertNoResult(listening)
        door.listening[0].errback(TAKEN)
        self.failureResultOf(listening, CannotListen)

    def test_cannotAgain(self) -> None:
        """After a failure it may be started again."""
        door = SlowEndpoint(self.clock)
        service = self.serve(endpoint=door)
        door.listening[0].errback(TAKEN)
        service.startService()
        door.succeed()
        self.successResultOf(service.whenListening())


class StopTests(StatusTestCase):
    """Its end."""

    def test_stop(self) -> None:
        """At the end it listens no more, and ends every connection at once, whatever is under way."""
        service = self.serve()
        peers = [self.door.connect(), self.say("GET /healthz HTTP/1.1"), self.listen()]
        stuck = self.listen()
        stuck.pause()
        stopped = service.stopService()
        self.assertRaises(ConnectionRefusedError, self.door.connect)
        self.settle()
        self.successResultOf(stopped)
        stuck.resume()
        self.settle()
        self.assertEqual([peer.ending for peer in (*peers, stuck)], ["reset"] * 4)

    def test_waits(self) -> None:
        """The end is told when the last connection has ended, also when there was none once before."""
        service = self.serve()
        for _ in range(2):
            self.door.connect()
            stopped = service.stopService()
            self.assertNoResult(stopped)
            self.clock.advance(0)
            self.successResultOf(stopped)
            service.startService()

    def test_twice(self) -> None:
        """A second stop waits for the same end, also when the endpoint has been started again between."""
        service = self.serve()
        self.door.connect()
        stopped = [service.stopService(), service.stopService()]
        service.startService()
        stopped.append(service.stopService())
        for each in stopped:
            self.assertNoResult(each)
        self.clock.advance(0)
        for each in stopped:
            self.successResultOf(each)

    def test_idle(self) -> None:
        """Without a connection it ends at once."""
        self.successResultOf(self.serve().stopService())

    def test_again(self) -> None:
        """It may be started again, and serves as before."""
        service = self.serve()
        for _ in range(3):
            peer = self.listen()
            service.stopService()
            self.settle()
            self.assertEqual(peer.ending, "reset")
            service.startService()
            self.assertEqual(self.ask("/healthz").code, 200)

    def test_tooEarly(self) -> None:
        """Stopped before it was listened on it does not listen afterwards."""
        door = SlowEndpoint(self.clock)
        service = self.serve(endpoint=door)
        service.stopService()
        door.succeed()
        self.assertIsNone(door.factory)
        self.failureResultOf(service.whenListening(), CannotListen)

    def test_balancerFirst(self) -> None:
        """When the balancer has ended before, the endpoint still shows what there is to know."""
        self.serve()
        self.listen()
        self.balancer.stopService()
        self.settle()
        self.assertEqual(self.ask("/readyz").code, 503)
        self.assertEqual(self.ask("/api/state").code, 200)
