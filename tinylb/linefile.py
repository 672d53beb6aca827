"""Appends whole lines to a file, which may be moved, removed or not read meanwhile."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys

from tinylb.wording import wordingOf

STANDARD_OUTPUT = "-"

PATIENCE = 1.0
"""Seconds that a reader may take to read something."""

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_NOBODY_READS = "nobody reads from it"


class NobodyReads(OSError):
    """A named pipe has no reader; sooner or later it may get one."""

    def __init__(self) -> None:
        super().__init__(errno.ENXIO, _NOBODY_READS)


class Unwritten(Exception):
    """
    Not all lines could be written; the message says why.

    @ivar lines: how many are lost.
    """

    def __init__(self, error: OSError, lines: int) -> None:
        super().__init__(_why(error))
        self.lines = lines


class LineFile:
    """
    Its methods block. A file that was moved away, or removed, is created anew with the next lines; where that fails,
    they are written to the moved file. A named pipe that nobody reads takes no lines.

    @param path: of a regular file, a named pipe or a device; C{-} is standard output.
    @ivar path: an absolute one, or C{-}.
    @raise OSError: when it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self.path = path if path == STANDARD_OUTPUT else os.path.abspath(path)
        self._fd = -1
        self._isRegular = False
        self._isCut = False
        try:
            self.reopen()
        except NobodyReads:
            pass

    @property
    def isOpen(self) -> bool:
        """Whether lines can be written and kept. Those in a regular file that has been removed are lost."""
        return self._fd >= 0 and not (self._isRegular and not os.fstat(self._fd).st_nlink)

    def reopen(self) -> None:
        """
        Open what has the name now.

        @raise NobodyReads: when it is a named pipe that nobody reads.
        @raise OSError: when that is not possible. In either case the file that was open stays open.
        """
        if self.path == STANDARD_OUTPUT:
            if sys.__stdout__ is None:  # descriptor 1 may be some other file by now
                raise OSError(errno.EBADF, "standard output is closed")
            self._fd = 1
            return
        former, self._fd = self._fd, _open(self.path)
        self._isRegular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._isCut = False
        if former >= 0:
            os.close(former)

    def append(self, lines: bytes) -> str | None:
        """
        @param lines: each with its newline.
        @return: why they went to a file that has lost its name; L{None} if they did not.
        @raise Unwritten: when some of them are lost. No line is written in part.
        """
        trouble = None
        try:
            self._follow()
        except OSError as error:
            if not self.isOpen:
                raise Unwritten(error, lines.count(b"\n")) from None
            trouble = wordingOf(error)
        done = 0
        try:
            if self._isCut:
                self._write(b"\n")
                self._isCut = False
            while done < len(lines):
                done += self._write(lines[done : self._endOfPiece(lines, done)])
        except OSError as error:
            self._dropCut(done - (lines.rfind(b"\n", 0, done) + 1))
            raise Unwritten(error, lines.count(b"\n", done)) from None
        return trouble

    def close(self) -> None:
        """Write no more."""
        fd, self._fd = self._fd, -1
        if fd > 2:
            os.close(fd)

    def _follow(self) -> None:
        if self._fd < 0:
            self.reopen()
        elif self.path != STANDARD_OUTPUT:
            here = os.fstat(self._fd)
            try:
                there = os.stat(self.path)
            except FileNotFoundError:
                self.reopen()
            else:
                if (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
                    self.reopen()

    def _endOfPiece(self, lines: bytes, start: int) -> int:
        """
        Where the next write ends. A pipe takes up to PIPE_BUF bytes whole or not at all, see pipe(7), so its reader
        never gets half a line.
        """
        if self._isRegular:
            return len(lines)
        return 1 + (
            lines.rfind(b"\n", start, start + select.PIPE_BUF)
            if b"\n" in lines[start : start + select.PIPE_BUF]
            else lines.index(b"\n", start)
        )

    def _write(self, piece: bytes) -> int:
        """Give a reader that is alive the time to read, but do not wait longer for one that reads nothing."""
        try:
            return os.write(self._fd, piece)
        except BlockingIOError:
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            poll.poll(PATIENCE * 1000)
            return os.write(self._fd, piece)

    def _dropCut(self, cut: int) -> None:
        """
        Remove the part of the last line that was written. Where that is not possible, the next line begins anew.

        @param cut: how many bytes of the line were written.
        """
        if not cut:
            return
        self._isCut = True
        if self._isRegular:
            try:
                os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_END) - cut)
                self._isCut = False
            except OSError:
                pass


def _open(path: str) -> int:
    try:
        return os.open(path, _FLAGS, 0o640)
    except OSError as error:
        # The one error number of open(2) for a pipe without a reader, a socket, and a device that is not there.
        mode = os.stat(path).st_mode if error.errno == errno.ENXIO else 0
        if stat.S_ISFIFO(mode):
            raise NobodyReads from None
        if stat.S_ISSOCK(mode):
            raise OSError(errno.ENXIO, "is a socket") from None
        raise


def _why(error: OSError) -> str:
    if isinstance(error, BrokenPipeError):
        return _NOBODY_READS
    if isinstance(error, BlockingIOError):
        return "it is not read fast enough"
    return wordingOf(error)
