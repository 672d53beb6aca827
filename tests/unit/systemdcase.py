"""What tests of the notifier share: a stand-in for systemd, and a reactor that shuts down."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import IReactorCore

from tests.unit.servicecase import ServiceTestCase
from tinylb import BackendSet, LoadBalancerService
from tinylb.systemd import NotifySocket, SystemdNotifier, Watchdog
from tinylb.testing import MemoryBackend


class Systemd(NotifySocket):
    """
    Stands in for systemd, and keeps the messages that it is sent.

    @ivar trouble: why it cannot be sent anything, if it cannot.
    """

    def __init__(self) -> None:
        super().__init__("@nowhere")
        self.trouble: str | None = None
        self.messages: list[str] = []
        self.isOpen = True

    def send(self, message: str) -> str | None:
        """See L{NotifySocket.send}."""
        if self.trouble is None:
            self.messages.append(message)
        return self.trouble

    def close(self) -> None:
        """See L{NotifySocket.close}."""
        self.isOpen = False

    def said(self, variable: str) -> list[str]:
        """All values that a variable was given in the messages."""
        lines = [line for message in self.messages for line in message.split("\n")]
        return [line.partition("=")[2] for line in lines if line.partition("=")[0] == variable]


class Shutdown:
    """As much of a reactor as a notifier needs: the triggers to call before the shutdown."""

    def __init__(self) -> None:
        self.triggers: list[Callable[[], None]] = []

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], None]) -> Callable[[], None]:
        """See L{IReactorCore}."""
        assert (phase, event) == ("before", "shutdown")
        self.triggers.append(call)
        return call

    def removeSystemEventTrigger(self, trigger: Callable[[], None]) -> None:
        """See L{IReactorCore}."""
        self.triggers.remove(trigger)

    def begin(self) -> None:
        """Begin the shutdown: call each trigger, once."""
        while self.triggers:
            self.triggers.pop()()


class SystemdTestCase(ServiceTestCase):
    """A notifier of a balancer that has been started."""

    def setUp(self) -> None:
        super().setUp()
        self.systemd = Systemd()
        self.reactor = Shutdown()

    def notifying(self, service: LoadBalancerService, watchdog: Watchdog | None = None) -> SystemdNotifier:
        """A notifier that has been started."""
        notifier = SystemdNotifier(cast(IReactorCore, self.reactor), service, self.systemd, watchdog)
        notifier.startService()
        self.addCleanup(notifier.stopService)
        return notifier

    def publish(self, *ids: str) -> None:
        """Publish another set."""
        self.provider.set(BackendSet({id: MemoryBackend(self.clock, id) for id in ids}))

    def advance(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        self.clock.pump([0.25] * int(seconds * 4))
