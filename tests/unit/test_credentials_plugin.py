"""Credentials that a program gives: when it is asked, what it may answer, and who hears of it."""

from __future__ import annotations

import base64
import os
import tempfile
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.kubeconfigs import EXEC, PATH, V1, Program, Programs, execCredential, kubeconfig, parsed
from tinylb.providers.kubernetes.credentials import Credential, CredentialError
from tinylb.providers.kubernetes.plugincredentials import PluginCredentials

WHERE = f"{PATH}: users[node].exec: {EXEC['command']}: "
NOW = 1_780_000_000.0  # 2026-05-28T20:26:40Z


class PluginCase(SynchronousTestCase):
    """A plugin, and those who ask it."""

    def setUp(self) -> None:
        """It is NOW, and nothing has been asked."""
        self.clock = Clock()
        self.now = NOW
        self.programs = Programs()
        self.credentials = self.plugin()

    def plugin(self, cluster: dict[str, Any] | None = None, **changes: Any) -> PluginCredentials:
        """Credentials of a plugin that is configured so."""
        config = parsed(kubeconfig(cluster, {"exec": {**EXEC, **changes}}))
        assert config.user.plugin is not None
        return PluginCredentials(
            self.programs, self.clock, config.user.plugin, config.cluster, {"HOME": "/root"}, lambda: self.now
        )

    def running(self, count: int = 1) -> Program:
        """The program that was started last, of so many."""
        self.assertEqual(len(self.programs), count)
        return self.programs[-1]

    def assertShown(self, asked: Deferred[Credential], token: str) -> Credential:
        """It has given this token."""
        credential = self.successResultOf(asked)
        self.assertEqual(credential.authorization, f"Bearer {token}")
        return credential

    def assertNone(self, asked: Deferred[Credential], *words: str) -> str:
        """
        There is none, for a reason with these words, on one line.

        @return: the line.
        """
        line = str(self.failureResultOf(asked, CredentialError).value)
        self.assertTrue(line.isprintable() and line.startswith(WHERE), line)
        for word in words:
            self.assertIn(word, line)
        return line


