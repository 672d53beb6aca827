"""The log of C{tinylb run}: a line for people, for the journal, or an object."""

from __future__ import annotations

import io
import json
import os
import tempfile

from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tinylb.cli.logs import LineObserver, asObject, forJournal, forPeople, isJournal


def event(level: LogLevel | None = LogLevel.info, text: str = "Listening", **more: object) -> dict[str, object]:
    """An event of tinylb's."""
    return {
        "log_level": level,
        "log_format": "{text}",
        "text": text,
        "log_time": 1_700_000_000.5,
        "log_namespace": "tinylb.service",
        **more,
    }


def failed() -> Failure:
    """Something that went wrong, with the way to it."""
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        return Failure()


class SpellingTests(SynchronousTestCase):
    """The ways to write an event."""

    def test_people(self) -> None:
        """A line begins with the time and the zone, and the level."""
        self.assertRegex(
            forPeople(event(LogLevel.warn)), r"^2023-11-1[45]T\d\d:\d\d:20\.500[+-]\d\d:\d\d warn     Listening$"
        )

    def test_peopleTraceback(self) -> None:
        """A traceback follows, line by line, and no line of it looks like one of the log's."""
        first, *rest = forPeople(event(LogLevel.critical, log_failure=failed())).split("\n")
        self.assertTrue(first.endswith("critical Listening"))
        self.assertIn("Traceback", rest[0])
        self.assertTrue(all(line.startswith("    ") for line in rest), rest)

    def test_journal(self) -> None:
        """The level becomes a priority of sd-daemon(3), and the time is left to the journal."""
        spelled = {level: forJournal(event(level)) for level in (None, *LogLevel.iterconstants())}
        self.assertEqual(
            spelled,
            {
                None: "<6>Listening",
                LogLevel.debug: "<6>Listening",
                LogLevel.info: "<6>Listening",
                LogLevel.warn: "<4>Listening",
                LogLevel.error: "<3>Listening",
                LogLevel.critical: "<2>Listening",
            },
        )

    def test_journalTraceback(self) -> None:
        """A message stays one line whatever it holds, or each line would be a message of its own."""
        line = forJournal(event(LogLevel.critical, log_failure=failed()))
        self.assertTrue(line.isprintable())
        self.assertRegex(line, r"^<2>Listening \| Traceback .* \| builtins.ValueError: first \| second")

    def test_object(self) -> None:
        """JSON has the time in UTC, and says where the message comes from."""
        self.assertEqual(
            json.loads(asObject(event(LogLevel.warn))),
            {
                "time": "2023-11-14T22:13:20.500+00:00",
                "level": "warn",
                "namespace": "tinylb.service",
                "message": "Listening",
            },
        )

    def test_objectTraceback(self) -> None:
        """A traceback stands beside the message, on the same line."""
        line = asObject(event(LogLevel.critical, log_failure=failed()))
        self.assertNotIn("\n", line)
        self.assertIn("ValueError: first\nsecond", json.loads(line)["traceback"])

    def test_hostile(self) -> None:
        """What somebody else has said neither steers a terminal nor makes up a line."""
        hostile = event(text="a\x1b[2J\n<0>b\u202e\r")
        self.assertTrue(forJournal(hostile).isprintable())
        self.assertTrue(all(line.isprintable() for line in forPeople(hostile).split("\n")))
        self.assertTrue(forPeople(hostile).split("\n")[1].startswith("    "))
        self.assertTrue(asObject(hostile).isprintable())


class ObserverTests(SynchronousTestCase):
    """Where it is written."""

    def piped(self) -> tuple[LineObserver, int]:
        """One that writes to a pipe, and the end from which that is read."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        stream = os.fdopen(writing, "w")
        self.addCleanup(stream.close)
        return LineObserver(stream, forJournal), reading

    def test_lines(self) -> None:
        """Each event is a line; what is meant for developers is none."""
        stream = io.StringIO()
        observer = LineObserver(stream, forJournal)
        for level in (LogLevel.debug, LogLevel.info, LogLevel.warn):
            observer(event(level))
        self.assertEqual(stream.getvalue(), "<6>Listening\n<4>Listening\n")

    def test_nobodyReads(self) -> None:
        """A pipe that nobody reads holds up nobody: lines are dropped; how many is said when there is room again."""
        observer, reading = self.piped()
        for number in range(3000):
            observer(event(text=f"{number:0100}"))
        lines = os.read(reading, 1 << 20).decode().splitlines()
        self.assertLess(len(lines), 2000)
        for number, line in enumerate(lines):
            self.assertEqual(line, f"<6>{number:0100}")
        observer(event(text="again"))
        dropped = f"<4>{3000 - len(lines)} log lines dropped: nobody has read standard error"
        self.assertEqual(os.read(reading, 1 << 20).decode().splitlines(), [dropped, "<6>again"])

    def test_longLine(self) -> None:
        """A long line that is taken in part is followed by one that begins anew."""
        observer, reading = self.piped()
        observer(event(text="x" * 1_000_000))
        taken = os.read(reading, 1 << 20).decode()
        self.assertNotIn("\n", taken)
        observer(event(text="again"))
        told = os.read(reading, 1 << 20).decode()
        self.assertEqual(told, "\n<4>1 log line dropped: nobody has read standard error\n<6>again\n")

    def test_longLineThenOthers(self) -> None:
        """It is so, too, where others were dropped behind it."""
        observer, reading = self.piped()
        observer(event(text="x" * 1_000_000))
        observer(event(text="dropped"))
        os.read(reading, 1 << 20)
        observer(event(text="again"))
        told = os.read(reading, 1 << 20).decode()
        self.assertEqual(told, "\n<4>2 log lines dropped: nobody has read standard error\n<6>again\n")

    def test_journalStream(self) -> None:
        """The journal is there if JOURNAL_STREAM names the very stream, and not one that was there before."""
        with tempfile.TemporaryFile("w") as stream:
            status = os.fstat(stream.fileno())
            self.assertTrue(isJournal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}))
            self.assertFalse(isJournal(stream, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"}))
            self.assertFalse(isJournal(stream, {}))
        self.assertFalse(isJournal(io.StringIO(), {"JOURNAL_STREAM": "1:2"}))
