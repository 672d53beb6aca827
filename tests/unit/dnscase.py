"""Tests of DNS providers: a resolver whose answers the test decides, and a clock that it moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.names.common import ResolverBase
from twisted.names.dns import QUERY_TYPES, RRHeader
from twisted.names.error import DNSNameError
from twisted.trial.unittest import SynchronousTestCase

from tests.nameserver import parsed
from tests.unit.loglines import logLines
from tinylb import BackendSet, Watcher
from tinylb.providers.dns import DNSProvider, SRVProvider

T = TypeVar("T", DNSProvider, SRVProvider)

Answers = Deferred[tuple[list[RRHeader], list[RRHeader], list[RRHeader]]]


class MemoryResolver(ResolverBase):
    """
    Answers from a zone.

    @ivar failures: the errors of questions that fail, such as C{api.example AAAA}.
    @ivar held: questions that get no answer.
    @ivar always: the answer to every question, if there is one.
    @ivar pending: questions that wait for an answer.
    @ivar asked: all there were.
    """

    def __init__(self) -> None:
        ResolverBase.__init__(self)
        self.failures: Mapping[str, Exception] = {}
        self.held: set[str] = set()
        self.always: list[RRHeader] = []
        self.pending: list[tuple[str, Answers]] = []
        self.asked: list[str] = []
        self._records: list[RRHeader] = []

    def publish(self, *records: str) -> None:
        """Answer with these, such as C{api.example 60 A 192.0.2.1}; one without data only makes the name exist."""
        self._records = [parsed(record) for record in records]

    def answerAll(self) -> None:
        """Answer the waiting questions from the present zone."""
        self.held.clear()
        pending, self.pending = self.pending, []
        for question, answers in pending:
            self._answer(question).chainDeferred(answers)

    def _lookup(self, name: bytes, cls: int, type: int, timeout: object) -> Answers:
        question = f"{name.decode()} {QUERY_TYPES[type]}"
        self.asked.append(question)
        if question not in self.held:
            return self._answer(question)
        answers: Answers = Deferred(lambda cancelled: self.pending.remove((question, cancelled)))
        self.pending.append((question, answers))
        return answers

    def _answer(self, question: str) -> Answers:
        if self.always:
            return succeed((self.always, [], []))
        name, kind = question.split()
        mine = [record for record in self._records if record.name.name.decode() == name]
        if question in self.failures:
            return fail(self.failures[question])
        if not mine:
            return fail(DNSNameError(question))
        return succeed(([each for each in self._records if QUERY_TYPES[each.type] in (kind, "CNAME")], [], []))


class DNSCase(SynchronousTestCase):
    """
    @ivar provider: the provider that is tested.
    @ivar published: the targets of each set that it has published.
    @ivar sets: the sets themselves.
    """

    def setUp(self) -> None:
        """Make a resolver, and collect what is logged."""
        self.reactor = MemoryReactorClock()
        self.clock = Clock()
        self.resolver = MemoryResolver()
        self.lines = logLines(self)
        self.sets: list[BackendSet] = []
        self.published: list[str] = []
        self.provider: DNSProvider | SRVProvider = self.make(DNSProvider, "api.example", 6443)

    def make(self, kind: Callable[..., T], *what: object, random: Callable[[], float] = lambda: 1.0) -> T:
        """Make the provider that is tested from now on."""
        self.provider = provider = kind(self.reactor, *what, resolver=self.resolver, clock=self.clock, random=random)
        return provider

    def follow(self) -> Watcher[BackendSet]:
        """Watch the provider, and keep each set that it publishes."""
        watcher = self.provider.watch()
        self.addCleanup(watcher.close)

        def got(backends: BackendSet) -> None:
            self.sets.append(backends)
            self.published.append(" ".join(member.target for member in backends.members))
            watcher.get().addCallbacks(got, lambda _: None)

        watcher.get().addCallbacks(got, lambda _: None)
        return watcher

    def wait(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        self.clock.pump([0.01] * round(seconds * 100))

    def asked(self) -> list[str]:
        """The questions that were asked since the last call."""
        asked, self.resolver.asked = self.resolver.asked, []
        return asked

    def timesAsked(self, question: str, seconds: float) -> list[float]:
        """At which times, within so many seconds from now, a question is asked."""
        start = self.clock.seconds()
        times: list[float] = []
        self.asked()
        while self.clock.seconds() - start < seconds:
            self.clock.advance(0.01)
            if question in self.asked():
                times.append(round(self.clock.seconds() - start, 1))
        return times

    @property
    def error(self) -> str | None:
        """The error that the provider describes."""
        return self.provider.describe()["error"]
