"""How much is spliced at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tinylb.relay.pipes import LEAST, MOST, Pipes


class PortionTests(SynchronousTestCase):
    """See L{Pipes.portion}."""

    def setUp(self) -> None:
        """Nothing has been spliced yet."""
        self.pipes = Pipes()

    def test_ordinary(self) -> None:
        """Sockets are given what they say that they have room for, also when one leaves a little of it."""
        self.pipes.left(LEAST)
        self.pipes.poured()
        self.assertEqual(self.pipes.portion, MOST)

    def test_pressure(self) -> None:
        """A socket that leaves much shows that none can be relied on: all are given little for now."""
        self.pipes.left(LEAST + 1)
        self.assertEqual(self.pipes.portion, LEAST)

    def test_recovers(self) -> None:
        """With each portion that is taken the next may be larger, up to the most."""
        self.pipes.left(MOST)
        portions = []
        while self.pipes.portion < MOST:
            self.pipes.poured()
            portions.append(self.pipes.portion)
        self.assertEqual(portions, list(range(2 * LEAST, MOST + 1, LEAST)))
        self.pipes.poured()
        self.assertEqual(self.pipes.portion, MOST)
