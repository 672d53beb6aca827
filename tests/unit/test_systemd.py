"""What systemd is told, and when."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.internet.error import CannotListenError
from twisted.python.failure import Failure

from tests.unit.servicecase import SlowEndpoint
from tests.unit.systemdcase import SystemdTestCase
from tinylb import Verdict
from tinylb.systemd import SystemdNotifier, Watchdog, notifier


class ReadinessTests(SystemdTestCase):
    """When it is told that tinylb is ready, and that it stops."""

    def test_ready(self) -> None:
        """At once where the balancer listens already; once."""
        self.notifying(self.started())
        self.assertEqual(self.systemd.said("READY"), ["1"])
        self.advance(60)
        self.assertEqual(self.systemd.said("READY"), ["1"])

    def test_notBeforeItListens(self) -> None:
        """Not before every endpoint is listened on."""
        slow = SlowEndpoint(self.clock)
        self.notifying(self.started(self.endpoint, slow))
        self.advance(60)
        self.assertEqual(self.systemd.said("READY"), [])
        slow.succeed()
        self.assertEqual(self.systemd.said("READY"), ["1"])

    def test_cannotListen(self) -> None:
        """Never, where one cannot be listened on; that is not the notifier's error."""
        slow = SlowEndpoint(self.clock)
        self.notifying(self.started(slow))
        slow.listening[-1].errback(Failure(CannotListenError("", 6443, OSError(98, "in use"))))
        self.advance(60)
        self.assertEqual(self.systemd.said("READY"), [])

    def test_stopping(self) -> None:
        """A shutdown is told when it begins; while connections finish their number is."""
        self.publish("a")
        service = self.started()
        self.notifying(service)
        client = self.endpoint.connect()
        self.advance(1)
        self.reactor.begin()
        self.assertEqual(self.systemd.said("STOPPING"), ["1"])
        self.assertEqual(self.systemd.said("STATUS")[-1], "stopping; 1 connection open")
        client.reset()
        self.advance(15)
        self.assertEqual(self.systemd.said("STATUS")[-1], "stopping; 0 connections open")
        self.assertEqual(self.systemd.said("STOPPING"), ["1"])

    def test_stopped(self) -> None:
        """Once it is stopped nothing more is said, and nothing is left; a second time does nothing."""
        service = self.started(SlowEndpoint(self.clock))
        notifier = self.notifying(service, Watchdog(2, None))
        notifier.stopService()
        count = len(self.systemd.messages)
        self.publish("a")
        self.advance(10)
        notifier.stopService()
        self.assertEqual(len(self.systemd.messages), count)
        self.assertFalse(self.systemd.isOpen)
        self.assertEqual(self.reactor.triggers, [])
        self.assertNotIn(notifier, service.balancer.observers)


class StatusTests(SystemdTestCase):
    """The set in words."""

    def status(self) -> str:
        """What it was told last."""
        return self.systemd.said("STATUS")[-1]

    def test_empty(self) -> None:
        """Before the first set there are no backends."""
        self.notifying(self.started())
        self.assertEqual(self.status(), "no backends; 0 connections")

    def test_states(self) -> None:
        """How many backends there are in each state, the best first; a change is told at once, after a quiet time."""
        self.publish("a", "b", "c", "d")
        service = self.started()
        self.notifying(service)
        self.assertEqual(self.status(), "4 backends: 4 ready; 0 connections")
        self.advance(1)
        for target, verdict in ("a", Verdict.DEAD), ("b", Verdict.NOT_READY), ("c", Verdict.DEAD):
            service.balancer.setVerdict(target, verdict, "so it is")
        self.clock.advance(0)
        self.assertEqual(self.status(), "4 backends: 1 ready, 1 not-ready, 2 dead; 0 connections")

    def test_one(self) -> None:
        """One backend and one connection are not told as many."""
        self.publish("a")
        service = self.started()
        self.endpoint.connect()
        self.clock.advance(0)
        self.notifying(service)
        self.assertEqual(self.status(), "1 backend: 1 ready; 1 connection")

    def test_atMostOnceASecond(self) -> None:
        """However often the set changes, and the newest is told in the end."""
        self.notifying(self.started(), Watchdog(0.4, None))
        for number in range(40):
            self.publish(*(f"b{each}" for each in range(number)))
            self.clock.advance(0.1)
        self.advance(1)
        self.assertLess(len(self.systemd.said("STATUS")), 7)
        self.assertEqual(self.status(), "39 backends: 39 ready; 0 connections")

    def test_connections(self) -> None:
        """Their number is told within a quarter of a minute, though nothing else happens."""
        self.publish("a")
        self.notifying(self.started())
        self.endpoint.connect()
        self.advance(15)
        self.assertEqual(self.status(), "1 backend: 1 ready; 1 connection")

    def test_patientWatchdog(self) -> None:
        """However patient the watchdog is, their number is told as soon as without one."""
        self.publish("a")
        self.notifying(self.started(), Watchdog(600, None))
        self.endpoint.connect()
        self.advance(15)
        self.assertEqual(self.status(), "1 backend: 1 ready; 1 connection")

    def test_quiet(self) -> None:
        """While nothing changes nothing is told."""
        self.publish("a")
        self.notifying(self.started())
        count = len(self.systemd.messages)
        self.advance(120)
        self.assertEqual(len(self.systemd.messages), count)


