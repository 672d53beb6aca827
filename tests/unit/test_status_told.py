"""Events as plain data."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, get_args

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from tinylb.events import (
    BackendPicked,
    BackendsReplaced,
    ClientUnserved,
    CloseReason,
    DialFailed,
    DialFailure,
    Event,
    PairClosed,
    TargetRemoved,
    Verdict,
    VerdictChanged,
)
from tinylb.status.told import MOST, told

CLIENT = IPv4Address("TCP", "192.0.2.9", 40000)


class ToldTests(SynchronousTestCase):
    """What is told of an event."""

    def told(self, event: Event) -> dict[str, Any]:
        """That, without the time; and it stays the same as JSON."""
        data = told(event)
        self.assertEqual(json.loads(json.dumps(data)), data)
        del data["time"]
        return data

    def test_time(self) -> None:
        """The time is now, in ISO 8601 and UTC."""
        time = datetime.fromisoformat(told(TargetRemoved("a:1", 0, 0))["time"])
        self.assertEqual(time.utcoffset(), timedelta(0))
        self.assertLess(abs(datetime.now(timezone.utc) - time), timedelta(minutes=1))

    def test_pairClosed(self) -> None:
        """What happened is the class's name, the client is spelled, seconds are numbers, the reason is its value."""
        event = PairClosed(CLIENT, "a", "a:1", 2, 0.25, 10, 20, 1.0000004, CloseReason.CLIENT_CLOSED)
        self.assertEqual(
            self.told(event),
            {
                "what": "pair-closed",
                "client": "192.0.2.9:40000",
                "backend": "a",
                "target": "a:1",
                "attempts": 2,
                "dialSeconds": 0.25,
                "bytesIn": 10,
                "bytesOut": 20,
                "duration": 1.0,
                "reason": "client-closed",
                "listener": None,
            },
        )

    def test_verdict(self) -> None:
        """Verdicts are told by their values, ids as a list."""
        event = VerdictChanged("a:1", Verdict.DEAD, "why", 1, Verdict.NOT_READY, ("a", "b"), 2, 3)
        data = self.told(event)
        self.assertEqual((data["what"], data["verdict"], data["former"]), ("verdict-changed", "dead", "not-ready"))
        self.assertEqual(data["backends"], ["a", "b"])

    def test_failure(self) -> None:
        """The kind of a failure is its value; flags stay flags."""
        data = self.told(DialFailed(CLIENT, "a", "a:1", DialFailure.REFUSED, "why", 0.1, False))
        self.assertEqual((data["what"], data["kind"], data["isEvidence"]), ("dial-failed", "refused", False))

    def test_clients(self) -> None:
        """Every kind of client is spelled as in the log; one without an address is null."""
        for client, spelled in (
            (IPv6Address("TCP", "2001:db8::1", 5), "[2001:db8::1]:5"),
            (UNIXAddress(None), "unix:"),
            (None, None),
        ):
            event = ClientUnserved(client, CloseReason.NO_BACKENDS, ("there is none",), 0, 0.0)
            data = self.told(event)
            self.assertEqual((data["client"], data["causes"]), (spelled, ["there is none"]))

    def test_long(self) -> None:
        """Of a long list the beginning is told, and which one it is."""
        many = tuple((f"b{number}", f"b{number}:1") for number in range(MOST + 1))
        data = self.told(BackendsReplaced(7, many, many[:MOST], (), ()))
        self.assertEqual(data["backends"], [list(pair) for pair in many[:MOST]])
        self.assertEqual(data["added"], data["backends"])
        self.assertEqual(data["cut"], ["backends"])

    def test_short(self) -> None:
        """Where nothing is cut nothing says so."""
        data = self.told(BackendPicked(CLIENT, "a", "a:1", 1, (("b", "resting"),)))
        self.assertEqual(data["passedOver"], [["b", "resting"]])
        self.assertNotIn("cut", data)

    def test_names(self) -> None:
        """No field of any event bears a name that is taken."""
        for kind in get_args(Event):
            self.assertEqual({"time", "what", "cut"} & set(kind.__dataclass_fields__), set())
