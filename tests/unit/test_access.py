"""The way to an API server that a kubeconfig describes."""

from __future__ import annotations

import sys
from types import ModuleType

from tests.unit.accesscase import AccessCase
from tests.unit.kubeconfigs import EXEC, SERVER, execCredential
from tinylb.providers.kubernetes.access import WrongAccess

CLIENT = {"client-certificate": "client.pem", "client-key": "client.pem"}


class SessionTests(AccessCase):
    """What a request needs."""

    def test_session(self) -> None:
        """The server, what TLS needs, and headers; all the same as long as nothing changes."""
        self.write(user={"token": "abc", "as": "jane", "as-groups": ["a", "b"], **CLIENT})
        access = self.access()
        session = self.session(access)
        self.assertEqual((session.server, access.source, access.name), (SERVER, SERVER, str(self.path)))
        expected = {"Authorization": ("Bearer abc",), "Impersonate-User": ("jane",), "Impersonate-Group": ("a", "b")}
        self.assertEqual(session.headers, expected)
        self.assertIsNotNone(session.tls)
        again = self.session(access)
        self.assertEqual(again, session)
        self.assertIs(again.tls, session.tls)
        self.assertIsNone(access.error)

    def test_inTheClear(self) -> None:
        """In the clear nothing secret is shown, as by kubectl, and no program is asked."""
        for user in ({"token": "abc"}, {"username": "u", "password": "p"}, {"exec": EXEC}, CLIENT):
            self.write({"server": "http://127.0.0.1:8080"}, {"as": "jane", **user})
            session = self.session(self.access())
            self.assertIsNone(session.tls)
            self.assertEqual(session.headers, {"Impersonate-User": ("jane",)})
        self.assertEqual(self.programs, [])

    def test_tokenBeforePlugin(self) -> None:
        """A token or password goes before a program."""
        (self.folder / "token").write_text("abc")
        for user in ({"token": "abc"}, {"tokenFile": "token"}, {"username": "u", "password": "p"}):
            self.write(user={"exec": EXEC, **user})
            self.assertTrue(self.authorization(self.access()))
        self.assertEqual(self.programs, [])

    def test_secretsUnseen(self) -> None:
        """What describes a session does not tell its secrets."""
        self.write(user={"token": "Geheimnis"})
        self.assertNotIn("Geheimnis", repr(self.session(self.access())))


