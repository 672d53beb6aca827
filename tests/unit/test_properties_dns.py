"""Whatever arrives in the name of a server: it is read without an exception, and believed only if it is an answer."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.names.dns import SRV, A, Message, Query
from twisted.trial.unittest import SynchronousTestCase

from tests.nameserver import parsed
from tests.unit.hypothesisprofile import REPEATABLE
from tinylb.providers.dns import answers
from tinylb.providers.dns.answers import MOST, Kind, readAnswer
from tinylb.providers.dns.failures import LookupFailed
from tinylb.providers.dns.question import understood

NAME = "_s._tcp.example"

OWNERS = st.sampled_from([NAME, NAME.upper(), "a.example", "b.example", "example"])
NAMES = OWNERS | st.just(".")
RECORDS = st.one_of(
    st.builds(lambda name, end: f"{name} 5 A 192.0.2.{end}", OWNERS, st.integers(0, 255)),
    st.builds(lambda name, to: f"{name} 5 CNAME {to}", OWNERS, NAMES),
    st.builds(lambda name, port, to: f"{name} 5 SRV 0 1 {port} {to}", OWNERS, st.integers(0, 65535), NAMES),
)


def message(kind: int, records: list[str]) -> tuple[Message, bytes]:
    """A request, and an answer to it."""
    request = Message(id=7)
    request.queries = [Query(NAME, kind)]
    answer = Message(id=7, answer=1, maxSize=0)
    answer.queries = request.queries
    answer.answers = [parsed(record) for record in records]
    return request, answer.toStr()


class MessageTests(SynchronousTestCase):
    """Messages that were tampered with."""

    @REPEATABLE
    @given(
        st.sampled_from([A, SRV]),
        st.lists(RECORDS, max_size=8),
        st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=6),
        st.floats(0, 1),
    )
    def test_tampered(self, kind: int, records: list[str], changes: list[tuple[float, int]], kept: float) -> None:
        """Bytes that were changed, or left out, raise nothing, neither then nor when the records are read."""
        request, data = message(kind, records)
        tampered = bytearray(data)
        for where, value in changes:
            tampered[int(where * len(tampered))] = value
        answer = understood(bytes(tampered[: round(kept * len(tampered))]), request)
        if answer is not None:
            self.assertEqual((answer.id, answer.answer), (7, 1))
            self.read(answer)

    @REPEATABLE
    @given(st.binary(max_size=200))
    def test_noise(self, data: bytes) -> None:
        """Nor does noise behind the beginning of an answer."""
        request, honest = message(A, [])
        answer = understood(honest[:7] + data, request)
        if answer is not None:
            self.read(answer)

    def read(self, answer: Message) -> None:
        """Read it as every kind of records."""
        kinds: list[Kind[Any]] = [answers.A, answers.AAAA, answers.SRV]
        for kind in kinds:
            try:
                found = readAnswer(kind, NAME, answer.answers)
            except LookupFailed:
                continue
            self.assertLessEqual(len(found.records), MOST)
