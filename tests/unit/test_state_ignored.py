"""State files that are of no use: ignored, with one line that says why, and left for the next writing to replace."""

from __future__ import annotations

import os
import time
from unittest import SkipTest

from tests.unit.statecase import SOURCE, StateCase
from tinylb import BackendSet

BACKENDS = '"backends": {"cp-1": "192.0.2.1:6443"}'

USELESS: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "is empty"),
    "only blanks": (" \n ", "is empty"),
    "half": (f'{{"source": "{SOURCE}", {BACKENDS[:-3]}', "line 1 column "),
    "zeros, as after a crash": (bytes(4096), "line 1 column 1"),
    "not UTF-8": (b"\xff\xfe{", "UTF-8"),
    "no object": ("[]", "is a list"),
    "another source": (f'{{"source": "dns x:1", {BACKENDS}}}', "it is of another source, 'dns x:1'"),
    "a source of several lines": (f'{{"source": "a\\nb", {BACKENDS}}}', r"another source, 'a\nb'"),
    "a source that is no text": (f'{{"source": {{"a": [1]}}, {BACKENDS}}}', "another source"),
    "a backends file": (f"{{{BACKENDS}}}", "another source"),
    "nobody": (f'{{"source": "{SOURCE}", "backends": {{}}}}', "it has no backends"),
    "no backends": (f'{{"source": "{SOURCE}"}}', '"backends"'),
    "something more": (f'{{"source": "{SOURCE}", {BACKENDS}, "more": 1}}', "'more'"),
    "a key twice": (f'{{"source": "{SOURCE}", "source": "{SOURCE}", {BACKENDS}}}', "'source' stands twice"),
    "no address": (f'{{"source": "{SOURCE}", "backends": {{"a": "192.0.2.1"}}}}', "HOST:PORT"),
    "no port": (f'{{"source": "{SOURCE}", "backends": {{"a": {{"address": "x:0"}}}}}}', "1 to 65535"),
    "an unknown endpoint": (f'{{"source": "{SOURCE}", "backends": {{"a": {{"endpoint": "owl:x"}}}}}}', "owl:x"),
    "nested too deeply": ("[" * 200_000, "nested too deeply"),
    "a number of a thousand digits": (f'{{"source": {"9" * 5000}, {BACKENDS}}}', "Exceeds the limit"),
}


class UselessTests(StateCase):
    """One line, and nothing recalled."""

    def assertIgnored(self, why: str) -> None:
        """The file is of no use, for that reason."""
        del self.lines[:]
        self.assertEqual(self.recalled(), BackendSet())
        [line] = self.lines
        self.assertTrue(line.startswith(f"warn: State file {self.path}: "), line)
        self.assertTrue(line.endswith("; it is ignored"), line)
        self.assertTrue(line.isprintable() and len(line) < 400, line)
        self.assertIn(why, line)

    def test_contents(self) -> None:
        """Whatever is in it that is not a source's last good set."""
        for name, (content, why) in USELESS.items():
            with self.subTest(name):
                self.path.write_bytes(content if isinstance(content, bytes) else content.encode())
                self.assertIgnored(why)

    def test_replaced(self) -> None:
        """Any of that is replaced by the source's next set."""
        for name, (content, _) in USELESS.items():
            with self.subTest(name):
                self.path.write_bytes(content if isinstance(content, bytes) else content.encode())
                self.state = self.open()
                self.state.recall(SOURCE)
                self.keep(self.cps(1))
                self.assertEqual((self.kept, self.mode), (["cp-1"], 0o600))

    def test_tooLarge(self) -> None:
        """A file without an end is not read to its end."""
        with self.path.open("wb") as file:
            file.truncate(1 << 40)
        self.assertIgnored("larger than")

    def test_folder(self) -> None:
        """A folder."""
        self.path.mkdir()
        self.assertIgnored("a directory")

    def test_pipe(self) -> None:
        """A pipe, for whose writer nobody waits."""
        os.mkfifo(self.path)
        self.assertIgnored("not a regular file")

    def test_loop(self) -> None:
        """A link to itself."""
        self.path.symlink_to(self.path)
        self.assertIgnored("symbolic links")

    def test_forbidden(self) -> None:
        """A file that may not be read."""
        if os.geteuid() == 0:
            raise SkipTest("root may read everything")
        self.path.write_text("{}")
        self.path.chmod(0)
        self.assertIgnored("permission denied")

    def test_noFolder(self) -> None:
        """Where there is not even a folder nothing is recalled; that it cannot be written comes when it is."""
        self.state = self.open(self.folder / "no" / "state.json")
        self.assertEqual((self.state.recall(SOURCE), self.lines), (BackendSet(), []))
        self.keep(self.cps(1))
        self.assertEqual(self.state.error, "no such file or directory")
        (self.folder / "no").mkdir()
        self.clock.advance(10)
        self.threads.run()
        self.assertIsNone(self.state.error)


class LeftoverTests(StateCase):
    """What a process leaves that is killed while it is writing."""

    def leave(self, age: float) -> str:
        """Be killed, so many seconds ago, before the new file takes its name; the name of what is left."""

        def killed(*_: object) -> None:
            raise SystemExit

        with_ = set(self.names)
        self.patch(os, "rename", killed)
        unlink = self.patch(os, "unlink", lambda _: None)
        self.state.remember(SOURCE, self.cps(9))
        self.assertRaises(SystemExit, self.threads.waiting.pop()[0])
        unlink.restore()
        [name] = set(self.names) - with_
        moment = time.time() - age
        os.utime(self.folder / name, (moment, moment))
        return name

    def test_removed(self) -> None:
        """It is removed by a later start; what may be somebody's unfinished writing still is not."""
        self.leave(age=3600)
        self.state = self.open()
        young = self.leave(age=1)
        self.recalled()
        self.assertEqual(self.names, [young])

    def test_neverRecalled(self) -> None:
        """It is never taken for the file."""
        self.leave(age=1)
        self.assertEqual((self.recalled(), self.lines), (BackendSet(), []))

    def test_onlyItsOwn(self) -> None:
        """Whatever else is there is left alone, however much its name looks alike."""
        former = time.time() - 3600
        others = [".state.json.swp", ".state.json.bak", ".state.json.d", "state.json.old", ".state.json", ".other"]
        for name in others:
            (self.folder / name).write_text("mine")
            os.utime(self.folder / name, (former, former))
        self.leave(age=3600)
        self.state = self.open(self.folder / "state")
        self.leave(age=3600)
        leftovers = len(self.names) - len(others)
        self.assertEqual(leftovers, 2)
        self.open(self.folder / "state").recall(SOURCE)
        self.assertEqual(len(self.names) - len(others), 1)
        self.recalled()
        self.assertEqual(self.names, sorted(others))

    def test_signsInTheName(self) -> None:
        """A name with signs that mean something elsewhere is a name as any."""
        for name in ("s[1]*.json", "(a|b)+", "a.b$"):
            self.path = self.folder / name
            self.state = self.open()
            left = self.leave(age=3600)
            bystander = self.folder / ".s1x.json.abcdefgh.tmp"
            bystander.write_text("")
            self.recalled()
            self.assertNotIn(left, self.names)
            self.assertIn(bystander.name, self.names)
