"""What the documents list is what there is: nothing is missing in them, and nothing is there that is gone."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from tempfile import TemporaryDirectory

from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.documents import COMMAND, ROOT, Document, document, documents, quoted
from tests.logtemplates import Template, explained, templates
from tinylb import CloseReason, PairClosed, Verdict, accesslog, tap
from tinylb.cli import main
from tinylb.cli.run import RunOptions
from tinylb.limits import clientsFor
from tinylb.providers.backendsfile import InvalidBackends, parseBackends
from tinylb.providers.kubernetes.slices import SERVICE
from tinylb.status import channel, connections, feed

OPERATING = document("docs/operating.md")

LIMIT = "limit (`LimitNOFILE=`, `ulimit -n`)"

LANGUAGES = {"sh", "text", "json", "python", "ini", "yaml", "promql"}


class OptionTests(SynchronousTestCase):
    """The tables of options."""

    def test_options(self) -> None:
        """Each option of the program has a row, with the default that it has."""
        options = RunOptions()
        rows = _defaults(OPERATING.rows("option", "default", "meaning"))
        self.assertEqual(sorted(rows), sorted({each.rstrip("=") for each in options.longOpt} - {"help", "version"}))
        options.parseOptions(["--listen", "tcp:1", "--backend", "127.0.0.1:1"])
        for name in rows.keys() - {"listen", "backend", "json"}:  # which may be repeated, or has no value
            self.assertEqual(_value(rows[name]), options[name], name)

    def test_commands(self) -> None:
        """Each command has a row, which names all of its options."""
        rows = {
            quoted(command)[0].split()[1]: set(re.findall(r"--[a-z]+", what))
            for command, what in OPERATING.rows("command", "what it does")
        }
        self.assertEqual(rows, {name: given - {"--help"} for name, given in _parsed().items()})


class ListTests(SynchronousTestCase):
    """Other tables."""

    def test_reasons(self) -> None:
        """Each close reason is explained."""
        rows = [name for row in OPERATING.rows("reason", "meaning", "to do") for name in quoted(row[0])]
        self.assertEqual(sorted(rows), sorted(reason.value for reason in CloseReason))

    def test_states(self) -> None:
        """So is each state that a backend may be in."""
        rows = OPERATING.rows("state", "how it comes", "new connections", "open ones")
        self.assertEqual([quoted(row[0])[0] for row in rows], [verdict.value for verdict in Verdict])

    def test_backendsFile(self) -> None:
        """So is each key that a backend in the file may have; an error names them all."""
        keys = [quoted(row[0])[0] for row in OPERATING.rows("key", "default", "meaning")]
        with self.assertRaises(InvalidBackends) as raised:
            parseBackends(b'{"backends": {"a": {"?": 1}}}')
        expected = str(raised.exception).rpartition("only")[2]
        self.assertEqual(sorted(keys), sorted(set(re.findall("[a-zA-Z]{3,}", expected))))

    def test_limits(self) -> None:
        """How many clients a limit of descriptors carries."""
        for limit, clients in OPERATING.rows(LIMIT, "clients at once, without and with `--status`"):
            carried = [clientsFor(int(limit)), clientsFor(int(limit), others=connections.MOST)]
            self.assertEqual([int(each) for each in clients.split(", ")], carried)

    def test_bounds(self) -> None:
        """The bounds of the attachments are those that they have."""
        text = " ".join(OPERATING.lines)
        for stated in (
            f"{connections.MOST} connections, of which",
            f"With `--status` another {connections.MOST} are",
            f"of which {feed.BUDGET} are told in a second",
            f"{feed.LISTENERS} may listen",
            f"{channel.IDLE} s for a request",
            f"{accesslog.MOST:,} may wait",
            f"may get one for {tap.GRACE:g} s more",
        ):
            self.assertIn(stated, text)

    def test_accessLog(self) -> None:
        """Each field of the access log is explained, in the order in which they stand there."""
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = f"{folder.name}/access.log"
        clock = Clock()
        log = accesslog.AccessLog(clock, path, clock=clock, inThread=lambda write: succeed(write()))
        client = IPv4Address("TCP", "127.0.0.1", 50000)
        log.observe(PairClosed(client, "a", "a:1", 1, 0.1, 1, 2, 3.0, CloseReason.CLIENT_CLOSED, "127.0.0.1:6443"))
        log.stopService()
        clock.pump([0.1] * 20)
        with open(path) as file:
            fields = list(json.loads(file.readline()))
        self.assertEqual([name for row in OPERATING.rows("field", "meaning") for name in quoted(row[0])], fields)

    def test_paths(self) -> None:
        """Each path of the status endpoint is explained."""
        source = (ROOT / "tinylb" / "status" / "paths.py").read_text()
        paths = re.findall(r'^ +b"(/[^"]*)":', source, re.MULTILINE)
        self.assertGreater(len(paths), 4)
        rows = [quoted(row[0])[0] for row in OPERATING.rows("path", "answer")]
        self.assertEqual(sorted(rows), sorted([*paths, "/"]))


class LogTests(SynchronousTestCase):
    """The lines of the log."""

    def test_everyLine(self) -> None:
        """Each line that the program may write has a row of its own; each row is an example of one that it may."""
        missing, strange = explained(templates(ROOT / "tinylb"), _lines())
        self.assertEqual(([each.text for each in missing], strange), ([], []))

    def test_missing(self) -> None:
        """A line that has no row is found, also where a row of another one looks like it."""
        known = [Template("{error}; {stays}"), Template("{path} is valid again")]
        missing, _ = explained([*known, Template("{source}: {error}; {stays}")], ["a; b", "c is valid again"])
        self.assertEqual([each.text for each in missing], ["{source}: {error}; {stays}"])

    def test_strange(self) -> None:
        """So is a row that is no line's."""
        self.assertEqual(explained([Template("Stopped")], ["Stopped", "Started"]), ([], ["Started"]))


