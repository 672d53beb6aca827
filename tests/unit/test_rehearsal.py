"""Whether an output looks like the one that a document shows: a difference that readers would stumble over is found."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.program.rehearsal import looksLike


class LooksLikeTests(SynchronousTestCase):
    """Tests of L{looksLike}."""

    def test_numbers(self) -> None:
        """Numbers, times, sizes and the widths of columns may be others."""
        self.assertTrue(looksLike("cp-1   10.0.0.1:80  2m 5s   1.23 MB\n", "cp-2 192.0.2.1:6443  14s 0 B"))
        self.assertTrue(looksLike("2026-11-23T04:10:05.396+00:00", "2027-01-01T00:00:00.000+00:00"))

    def test_words(self) -> None:
        """Words may not, nor may one be missing."""
        self.assertFalse(looksLike("cp-1 dead 4s", "cp-1 ready 4s"))
        self.assertFalse(looksLike("cp-1 ready", "cp-1 ready 4s"))

    def test_lines(self) -> None:
        """A line too many or too few is a difference."""
        self.assertFalse(looksLike("a\nb\nc", "a\nb"))
        self.assertFalse(looksLike("a\nb", "a\nb\nc"))

    def test_anything(self) -> None:
        """What is left out may be anything, but for what stands around it."""
        self.assertTrue(looksLike("a\nb\nc\nd", "a\n…\nd"))
        self.assertTrue(looksLike("a\nd", "a\n…\nd"))
        self.assertTrue(looksLike("ready: all of it", "ready…"))
        self.assertFalse(looksLike("a\nb\nc", "a\n…\nd"))
        self.assertFalse(looksLike("", "a\n…"))
