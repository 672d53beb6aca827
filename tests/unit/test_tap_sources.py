"""The command line's part that says where backends come from: what the options bring about, and what is wrong usage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import SkipTest

from tests.unit.filecase import ONE
from tests.unit.test_tap import BACKEND, LISTEN, OptionsCase
from tests.unit.test_tap_service import ProgramCase
from tinylb import FileProvider, Value, tap
from tinylb.interfaces import IProvider
from tinylb.providers.layered import LayeredProvider
from tinylb.service import LoadBalancerService

SOURCES = {
    "backends-file": "b.json",
    "dns": "cp.example:6443",
    "srv": "_https._tcp.cp.example",
    "kubernetes": "/etc/kubernetes/kubelet.conf",
}


class MeaningTests(OptionsCase):
    """Right usage."""

    def test_sources(self) -> None:
        """Each source is kept as it was given, and nothing is touched for it yet."""
        for name, value in SOURCES.items():
            options = self.parse(*LISTEN, f"--{name}", value)
            self.assertEqual({each: options[each] for each in SOURCES}, {**dict.fromkeys(SOURCES), name: value})

    def test_beside(self) -> None:
        """Fixed backends and a state file go with any of them, in any order."""
        for name, value in SOURCES.items():
            for arguments in (
                (*BACKEND, "--state-file", "s", f"--{name}", value),
                (f"--{name}", value, "--state-file", "s", *BACKEND),
            ):
                options = self.parse(*LISTEN, *arguments)
                self.assertEqual((list(options["backend"]), options["state-file"]), (["cp-1"], "s"))

    def test_service(self) -> None:
        """Which service is followed goes with Kubernetes, before it or after it."""
        for arguments in (
            ("--kubernetes", "c", "--kubernetes-service", "a/b"),
            ("--kubernetes-service=a/b", "--kubernetes=c"),
        ):
            self.assertEqual(self.parse(*LISTEN, *arguments)["kubernetes-service"], "a/b")


class WrongTests(OptionsCase):
    """Wrong usage that is seen without touching anything."""

    def test_nothing(self) -> None:
        """A state file alone is no source of backends."""
        self.assertWrong((*LISTEN, "--state-file", "s"), "no backends", "--backends-file FILE")

    def test_twoSources(self) -> None:
        """Any two sources are one too many; the line names both, and what may be had beside one."""
        for first in SOURCES:
            for second in SOURCES:
                arguments = (*LISTEN, f"--{first}", "a", f"--{second}", "b")
                self.assertWrong(arguments, f"--{second} b: ")
                if first != second:
                    self.assertWrong(arguments, f"--{first} a is followed already", "--backend")

    def test_stateWithoutSource(self) -> None:
        """Fixed backends need not be remembered."""
        self.assertWrong((*LISTEN, *BACKEND, "--state-file", "s"), "--state-file s: ", "--dns", "--kubernetes")

    def test_serviceWithoutKubernetes(self) -> None:
        """A service is Kubernetes'."""
        for source in ("--dns=x:1", "--backends-file=b", "--backend=x:1"):
            self.assertWrong(
                (*LISTEN, source, "--kubernetes-service", "a/b"), "--kubernetes-service a/b: ", "--kubernetes CONFIG"
            )

    def test_values(self) -> None:
        """Each of the options wants a value."""
        for name in (*SOURCES, "state-file", "kubernetes-service"):
            self.assertWrong((*LISTEN, f"--{name}"), f"--{name}", "requires argument")


class SourcesCase(ProgramCase):
    """Command lines that are made a service."""

    def setUp(self) -> None:
        """What the service is given to follow is kept."""
        super().setUp()
        self.folder = self.path.parent
        self.state = self.folder / "state"
        self.file = ("--backends-file", str(self.path))
        given: list[IProvider] = []

        class Service(LoadBalancerService):
            def __init__(self, endpoint: Any, provider: IProvider, **options: Any) -> None:
                given.append(provider)
                super().__init__(endpoint, provider, **options)

        self.patch(tap, "LoadBalancerService", Service)
        self.given = given

    def provider(self, *arguments: str) -> IProvider:
        """What a command line has followed."""
        self.make(*LISTEN, *arguments)
        return self.given[-1]

    def assertWrong(self, arguments: tuple[str, ...], *words: str) -> None:
        """The program does not start, but ends with status 1 and one line, which has these words."""
        line: Any = self.assertRaises(SystemExit, self.make, *LISTEN, *arguments).code
        self.assertIsInstance(line, str)
        self.assertTrue(line.startswith("tinylb: ") and line.isprintable(), line)
        for word in words:
            self.assertIn(word, line)
        self.assertEqual(self.reactor.tcpServers, [])

    def needKubernetes(self) -> None:
        """Skip where that is not installed."""
        try:
            import tinylb.providers.kubernetes.access  # noqa: F401
        except ImportError as error:
            raise SkipTest(f"Kubernetes needs more: {error}") from None


