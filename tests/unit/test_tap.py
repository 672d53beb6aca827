"""The command line: what each option means, and what is said of wrong usage."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from importlib import metadata
from io import StringIO

from twisted.application.service import IServiceMaker, ServiceMaker
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from tinylb import tap
from tinylb.addresses import HostPort
from tinylb.health.options import PARAMETERS
from tinylb.tap import Options

LISTEN = ("--listen", "tcp:6443:interface=127.0.0.1")
BACKEND = ("--backend", "cp-1=192.0.2.11:6443")
HEALTH = [parameter[0] for parameter in PARAMETERS]


class OptionsCase(SynchronousTestCase):
    """Command lines."""

    def parse(self, *arguments: str) -> Options:
        """Parse a command line."""
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def assertWrong(self, arguments: tuple[str, ...], *words: str) -> None:
        """It ends the program with status 1 and one line, which has these words."""
        ending = self.assertRaises(SystemExit, self.parse, *arguments)
        line = ending.code
        # Python prints a text on standard error, and ends with status 1.
        self.assertIsInstance(line, str)
        self.assertTrue(line.startswith("tinylb: "), line)
        self.assertTrue(line.isprintable(), line)
        for word in words:
            self.assertIn(word, line)


class MeaningTests(OptionsCase):
    """Right usage."""

    def test_defaults(self) -> None:
        """What is not given is as documented."""
        options = self.parse(*LISTEN, *BACKEND)
        self.assertEqual(
            {name: options[name] for name in options if name not in ("listen", "backend", *HEALTH)},
            {
                **dict.fromkeys(("backends-file", "dns", "srv", "kubernetes", "kubernetes-service", "state-file")),
                "policy": "round-robin",
                "dial-timeout": 10.0,
                "attempt-delay": 0.25,
                "half-close-timeout": 300.0,
                "idle-timeout": 0.0,
                "keepalive": 30.0,
                "max-connections": None,
                "drain": 5.0,
                "status": None,
                "access-log": None,
            },
        )

    def test_listen(self) -> None:
        """Endpoints are kept in their order, as they were given."""
        options = self.parse("--listen", "tcp:1", "--listen=unix:/run/lb.sock", *BACKEND)
        self.assertEqual(options["listen"], ["tcp:1", "unix:/run/lb.sock"])

    def test_backend(self) -> None:
        """A fixed backend has the id given for it, or its address; an address may have any spelling."""
        texts = ("cp-1=192.0.2.11:6443", "192.0.2.12:6443", "a=b=[2001:DB8::1]:80", "CP-3.example:80")
        options = self.parse(*LISTEN, *(f"--backend={text}" for text in texts))
        self.assertEqual(
            options["backend"],
            {
                "cp-1": HostPort("192.0.2.11", 6443, True),
                "192.0.2.12:6443": HostPort("192.0.2.12", 6443, True),
                "a=b": HostPort("2001:db8::1", 80, True),
                "CP-3.example:80": HostPort("cp-3.example", 80, False),
            },
        )

    def test_backendsFile(self) -> None:
        """A file is named by its path; it is not looked at yet."""
        options = self.parse(*LISTEN, "--backends-file", "/nowhere/b.json")
        self.assertEqual((options["backends-file"], options["backend"]), ("/nowhere/b.json", {}))

    def test_seconds(self) -> None:
        """Times are seconds, with a fraction if need be."""
        names = ("dial-timeout", "attempt-delay", "half-close-timeout", "idle-timeout", "keepalive", "drain")
        for name in names:
            for text, seconds in (("2", 2.0), ("0.5", 0.5), ("1e3", 1000.0)):
                self.assertEqual(self.parse(*LISTEN, *BACKEND, f"--{name}", text)[name], seconds)

    def test_none(self) -> None:
        """Where it means none or off, 0 may be given."""
        for name in ("half-close-timeout", "idle-timeout", "keepalive", "drain"):
            self.assertEqual(self.parse(*LISTEN, *BACKEND, f"--{name}", "0")[name], 0.0)

    def test_maxConnections(self) -> None:
        """The number of clients is a whole number."""
        self.assertEqual(self.parse(*LISTEN, *BACKEND, "--max-connections", "100")["max-connections"], 100)

    def test_policy(self) -> None:
        """Round robin can be asked for by name."""
        self.assertEqual(self.parse(*LISTEN, *BACKEND, "--policy", "round-robin")["policy"], "round-robin")

    def test_version(self) -> None:
        """The version is printed, and that is all; status 0."""
        self.patch(metadata, "version", lambda package: f"1.2.3 of {package}")
        with redirect_stdout(StringIO()) as printed:
            ending = self.assertRaises(SystemExit, self.parse, "--version")
        self.assertEqual((printed.getvalue(), ending.code), ("tinylb 1.2.3 of tinylb\n", 0))

    def test_versionOfNone(self) -> None:
        """Where nothing is installed that is said in one line."""

        def version(package: str) -> str:
            raise metadata.PackageNotFoundError(package)

        self.patch(metadata, "version", version)
        self.assertWrong(("--version",), "not installed")

    def test_help(self) -> None:
        """Help names every option, and ends with status 0."""
        text = str(Options())
        for name in (*self.parse(*LISTEN, *BACKEND), "version", "help"):
            self.assertIn(f"--{name}", text)

    def test_narrowHelp(self) -> None:
        """Whatever COLUMNS says, there is help, and it is not narrower than can be read."""
        for columns in ("", "0", "-5", "1", "29", "many", "100000"):
            self.patch(os, "environ", {**os.environ, "COLUMNS": columns})
            lines = str(Options()).splitlines()
            self.assertTrue(any(len(line) > 50 for line in lines), columns)

    def test_foldedHelp(self) -> None:
        """What help says of an option is folded at single blanks."""
        for option, text in Options().docs.items():
            self.assertNotIn("  ", str(text).strip(), option)

    def test_plugin(self) -> None:
        """twistd and twist find the program by its name, and its options and service in this module."""
        [maker] = [each for each in getPlugins(IServiceMaker) if each.tapname == "tinylb"]
        self.assertIsInstance(maker, ServiceMaker)
        self.assertIs(maker.options, Options)
        self.assertIs(maker.makeService, tap.makeService)


class WrongUsageTests(OptionsCase):
    """Wrong usage: one line that names the option, the value, and what would be right."""

    def assertWrongValue(self, name: str, value: str, *words: str, shown: str | None = None) -> None:
        """This value of this option is wrong usage, in an otherwise right command line."""
        right: tuple[str, ...] = (*LISTEN, *BACKEND)
        if name == "--backend":
            right = LISTEN
        self.assertWrong((*right, name, value), f"{name} {value if shown is None else shown}: ", *words)

    def test_nothing(self) -> None:
        """Something to listen on and some backends are needed."""
        self.assertWrong((), "--listen", "--listen tcp:6443:interface=127.0.0.1")
        self.assertWrong(BACKEND, "--listen", "--listen tcp:6443:interface=127.0.0.1")
        self.assertWrong(LISTEN, "--backends-file FILE", "--backend HOST:PORT")

    def test_unknown(self) -> None:
        """What is no option is named, and where the options are told."""
        self.assertWrong((*LISTEN, *BACKEND, "--dialtimeout", "1"), "--dialtimeout", "--help")
        self.assertWrong((*LISTEN, *BACKEND, "-x"), "-x", "--help")
        self.assertWrong((*LISTEN, *BACKEND, "stray"), "'stray'", "--help")
        self.assertWrong((*LISTEN, *BACKEND, "--drain=", "5"), "'5'", "--help")

    def test_ambiguous(self) -> None:
        """A beginning that several options share is refused."""
        self.assertWrong((*LISTEN, *BACKEND, "--d", "1"), "--d ", "--help")

    def test_missingValue(self) -> None:
        """An option without its value is named."""
        for name in ("listen", "backend", "backends-file", "dial-timeout", "max-connections", "policy", "drain"):
            self.assertWrong((*LISTEN, f"--{name}"), f"--{name}", "requires argument")

    def test_seconds(self) -> None:
        """Seconds are a number, neither negative nor endless."""
        names = ("dial-timeout", "attempt-delay", "half-close-timeout", "idle-timeout", "keepalive", "drain")
        for name in names:
            for value in ("-1", "soon", "", "5s", "nan", "inf", "-inf", "1e999", "0x10", "1,5"):
                self.assertWrongValue(f"--{name}", value, "number of seconds", f"--{name} 10")

    def test_positiveSeconds(self) -> None:
        """Waiting for a backend takes some time at least; the line says how much."""
        for name in ("dial-timeout", "attempt-delay"):
            for value in ("0", "0.0", "0.0009"):
                self.assertWrongValue(f"--{name}", value, "number of seconds from 0.001", f"--{name} 10")

    def test_maxConnections(self) -> None:
        """A number of clients is a whole number from 1, of a sensible length."""
        for value in ("0", "-1", "1.5", "many", "", " 5", "5 ", "1_000", "\u0665", "\u00b2", "9" * 5000):
            self.assertWrongValue("--max-connections", value, "whole number from 1", "--max-connections 1000")

    def test_policy(self) -> None:
        """An unknown policy is answered with those there are."""
        for value in ("random", "", "Round-Robin"):
            self.assertWrongValue("--policy", value, "round-robin")

    def test_backend(self) -> None:
        """A backend that is no address is answered with one."""
        for value in ("192.0.2.11", "cp-1=192.0.2.11", "cp-1=", "cp-1=:6443", "cp-1=192.0.2.11:http"):
            self.assertWrongValue("--backend", value, "HOST:PORT")
        self.assertWrongValue("--backend", "2001:db8::1:6443", "[2001:db8::1]:6443")
        self.assertWrongValue("--backend", "cp-1=192.0.2.11:0", "1 to 65535")
        self.assertWrongValue("--backend", "cp-1=192.0.2.999:80", "192.0.2.999")

    def test_backendId(self) -> None:
        """An id is not empty, printable, and given once."""
        self.assertWrongValue("--backend", "=192.0.2.11:6443", "id", "ID=HOST:PORT")
        self.assertWrongValue("--backend", "", "id", "ID=HOST:PORT")
        self.assertWrongValue("--backend", "a\x07=192.0.2.11:6443", "id", shown="a\\x07=192.0.2.11:6443")
        self.assertWrong((*LISTEN, *BACKEND, *BACKEND), "--backend cp-1=192.0.2.11:6443: ", "cp-1", "twice")
        self.assertWrong((*LISTEN, "--backend", "x:1", "--backend", "x:1=y:2"), "--backend x:1=y:2", "x:1", "twice")

    def test_twoSources(self) -> None:
        """One source is followed."""
        for name in ("--dns", "--srv", "--kubernetes"):
            self.assertWrong((*LISTEN, "--backends-file", "a", name, "b"), f"{name} b: --backends-file a ")
            self.assertWrong((*LISTEN, name, "a", "--backends-file", "b"), f"--backends-file b: {name} a ")
            self.assertWrong((*LISTEN, name, "a", name, "b"), f"{name} b: {name} a ")
        both = ("--backends-file", "a.json", "--backends-file", "b.json")
        self.assertWrong((*LISTEN, *both), "--backends-file b.json", "one")

    def test_oneLine(self) -> None:
        """A value of several lines makes no line of several lines."""
        for arguments in (
            ("--drain", "1\n2"),
            ("--policy", "a\nb"),
            ("--max-connections", "1\n"),
            ("--backend", "a\nb=192.0.2.11:6443"),
            ("--backend", "a=b\nc:1"),
            ("--no\nsuch", "1"),
            ("stray\nword",),
        ):
            self.assertWrong((*LISTEN, *BACKEND, *arguments), "\\n")
