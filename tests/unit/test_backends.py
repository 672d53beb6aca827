"""Backends and backend sets."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tinylb import BackendSet, EndpointBackend, TCPBackend
from tinylb.addresses import InvalidAddress
from tinylb.interfaces import IBackend
from tinylb.testing import MemoryBackend


def memoryBackend(target: str, /, **attributes: Any) -> MemoryBackend:
    """A backend, of whatever it claims to be."""
    backend = MemoryBackend(Clock(), target)
    for name, value in attributes.items():
        setattr(backend, name, value)
    return backend


class TCPBackendTests(SynchronousTestCase):
    """See L{TCPBackend}."""

    def setUp(self) -> None:
        """A reactor that writes down what it is asked to connect to."""
        self.reactor = MemoryReactorClock()

    def dialled(self, backend: TCPBackend) -> tuple[str, int]:
        """Where an attempt of the backend goes."""
        backend.connect(Factory.forProtocol(Protocol)).addErrback(lambda _: None)
        self.reactor.advance(1)
        host, port, *_ = self.reactor.tcpClients[-1]
        return host, port

    def test_interface(self) -> None:
        """It is a backend: tier 0, weight 1, not draining, unless something else is said."""
        backend = TCPBackend(self.reactor, "192.0.2.11", 6443)
        self.assertTrue(verifyObject(IBackend, backend))
        self.assertEqual((backend.tier, backend.weight, backend.draining), (0, 1, False))
        other = TCPBackend(self.reactor, "192.0.2.11", 6443, tier=2, weight=3, draining=True)
        self.assertEqual((other.tier, other.weight, other.draining), (2, 3, True))

    def test_target(self) -> None:
        """Its target is the normalised host:port."""
        self.assertEqual(TCPBackend(self.reactor, "192.0.2.11", 6443).target, "192.0.2.11:6443")
        self.assertEqual(TCPBackend(self.reactor, "2001:DB8::0:12", 6443).target, "[2001:db8::12]:6443")
        self.assertEqual(TCPBackend(self.reactor, "CP-1.Example", 6443).target, "cp-1.example:6443")

    def test_literals(self) -> None:
        """A literal of either family is connected to as it is."""
        self.assertEqual(self.dialled(TCPBackend(self.reactor, "192.0.2.11", 6443)), ("192.0.2.11", 6443))
        self.assertEqual(self.dialled(TCPBackend(self.reactor, "2001:db8::12", 6443)), ("2001:db8::12", 6443))

    def test_name(self) -> None:
        """A name is looked up, and connected to where it leads; this reactor's resolver says 127.0.0.1."""
        self.assertEqual(self.dialled(TCPBackend(self.reactor, "cp-1.example", 6443)), ("127.0.0.1", 6443))

    def test_noDeadline(self) -> None:
        """An attempt has no deadline of its own: who dials keeps one."""
        TCPBackend(self.reactor, "192.0.2.11", 6443).connect(Factory.forProtocol(Protocol)).addErrback(lambda _: None)
        [(_, _, _, timeout, _)] = self.reactor.tcpClients
        self.assertIsNone(timeout)

    def test_connects(self) -> None:
        """The Deferred fires with the factory's protocol once the connection is made."""
        connecting = TCPBackend(self.reactor, "192.0.2.11", 6443).connect(Factory.forProtocol(Protocol))
        self.assertNoResult(connecting)
        [(_, _, factory, _, _)] = self.reactor.tcpClients
        wrapper = factory.buildProtocol(None)
        assert wrapper is not None
        wrapper.makeConnection(cast(Any, object()))
        self.assertIsInstance(self.successResultOf(connecting), Protocol)

    def test_invalid(self) -> None:
        """What is no address is refused at once."""
        for host, port in (("192.0.2.256", 1), ("a b", 1), ("[::1]", 1), ("a", 0), ("a", 65536)):
            self.assertRaises(InvalidAddress, TCPBackend, self.reactor, host, port)


