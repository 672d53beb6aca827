"""One run: every work, with every peer in turn, several rounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.peers import Peer
from benchmarks.process import Failed
from benchmarks.results import Measurement, Results
from benchmarks.stage import NotStarted, Stage
from benchmarks.works import Work


class Run:
    """
    Fills C{results}.

    @param tell: is called with each line on the progress.
    """

    def __init__(
        self,
        stage: Stage,
        works: Sequence[Work],
        peers: Sequence[Peer],
        results: Results,
        tell: Callable[[str], object],
    ) -> None:
        self._stage = stage
        self._works = works
        self._peers = list(peers)
        self._results = results
        self._tell = tell

    def go(self, rounds: int, seconds: int) -> None:
        """
        Run all rounds. The peers take turns within each work: what disturbs the machine for a while affects all of
        them, and the figures behind a round's ratios are measured seconds apart.
        """
        for round in range(rounds):
            begun = time.monotonic()
            for work in self._works:
                if round < work.mostRounds:
                    self._do(work, round, seconds)
            self._tell(f"round {round + 1} of {rounds}: {time.monotonic() - begun:.0f} s")

    def _do(self, work: Work, round: int, seconds: int) -> None:
        peers = [peer for peer in self._peers if work.suits(peer)]
        if not peers:
            return
        try:
            work.begin(self._stage, seconds)
        except Failed as failure:
            self._failed(f"{work.name}: {failure}")
            return
        # The order rotates, so that no peer is always the first.
        first = round % len(peers)
        for peer in peers[first:] + peers[:first]:
            try:
                sample = work.measure(self._stage, peer, seconds)
            except NotStarted as failure:
                self._peers.remove(peer)
                self._failed(f"{peer.title} is left out from now on: {failure}")
            except Failed as failure:
                self._stage.forget(peer, work.server)
                self._failed(f"{work.name} with {peer.title}: {failure}")
            else:
                self._results.measurements.append(Measurement(round, work.name, peer.name, sample))

    def _failed(self, what: str) -> None:
        self._results.note(what)
        self._tell(what)
