"""A file to which lines are appended, whatever becomes of it meanwhile."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.unit.accesslogcase import Disk
from tests.unit.linefilecase import LineFileCase
from tinylb.linefile import LineFile


class PlaceTests(LineFileCase):
    """Where lines go."""

    def test_appends(self) -> None:
        """What was in the file before stays."""
        self.path.write_text("before\n")
        file = self.open()
        self.assertIsNone(file.append(b"a\nb\n"))
        self.assertIsNone(file.append(b"c\n"))
        self.assertEqual(self.path.read_text(), "before\na\nb\nc\n")

    def test_rights(self) -> None:
        """A new file is nobody else's to read but the group's."""
        former = os.umask(0)
        self.addCleanup(os.umask, former)
        self.open()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o640)

    def test_relative(self) -> None:
        """A relative path is taken from where the process was at first, wherever it goes then."""
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.path.parent)
        file = self.open("access.log")
        os.chdir(self.folder)
        self.path.rename(self.moved)
        file.append(b"a\n")
        self.assertEqual((file.path, self.path.read_text()), (str(self.path), "a\n"))

    def test_standardOutput(self) -> None:
        """A minus is standard output, which stays open."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        former = os.dup(1)
        try:
            os.dup2(writing, 1)
            file = LineFile("-")
            file.append(b"a\n")
            file.reopen()
            file.append(b"b\n")
            file.close()
            os.write(1, b"still open\n")
        finally:
            os.dup2(former, 1)
            os.close(former)
            os.close(writing)
        self.assertEqual((file.path, os.read(reading, 100)), ("-", b"a\nb\nstill open\n"))

    def test_link(self) -> None:
        """A symbolic link is followed, also to a file that is not there yet, and to another one."""
        link = self.folder / "link"
        link.symlink_to("one")
        file = self.open(link)
        file.append(b"a\n")
        link.unlink()
        link.symlink_to("two")
        file.append(b"b\n")
        self.assertEqual([(self.folder / name).read_text() for name in ("one", "two")], ["a\n", "b\n"])

    def test_wrong(self) -> None:
        """What cannot be written to is told at once."""
        for path, error in (
            (self.folder, IsADirectoryError),
            (self.folder / "nothing" / "access.log", FileNotFoundError),
            (self.folder / "file" / "access.log", NotADirectoryError),
        ):
            (self.folder / "file").touch()
            self.assertRaises(error, LineFile, str(path))

    def test_socket(self) -> None:
        """So is a socket, to which open(2) says what it says to a pipe that nobody reads."""
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(self.path))
            for path in (self.path, f"/proc/self/fd/{listening.fileno()}"):  # /dev/stdout may lead to such a thing
                error = self.assertRaises(OSError, LineFile, str(path))
                self.assertEqual(error.strerror, "is a socket")

    def test_noDevice(self) -> None:
        """So is a device that is not there, which is the same error once more."""
        no = OSError(errno.ENXIO, "No such device or address")

        def refuse(*_: object) -> int:
            raise no

        self.path.touch()
        self.patch(os, "open", refuse)
        self.assertIs(self.assertRaises(OSError, LineFile, str(self.path)), no)


