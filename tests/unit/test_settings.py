"""Settings that make no sense are refused when they are given."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tinylb import BackendSet, BalancedEndpoint, HealthChecks, LoadBalancer, LoadBalancerService, TCPCheck, Value
from tinylb.testing import MemoryBackend, MemoryEndpoint


class SettingsTests(SynchronousTestCase):
    """What the classes of the library say of such settings."""

    def setUp(self) -> None:
        """A reactor in memory."""
        self.clock = Clock()

    def test_balancer(self) -> None:
        """A balancer names the setting, its value, and what would be right."""
        for name in ("dialTimeout", "attemptDelay", "halfCloseTimeout", "idleTimeout", "keepalive"):
            options: dict[str, Any] = {name: -1}
            error = self.assertRaises(ValueError, LoadBalancer, self.clock, **options)
            self.assertEqual(str(error), f"{name} is -1; expected: a number, 0 or more")
        error = self.assertRaises(ValueError, LoadBalancer, self.clock, maxConnections=0)
        self.assertEqual(str(error), "maxConnections is 0; expected: a number, 1 or more")

    def test_notANumber(self) -> None:
        """What is no number is refused, too."""
        for value in (float("nan"), None, "5"):
            options: dict[str, Any] = {"dialTimeout": value}
            self.assertRaises(ValueError, LoadBalancer, self.clock, **options)

    def test_others(self) -> None:
        """So do a service, an endpoint, and health checks."""
        endpoint, balancer = MemoryEndpoint(self.clock), LoadBalancer(self.clock)
        self.assertRaises(
            ValueError, LoadBalancerService, endpoint, Value(BackendSet()), reactor=self.clock, drain=-1.0
        )
        self.assertRaises(ValueError, BalancedEndpoint, self.clock, Value(BackendSet()), dialTimeout=-1.0)
        self.assertRaises(ValueError, HealthChecks, balancer, TCPCheck(), fall=0)
        self.assertRaises(ValueError, HealthChecks, balancer, TCPCheck(), interval=-1.0)

    def test_noCheck(self) -> None:
        """What cannot check is no check, such as the word of the command line."""
        error = self.assertRaises(TypeError, HealthChecks, LoadBalancer(self.clock), "tcp")
        self.assertEqual(str(error), "the check is 'tcp'; expected: an IHealthCheck, such as TCPCheck()")

    def test_backends(self) -> None:
        """A plain mapping of backends is as good as a set of them."""
        balancer = LoadBalancer(self.clock)
        backends = {"a": MemoryBackend(self.clock, "a")}
        balancer.replaceBackends(backends)
        self.assertEqual(balancer.backends, BackendSet(backends))