class WatchdogTests(SystemdTestCase):
    """Who watches is fed."""

    def beats(self, watchdog: Watchdog | None, seconds: float) -> int:
        """How often it is, in a time."""
        notifier = self.notifying(self.started(), watchdog)
        count = len(self.systemd.said("WATCHDOG"))
        self.advance(seconds)
        notifier.stopService()
        return len(self.systemd.said("WATCHDOG")) - count

    def test_half(self) -> None:
        """Twice in the time in which it expects to be."""
        self.assertEqual(self.beats(Watchdog(4, None), 12), 6)

    def test_ours(self) -> None:
        """Also if it names this process."""
        self.assertEqual(self.beats(Watchdog(4, str(os.getpid())), 12), 6)

    def test_somebodyElse(self) -> None:
        """Not if it names another one, of which this is a child for example."""
        self.assertEqual(self.beats(Watchdog(4, str(os.getppid())), 12), 0)

    def test_nobody(self) -> None:
        """Nor if nobody watches."""
        self.assertEqual(self.beats(None, 60), 0)

    def test_stuck(self) -> None:
        """A loop that does not turn feeds nothing, and does not make up for it afterwards."""
        self.notifying(self.started(), Watchdog(4, None))
        count = len(self.systemd.said("WATCHDOG"))
        self.clock.advance(60)
        self.assertEqual(len(self.systemd.said("WATCHDOG")), count + 1)

    def test_stopping(self) -> None:
        """It is fed while connections finish."""
        self.notifying(self.started(), Watchdog(4, None))
        self.reactor.begin()
        count = len(self.systemd.said("WATCHDOG"))
        self.advance(4)
        self.assertEqual(len(self.systemd.said("WATCHDOG")), count + 2)


class TroubleTests(SystemdTestCase):
    """When systemd does not listen."""

    def test_retries(self) -> None:
        """What could not be said is said later, as it is then; one line tells of it."""
        self.systemd.trouble = "resource temporarily unavailable"
        self.notifying(self.started(), Watchdog(20, None))
        self.advance(3)
        self.publish("a", "b")
        self.advance(3)
        self.assertEqual(self.systemd.messages, [])
        self.systemd.trouble = None
        self.advance(1)
        self.assertEqual(self.systemd.messages, ["WATCHDOG=1\nSTATUS=2 backends: 2 ready; 0 connections\nREADY=1"])
        told = [line for line in self.lines if "systemd" in line]
        self.assertEqual(told, ["warn: systemd cannot be told how tinylb is doing: resource temporarily unavailable"])

    def test_watchdogInTime(self) -> None:
        """A beat that is lost is made up for before it is missed."""
        self.notifying(self.started(), Watchdog(1, None))
        self.systemd.trouble = "no buffer space"
        self.clock.advance(0.5)
        self.systemd.trouble = None
        count = len(self.systemd.said("WATCHDOG"))
        self.clock.advance(0.25)
        self.assertEqual(len(self.systemd.said("WATCHDOG")), count + 1)

    def test_again(self) -> None:
        """Trouble that comes back after it was over is told again."""
        service = self.started()
        self.notifying(service)
        for number in range(2):
            self.systemd.trouble = "gone"
            self.publish(*"ab"[number:])
            self.advance(5)
            self.systemd.trouble = None
            self.advance(5)
        self.assertEqual(sum("systemd" in line for line in self.lines), 2)


class EnvironmentTests(SystemdTestCase):
    """What the environment says."""

    def notifier(self, environ: dict[str, str]) -> SystemdNotifier | None:
        """The one for an environment."""
        return notifier(cast(Any, self.reactor), self.service(), environ)

    def test_none(self) -> None:
        """Without NOTIFY_SOCKET there is nobody to tell, whoever watches."""
        self.assertIsNone(self.notifier({"HOME": "/", "WATCHDOG_USEC": "1000000"}))

    def test_children(self) -> None:
        """What it says is for this process, and not for its children."""
        environ = {"HOME": "/", "NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}
        self.assertIsNotNone(self.notifier(environ))
        self.assertEqual(environ, {"HOME": "/"})

    def test_watchdog(self) -> None:
        """The time is microseconds; what is none is not believed."""
        found = {}
        for text in ("30000000", "0", "", "-1", "soon", "²"):
            made = self.notifier({"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": text})
            assert made is not None
            found[text] = made._watchdog
        self.assertEqual(found.pop("30000000"), Watchdog(30.0, None))
        self.assertEqual(set(found.values()), {None})
