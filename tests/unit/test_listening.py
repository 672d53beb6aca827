"""The truth about a service's endpoints."""

from __future__ import annotations

from tests.unit.descriptors import noDescriptors
from tests.unit.servicecase import ServiceTestCase, SlowEndpoint
from tinylb.testing import MemoryEndpoint


class ListeningTests(ServiceTestCase):
    """L{LoadBalancerService.listening}."""

    def test_accepting(self) -> None:
        """Each endpoint that is listened on accepts, and is named by its address."""
        service = self.started(MemoryEndpoint(self.clock, 1), MemoryEndpoint(self.clock, 2))
        self.assertEqual(
            service.listening(),
            [
                {"address": "127.0.0.1:1", "accepting": True, "why": None},
                {"address": "127.0.0.1:2", "accepting": True, "why": None},
            ],
        )

    def test_shortage(self) -> None:
        """Without a descriptor for another client none is accepted; with one, clients are again."""
        service = self.started()
        with noDescriptors():
            (listener,) = service.listening()
        self.assertEqual(listener, {"address": "127.0.0.1:6443", "accepting": False, "why": "too many open files"})
        self.assertTrue(service.listening()[0]["accepting"])

    def test_notYet(self) -> None:
        """An endpoint that takes its time accepts nobody yet, the others do; they keep their order."""
        slow = SlowEndpoint(self.clock, 1)
        service = self.started(slow, MemoryEndpoint(self.clock, 2))
        first, second = service.listening()
        self.assertEqual(first, {"address": "endpoint 1", "accepting": False, "why": "not listened on"})
        self.assertTrue(second["accepting"])
        slow.succeed()
        self.assertEqual([each["accepting"] for each in service.listening()], [True, True])

    def test_stopped(self) -> None:
        """Neither before the start nor after a stop is anybody accepted."""
        service = self.service()
        self.assertFalse(service.listening()[0]["accepting"])
        service.startService()
        self.assertTrue(service.listening()[0]["accepting"])
        service.stopService()
        expected = {"address": "127.0.0.1:6443", "accepting": False, "why": "stopping"}
        self.assertEqual(service.listening(), [expected])