class RecordingEndpoint:
    """A client endpoint that writes down its factories."""

    def __init__(self) -> None:
        self.factories: list[IProtocolFactory] = []

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Never done."""
        self.factories.append(factory)
        return Deferred()


class EndpointBackendTests(SynchronousTestCase):
    """See L{EndpointBackend}."""

    def test_connects(self) -> None:
        """It connects the given factory through its endpoint, once an attempt."""
        endpoint = RecordingEndpoint()
        backend = EndpointBackend("unix:/run/api.sock", cast(Any, endpoint))
        factory = Factory.forProtocol(Protocol)
        self.assertNoResult(backend.connect(factory))
        self.assertEqual(endpoint.factories, [factory])

    def test_interface(self) -> None:
        """It is a backend with the target, tier, weight and draining that it was given."""
        backend = EndpointBackend("here", cast(Any, RecordingEndpoint()), tier=2, weight=3, draining=True)
        self.assertTrue(verifyObject(IBackend, backend))
        self.assertEqual((backend.target, backend.tier, backend.weight, backend.draining), ("here", 2, 3, True))

    def test_repr(self) -> None:
        """Its representation names the target."""
        self.assertIn("here", repr(EndpointBackend("here", cast(Any, RecordingEndpoint()))))


class BackendSetTests(SynchronousTestCase):
    """See L{BackendSet}."""

    def test_mapping(self) -> None:
        """It maps ids to the very backends that it was given."""
        first, second = memoryBackend("x"), memoryBackend("y")
        backends = BackendSet({"a": first, "b": second})
        self.assertIs(backends["a"], first)
        self.assertIs(backends["b"], second)
        self.assertEqual(len(backends), 2)
        self.assertIn("a", backends)
        self.assertNotIn("x", backends)
        self.assertRaises(KeyError, backends.__getitem__, "x")

    def test_orderedById(self) -> None:
        """It is ordered by id, however it was written."""
        backends = BackendSet({id: memoryBackend(id) for id in ("b", "c", "a", "10", "9")})
        self.assertEqual(list(backends), ["10", "9", "a", "b", "c"])
        self.assertEqual([member.id for member in backends.members], ["10", "9", "a", "b", "c"])

    def test_targets(self) -> None:
        """Its targets are those of its backends, a shared one once."""
        backends = BackendSet({"a": memoryBackend("x"), "b": memoryBackend("y"), "c": memoryBackend("x")})
        self.assertEqual(backends.targets, {"x", "y"})

    def test_empty(self) -> None:
        """An empty set is a set."""
        self.assertEqual((list(BackendSet()), BackendSet().targets, BackendSet({}).members), ([], frozenset(), ()))

    def test_pairs(self) -> None:
        """It can be made of pairs, too."""
        self.assertEqual(list(BackendSet((id, memoryBackend(id)) for id in "ba")), ["a", "b"])

    def test_copied(self) -> None:
        """Mutating what it was made of changes nothing."""
        source = {"a": memoryBackend("x")}
        backends = BackendSet(source)
        source["b"] = memoryBackend("y")
        del source["a"]
        self.assertEqual((list(backends), backends.targets), (["a"], {"x"}))

    def test_readOnce(self) -> None:
        """A backend that changes afterwards is not misfiled: what was read when the set was made holds."""
        backend = memoryBackend("x")
        backends = BackendSet({"a": backend})
        backend.target, backend.tier, backend.weight, backend.draining = "y", 1, 2, True
        [member] = backends.members
        self.assertEqual((member.target, member.tier, member.weight, member.draining), ("x", 0, 1, False))
        self.assertEqual(backends.targets, {"x"})

    def test_immutable(self) -> None:
        """It has no way to change it."""
        backends = cast(Any, BackendSet({"a": memoryBackend("x")}))

        def assign() -> None:
            backends["b"] = memoryBackend("y")

        self.assertRaises(TypeError, assign)
        self.assertRaises(AttributeError, lambda: backends.pop("a"))

    def test_repr(self) -> None:
        """Its representation names ids and targets, or says that it is empty."""
        self.assertEqual(repr(BackendSet({"a": memoryBackend("x")})), "<BackendSet a=x>")
        self.assertEqual(repr(BackendSet()), "<BackendSet (empty)>")

    def test_notABackend(self) -> None:
        """What does not provide the interface is refused by its id."""
        error = self.assertRaises(TypeError, BackendSet, {"cp-1": "192.0.2.11:6443"})
        self.assertIn("cp-1", str(error))
        self.assertIn("IBackend", str(error))

    def test_invalid(self) -> None:
        """Empty or wrong ids and targets, tiers below 0 and weights below 1 are refused by name and value."""
        wrong: list[tuple[Any, MemoryBackend, str]] = [
            ("", memoryBackend("x"), "''"),
            (7, memoryBackend("x"), "7"),
            ("a", memoryBackend(""), "''"),
            ("a", memoryBackend("x", target=None), "None"),
            ("a", memoryBackend("x", tier=-1), "-1"),
            ("a", memoryBackend("x", weight=0), "0"),
        ]
        for id, backend, shown in wrong:
            error = self.assertRaises(ValueError, BackendSet, {id: backend})
            self.assertIn(shown, str(error))
