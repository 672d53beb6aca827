"""Whatever is remembered comes back, and whatever a file says is taken or ignored, and never harmful."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.hypothesisprofile import REPEATABLE
from tests.unit.loglines import logLines
from tinylb import BackendSet, EndpointBackend, TCPBackend
from tinylb.providers.state import StateFile

REACTOR = MemoryReactorClock()
SOURCE = "dns cp.example:6443"

ids = st.text(st.characters(categories=["L", "M", "N", "P", "S"]), min_size=1, max_size=20)
literals = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
names = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\.[a-z]{2,8}", fullmatch=True)
extras = {
    "tier": st.integers(0, 10**9),
    "weight": st.integers(1, 10**9),
    "proxyProtocol": st.sampled_from([None, "v1", "v2"]),
}
tcp = st.builds(TCPBackend, st.just(REACTOR), literals | names, st.integers(1, 65535), **extras)


def _endpoint(path: str, tier: int, weight: int, proxyProtocol: str | None) -> EndpointBackend:
    description = f"unix:{path}"
    endpoint = clientFromString(REACTOR, description)
    return EndpointBackend(
        description, endpoint, tier=tier, weight=weight, description=description, proxyProtocol=proxyProtocol
    )


unix = st.builds(_endpoint, st.from_regex(r"/[a-z/]{1,20}", fullmatch=True), **extras)
backendSets = st.dictionaries(ids, tcp | unix, min_size=1, max_size=8).map(BackendSet)


class StateProperties(SynchronousTestCase):
    """See L{StateFile}."""

    def setUp(self) -> None:
        """A folder, and what is logged."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "state"
        self.lines = logLines(self)

    def open(self) -> StateFile:
        """The file, written at once."""

        def atOnce(function: object) -> Deferred[None]:
            assert callable(function)
            return maybeDeferred(function)

        return StateFile(REACTOR, self.path, clock=Clock(), inThread=atOnce)

    @REPEATABLE
    @given(st.lists(backendSets, min_size=1, max_size=3))
    def test_comesBack(self, sets: list[BackendSet]) -> None:
        """The last set comes back with every id, target, tier and weight, and each as the same kind of backend."""
        state = self.open()
        for each in sets:
            state.remember(SOURCE, each)
        recalled = self.open().recall(SOURCE)
        self.assertEqual(recalled.members, sets[-1].members)
        self.assertEqual([type(each) for each in recalled.values()], [type(each) for each in sets[-1].values()])
        self.assertEqual(self.lines, [])

    def recall(self, content: bytes) -> BackendSet:
        """What comes of a file; it is ignored with one line, or taken without."""
        self.path.write_bytes(content)
        del self.lines[:]
        recalled = self.open().recall(SOURCE)
        self.assertEqual(len(self.lines), 0 if recalled else 1)
        self.assertTrue(all(line.isprintable() for line in self.lines))
        return recalled

    @REPEATABLE
    @given(st.binary(max_size=200))
    @example(b"")
    @example(b"\xef\xbb\xbf{}")
    def test_anyBytes(self, content: bytes) -> None:
        """Any bytes are ignored with one line."""
        self.assertEqual(self.recall(content), BackendSet())

    @REPEATABLE
    @given(backendSets, st.integers(0, 10_000), st.binary(max_size=4), st.integers(0, 20))
    def test_damaged(self, backends: BackendSet, where: int, instead: bytes, dropped: int) -> None:
        """A file with some bytes lost or others in their place is read or ignored, and nothing else."""
        self.open().remember(SOURCE, backends)
        content = self.path.read_bytes()
        where %= len(content)
        recalled = self.recall(content[:where] + instead + content[where + dropped :])
        self.assertLessEqual(len(recalled), len(backends))

    @REPEATABLE
    @given(backendSets, st.integers(0, 10_000))
    def test_cutShort(self, backends: BackendSet, length: int) -> None:
        """A file of which any part of the end is missing is ignored: less than the set is never taken for it."""
        self.open().remember(SOURCE, backends)
        content = self.path.read_bytes().rstrip()
        self.assertEqual(self.recall(content[: length % len(content)]), BackendSet())

    jsons = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("192.0.2.1:80"),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["address", "endpoint", "tier", "weight", "a", ""]), inner, max_size=3)
        ),
        max_leaves=6,
    )

    @REPEATABLE
    @given(jsons, st.booleans())
    def test_anyDocument(self, backends: object, isIts: bool) -> None:
        """So is any document of roughly that shape, and one of another source always."""
        recalled = self.recall(json.dumps({"source": SOURCE if isIts else "other", "backends": backends}).encode())
        if not isIts:
            self.assertEqual(recalled, BackendSet())
