"""Backends files that cannot be taken."""

from __future__ import annotations

import errno
import os

from tests.unit.descriptors import openDescriptors
from tests.unit.filecase import ONE, TWO, FileCase
from tinylb import FileProvider
from tinylb.providers.file import BackendsFileError


class BadFileTests(FileCase):
    """Files that cannot be taken, while running."""

    def assertStays(self, *words: str) -> None:
        """The set stays; one error is logged, on one line with these words, and shown."""
        self.wait()
        self.wait()
        self.assertEqual(self.ids(), ["cp-1"])
        self.assertEqual(len(self.lines), 1, self.lines)
        [line] = self.lines
        error = self.provider.describe()["error"]
        assert error is not None
        self.assertTrue(line.startswith(f"error: {error}"), line)
        self.assertIn("the last good set stays in force", line)
        for word in (str(self.path), *words):
            self.assertIn(word, error)

    def setUp(self) -> None:
        """One backend to begin with."""
        super().setUp()
        self.path.write_text(ONE)
        self.follow()

    def test_invalid(self) -> None:
        """An invalid file changes nothing, though only a part of it is invalid."""
        self.path.write_text('{"backends": {"cp-2": "192.0.2.12:6443", "cp-3": "192.0.2.13"}}')
        self.assertStays("cp-3", "192.0.2.13", "HOST:PORT")

    def test_invalidEndpoint(self) -> None:
        """So it is with an endpoint that Twisted does not know."""
        self.path.write_text('{"backends": {"cp-2": "192.0.2.12:6443", "cp-3": {"endpoint": "nope:1"}}}')
        self.assertStays("cp-3", ".endpoint", "nope:1", "unix:/run/api.sock")

    def test_duplicateKeys(self) -> None:
        """So it is with duplicate keys."""
        self.path.write_text('{"backends": {"cp-2": "192.0.2.12:6443", "cp-2": "192.0.2.12:6443"}}')
        self.assertStays("cp-2", "twice")

    def test_vanished(self) -> None:
        """A file that vanishes changes nothing."""
        self.path.unlink()
        self.assertStays("no such file")

    def test_folderVanished(self) -> None:
        """Nor does its whole folder."""
        self.path.unlink()
        self.folder.rmdir()
        self.addCleanup(self.folder.mkdir)
        self.assertStays("no such file")

    def test_linkLoop(self) -> None:
        """What the operating system refuses is reported in its words."""
        self.path.unlink()
        self.path.symlink_to(self.path)
        self.assertStays("too many levels of symbolic links", "JSON file of backends is expected")

    def test_withoutDescriptors(self) -> None:
        """Without descriptors there is nothing to say of the file itself."""

        def refuse(*_: object) -> int:
            raise OSError(errno.EMFILE, "Too many open files")

        self.patch(os, "open", refuse)
        self.assertStays()
        self.assertEqual(self.provider.describe()["error"], f"{self.path}: too many open files")

    def test_directory(self) -> None:
        """A directory in its place changes nothing, and takes no descriptors."""
        self.path.unlink()
        self.path.mkdir()
        before = openDescriptors()
        self.assertStays("JSON file of backends is expected")
        self.assertEqual(openDescriptors(), before)

    def test_pipe(self) -> None:
        """A pipe in its place is not waited for, and takes no descriptors."""
        self.path.unlink()
        os.mkfifo(self.path)
        before = openDescriptors()
        self.assertStays("not a regular file", "JSON file of backends is expected")
        self.assertEqual(openDescriptors(), before)

    def test_device(self) -> None:
        """A device that never comes to an end is not read."""
        self.path.unlink()
        self.path.symlink_to("/dev/zero")
        self.assertStays("not a regular file", "JSON file of backends is expected")

    def test_tooLarge(self) -> None:
        """A file larger than any list of backends is not taken."""
        with open(self.path, "r+b") as file:
            file.truncate(17 * 1024 * 1024)
        self.assertStays("larger than 16 MiB")

    def test_halfWritten(self) -> None:
        """A file that is found half-written is read again, and nothing is reported."""
        self.path.write_text(TWO[:30])
        self.waitForLook()
        self.path.write_text(TWO)
        self.wait(1)
        self.assertEqual((self.ids(), self.lines), (["cp-1", "cp-1,cp-2"], []))

    def test_halfWrittenAgain(self) -> None:
        """That holds each time, also after an error that had to be reported."""
        self.path.write_text("{")
        self.wait()
        self.path.write_text(ONE)
        self.wait()
        del self.lines[:]
        for content in (TWO, ONE, TWO):
            self.path.write_text(content[:30])
            self.waitForLook()
            self.path.write_text(content)
            self.wait(3)
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2", "cp-1", "cp-1,cp-2"])
        self.assertEqual(self.lines, [])

    def test_briefGap(self) -> None:
        """Nor is anything reported when the file is not there for a moment."""
        self.path.unlink()
        self.waitForLook()
        self.path.write_text(ONE)
        self.wait()
        self.assertEqual((self.ids(), self.lines), (["cp-1"], []))
        self.assertIsNone(self.provider.describe()["error"])

    def test_validAgain(self) -> None:
        """The error is over as soon as the file is valid, and the log says so."""
        self.path.write_text("{")
        self.wait()
        self.path.write_text(TWO)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1", "cp-1,cp-2"])
        self.assertIsNone(self.provider.describe()["error"])
        self.assertEqual(self.lines[1:], [f"info: {self.path} is valid again"])

    def test_validAgainUnchanged(self) -> None:
        """That holds also where the file says what it said before; nothing is published then."""
        self.path.unlink()
        self.wait()
        self.path.write_text(ONE)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1"])
        self.assertIsNone(self.provider.describe()["error"])
        self.assertEqual(self.lines[1:], [f"info: {self.path} is valid again"])

    def test_otherError(self) -> None:
        """Each change of the error is logged, once."""
        self.path.write_text("{")
        self.wait(20)
        self.path.write_text("[]")
        self.wait(20)
        self.path.unlink()
        self.wait(20)
        self.assertEqual(len(self.lines), 3)
        for line, words in zip(self.lines, ("line 1 column 2", "an object", "no such file"), strict=True):
            self.assertIn(words, line)

    def test_sameErrorAgain(self) -> None:
        """An error that comes back after the file was valid is logged again."""
        for content in ("{", TWO, "{"):
            self.path.write_text(content)
            self.wait()
        self.assertEqual([line.partition(":")[0] for line in self.lines], ["error", "info", "error"])


