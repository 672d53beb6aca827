"""Fixed backends beside a followed source: its bootstrap, and who stands by for it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.program.peers import freePort
from tests.program.processes import keepsPromise, waitUntil
from tests.program.stage import Stage, Tinylb
from tests.program.test_wrongusage import LISTEN, refusal

RESET_WITHIN = 0.5
"""Seconds from a change of the file to the reset at a client."""


def served(stage: Stage, tinylb: Tinylb, count: int = 6) -> set[str]:
    """Who serves so many clients, one after the other."""
    return {stage.nameOf(tinylb) for _ in range(count)}


def test_bootstrap(stage: Stage) -> None:
    """Until the file is there the fixed ones serve; then the source does, and open connections stay."""
    a, f = stage.server("a"), stage.server("f")
    tinylb = stage.follow("--backend", f"f={f.target}")
    early = stage.client(tinylb)
    assert early.line() == "f"
    tinylb.waitFor(r"backends\.json: there is no such file.*nothing is known from it yet")
    stage.write({"a": a})
    tinylb.waitForSet(2)
    assert served(stage, tinylb) == {"a"}
    assert early.echoes(b"still here")
    assert tinylb.count("no such file") == 1


def test_standsBy(stage: Stage) -> None:
    """They serve while nobody of the source can, and no longer, though nothing is checked."""
    servers = stage.servers("a", "b")
    f = stage.server("f")
    tinylb = stage.follow("--backend", f.target)
    assert served(stage, tinylb) == {"a", "b"}
    servers["a"].close()
    assert served(stage, tinylb) == {"b"}
    servers["b"].close()
    assert served(stage, tinylb) == {"f"}
    stage.server("a again", port=servers["a"].port)
    waitUntil(lambda: stage.nameOf(tinylb) == "a again", "the source's serve again")
    waitUntil(lambda: served(stage, tinylb) == {"a again"}, "and they alone")


@pytest.mark.parametrize("remaining", [{}, {"b"}], ids=["nobody", "another"])
def test_leavesAndStandsBy(stage: Stage, remaining: set[str]) -> None:
    """Connections to a target that leaves the source are reset, though it stands by; others are left alone."""
    servers = {name: stage.server(name) for name in "ab"}
    stage.write(servers)
    fixed = [f"--backend={name}={server.target}" for name, server in servers.items()]
    tinylb = stage.follow(*fixed)

    def secondsToReset() -> float:
        stage.write(servers)
        waitUntil(lambda: served(stage, tinylb) == {"a", "b"}, "both serve")
        ended = tinylb.count("removed: 10 connections ended")
        clients = [stage.client(tinylb) for _ in range(20)]
        names = [client.line() for client in clients]
        assert set(names) == {"a", "b"}
        stage.write({name: servers[name] for name in remaining})
        changed = time.monotonic()
        for client, name in zip(clients, names, strict=True):
            if name not in remaining:
                assert client.ending() == "reset"
        took = time.monotonic() - changed
        tinylb.waitFor("removed: 10 connections ended", ended + 2 - len(remaining))
        assert all(client.echoes(b"still") for client, name in zip(clients, names, strict=True) if name in remaining)
        assert served(stage, tinylb) == (remaining or {"a", "b"})
        return took

    keepsPromise(secondsToReset, RESET_WITHIN)


def test_emptySource(stage: Stage) -> None:
    """Where the source says that there is nobody, those who stand by serve; the program is never without."""
    servers = stage.servers("a")
    f = stage.server("f")
    tinylb = stage.follow("--backend", f.target)
    stage.write({})
    tinylb.waitForSet(2)
    client = stage.client(tinylb)
    assert client.line() == "f"
    stage.write(servers)
    tinylb.waitForSet(3)
    assert stage.nameOf(tinylb) == "a"
    assert client.echoes(b"still here")


def test_sourceBreaks(stage: Stage) -> None:
    """A file that vanishes, or becomes invalid, is no answer: the source's last good set stays, and serves."""
    stage.servers("a")
    f = stage.server("f")
    tinylb = stage.follow("--backend", f.target)
    stage.file.unlink()
    tinylb.waitFor("no such file.*the last good set stays")
    assert served(stage, tinylb) == {"a"}
    stage.writeText("{")
    tinylb.waitFor("line 1 column 2.*the last good set stays")
    assert served(stage, tinylb) == {"a"}


def test_checked(stage: Stage) -> None:
    """With checks the same holds, without a client that has to find out: they are checked as the others are."""
    servers = stage.servers("a")
    f = stage.server("f")
    tinylb = stage.follow("--backend", f.target, "--check", "tcp", "--check-interval", "0.1", "--fall", "2")
    client = stage.client(tinylb)
    assert client.line() == "a"
    servers["a"].close()
    tinylb.waitFor(rf"{servers['a'].target}.*dead")
    assert served(stage, tinylb, 3) == {"f"}
    stage.server("a again", port=servers["a"].port)
    waitUntil(lambda: stage.nameOf(tinylb) == "a again", "the source's serve again")


