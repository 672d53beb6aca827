"""The command line's part that health has: what each option means and brings about, and what is wrong usage."""

from __future__ import annotations

import signal
from typing import Any

from twisted.application.service import IService

from tests.unit.rigs import told
from tests.unit.test_tap import BACKEND, LISTEN, OptionsCase
from tests.unit.test_tap_service import ProgramCase
from tinylb import LeastConnections, LoadBalancerService, RoundRobin, VerdictChanged, tap
from tinylb.events import Verdict
from tinylb.testing import Recorder

RIGHT = (*LISTEN, *BACKEND)
TCP = (*RIGHT, "--check", "tcp")
HTTPS = (*RIGHT, "--check", "https:/readyz")
DEFAULTS = {
    "check": None,
    "check-interval": 2.0,
    "check-timeout": 1.0,
    "check-ca": None,
    "check-cert": None,
    "check-key": None,
    "rise": 2,
    "fall": 3,
    "on-down": "abort",
}


class MeaningTests(OptionsCase):
    """Right usage."""

    def health(self, *arguments: str) -> dict[str, object]:
        """What the options of this part mean."""
        options = self.parse(*RIGHT, *arguments)
        return {name: options[name] for name in DEFAULTS}

    def test_defaults(self) -> None:
        """What is not given is as documented: nobody is checked."""
        self.assertEqual(self.health(), DEFAULTS)

    def test_check(self) -> None:
        """A check is C{tcp}, or a path over HTTP or HTTPS."""
        for kind in ("tcp", "http:/", "http:/healthz", "https:/readyz?verbose&exclude=etcd", "https:/a//b:1%20c"):
            self.assertEqual(self.health("--check", kind), {**DEFAULTS, "check": kind})

    def test_seconds(self) -> None:
        """Times are seconds, with a fraction if need be."""
        for name in ("check-interval", "check-timeout"):
            for text, seconds in (("5", 5.0), ("0.5", 0.5), ("0.01", 0.01)):
                self.assertEqual(self.health("--check", "tcp", f"--{name}", text)[name], seconds)

    def test_counts(self) -> None:
        """Rise and fall are whole numbers."""
        for name in ("rise", "fall"):
            for text, number in (("1", 1), ("20", 20)):
                self.assertEqual(self.health("--check", "tcp", f"--{name}", text)[name], number)

    def test_onDown(self) -> None:
        """Open connections of a dead backend are aborted or kept."""
        for action in ("abort", "keep"):
            self.assertEqual(self.health("--check", "tcp", "--on-down", action)["on-down"], action)

    def test_files(self) -> None:
        """Files are named by their paths; they are not looked at yet."""
        files = {"check-ca": "/no/ca", "check-cert": "/no/cert", "check-key": "/no/key"}
        arguments = [f"--{name}={path}" for name, path in files.items()]
        self.assertEqual(
            self.health("--check", "https:/", *arguments),
            {**DEFAULTS, "check": "https:/", **files},
        )

    def test_keyBesideCertificate(self) -> None:
        """A certificate may be given without a key, which stands in the same file then."""
        self.assertEqual(self.health("--check", "https:/", "--check-cert", "/no/cert")["check-key"], None)

    def test_policy(self) -> None:
        """Both policies can be asked for."""
        for policy in ("round-robin", "least-connections"):
            self.assertEqual(self.parse(*RIGHT, "--policy", policy)["policy"], policy)


class WrongUsageTests(OptionsCase):
    """Wrong usage: one line that names the option, the value, and what would be right."""

    def assertWrongValues(self, name: str, values: tuple[str, ...], *words: str, before: tuple[str, ...] = TCP) -> None:
        """These values of this option are wrong usage, in an otherwise right command line, with a check unless told."""
        for value in values:
            shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in value)
            self.assertWrong((*before, name, value), f"{name} {shown}: ", *words)

    def assertNoChecks(self, values: tuple[str, ...]) -> None:
        """These are no checks; what is one is said."""
        self.assertWrongValues("--check", values, "tcp, http:/PATH or https:/PATH", before=RIGHT)

    def test_check(self) -> None:
        """What is no check is answered with those there are."""
        self.assertNoChecks(("", "TCP", "tcp:6443", "http", "https:", "https:readyz", "HTTPS:/", "ftp:/", "/readyz"))

    def test_url(self) -> None:
        """Nor is a URL: a backend has its own host and port."""
        self.assertNoChecks(("https://192.0.2.11:6443/readyz", "http://localhost/"))

    def test_path(self) -> None:
        """Nor is a path that would have to be quoted to be one."""
        self.assertNoChecks(("http:/a b", "http:/a\r\nHost: b", "http:/a\x00", "http:/\u00e9"))

    def test_seconds(self) -> None:
        """Times are more than nothing; the line says how much."""
        values = ("0", "0.009", "-1", "soon", "", "5s", "nan", "inf")
        for name in ("--check-interval", "--check-timeout"):
            self.assertWrongValues(name, values, "number of seconds from 0.01", f"{name} 10")

    def test_counts(self) -> None:
        """Rise and fall are at least 1."""
        for name in ("--rise", "--fall"):
            self.assertWrongValues(name, ("0", "-1", "1.5", "many", "", "\u0665"), "whole number from 1", f"{name} 3")

    def test_onDown(self) -> None:
        """An unknown action is answered with those there are."""
        self.assertWrongValues("--on-down", ("", "Abort", "kill", "keep\n"), "abort or keep")

    def test_policy(self) -> None:
        """An unknown policy, too."""
        self.assertWrongValues("--policy", ("", "leastconn", "Least-Connections"), "round-robin or least-connections")

    def test_filesWithoutHTTPS(self) -> None:
        """Files for TLS without a check over TLS are refused: whoever gives them believes that there is one."""
        for name in ("--check-ca", "--check-cert", "--check-key"):
            for kind in ((), ("--check", "tcp"), ("--check", "http:/readyz")):
                self.assertWrong((*RIGHT, *kind, name, "/f.pem"), f"{name} /f.pem: ", "--check https:/readyz")

    def test_keyWithoutCertificate(self) -> None:
        """A key alone is of no use."""
        self.assertWrong((*HTTPS, "--check-key", "/key.pem"), "--check-key /key.pem: ", "--check-cert FILE")

    def test_missingValue(self) -> None:
        """An option without its value is named."""
        for name in DEFAULTS:
            self.assertWrong((*RIGHT, f"--{name}"), f"--{name}", "requires argument")


