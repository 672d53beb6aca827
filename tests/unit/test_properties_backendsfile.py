"""The backends file under arbitrary content: a valid set, or one clear error."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import event, example, given
from hypothesis import strategies as st
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tinylb import BackendSet, FileProvider
from tinylb.providers.backendsfile import Entry, InvalidBackends, parseBackends
from tinylb.providers.file import BackendsFileError

hosts = st.sampled_from(["192.0.2.11", "[2001:db8::12]", "[2001:DB8:0::12]", "cp-1.example", "CP-1", "localhost"])
ports = st.integers(1, 65535).map(str)
addresses = st.builds("{}:{}".format, hosts, ports)
endpoints = st.sampled_from(["unix:/run/api.sock", "tcp:192.0.2.11:80", "tcp:host=cp-1:port=80", "unix:/x:timeout=3"])
extras = {
    "tier": st.integers(0, 9),
    "weight": st.integers(1, 9),
    "proxyProtocol": st.sampled_from(["v1", "v2"]),
}
printable = st.text(min_size=1, max_size=20).filter(str.isprintable)
validValues = (
    addresses
    | st.fixed_dictionaries({"address": addresses}, optional=extras)
    | st.fixed_dictionaries({"endpoint": endpoints}, optional=extras)
)
validBackends = st.dictionaries(printable, validValues, max_size=5) | st.lists(addresses, max_size=5, unique=True)

# Anything, but often with the words of the real thing, so that it gets as far as possible.
words = st.sampled_from(["backends", "address", "endpoint", "tier", "weight", "proxyProtocol", "cp-1"])
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.builds("{}:{}".format, st.text(), st.text())
    | addresses
    | endpoints
    | st.builds("{}:{}".format, st.sampled_from(["tcp", "unix", "tls", "nope"]), st.text())
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner, max_size=4)
)
nearlyValid = st.fixed_dictionaries(
    {
        "backends": st.dictionaries(
            printable | st.text(),
            validValues | st.dictionaries(words, scalars, max_size=3) | anything,
            max_size=3,
        )
    }
)


class FileTests(SynchronousTestCase):
    """See L{parseBackends} and L{FileProvider.load}."""

    def assertOneLine(self, error: Exception) -> None:
        """It is a clear error: one line, not too long."""
        message = str(error)
        self.assertTrue(message.isprintable(), message)
        self.assertTrue(0 < len(message) < 500, message)

    def parse(self, content: bytes) -> dict[str, Entry] | None:
        """
        @return: what the file says; nothing when it is refused, clearly. Any other exception is the test's.
        """
        try:
            entries = parseBackends(content)
        except InvalidBackends as error:
            event("refused")
            self.assertOneLine(error)
            return None
        event("valid")
        for id, entry in entries.items():
            self.assertTrue(id and id.isprintable(), id)
            self.assertEqual((entry.address is None) + (entry.endpoint is None), 1)
            self.assertTrue(entry.tier >= 0 and entry.weight >= 1)
        return entries

    def load(self, content: bytes) -> BackendSet | None:
        """
        @return: the set of a file with this content; nothing when it is refused, clearly.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "b.json")
            path.write_bytes(content)
            try:
                backends = FileProvider(MemoryReactorClock(), path).load()
            except BackendsFileError as error:
                self.assertOneLine(error)
                self.assertIn(str(path), str(error))
                return None
        for target in backends.targets:
            self.assertTrue(target and target.isprintable(), target)
        return backends

    @REPEATABLE
    @given(st.binary())
    @example(b"")
    @example(b"\xef\xbb\xbf")
    @example(b'{"backends": ["x:1"]')
    def test_anyBytes(self, content: bytes) -> None:
        """Any bytes are a valid file, or refused clearly."""
        self.parse(content)

    @REPEATABLE
    @given(anything | nearlyValid, st.booleans())
    @example({"backends": {"a": {"address": "a:1", "tier": 10**4000}}}, True)
    @example({"backends": {"a": "a:000001" + "0" * 5000}}, True)
    @example({"backends": {"\ud800": "a:1"}}, True)
    @example({"backends": ["[fe80::1%a\nb]:80"]}, False)
    def test_anyJSON(self, document: Any, isASCII: bool) -> None:
        """So is any JSON, and what Python writes beyond JSON."""
        self.parse(json.dumps(document, ensure_ascii=isASCII).encode(errors="surrogatepass"))

    @REPEATABLE
    @given(st.fixed_dictionaries({"backends": validBackends}), st.data())
    def test_damaged(self, document: Any, data: st.DataObject) -> None:
        """So is a valid file with a piece missing, or something else in a piece's place: never an exception."""
        content = json.dumps(document).encode()
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, len(content)))
        self.parse(content[:start] + data.draw(st.binary(max_size=5)) + content[end:])

    @REPEATABLE
    @given(st.fixed_dictionaries({"backends": validBackends}))
    def test_cutShort(self, document: Any) -> None:
        """No beginning of a valid file is a valid file: what is half-written is never taken."""
        content = json.dumps(document).encode()
        for length in range(len(content)):
            self.assertIsNone(self.parse(content[:length]))

    @REPEATABLE
    @given(validBackends)
    def test_valid(self, backends: Any) -> None:
        """A valid file is taken whole: its ids, in whatever order, with what it says of each."""
        loaded = self.load(json.dumps({"backends": backends}).encode())
        assert loaded is not None
        said = backends if isinstance(backends, dict) else {each: each for each in backends}
        self.assertEqual(
            [(member.id, member.tier, member.weight) for member in loaded.members],
            [
                (id, value.get("tier", 0), value.get("weight", 1)) if isinstance(value, dict) else (id, 0, 1)
                for id, value in sorted(said.items())
            ],
        )

    @REPEATABLE
    @given(nearlyValid)
    @example({"backends": {"a": {"endpoint": "unix:/x:a\nb=1"}}})
    @example({"backends": {"a": {"endpoint": "tcp:x:99999"}}})
    @example({"backends": {"a": {"endpoint": "unix:\ud800"}}})
    def test_loaded(self, document: Any) -> None:
        """From the file to the set there is no other error either, and no part of a set."""
        loaded = self.load(json.dumps(document).encode())
        if loaded is not None:
            self.assertEqual(list(loaded), sorted(document["backends"]))
