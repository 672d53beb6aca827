"""Descriptors, and the clients that they carry."""

from __future__ import annotations

import resource

from twisted.trial.unittest import SynchronousTestCase

from tinylb.limits import clientsFor, raiseDescriptorLimit


class RaiseTests(SynchronousTestCase):
    """See L{raiseDescriptorLimit}; the kernel is played by the test."""

    def setUp(self) -> None:
        """A kernel that allows what it is asked for."""
        self.limits = (1024, 4096)
        self.refusal: Exception | None = None
        self.asked: list[tuple[int, int]] = []
        self.patch(resource, "getrlimit", self.getrlimit)
        self.patch(resource, "setrlimit", self.setrlimit)

    def getrlimit(self, which: int) -> tuple[int, int]:
        """See getrlimit(2)."""
        self.assertEqual(which, resource.RLIMIT_NOFILE)
        return self.limits

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        """See setrlimit(2)."""
        self.assertEqual(which, resource.RLIMIT_NOFILE)
        self.asked.append(limits)
        if self.refusal is not None:
            raise self.refusal
        self.limits = limits

    def test_raised(self) -> None:
        """The soft limit becomes the hard one, which is what there is then; the hard one stays."""
        self.assertEqual(raiseDescriptorLimit(), 4096)
        self.assertEqual(self.limits, (4096, 4096))

    def test_highEnough(self) -> None:
        """A soft limit that is the hard one is left alone."""
        self.limits = (4096, 4096)
        self.assertEqual(raiseDescriptorLimit(), 4096)
        self.assertEqual(self.asked, [])

    def test_refused(self) -> None:
        """Where the system refuses, the soft limit is what there is."""
        for self.refusal in (OSError(), ValueError()):
            self.assertEqual(raiseDescriptorLimit(), 1024)
        self.assertEqual(len(self.asked), 2)


class ClientsTests(SynchronousTestCase):
    """See L{clientsFor}."""

    def test_others(self) -> None:
        """What others may take is not promised to clients."""
        self.assertEqual(clientsFor(4096) - clientsFor(4096, others=128), 64)

    def test_twoEach(self) -> None:
        """Two descriptors a client fit into the limit, with a reserve of at least 32 and at most 1024."""
        for descriptors in (256, 1024, 4096, 65_536, 1_048_576):
            reserve = descriptors - 2 * clientsFor(descriptors)
            self.assertGreaterEqual(reserve, 32)
            self.assertLessEqual(reserve, 1024 + 1)
            self.assertLessEqual(reserve, descriptors / 8 + 1)

    def test_moreForMore(self) -> None:
        """A higher limit never carries fewer."""
        carried = [clientsFor(descriptors) for descriptors in range(20_000)]
        self.assertEqual(carried, sorted(carried))

    def test_atLeastOne(self) -> None:
        """However low the limit, one client may try."""
        for descriptors in (0, 1, 32, 33, 34):
            self.assertEqual(clientsFor(descriptors), 1)
