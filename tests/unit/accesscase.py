"""A folder with a kubeconfig and the files that it names, and an C{Access} that follows it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.kubeconfigs import Programs, kubeconfig, parsed
from tinylb.providers.kubernetes.access import Access, AccessError, Session, WrongAccess, kubeconfigAccess


class AccessCase(SynchronousTestCase):
    """
    The certificates are real; the programs are stand-ins.

    @ivar path: the path of the kubeconfig.
    """

    def setUp(self) -> None:
        """The folder has an authority, C{authority.pem}, and our certificate with its key, C{client.pem}."""
        try:
            from tests.certificates import Authority
        except ImportError as error:
            raise SkipTest(f"TLS is not installed: {error}") from None
        parsed(kubeconfig())
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.authority = Authority(self.folder)
        self.authority.issue("client")
        self.path = self.folder / "kubelet.conf"
        self.clock = Clock()
        self.programs = Programs()

    def write(
        self, cluster: Mapping[str, Any] | None = None, user: Mapping[str, Any] | None = None, **others: Any
    ) -> None:
        """Replace the kubeconfig by one that trusts the authority, and has these entries."""
        ca = {} if (cluster or {}).get("insecure-skip-tls-verify") else {"certificate-authority": "authority.pem"}
        self.replace("kubelet.conf", kubeconfig({**ca, **(cluster or {})}, user, **others))

    def replace(self, name: str, content: bytes) -> None:
        """Replace a file, by a rename."""
        (self.folder / "next").write_bytes(content)
        os.replace(self.folder / "next", self.folder / name)

    def access(self, *, mayBeMissing: bool = False) -> Access:
        """The access that the kubeconfig describes, which follows it."""
        return kubeconfigAccess(self.programs, self.clock, self.path, mayBeMissing=mayBeMissing)

    def session(self, access: Access) -> Session:
        """The session that a request would use now."""
        return self.successResultOf(access.session())

    def authorization(self, access: Access) -> str:
        """The Authorization header of a request now; empty if there is none."""
        return "".join(self.session(access).headers.get("Authorization", ()))

    def assertWrong(self, *words: str) -> None:
        """L{WrongAccess} is raised, with one line that begins with the kubeconfig's path and has these words."""
        line = str(self.assertRaises(WrongAccess, self.access))
        self.assertTrue(line.isprintable() and line.startswith(f"{self.path}: "), line)
        for word in words:
            self.assertIn(word, line)

    def assertNone(self, asked: Deferred[Session], *words: str) -> None:
        """There is no session; the error is one line with these words."""
        failure = self.failureResultOf(asked, AccessError)
        self.assertNotIsInstance(failure.value, WrongAccess)
        line = str(failure.value)
        self.assertTrue(line.isprintable(), line)
        for word in words:
            self.assertIn(word, line)