class ProviderTests(SourcesCase):
    """What is followed."""

    def test_fixed(self) -> None:
        """Fixed backends alone are a set that never changes."""
        self.assertIsInstance(self.provider(*BACKEND), Value)

    def test_alone(self) -> None:
        """A source alone is followed as it is."""
        self.path.write_text(ONE)
        self.assertIsInstance(self.provider(*self.file), FileProvider)

    def test_layers(self) -> None:
        """With something beside it there are layers."""
        self.path.write_text(ONE)
        self.assertIsInstance(self.provider(*self.file, *BACKEND), LayeredProvider)
        self.assertIsInstance(self.provider(*self.file, "--state-file", str(self.state)), LayeredProvider)

    def test_names(self) -> None:
        """Names are followed by what asks name servers; C{describe} says what was given."""
        for name, value in (("dns", "CP.Example:6443"), ("srv", "_https._tcp.cp.example")):
            provider: Any = self.provider(f"--{name}", value)
            self.assertIn(value.lower(), provider.describe()["source"])

    def test_nothingBegun(self) -> None:
        """Nothing is opened, asked or written before the service is started."""
        self.provider("--dns", "cp.example:6443", "--state-file", str(self.state), *BACKEND)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(list(self.folder.iterdir()), [])


class MissingTests(SourcesCase):
    """A file that is missing at the start."""

    def test_waitedFor(self) -> None:
        """Beside a fixed backend it is waited for, which is said once; it is followed when it is there."""
        self.start(*LISTEN, *self.file, *BACKEND)
        self.reactor.pump([0.1] * 20)
        self.connect()
        self.assertEqual(self.dialled(), ["192.0.2.11"])
        self.path.write_text('{"backends": {"cp-2": "192.0.2.12:6443"}}')
        self.reactor.pump([0.1] * 50)
        self.connect()
        self.assertEqual(self.dialled()[-1], "192.0.2.12")
        self.assertEqual(len([line for line in self.lines if "no such file" in line]), 1)

    def test_waitedForWithState(self) -> None:
        """So it is with a state file, though there may be nothing in it."""
        self.start(*LISTEN, *self.file, "--state-file", str(self.state))
        self.reactor.pump([0.1] * 20)
        self.assertEqual(self.served(1), [False])

    def test_kubeconfig(self) -> None:
        """The same goes for a kubeconfig."""
        self.needKubernetes()
        config = str(self.folder / "kubelet.conf")
        self.assertWrong(("--kubernetes", config), f"--kubernetes {config}: ", "no such file")
        self.assertIsInstance(self.provider("--kubernetes", config, *BACKEND), LayeredProvider)

    def test_invalid(self) -> None:
        """One that is there and invalid ends the program, whatever stands beside it: nothing will mend it."""
        self.path.write_text("{")
        for beside in (BACKEND, ("--state-file", str(self.state))):
            self.assertWrong((*self.file, *beside), f"--backends-file {self.path}: ", "line 1 column 2")

    def test_invalidKubeconfig(self) -> None:
        """Also a kubeconfig."""
        self.needKubernetes()
        config = self.folder / "kubelet.conf"
        config.write_text("nothing")
        self.assertWrong(("--kubernetes", str(config), *BACKEND), f"--kubernetes {config}: ")


class WrongSourceTests(SourcesCase):
    """Sources that cannot be followed, ever."""

    def test_dns(self) -> None:
        """What is no name and port."""
        for value in ("", "cp.example", "cp.example:0", "192.0.2.1:80", "[::1]:80", "a b:1", "x:1\n"):
            shown = value.replace("\n", "\\n")
            self.assertWrong(("--dns", value), f"--dns {shown}: ")

    def test_srv(self) -> None:
        """What is no name."""
        for value in ("", "a b", "_https._tcp.cp.example:443", "-.example", "192.0.2.1"):
            self.assertWrong(("--srv", value), f"--srv {value}: ")

    def test_service(self) -> None:
        """What is no service, also where nothing was given for it, as by a variable that is not set."""
        self.needKubernetes()
        config = ("--kubernetes", str(self.folder / "c"), *BACKEND)
        for value in ("", "a", "a/", "/b", "a/b/c", "a/b:", "a b/c"):
            self.assertWrong(
                (*config, "--kubernetes-service", value), f"--kubernetes-service {value}: ", "default/kubernetes:https"
            )

    def test_notInCluster(self) -> None:
        """C{in-cluster} where there is no cluster."""
        self.needKubernetes()
        for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
            self.patch(os, "environ", {each: value for each, value in os.environ.items() if each != name})
        self.assertWrong(("--kubernetes", "in-cluster"), "--kubernetes in-cluster: ")


class WrongStateTests(SourcesCase):
    """State files that cannot be."""

    def setUp(self) -> None:
        """There is a backends file."""
        super().setUp()
        self.path.write_text(ONE)

    def test_theSource(self) -> None:
        """The file that is followed, however it is spelled: it would be replaced by what it said."""
        link = self.folder / "link"
        link.symlink_to(self.path)
        roundabout = f"{self.folder}/../{self.folder.name}/b.json"
        for spelling in (str(self.path), str(link), roundabout):
            for source in (str(self.path), str(link)):
                self.assertWrong(
                    ("--backends-file", source, "--state-file", spelling), f"--state-file {spelling}: ", "its own"
                )
        self.assertEqual(self.path.read_text(), ONE)

    def test_noFile(self) -> None:
        """A folder, a pipe, a device, or no name at all, as of a variable that is not set."""
        os.mkfifo(self.folder / "pipe")
        for value in (str(self.folder), str(self.folder / "pipe"), "/dev/null", ""):
            self.assertWrong((*self.file, "--state-file", value), f"--state-file {value}: ", "file")

    def test_missing(self) -> None:
        """One that is not there yet is what every first start meets; so is a folder that somebody makes later."""
        for path in (self.state, Path(self.folder / "later" / "state")):
            self.assertIsInstance(self.provider(*self.file, "--state-file", str(path)), LayeredProvider)
