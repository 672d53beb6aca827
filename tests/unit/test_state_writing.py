"""The state file: when it is written, in which order, and what becomes of a failure."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Any

from tests.unit.statecase import SOURCE, StateCase
from tinylb import BackendSet

RETRY = 10.0
"""Seconds from a failure to the next try, as it stands in the log."""


class WhenTests(StateCase):
    """What is written when."""

    def remember(self, *numbers: int) -> None:
        """The source has told of these."""
        self.state.remember(SOURCE, self.cps(*numbers))

    def test_inThread(self) -> None:
        """It is written in a thread: nothing is on the disk when the call returns."""
        self.remember(1)
        self.assertEqual((self.names, len(self.threads.waiting)), ([], 1))
        self.threads.run()
        self.assertEqual(self.kept, ["cp-1"])

    def test_oneAtATime(self) -> None:
        """While a slow disk is being written to, the others wait; of those the last one is written, and no other."""
        for number in range(1, 6):
            self.remember(number)
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.run()
        self.assertEqual((self.kept, len(self.threads.waiting)), (["cp-1"], 1))
        self.threads.run()
        self.assertEqual((self.kept, len(self.threads.waiting)), (["cp-5"], 0))

    def test_same(self) -> None:
        """What is in the file already is not written again."""
        self.remember(1, 2)
        self.threads.run()
        self.state.remember(SOURCE, BackendSet(reversed(list(self.cps(1, 2).items()))))
        self.assertEqual(self.threads.waiting, [])

    def test_sameAsRecalled(self) -> None:
        """Nor is what was recalled."""
        self.keep(self.cps(1))
        self.state = self.open()
        self.state.recall(SOURCE)
        self.remember(1)
        self.assertEqual(self.threads.waiting, [])
        self.remember(2)
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.run()

    def test_backAgain(self) -> None:
        """What has changed back meanwhile needs no second writing."""
        self.remember(1)
        self.remember(2)
        self.remember(1)
        self.threads.run()
        self.assertEqual((self.kept, self.threads.waiting), (["cp-1"], []))

    def test_otherSource(self) -> None:
        """The same backends of another source are something else."""
        self.remember(1)
        self.threads.run()
        self.state.remember("dns cp.example:6443", self.cps(1))
        self.threads.run()
        self.assertEqual(list(self.recalled("dns cp.example:6443")), ["cp-1"])

    def test_ignoredIsReplaced(self) -> None:
        """A file that was of no use is replaced as soon as the source has answered."""
        self.path.write_text("nonsense")
        self.state.recall(SOURCE)
        self.remember(1)
        self.threads.run()
        self.assertEqual(self.kept, ["cp-1"])


class WholeTests(StateCase):
    """The file is the former one or the new one."""

    def order(self) -> list[str]:
        """What the disk is told, from now on."""
        calls: list[str] = []

        def noting(name: str, what: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any) -> Any:
                isFolder = name == "fsync" and os.path.isdir(f"/proc/self/fd/{arguments[0]}")
                calls.append("fsync folder" if isFolder else name)
                return what(*arguments)

            return call

        for name in ("fsync", "rename"):
            self.patch(os, name, noting(name, getattr(os, name)))
        return calls

    def test_order(self) -> None:
        """It takes its name when it is wholly on the disk, and the name is there for good when that is over."""
        calls = self.order()
        self.keep(self.cps(1))
        self.assertEqual(calls, ["fsync", "rename", "fsync folder"])

    def test_formerStays(self) -> None:
        """When writing fails half-way the former file is as it was, and nothing of the new one is left."""
        self.keep(self.cps(1))

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        self.patch(os, "fsync", full)
        self.keep(self.cps(2))
        self.assertEqual((self.kept, self.names), (["cp-1"], ["state.json"]))
        self.assertEqual(self.state.error, "no space left on device")


class FailureTests(StateCase):
    """A disk that does not take it."""

    def refuse(self, why: str = "No space left on device") -> None:
        """The disk does not take what is being written."""
        self.threads.fail(OSError(errno.ENOSPC, why))

    def test_shown(self) -> None:
        """The error is logged once and shown, until it is over; then one line says so."""
        self.state.remember(SOURCE, self.cps(1))
        self.refuse()
        self.assertEqual(self.state.error, "no space left on device")
        [line] = self.lines
        self.assertEqual(
            line,
            f"error: State file {self.path} cannot be written: no space left on device; it is tried again every 10 s",
        )
        for _ in range(3):
            self.clock.advance(RETRY)
            self.refuse()
        self.assertEqual(len(self.lines), 1)
        self.clock.advance(RETRY)
        self.threads.run()
        self.assertIsNone(self.state.error)
        self.assertEqual(self.lines[1:], [f"info: State file {self.path} is written again"])

    def test_otherError(self) -> None:
        """Another error is news."""
        self.state.remember(SOURCE, self.cps(1))
        self.refuse()
        self.clock.advance(RETRY)
        self.refuse("Read-only file system")
        self.assertEqual(self.state.error, "read-only file system")
        self.assertEqual(len(self.lines), 2)

    def test_noSystemError(self) -> None:
        """What is no error of the system's is shown, too."""
        self.state.remember(SOURCE, self.cps(1))
        self.threads.fail(RuntimeError("out of luck"))
        self.assertIn("out of luck", str(self.state.error))

    def test_triedAgain(self) -> None:
        """It is tried again after ten seconds, and not before; then all is well."""
        self.state.remember(SOURCE, self.cps(1))
        self.refuse()
        self.clock.advance(RETRY - 0.01)
        self.assertEqual(self.threads.waiting, [])
        self.clock.advance(0.01)
        self.threads.run()
        self.assertEqual(self.kept, ["cp-1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_newerIsTriedAtOnce(self) -> None:
        """A newer set is tried at once, and the former no more."""
        self.state.remember(SOURCE, self.cps(1))
        self.refuse()
        self.state.remember(SOURCE, self.cps(2))
        self.threads.run()
        self.assertEqual(self.kept, ["cp-2"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_newerMeanwhile(self) -> None:
        """A set that came while the other was failing is the one that is tried."""
        self.state.remember(SOURCE, self.cps(1))
        self.state.remember(SOURCE, self.cps(2))
        self.refuse()
        self.clock.advance(RETRY)
        self.threads.run()
        self.assertEqual((self.kept, self.threads.waiting), (["cp-2"], []))

    def test_formerIsNotTrusted(self) -> None:
        """Nobody knows what a failure has left: what was there before it is written again, once it is wanted."""
        self.keep(self.cps(1))
        self.state.remember(SOURCE, self.cps(2))
        self.refuse()
        self.state.remember(SOURCE, self.cps(1))
        self.assertEqual(len(self.threads.waiting), 1)
        self.threads.run()
        self.assertEqual(self.kept, ["cp-1"])

    def test_noThread(self) -> None:
        """Where no thread can be had the same holds: an error, and another try."""

        def none(_: object) -> None:
            raise RuntimeError("can't start new thread")

        self.patch(self.state, "_inThread", none)
        self.state.remember(SOURCE, self.cps(1))
        self.assertIn("can't start new thread", str(self.state.error))
        self.patch(self.state, "_inThread", self.threads)
        self.clock.advance(RETRY)
        self.threads.run()
        self.assertEqual(self.kept, ["cp-1"])


class CloseTests(StateCase):
    """Nobody follows the source any more."""

    def test_noMoreTries(self) -> None:
        """What failed is not tried again."""
        self.state.remember(SOURCE, self.cps(1))
        self.threads.fail(OSError(errno.ENOSPC, "No space left on device"))
        self.state.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(3600)
        self.assertEqual(self.threads.waiting, [])

    def test_underWay(self) -> None:
        """What is being written is finished, and so is what waits behind it: the last set is worth a moment more."""
        for number in range(1, 6):
            self.state.remember(SOURCE, self.cps(number))
        self.state.close()
        self.threads.run()
        self.threads.run()
        self.assertEqual((self.kept, self.threads.waiting), (["cp-5"], []))

    def test_failsAfterwards(self) -> None:
        """Should it fail then, that is the end of it."""
        self.state.remember(SOURCE, self.cps(1))
        self.state.close()
        self.threads.fail(OSError(errno.ENOSPC, "No space left on device"))
        self.assertEqual((self.clock.getDelayedCalls(), self.threads.waiting), ([], []))

    def test_again(self) -> None:
        """The source may be followed again, and is remembered again."""
        self.state.remember(SOURCE, self.cps(1))
        self.state.close()
        self.state.close()
        self.threads.run()
        self.state.remember(SOURCE, self.cps(2))
        self.threads.run()
        self.assertEqual(self.kept, ["cp-2"])

    def test_triedAgain(self) -> None:
        """Then it is tried again, too, as at first."""
        self.state.close()
        self.state.remember(SOURCE, self.cps(1))
        self.threads.fail(OSError(errno.ENOSPC, "No space left on device"))
        self.clock.advance(RETRY)
        self.threads.run()
        self.assertEqual(self.kept, ["cp-1"])
