"""A file of lines in a folder of its own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tinylb.linefile import LineFile, Unwritten


class LineFileCase(SynchronousTestCase):
    """The file is at C{path}, in an empty folder."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        self.path = self.folder / "logs" / "access.log"
        self.path.parent.mkdir()
        self.moved = self.folder / "moved"

    def open(self, path: str | Path | None = None) -> LineFile:
        """Open it."""
        file = LineFile(str(path or self.path))
        self.addCleanup(file.close)
        return file

    def assertUnwritten(self, file: LineFile, lines: bytes, lost: int, why: str) -> None:
        """Appending loses so many of the lines, for this reason."""
        error = self.assertRaises(Unwritten, file.append, lines)
        self.assertEqual((error.lines, str(error)), (lost, why))