class AskingTests(PluginCase):
    """When it is asked, and what it is told."""

    def test_asked(self) -> None:
        """The program runs with its arguments, our environment and its own; the reply comes when it has ended."""
        asked = self.plugin(env=[{"name": "PROFILE", "value": "a=b"}]).get()
        program = self.running()
        self.assertEqual(program.line[-2:], [EXEC["command"], "get-token"])
        self.assertEqual((program.environ["HOME"], program.environ["PROFILE"]), ("/root", "a=b"))
        program.say(execCredential(token="abc"))
        self.assertNoResult(asked)
        program.end()
        self.assertShown(asked, "abc")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_info(self) -> None:
        """It is told the version, and that there is no terminal; nothing of the cluster, unless it is to know."""
        self.credentials.get()
        expected = {"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": False}}
        self.assertEqual(self.running().info(), expected)

    def test_clusterInfo(self) -> None:
        """If it is to know it is told all of the cluster, with what stands there for plugins."""
        extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}
        ca = base64.b64encode(b"the authority").decode()
        cluster = {"tls-server-name": "api", "certificate-authority-data": ca, "extensions": [extension]}
        self.plugin(cluster, provideClusterInfo=True).get()
        told = {"server": "https://192.0.2.1:6443", "tls-server-name": "api", "config": {"audience": "x"}}
        self.assertEqual(self.running().info()["spec"]["cluster"], {**told, "certificate-authority-data": ca})
        self.plugin({"insecure-skip-tls-verify": True}, provideClusterInfo=True).get()
        told = {"server": "https://192.0.2.1:6443"}
        self.assertEqual(self.running(2).info()["spec"]["cluster"], {**told, "insecure-skip-tls-verify": True})

    def test_kept(self) -> None:
        """A credential without an end is used for ever."""
        asked = self.credentials.get()
        self.running().answer(execCredential(token="abc"))
        self.now += 1e9
        self.assertIs(self.assertShown(self.credentials.get(), "abc"), self.successResultOf(asked))
        self.running()

    def test_shortlyBeforeItsEnd(self) -> None:
        """One with an end is used until shortly before it: 30 s, or a tenth of a short life."""
        for timestamp, life in (
            ("2026-05-28T21:26:40Z", 3600 - 30),
            ("2026-05-28T23:26:40.123456789+02:00", 3600 - 30),
            ("2026-05-28T20:28:20Z", 100 - 10),
        ):
            self.now = NOW
            self.programs.clear()
            credentials = self.plugin()
            credentials.get()
            self.running().answer(execCredential(token="abc", expirationTimestamp=timestamp))
            self.now = NOW + life - 1
            self.assertShown(credentials.get(), "abc")
            self.now = NOW + life + 1
            asked = credentials.get()
            self.running(2).answer(execCredential(token="def"))
            self.assertShown(asked, "def")

    def test_overAlready(self) -> None:
        """One that is over already is shown once: whose clock is wrong the server knows."""
        asked = self.credentials.get()
        self.running().answer(execCredential(token="abc", expirationTimestamp="2026-05-28T20:00:00Z"))
        self.assertShown(asked, "abc")
        self.credentials.get()
        self.running(2)

    def test_rejected(self) -> None:
        """What the server has rejected is not shown again; that it rejects a former one late is no news."""
        self.credentials.get()
        self.running().answer(execCredential(token="abc"))
        former = self.assertShown(self.credentials.get(), "abc")
        self.credentials.rejected(former)
        asked = self.credentials.get()
        self.running(2).answer(execCredential(token="def"))
        self.assertShown(asked, "def")
        self.credentials.rejected(former)
        self.assertShown(self.credentials.get(), "def")

    def test_certificate(self) -> None:
        """It may give a certificate and its key, with a token or without one."""
        for token, authorization in (("", ""), ("abc", "Bearer abc")):
            asked = self.plugin().get()
            status = {"clientCertificateData": "the certificate", "clientKeyData": "the key"}
            self.programs[-1].answer(execCredential(token=token, **status))
            credential = self.successResultOf(asked)
            self.assertEqual(credential.authorization, authorization)
            assert credential.cert is not None
            assert credential.key is not None
            self.assertEqual((credential.cert.read(), credential.key.read()), (b"the certificate", b"the key"))


class SharingTests(PluginCase):
    """Several who ask at the same time."""

    def test_oneRun(self) -> None:
        """One run is for all of them."""
        asked = [self.credentials.get() for _ in range(3)]
        self.running().answer(execCredential(token="abc"))
        for each in asked:
            self.assertShown(each, "abc")

    def test_someCancel(self) -> None:
        """The program goes on for those who still wait."""
        first, second = self.credentials.get(), self.credentials.get()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertFalse(self.running().isKilled)
        self.running().answer(execCredential(token="abc"))
        self.assertShown(second, "abc")

    def test_allCancel(self) -> None:
        """When nobody waits any more it is killed; who asks then has a run of his own."""
        asked = [self.credentials.get() for _ in range(2)]
        for each in asked:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.assertTrue(self.running().isKilled)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        again = self.credentials.get()
        self.programs[0].answer(execCredential(token="late"))
        self.assertNoResult(again)
        self.running(2).answer(execCredential(token="abc"))
        self.assertShown(again, "abc")

    def test_cancelledByAnother(self) -> None:
        """Who hears of it may cancel another one; the rest hear of it all the same."""
        first, second, third = (self.credentials.get() for _ in range(3))
        first.addCallback(lambda _: second.cancel())
        self.running().answer(execCredential(token="abc"))
        self.failureResultOf(second, CancelledError)
        self.assertShown(third, "abc")

    def test_askAgainAtOnce(self) -> None:
        """Who hears that there is none may ask again at once, and hears of another run."""
        again: list[Deferred[Credential]] = []
        first = self.credentials.get()
        first.addErrback(lambda _: again.append(self.credentials.get()))
        self.running().end(1)
        self.assertNoResult(again[0])
        self.running(2).answer(execCredential(token="abc"))
        self.assertShown(again[0], "abc")

    def test_closed(self) -> None:
        """Closing kills it, and whoever waits hears that there is none; it may be asked again later."""
        asked = self.credentials.get()
        self.credentials.close()
        self.failureResultOf(asked, CredentialError)
        self.assertTrue(self.running().isKilled)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.credentials.close()
        self.credentials.get()
        self.running(2)