class ChangeTests(LineFileCase):
    """What others do with the file."""

    def setUp(self) -> None:
        """It has a line, C{a}, before anything is done with it."""
        super().setUp()
        self.file = self.open()
        self.file.append(b"a\n")

    def test_moved(self) -> None:
        """When it was moved away it is made anew, and nothing more goes to the former one."""
        self.path.rename(self.moved)
        self.assertIsNone(self.file.append(b"b\n"))
        self.assertEqual((self.moved.read_text(), self.path.read_text()), ("a\n", "b\n"))

    def test_removed(self) -> None:
        """So it is when it was removed."""
        self.path.unlink()
        self.assertIsNone(self.file.append(b"b\n"))
        self.assertEqual(self.path.read_text(), "b\n")

    def test_replaced(self) -> None:
        """Another file in its place is appended to."""
        self.moved.write_text("other\n")
        self.moved.rename(self.path)
        self.file.append(b"b\n")
        self.assertEqual(self.path.read_text(), "other\nb\n")

    def test_truncated(self) -> None:
        """When it was copied and cut to nothing, it begins anew at its beginning."""
        self.file.append(b"x" * 100_000 + b"\n")
        os.truncate(self.path, 0)
        self.file.append(b"b\n")
        self.assertEqual(self.path.read_bytes(), b"b\n")

    def test_folderMoved(self) -> None:
        """With its folder gone to another place it is written to there, until the folder is back."""
        self.path.parent.rename(self.moved)
        self.assertEqual(self.file.append(b"b\n"), "no such file or directory")
        self.assertEqual((self.moved / "access.log").read_text(), "a\nb\n")
        self.path.parent.mkdir()
        self.assertIsNone(self.file.append(b"c\n"))
        self.assertEqual(self.path.read_text(), "c\n")

    def test_folderRemoved(self) -> None:
        """Lines for a file that is nowhere are lost, and that is told; with the folder it comes back."""
        self.path.unlink()
        self.path.parent.rmdir()
        self.assertUnwritten(self.file, b"b\nc\n", 2, "no such file or directory")
        self.assertFalse(self.file.isOpen)
        self.path.parent.mkdir()
        self.assertIsNone(self.file.append(b"d\n"))
        self.assertEqual(self.path.read_text(), "d\n")

    def test_noPermission(self) -> None:
        """Without the right to make it anew lines go on into the file that was moved, and why is told."""
        disk = Disk(self)
        self.path.rename(self.moved)
        disk.mayOpen = False
        self.assertEqual(self.file.append(b"b\n"), "permission denied")
        self.assertRaises(PermissionError, self.file.reopen)
        self.assertEqual(self.moved.read_text(), "a\nb\n")
        disk.mayOpen = True
        self.assertIsNone(self.file.append(b"c\n"))
        self.assertEqual(self.path.read_text(), "c\n")

    def test_directoryInItsPlace(self) -> None:
        """Something else in its place is told, and does no harm."""
        self.path.rename(self.moved)
        self.path.mkdir()
        self.assertEqual(self.file.append(b"b\n"), "is a directory")
        self.assertEqual(self.moved.read_text(), "a\nb\n")

    def test_reopen(self) -> None:
        """Opened anew, it is there before there is anything to write; the former one is left alone."""
        self.path.rename(self.moved)
        before = len(os.listdir("/proc/self/fd"))
        self.file.reopen()
        self.assertEqual((self.path.read_text(), len(os.listdir("/proc/self/fd"))), ("", before))

    def test_closed(self) -> None:
        """Closed, it is opened by the next lines."""
        self.file.close()
        self.assertFalse(self.file.isOpen)
        self.file.append(b"b\n")
        self.assertEqual(self.path.read_text(), "a\nb\n")


LINE = b"0123456789" * 9 + b"\n"


class FullTests(LineFileCase):
    """There is no room for all lines."""

    @contextmanager
    def limit(self, size: int) -> Iterator[None]:
        """No file of this process may be larger."""
        former = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, former[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, former)

    def test_wholeLines(self) -> None:
        """However much room there is: no line is there in part, and those that are not are counted."""
        for room in (0, 1, 90, 91, 92, 500, 909, 910):
            self.path.unlink(missing_ok=True)
            file = self.open()
            with self.limit(room):
                if room < 910:
                    self.assertUnwritten(file, LINE * 10, 10 - room // 91, "file too large")
                else:
                    file.append(LINE * 10)
            self.assertEqual(self.path.read_bytes(), LINE * (room // 91))
            file.append(b"again\n")
            self.assertEqual(self.path.read_bytes(), LINE * (room // 91) + b"again\n")

    def test_cannotBeTakenBack(self) -> None:
        """Where part of a line cannot be taken back the next one begins anew, and no line feed counts as a line."""

        def no(*_: object) -> None:
            raise OSError(1, "Operation not permitted")

        self.patch(os, "ftruncate", no)
        file = self.open()
        with self.limit(100):
            self.assertUnwritten(file, LINE * 3, 2, "file too large")
            self.assertUnwritten(file, LINE * 3, 3, "file too large")
        file.append(b"a\n")
        file.append(b"b\n")
        self.assertEqual(self.path.read_bytes(), LINE + LINE[:9] + b"\na\nb\n")

    def test_deviceFull(self) -> None:
        """A device that takes nothing is no file that could be cut."""
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        file = self.open("/dev/full")
        for _ in range(2):
            self.assertUnwritten(file, LINE * 3, 3, "no space left on device")

    def test_standardOutputClosed(self) -> None:
        """A standard output that was closed at the start is not opened: its number is somebody else's by now."""
        self.patch(sys, "__stdout__", None)
        error = self.assertRaises(OSError, LineFile, "-")
        self.assertEqual(error.strerror, "standard output is closed")