def test_itself(stage: Stage) -> None:
    """One that is the balancer itself is left out, as of any set."""
    port = freePort()
    a = stage.server("a")
    tinylb = stage.follow(
        "--backend", f"self=127.0.0.1:{port}", "--backend", f"a={a.target}", listen=f"tcp:{port}:interface=127.0.0.1"
    )
    tinylb.waitFor("Backend self .* is left out")
    assert served(stage, tinylb) == {"a"}


def test_kubeconfigIsWaitedFor(stage: Stage) -> None:
    """So is a kubeconfig that is missing, beside a fixed backend; that is said once."""
    pytest.importorskip("yaml", reason="Kubernetes needs PyYAML")
    pytest.importorskip("OpenSSL", reason="Kubernetes needs pyOpenSSL")
    f = stage.server("f")
    tinylb = stage.balance("--kubernetes", stage.folder / "kubelet.conf", "--backend", f.target)
    assert stage.nameOf(tinylb) == "f"
    tinylb.waitFor(r"kubelet\.conf: there is no such file")
    assert tinylb.stop() == 0
    assert tinylb.count("there is no such file") == 1


def test_nameIsWaitedFor(stage: Stage) -> None:
    """A name that does not resolve is asked for again, and shown in one line; the fixed one serves meanwhile."""
    f = stage.server("f")
    tinylb = stage.balance("--dns", "no-such-host.invalid:6443", "--backend", f.target)
    assert stage.nameOf(tinylb) == "f"
    line = tinylb.waitFor("error.*no-such-host.invalid:6443: .*nothing is known from it yet").string
    assert "Traceback" not in line
    assert stage.nameOf(tinylb) == "f"
    assert tinylb.stop() == 0


BACKEND = ("--backend", "127.0.0.1:7101")
FILE = ("--backends-file", "b.json")

OPTIONS = {
    "two sources": ((*FILE, "--dns", "x:1"), "--dns x:1: ", "--backends-file b.json"),
    "two files": ((*FILE, "--backends-file", "c.json"), "--backends-file c.json: ", "one file"),
    "only a state": (("--state-file", "s"), "no backends", "--backends-file FILE"),
    "a state of nothing": ((*BACKEND, "--state-file", "s"), "--state-file s: ", "--dns"),
    "the state is the source": ((*FILE, "--state-file", "./b.json"), "--state-file ./b.json: ", "file"),
    "the state is a folder": ((*FILE, "--state-file", "/"), "--state-file /: ", "file"),
    "no state": ((*FILE, "--state-file="), "--state-file : ", "file"),
    "a service of nothing": ((*FILE, "--kubernetes-service", "a/b"), "--kubernetes-service a/b: ", "--kubernetes"),
    "no port": (("--dns", "cp.example"), "--dns cp.example: ", "HOST:PORT"),
    "no name": (("--dns", "192.0.2.1:6443"), "--dns 192.0.2.1:6443: ", "fixed backend"),
    "no SRV name": (("--srv", "a b"), "--srv a b: ", "name"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_wrongUsage(stage: Stage, case: str) -> None:
    """Wrong usage ends the program at the start."""
    arguments, wrong, right = OPTIONS[case]
    stage.folder.joinpath("b.json").write_text('{"backends": {}}')
    line = refusal(stage, *LISTEN, *arguments, runners=["twistd"])
    assert wrong in line
    assert right in line
    assert sorted(os.listdir(stage.folder)) == ["b.json"]


def kubeconfig(folder: Path, text: str) -> Path:
    """A kubeconfig."""
    path = folder / "kubelet.conf"
    path.write_text(text)
    return path


KUBERNETES = {
    "service": ("", ("--kubernetes-service", "a b"), "--kubernetes-service a b: ", "default/kubernetes:https"),
    "no YAML": ("{", (), "--kubernetes ", "line"),
    "no kubeconfig": ("hello", (), "--kubernetes ", "expected: an object"),
    "no context": ("{current-context: x, contexts: []}", (), "--kubernetes ", "'x'"),
}


@pytest.mark.parametrize("case", KUBERNETES)
def test_wrongKubernetes(stage: Stage, case: str) -> None:
    """So does a kubeconfig that is none or lacks what it names, or a service that is none; nothing will mend it."""
    pytest.importorskip("yaml", reason="Kubernetes needs PyYAML")
    pytest.importorskip("OpenSSL", reason="Kubernetes needs pyOpenSSL")
    text, arguments, wrong, right = KUBERNETES[case]
    config = kubeconfig(stage.folder, text) if text else stage.folder / "missing"
    line = refusal(stage, *LISTEN, *BACKEND, "--kubernetes", config, *arguments, runners=["twistd"])
    assert line.startswith(wrong)
    assert right in line


def test_missingAlone(stage: Stage) -> None:
    """Without anything to begin with, a file that is missing ends it."""
    line = refusal(stage, *LISTEN, "--backends-file", stage.file, runners=["twistd"])
    assert line.startswith(f"--backends-file {stage.file}: there is no such file")
