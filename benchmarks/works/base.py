"""What a work is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from benchmarks.peers import Peer
from benchmarks.process import Failed
from benchmarks.stage import Balancer, Stage
from benchmarks.usage import CPU


class Figure(NamedTuple):
    """
    What comes out of a work. Less is better.

    @ivar name: for the results.
    @ivar title: for tables.
    @ivar unit: of the absolute figure.
    """

    name: str
    title: str
    unit: str


@dataclass(frozen=True)
class Sample:
    """
    One measurement of one peer.

    @ivar figures: by name.
    @ivar raw: what they were made of.
    """

    figures: Mapping[str, float]
    raw: Mapping[str, object] = field(default_factory=dict)


class Work:
    """
    Something that is done with every peer in turn.

    @cvar server: the one behind the balancer, see L{Stage.server}.
    @cvar mostRounds: no more than that, where a repetition tells little.
    """

    name: str
    figures: Sequence[Figure]
    server: ClassVar[str]
    mostRounds: ClassVar[int] = 1000

    def prepare(self) -> Sequence[str]:
        """
        Find what it takes, once.

        @return: versions of the tools that do it.
        @raise benchmarks.peers.Missing: when it cannot be done here.
        """
        return ()

    def suits(self, peer: Peer) -> bool:
        """Whether this peer can do it."""
        return True

    def begin(self, stage: Stage, seconds: int) -> None:
        """Before the first peer of each round."""

    def measure(self, stage: Stage, peer: Peer, seconds: int) -> Sample:
        """
        Do it once.

        @param seconds: how long it may take, where it is done for some time.
        @raise Failed: when it did not work.
        """
        raise NotImplementedError


class Meter:
    """What a balancer uses from here on."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer
        self._before = balancer.cpu()

    def read(self) -> CPU:
        """
        Since this was made.

        @raise Failed: when it has ended, or the kernel's two accounts of it disagree.
        """
        self._balancer.process.check()
        used = self._balancer.cpu().since(self._before)
        if used.isDoubtful:
            raise Failed(f"{self._balancer.process.name}: {used.exact:.3f} s of CPU time, or {used.ticks:.3f} s?")
        return used