class FailureTests(PluginCase):
    """Programs that are of no use."""

    def test_status(self) -> None:
        """A bad exit status is told with the last line of standard error; the next one who asks starts it again."""
        asked = self.credentials.get()
        self.running().say(b"Traceback\nToken has expired\x1b\nand refresh failed\n \n", 2)
        self.running().say(execCredential(token="abc"))
        self.running().end(255)
        self.assertNone(asked, "exit status 255: and refresh failed")
        asked = self.credentials.get()
        self.running(2).answer(execCredential(token="abc"))
        self.assertShown(asked, "abc")

    def test_wordy(self) -> None:
        """Not all of a long complaint is told."""
        asked = self.credentials.get()
        self.running().say(b"x" * 100_000, 2)
        self.running().end(1)
        self.assertLess(len(self.assertNone(asked, "exit status 1: xxx")), 500)

    def test_timeLimit(self) -> None:
        """It is killed after 30 s."""
        asked = self.credentials.get()
        self.running().say(b"Enter the code:", 2)
        self.clock.advance(29)
        self.assertNoResult(asked)
        self.clock.advance(1.01)
        self.assertTrue(self.running().isKilled)
        self.assertNone(asked, "has not ended within 30 s: Enter the code:")
        self.running().end(9)

    def test_tooMuch(self) -> None:
        """It is killed when it says too much."""
        asked = self.credentials.get()
        for _ in range(17):
            self.running().say(b" " * (1 << 16))
        self.assertTrue(self.running().isKilled)
        self.assertNone(asked, "says more than 1 MiB")
        self.running().say(b" ")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_noProgram(self) -> None:
        """Where there is no such program the hint is told that goes with it."""
        hint: dict[str, Any] = {"installHint": "Install it\nfrom example.com.\n"}
        with tempfile.NamedTemporaryFile() as program:
            os.chmod(program.name, 0o755)
            credentials = self.plugin(command=program.name, **hint)
        line = self.failureResultOf(credentials.get(), CredentialError).getErrorMessage()
        self.assertEqual(line, str(self.assertRaises(CredentialError, self.plugin, command=program.name, **hint)))
        self.assertTrue(line.startswith(f"{PATH}: users[node].exec: {program.name}: there is no such program"), line)
        self.assertTrue(line.endswith("; Install it from example.com."), line)
        self.assertEqual(self.programs, [])

    def test_unfitAnswers(self) -> None:
        """What it says is no credential: what it is is told, and never a token."""
        for output, words in (
            (b"", ("not a JSON object",)),
            (b"Geheimnis", ("not a JSON object",)),
            (b"[" * 100_000, ("not a JSON object",)),
            (b"[]", ("not a JSON object",)),
            (execCredential(kind="Status", token="Geheimnis"), ("'Status'", "ExecCredential")),
            (execCredential(apiVersion=f"{V1}beta1", token="Geheimnis"), ("v1beta1", f"of {V1}, as it is configured")),
            (execCredential(), ("neither a token nor a certificate",)),
            (execCredential(token=7), ("status.token", "a string")),
            (execCredential(token="Geheim nis"), ("status.token",)),
            (execCredential(clientCertificateData="x"), ("a certificate or a key; expected: both",)),
            (execCredential(token="Geheimnis", expirationTimestamp="tomorrow"), ("expirationTimestamp", "'tomorrow'")),
            (execCredential(token="Geheimnis", expirationTimestamp="2026-13-01T00:00:00Z"), ("expirationTimestamp",)),
        ):
            self.programs.clear()
            asked = self.credentials.get()
            self.running().answer(output)
            self.assertNotIn("Geheim", self.assertNone(asked, *words))

    def test_unreadableAuthority(self) -> None:
        """Where it is to be told an authority that cannot be read, that is said, and it is not started."""
        asked = self.plugin({"certificate-authority": "/no/ca.pem"}, provideClusterInfo=True).get()
        message = self.failureResultOf(asked, CredentialError).getErrorMessage()
        self.assertIn("clusters[prod].certificate-authority /no/ca.pem: there is no such file", message)
        self.assertEqual(self.programs, [])
