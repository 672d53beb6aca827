"""A named pipe to which lines are appended."""

from __future__ import annotations

import os
import select
import time
from threading import Event, Thread

from tests.unit.linefilecase import LineFileCase
from tinylb import linefile
from tinylb.linefile import LineFile

PATIENCE = 20.0


def numbered(count: int, start: int = 0) -> bytes:
    """Lines of about the size of those of an access log, each of which says its number."""
    return b"".join(b"%d %s\n" % (number, b"x" * 250) for number in range(start, start + count))


class PipeTests(LineFileCase):
    """Who reads it decides what becomes of the lines."""

    def setUp(self) -> None:
        super().setUp()
        os.mkfifo(self.path)

    def reader(self) -> int:
        """Somebody opens it to read, and does not block."""
        return os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self, fd: int) -> bytes:
        """What is there."""
        data = b""
        while select.select([fd], [], [], 0)[0] and (more := os.read(fd, 1 << 16)):
            data += more
        return data

    def test_noReader(self) -> None:
        """A pipe that nobody reads yet can be opened, without a wait; lines are lost until somebody reads."""
        file = self.open()
        self.assertFalse(file.isOpen)
        self.assertUnwritten(file, b"a\nb\n", 2, "nobody reads from it")
        fd = self.reader()
        self.addCleanup(os.close, fd)
        self.assertIsNone(file.append(b"c\n"))
        self.assertEqual(self.read(fd), b"c\n")

    def test_reopenedInVain(self) -> None:
        """Opened anew without a reader, that is told for what it is, and what was open stays so."""
        fd = self.reader()
        file = self.open()
        os.close(fd)
        self.assertRaises(linefile.NobodyReads, file.reopen)
        fd = self.reader()
        self.addCleanup(os.close, fd)
        file.append(b"a\n")
        self.assertEqual(self.read(fd), b"a\n")

    def test_readerLeaves(self) -> None:
        """When the reader leaves, the lines are lost until there is another one."""
        first = self.reader()
        file = self.open()
        file.append(b"a\n")
        self.assertEqual(self.read(first), b"a\n")
        os.close(first)
        self.assertUnwritten(file, b"b\nc\n", 2, "nobody reads from it")
        second = self.reader()
        self.addCleanup(os.close, second)
        file.append(b"d\n")
        self.assertEqual(self.read(second), b"d\n")

    def test_slowReader(self) -> None:
        """A reader that reads gets every line, also of more than a pipe holds."""
        fd = self.reader()
        self.addCleanup(os.close, fd)
        received = bytearray()
        stopped = Event()

        def read() -> None:
            while not stopped.is_set() or select.select([fd], [], [], 0)[0]:
                if select.select([fd], [], [], 0.01)[0]:
                    received.extend(os.read(fd, 3000))

        reading = Thread(target=read)
        reading.start()
        file = self.open()
        try:
            file.append(numbered(2000))
        finally:
            stopped.set()
            reading.join(PATIENCE)
        self.assertEqual(bytes(received), numbered(2000))

    def test_stuckReader(self) -> None:
        """
        A reader that reads nothing is waited for, but not for long. When it reads at last it gets whole lines only,
        and those that it does not get are counted, each once.
        """
        self.patch(linefile, "PATIENCE", 0.05)
        fd = self.reader()
        self.addCleanup(os.close, fd)
        file = self.open()
        lost = 0
        started = time.monotonic()
        for number in range(3):
            error = self.assertRaises(linefile.Unwritten, file.append, numbered(500, number * 500))
            self.assertEqual(str(error), "it is not read fast enough")
            lost += error.lines
        self.assertLess(time.monotonic() - started, 3 * PATIENCE)
        received = self.read(fd)
        file.append(b"again\n")
        self.assertEqual(self.read(fd), b"again\n")
        self.assertEqual(received, numbered(1500 - lost))

    def test_cutForAnother(self) -> None:
        """Of a line that was cut nothing comes to the reader of another pipe that has the name by then."""
        self.patch(linefile, "PATIENCE", 0.05)
        self.addCleanup(os.close, self.reader())
        file = self.open()
        self.assertUnwritten(file, b"x" * 1_000_000 + b"\n", 1, "it is not read fast enough")
        self.path.unlink()
        os.mkfifo(self.path)
        fd = self.reader()
        self.addCleanup(os.close, fd)
        file.append(b"a\n")
        self.assertEqual(self.read(fd), b"a\n")

    def test_longLine(self) -> None:
        """A line that is longer than a pipe takes at once comes through as well."""
        fd = self.reader()
        self.addCleanup(os.close, fd)
        file = self.open()
        lines = b"a\n" + b"x" * 3 * select.PIPE_BUF + b"\n" + b"b\n"
        file.append(lines)
        self.assertEqual(self.read(fd), lines)

    def test_movedAway(self) -> None:
        """A file in the place of the pipe is taken for what it is, and the other way round."""
        fd = self.reader()
        self.addCleanup(os.close, fd)
        file: LineFile = self.open()
        self.path.rename(self.moved)
        self.path.touch()
        file.append(b"a\n")
        self.assertEqual((self.path.read_bytes(), self.read(fd)), (b"a\n", b""))
        self.path.unlink()
        self.moved.rename(self.path)
        file.append(b"b\n")
        self.assertEqual(self.read(fd), b"b\n")