class EffectTests(ProgramCase):
    """What the options bring about."""

    def setUp(self) -> None:
        """The test's process keeps its own way with signals."""
        super().setUp()
        self.patch(signal, "signal", lambda number, handler: None)

    def start(self, *arguments: str) -> IService:
        """The service of a command line, in a reactor that runs."""
        service = super().start(*arguments)
        self.turnOn()
        return service

    def turnOn(self) -> None:
        """The reactor runs."""
        for hook, arguments, named in self.reactor.whenRunningHooks:
            hook(*arguments, **named)

    def watch(self) -> list[Any]:
        """
        @return: what happens in balancers that are made from now on.
        """
        recorder = Recorder()

        class Service(LoadBalancerService):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                super().__init__(*arguments, **options)
                self.balancer.observers.append(recorder)

        self.patch(tap, "LoadBalancerService", Service)
        return recorder.events

    def listen(self, seconds: float) -> None:
        """Let time pass in small steps."""
        self.reactor.pump([0.05] * round(seconds / 0.05))

    def test_noChecks(self) -> None:
        """Unless they are asked for, there are none."""
        self.start(*RIGHT)
        self.listen(60)
        self.assertEqual(self.dialled(), [])

    def test_withoutCheck(self) -> None:
        """Whoever says how to check, and not what, is told that nothing is checked; it is no reason not to start."""
        self.start(*RIGHT, "--rise", "2", "--on-down", "keep")
        self.assertIn("warn: --rise, --on-down: no effect without --check; backends are not checked", self.lines)

    def test_atStart(self) -> None:
        """Checks begin when the reactor runs, and go on."""
        super().start(*TCP, "--backend", "192.0.2.12:6443")
        self.assertEqual(self.dialled(), [])
        self.turnOn()
        self.assertEqual(sorted(self.dialled()), ["192.0.2.11", "192.0.2.12"])
        self.listen(2.5)
        self.assertEqual(len(self.dialled()), 4)

    def test_stop(self) -> None:
        """They end with the program; that no timer is left is seen to with every test here."""
        service = self.start(*TCP)
        self.listen(0.5)
        service.stopService()
        self.listen(60)
        self.assertEqual(len(self.dialled()), 1)

    def test_interval(self) -> None:
        """Checks are an interval apart, a fifth more or less."""
        self.start(*TCP, "--check-interval", "10")
        self.listen(100)
        self.assertTrue(9 <= len(self.dialled()) <= 13, self.dialled())

    def test_verdict(self) -> None:
        """A backend that is silent is judged after the timeout, by as many checks as it takes."""
        events = self.watch()
        self.start(*TCP, "--check-timeout", "0.5", "--check-interval", "10", "--fall", "2")
        self.listen(0.7)
        (first,) = told(events, VerdictChanged)
        self.assertEqual((first.verdict, first.why), (Verdict.NOT_READY, "check: no connection within 0.5 s"))
        self.listen(13)
        self.assertIs(told(events, VerdictChanged)[-1].verdict, Verdict.DEAD)

    def test_rise(self) -> None:
        """One that is back is ready after as many checks as it takes."""
        events = self.watch()
        self.start(*TCP, "--check-interval", "10", "--rise", "3")
        self.listen(1.5)
        for number in (1, 2, 3):
            self.assertIs(told(events, VerdictChanged)[-1].verdict, Verdict.NOT_READY)
            while len(self.dialled()) == number:
                self.listen(0.05)
            self.accept(number)
        self.assertEqual(len(self.dialled()), 4)

    def test_http(self) -> None:
        """A check over HTTP asks for the path, of the backend's own host."""
        self.start(*RIGHT, "--check", "http:/healthz?full")
        server = self.accept()
        lines = server.received.split(b"\r\n")
        self.assertEqual(lines[0], b"GET /healthz?full HTTP/1.1")
        self.assertIn(b"Host: 192.0.2.11:6443", lines)

    def test_onDown(self) -> None:
        """Connections of dead backends are aborted, unless they are to be kept."""
        given: list[object] = []
        self.options("onDown", given)
        for arguments in ([], ["--on-down", "keep"], ["--on-down", "abort"]):
            self.make(*TCP, *arguments)
        self.assertEqual(given, ["abort", "keep", "abort"])

    def test_policy(self) -> None:
        """The policy is the one that was asked for."""
        given: list[object] = []
        self.options("policy", given)
        for arguments in ([], ["--policy", "least-connections"], ["--policy", "round-robin"]):
            self.make(*RIGHT, *arguments)
        self.assertEqual([type(policy) for policy in given], [RoundRobin, LeastConnections, RoundRobin])

    def options(self, name: str, given: list[object]) -> None:
        """Keep an option that each balancer that is made from now on is given."""

        class Service(LoadBalancerService):
            def __init__(self, *arguments: Any, **options: Any) -> None:
                given.append(options[name])
                super().__init__(*arguments, **options)

        self.patch(tap, "LoadBalancerService", Service)
