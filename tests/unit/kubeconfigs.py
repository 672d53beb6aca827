"""Kubeconfig files for unit tests, and the exec plugins that they name, in memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any
from unittest import SkipTest

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessProtocol, IProcessTransport, IReactorProcess
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer

from tinylb.providers.kubernetes.config import Config

PATH = "/etc/kube/config"
SERVER = "https://192.0.2.1:6443"
V1 = "client.authentication.k8s.io/v1"
# A program that exists; it is never run.
EXEC: dict[str, Any] = {"apiVersion": V1, "command": sys.executable, "args": ["get-token"], "interactiveMode": "Never"}


def kubeconfig(
    cluster: Mapping[str, Any] | None = None,
    user: Mapping[str, Any] | None = None,
    context: str | None = "here",
    **others: Any,
) -> bytes:
    """
    The content of such a file, with one context.

    @param cluster: what there is beside the server.
    @param context: the current one.
    @param others: replace what stands at the top.
    """
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "contexts": [{"name": "here", "context": {"cluster": "prod", "user": "node"}}],
        "clusters": [{"name": "prod", "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": "node", "user": user or {}}],
    }
    return json.dumps({**document, **others}).encode()


def parsed(content: bytes, path: str = PATH) -> Config:
    """What it says. Where YAML is not installed the test is skipped."""
    try:
        from tinylb.providers.kubernetes.kubeconfig import parseKubeconfig
    except ImportError as error:
        raise SkipTest(f"YAML is not installed: {error}") from None
    return parseKubeconfig(content, path)


def execCredential(*, apiVersion: str = V1, kind: str = "ExecCredential", **status: Any) -> bytes:
    """What a plugin says."""
    return json.dumps({"apiVersion": apiVersion, "kind": kind, "status": status}).encode()


class Program:
    """
    A program that was started.

    @ivar environ: its environment.
    @ivar isKilled: whether it was.
    """

    pid = None

    def __init__(self, protocol: IProcessProtocol, line: list[str], environ: Mapping[str, str]) -> None:
        self.line = line
        self.environ = environ
        self.isKilled = False
        self._protocol = protocol
        self._hasEnded = False
        directlyProvides(self, IProcessTransport)
        protocol.makeConnection(IProcessTransport(self))

    def info(self) -> Any:
        """What it is told."""
        return json.loads(self.environ["KUBERNETES_EXEC_INFO"])

    def say(self, output: bytes, descriptor: int = 1) -> None:
        """It writes something."""
        self._protocol.childDataReceived(descriptor, output)

    def end(self, status: int = 0) -> None:
        """It ends."""
        self._hasEnded = True
        reason = ProcessTerminated(status) if status else ProcessDone(0)
        self._protocol.processEnded(Failure(reason))

    def answer(self, output: bytes) -> None:
        """It says something and ends."""
        self.say(output)
        self.end()

    def signalProcess(self, signalID: str | int) -> None:
        """See L{IProcessTransport.signalProcess}."""
        if self._hasEnded:
            raise ProcessExitedAlready
        self.isKilled = True

    def loseConnection(self) -> None:
        """See L{IProcessTransport.loseConnection}."""


@implementer(IReactorProcess)
class Programs(list[Program]):
    """A reactor that starts them; it holds all it has started."""

    def spawnProcess(  # type: ignore[override]
        self, protocol: IProcessProtocol, executable: str, args: list[str], env: Mapping[str, str], **others: object
    ) -> Program:
        """See L{IReactorProcess.spawnProcess}."""
        program = Program(protocol, args, env)
        self.append(program)
        return program