class FormTests(SynchronousTestCase):
    """What holds for each document."""

    def test_contents(self) -> None:
        """What a document says at its beginning that it has is what it has, in that order."""
        for name, unlisted in (("docs/operating.md", []), ("docs/runbook.md", ["first-always"])):
            self.assertEqual([*unlisted, *document(name).contents()], document(name).sections())

    def test_languages(self) -> None:
        """Code is marked as what it is: whatever is marked as a command is run by a test."""
        for each in documents():
            for part in each.parts():
                if part.kind != "note":
                    self.assertIn(part.kind, LANGUAGES, f"{each.name}:{part.line}")

    def test_commandsAreMarked(self) -> None:
        """No command hides in a block without a mark."""
        for each in documents():
            for line in each.prose():
                if line.startswith("    "):
                    self.assertIsNone(COMMAND.match(line.strip().removeprefix("$ ")), f"{each.name}: {line}")

    def test_backends(self) -> None:
        """Each example of a backends file is a valid one."""
        examples = [part.text for each in documents() for part in each.parts() if part.text.startswith('{"backends"')]
        self.assertGreater(len(examples), 0)
        for each in examples:
            parseBackends(each.encode())

    def test_quotes(self) -> None:
        """What stands in backquotes is closed in the same paragraph."""
        for each in documents():
            for paragraph in "\n".join(each.prose()).split("\n\n"):
                self.assertEqual(paragraph.count("`") % 2, 0, f"{each.name}: {paragraph}")

    def test_links(self) -> None:
        """Each link within the project leads to something, down to the heading."""
        for each in documents():
            for link in each.links():
                if not re.match("[a-z]+:", link):
                    path, _, anchor = link.partition("#")
                    target = (each.path.parent / path).resolve() if path else each.path
                    self.assertTrue(target.exists(), f"{each.name}: {link}")
                    if anchor:
                        self.assertIn(anchor, Document(target).anchors(), f"{each.name}: {link}")


def _defaults(rows: Iterable[list[str]]) -> dict[str, str]:
    """The defaults by option. A row may have several, which stand in the same order."""
    found: dict[str, str] = {}
    for options, default, _ in rows:
        names = re.findall(r"--([a-z-]+)", options)
        found.update(
            zip(names, default.split(", ") if len(names) > 1 and default else [default] * len(names), strict=True)
        )
    return found


def _value(default: str) -> object:
    """What a default as it is written means to the program."""
    for text in quoted(default):
        return None if text == SERVICE else text  # which is chosen where it is needed
    return float(default) if re.fullmatch(r"[\d.]+", default) else None


def _parsed() -> dict[str, set[str]]:
    """The long options of each command, as argparse knows them."""
    parser = main._parser()
    (commands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return {
        name: {option for action in each._actions for option in action.option_strings if option.startswith("--")}
        for name, each in commands.choices.items()
    }


def _lines() -> list[str]:
    return [line for row in document("docs/logs.md").rows("line", "meaning", "to do") for line in quoted(row[0])]