class StartTests(FileCase):
    """Files that cannot be taken at first."""

    def test_waitedFor(self) -> None:
        """A missing file is waited for: the first set is published when it is there."""
        self.follow()
        self.wait()
        self.assertEqual(self.ids(), [])
        self.path.write_text(ONE)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1"])

    def test_folderWaitedFor(self) -> None:
        """So is its folder."""
        path = self.folder / "later" / "b.json"
        self.provider = FileProvider(self.reactor, path, clock=self.clock)
        self.follow()
        self.wait()
        path.parent.mkdir()
        path.write_text(ONE)
        self.wait()
        self.assertEqual(self.ids(), ["cp-1"])

    def test_load(self) -> None:
        """The file can be read without publishing anything."""
        self.path.write_text(ONE)
        self.assertEqual(list(self.provider.load()), ["cp-1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.follow()
        self.assertEqual(self.ids(), ["cp-1"])

    def test_loadFails(self) -> None:
        """Otherwise the error is one line that names the file, what is wrong and what would be right."""
        self.assertLoadFails("no such file", "JSON file")
        for content, *words in (
            ("{", "line 1 column 2", '{"backends":'),
            ('{"backends": {"cp-1": "x"}}', "cp-1", "HOST:PORT"),
            ('{"backends": {"cp-1": {"endpoint": "tcp:x"}}}', "cp-1", ".endpoint", "tcp:x"),
            ('{"backends": {"cp-1": {"endpoint": "unix:/x:a b=1"}}}', "cp-1", "unix:/x:a b=1"),
            ('{"backends": {"cp-1": {"endpoint": "tcp:x:0"}}}', "cp-1", ".endpoint", "tcp:x:0"),
        ):
            self.path.write_text(content)
            self.assertLoadFails(*words)
        self.path.unlink()
        self.path.mkdir()
        self.assertLoadFails("JSON file")

    def assertLoadFails(self, *words: str) -> None:
        """Loading fails with such an error."""
        message = str(self.assertRaises(BackendsFileError, self.provider.load))
        self.assertTrue(message.isprintable(), message)
        for word in (f"{self.path}: ", *words):
            self.assertIn(word, message)
        self.assertEqual(self.lines, [])

    def test_brokenBetweenLoadAndWatch(self) -> None:
        """What was valid when it was loaded is the first set, though the file is gone when it is watched."""
        self.path.write_text(ONE)
        self.provider.load()
        self.path.unlink()
        self.follow()
        self.assertEqual(self.ids(), ["cp-1"])
        self.wait()
        self.assertEqual(len([line for line in self.lines if "the last good set stays" in line]), 1)

    def test_neverValid(self) -> None:
        """Where there was never a valid file, the log does not speak of a last good set."""
        self.path.write_text("{")
        self.follow()
        self.wait()
        self.assertIn("nothing is known from it yet", self.lines[-1])
