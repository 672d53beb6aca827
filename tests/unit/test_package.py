"""The names that the package has."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

import tinylb


class NamesTests(SynchronousTestCase):
    """Each is imported when it is first asked for."""

    def test_listed(self) -> None:
        """The public names are listed, each of them once, also those that have been asked for."""
        for name in tinylb.__all__:
            self.assertEqual(getattr(tinylb, name).__name__, name)
        self.assertEqual(sorted(set(dir(tinylb))), dir(tinylb))
        self.assertEqual(set(tinylb.__all__) - set(dir(tinylb)), set())

    def test_unknown(self) -> None:
        """Any other name is an error that names it."""
        with self.assertRaisesRegex(AttributeError, "^module 'tinylb' has no attribute 'LoadBalancers'$"):
            tinylb.LoadBalancers  # noqa: B018
