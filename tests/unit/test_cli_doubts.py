"""What looks like a mistake in a set of backends is told, and never at length."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tinylb.cli.doubts import FEW, shared


class SharedTests(SynchronousTestCase):
    """See L{shared}."""

    def test_none(self) -> None:
        """Nothing is said of ids that lead to different places."""
        self.assertEqual(shared([("a", "a:1"), ("b", "b:1")]), [])

    def test_several(self) -> None:
        """Ids that lead to the same one are told by target."""
        told = shared([("a", "x:1"), ("b", "x:1"), ("c", "c:1"), ("d", "y:1"), ("e", "y:1"), ("f", "x:1")])
        self.assertEqual(told, ["a, b, f lead to the same target, x:1", "d, e lead to the same target, y:1"])

    def test_many(self) -> None:
        """Of many a few are named, and how many more there are."""
        (told,) = shared((f"b{number}", "x:1") for number in range(5000))
        self.assertEqual(told, f"b0, b1, b2, b3, b4, and {5000 - FEW} more lead to the same target, x:1")
        told = shared((f"b{number}", f"x:{number // 2}") for number in range(5000))[-1]
        self.assertEqual(told, f"{2500 - FEW} more targets with several ids")
        self.assertEqual(len(shared((f"b{number}", f"x:{number // 2}") for number in range(2 * FEW))), FEW)

    def test_strange(self) -> None:
        """What another version makes of them is told as it is."""
        self.assertEqual(shared([(None, {}), ("\x1b[2J", {})]), ["-, ?[2J lead to the same target, {}"])
