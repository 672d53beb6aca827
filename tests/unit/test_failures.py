"""What a failed attempt means."""

from __future__ import annotations

import errno

from twisted.internet.defer import CancelledError
from twisted.internet.error import (
    ConnectBindError,
    ConnectError,
    ConnectionDone,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
    getConnectError,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.descriptors import noDescriptors
from tinylb import DialFailure
from tinylb.failures import explain


def asConnecting(number: int) -> Exception:
    """The error with which Twisted reports that C{connect} failed with this number."""
    error = getConnectError((number, "whatever the system calls it"))
    assert isinstance(error, Exception)
    return error


class ExplainTests(SynchronousTestCase):
    """See L{explain}."""

    def assertKind(self, kind: DialFailure, error: Exception) -> str:
        """An attempt that failed so is of this kind; its wording is one line."""
        found, why = explain(Failure(error))
        self.assertEqual(found, kind, error)
        self.assertTrue(why.isprintable(), why)
        self.assertNotEqual(why, "")
        return why

    def test_refused(self) -> None:
        """The backend's machine refused."""
        self.assertEqual(
            self.assertKind(DialFailure.REFUSED, asConnecting(errno.ECONNREFUSED)),
            "connection refused",
        )
        self.assertKind(DialFailure.REFUSED, ConnectionRefusedError())

    def test_unreachable(self) -> None:
        """There is no way to it."""
        for number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN):
            self.assertKind(DialFailure.UNREACHABLE, asConnecting(number))
        self.assertKind(DialFailure.UNREACHABLE, NoRouteError())

    def test_nameWithoutDescriptors(self) -> None:
        """A lookup that fails while there are no descriptors says nothing of the backend."""
        self.assertKind(DialFailure.NAME, DNSLookupError())
        with noDescriptors():
            why = self.assertKind(DialFailure.LOCAL, DNSLookupError())
        self.assertEqual(why, "too many open files")

    def test_turnedAway(self) -> None:
        """Nor is there one where Twisted's reactor has seen the connection end before it was there."""
        error = ConnectError(osError=Failure(ConnectionDone()))
        self.assertIn("firewall", self.assertKind(DialFailure.UNREACHABLE, error))

    def test_timeout(self) -> None:
        """The kernel, or the endpoint, gave up waiting."""
        self.assertKind(DialFailure.TIMEOUT, asConnecting(errno.ETIMEDOUT))
        self.assertKind(DialFailure.TIMEOUT, TCPTimedOutError())
        self.assertKind(DialFailure.TIMEOUT, TimeoutError())

    def test_name(self) -> None:
        """Its name leads nowhere."""
        why = self.assertKind(DialFailure.NAME, DNSLookupError("no results for hostname lookup: cp-1"))
        self.assertIn("cp-1", why)
        self.assertKind(DialFailure.NAME, UnknownHostError())

    def test_local(self) -> None:
        """Out of descriptors, memory, buffers or ports: that is ours, in whatever error it comes."""
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL):
            self.assertKind(DialFailure.LOCAL, asConnecting(number))
            self.assertKind(DialFailure.LOCAL, OSError(number, "whatever"))
            self.assertKind(DialFailure.LOCAL, ConnectBindError(number, "whatever"))
        self.assertKind(DialFailure.LOCAL, ConnectBindError())

    def test_other(self) -> None:
        """Whatever else it is, it is counted and worded."""
        self.assertKind(DialFailure.OTHER, ConnectError())
        self.assertKind(DialFailure.OTHER, CancelledError())
        self.assertEqual(self.assertKind(DialFailure.OTHER, OSError(errno.EACCES, "x")), "permission denied")
        self.assertEqual(self.assertKind(DialFailure.OTHER, RuntimeError("bad certificate")), "bad certificate")

    def test_oneLine(self) -> None:
        """Of a long story the first line is told; of none the error's name."""
        self.assertEqual(self.assertKind(DialFailure.OTHER, RuntimeError("\n  first\nsecond")), "first")
        self.assertEqual(self.assertKind(DialFailure.OTHER, RuntimeError()), "RuntimeError")

    def test_systemsWords(self) -> None:
        """The system's number is worded as the system does, not as the error happens to say."""
        self.assertEqual(self.assertKind(DialFailure.LOCAL, asConnecting(errno.EMFILE)), "too many open files")