class PluginTests(AccessCase):
    """Where a program gives the credential."""

    def setUp(self) -> None:
        """It has been asked."""
        super().setUp()
        self.write(user={"exec": EXEC})
        self.way = self.access()
        self.asked = self.way.session()

    def test_token(self) -> None:
        """Its token is shown, from when it has said it, and no longer than the server has it."""
        self.assertNoResult(self.asked)
        self.programs[0].answer(execCredential(token="abc"))
        session = self.successResultOf(self.asked)
        self.assertEqual(self.session(self.way), session)
        self.way.rejected(session)
        self.asked = self.way.session()
        self.programs[1].answer(execCredential(token="def"))
        self.assertEqual(self.successResultOf(self.asked).headers, {"Authorization": ("Bearer def",)})

    def test_certificate(self) -> None:
        """Its certificate is used for connections; another one makes them others."""
        cert = (self.folder / "client.pem").read_text()
        self.programs[0].answer(execCredential(clientCertificateData=cert, clientKeyData=cert))
        session = self.successResultOf(self.asked)
        self.assertEqual(session.headers, {})
        self.assertIs(self.session(self.way).tls, session.tls)
        self.way.rejected(session)
        self.asked = self.way.session()
        self.programs[1].answer(execCredential(clientCertificateData=cert, clientKeyData=cert))
        self.assertIsNot(self.successResultOf(self.asked).tls, session.tls)

    def test_badCertificate(self) -> None:
        """One that is none is refused, and asked for once more by the next request."""
        self.programs[0].answer(execCredential(clientCertificateData="nonsense", clientKeyData="nonsense"))
        self.assertNone(self.asked, f"{self.path}: users[node].exec: certificate: ", "no certificate")
        self.asked = self.way.session()
        self.programs[1].answer(execCredential(token="abc"))
        self.successResultOf(self.asked)

    def test_failed(self) -> None:
        """When it fails there is no session, for the reason that it gives."""
        self.programs[0].say(b"no network\n", 2)
        self.programs[0].end(3)
        self.assertNone(self.asked, f"{self.path}: users[node].exec: ", "exit status 3: no network")

    def test_cancelled(self) -> None:
        """Who wants no session any more ends it."""
        self.asked.addErrback(lambda _: None)
        self.asked.cancel()
        self.assertTrue(self.programs[0].isKilled)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closed(self) -> None:
        """Closing ends it."""
        self.way.close()
        self.assertNone(self.asked, "it is not asked any more")
        self.assertTrue(self.programs[0].isKilled)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WrongTests(AccessCase):
    """What cannot be right is said at once."""

    def test_kubeconfig(self) -> None:
        """A kubeconfig that is missing, unreadable, or none."""
        self.assertWrong("there is no such file; a kubeconfig is expected")
        self.path.mkdir()
        self.assertWrong("is a directory")
        self.path.rmdir()
        self.path.write_text("clusters: [")
        self.assertWrong("line 1 column 12", "YAML is expected")
        self.path.write_bytes(b" " * (1 << 21))
        self.assertWrong("larger than 1 MiB")
        self.write(context="there")
        self.assertWrong("there is no context 'there'; expected: one of contexts, 'here'")

    def test_files(self) -> None:
        """Files that it names, and that are missing or of no use."""
        (self.folder / "nonsense").write_text("nonsense")
        other = self.authority.issue("other").name
        for cluster, user, words in (
            ({"certificate-authority": "nowhere"}, {}, ("clusters[prod].certificate-authority", "no such file")),
            ({"certificate-authority": "nonsense"}, {}, ("clusters[prod].certificate-authority", "no certificate")),
            ({"certificate-authority-data": "YQ=="}, {}, ("certificate-authority-data: has no certificate",)),
            ({}, {**CLIENT, "client-certificate": "nowhere"}, ("users[node].client-certificate", "no such file")),
            ({}, {**CLIENT, "client-key": "nowhere"}, ("users[node].client-key", "no such file")),
            (
                {},
                {**CLIENT, "client-key": other},
                ("users[node].client-certificate", "does not go with the key", other),
            ),
            ({}, {**CLIENT, "client-key": "authority.pem"}, ("users[node].client-key", "has no key")),
            ({}, {"tokenFile": "nowhere"}, ("users[node].tokenFile", str(self.folder / "nowhere"), "no such file")),
        ):
            self.write(cluster, user)
            self.assertWrong(*words)

    def test_program(self) -> None:
        """A program that is not installed, with the hint that goes with it."""
        self.write(user={"exec": {**EXEC, "command": "bin/ask", "installHint": "Install it."}})
        self.assertWrong(f"users[node].exec: {self.folder / 'bin/ask'}: there is no such program", "; Install it.")

    def test_noHost(self) -> None:
        """A server with a name that no host can have."""
        for cluster in ({"server": "https://a..b"}, {"tls-server-name": "a b"}):
            self.write(cluster)
            line = str(self.assertRaises(WrongAccess, self.access))
            self.assertIn("is not a name that a host can have", line)

    def test_notInstalled(self) -> None:
        """Something that is not installed, and how to install it."""
        self.write()
        modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
        for name in ("tinylb.providers.kubernetes.kubeconfig", "tinylb.tls"):
            former = modules.pop(name, None)
            modules[name] = None
            try:
                line = str(self.assertRaises(WrongAccess, self.access))
            finally:
                del modules[name]
                if former is not None:
                    modules[name] = former
            self.assertIn("pip install 'tinylb[kubernetes]'", line)
