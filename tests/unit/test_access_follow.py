"""The way to an API server follows the files that describe it; what turns bad leaves in use what was good."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.unit.accesscase import AccessCase
from tests.unit.kubeconfigs import EXEC, SERVER, Programs, execCredential
from tests.unit.loglines import logLines
from tinylb.providers.kubernetes.access import Access, WrongAccess, inClusterAccess

CLIENT = {"client-certificate": "client.pem", "client-key": "client.pem"}


class KubeconfigTests(AccessCase):
    """A kubeconfig that is replaced."""

    def inline(self, name: str) -> dict[str, str]:
        """Somebody with a certificate that stands in the kubeconfig."""
        pem = b64encode(self.authority.issue(name).read_bytes()).decode()
        return {"client-certificate-data": pem, "client-key-data": pem}

    def test_token(self) -> None:
        """Another token is shown from the next request on."""
        self.write(user={"token": "abc"})
        access = self.access()
        self.assertEqual(self.authorization(access), "Bearer abc")
        self.write(user={"token": "def"})
        self.assertEqual(self.authorization(access), "Bearer def")

    def test_server(self) -> None:
        """So it is with another server, and with another certificate that stands in it."""
        self.write({"server": "https://[::1]:7443"}, self.inline("client"))
        access = self.access()
        self.write(user=self.inline("client"))
        first = self.session(access)
        self.assertEqual((first.server, access.source), (SERVER, SERVER))
        self.write(user=self.inline("other"))
        other = self.session(access)
        self.assertEqual(other.server, SERVER)
        self.assertIsNot(other.tls, first.tls)

    def test_sameAgain(self) -> None:
        """One that says the same as before changes nothing: no program is asked once more."""
        self.write(user={"exec": EXEC})
        access = self.access()
        asked = access.session()
        self.programs[0].answer(execCredential(token="abc"))
        tls = self.successResultOf(asked).tls
        self.replace("kubelet.conf", self.path.read_bytes() + b"\n")
        self.assertIs(self.session(access).tls, tls)
        self.assertEqual(len(self.programs), 1)

    def test_turnsBad(self) -> None:
        """One that turns bad, or is gone, leaves in use what was good; that and its end are said once."""
        self.write(user={"token": "abc"})
        access = self.access()
        lines = logLines(self)
        for content in (b"clusters: [", b"clusters: [", b""):
            self.replace("kubelet.conf", content)
            for _ in range(2):
                self.assertEqual(self.authorization(access), "Bearer abc")
                self.assertIn(str(self.path), str(access.error))
        self.path.unlink()
        self.assertEqual(self.authorization(access), "Bearer abc")
        self.assertEqual(len(lines), 3)
        for line, words in zip(lines, ("line 1 column 12", "is null", "there is no such file"), strict=True):
            self.assertTrue(line.startswith(f"error: {self.path}: "), line)
            self.assertIn(words, line)
            self.assertIn("stays in use", line)
        self.write(user={"token": "def"})
        for _ in range(2):
            self.assertEqual(self.authorization(access), "Bearer def")
        self.assertIsNone(access.error)
        self.assertEqual(lines[3:], [f"info: {self.path} is in use again"])

    def test_namesWhatIsToCome(self) -> None:
        """One that names a file that is not there yet is taken as soon as that is there."""
        self.write(user={"token": "abc"})
        access = self.access()
        self.write(user={"client-certificate": "later.pem", "client-key": "later.pem"})
        self.assertEqual(self.authorization(access), "Bearer abc")
        self.assertIn("later.pem", str(access.error))
        self.authority.issue("later")
        self.assertEqual(self.authorization(access), "")
        self.assertIsNone(access.error)

    def test_pluginOfTheFormer(self) -> None:
        """A program that is still asked under the former one is ended."""
        self.write(user={"exec": EXEC})
        access = self.access()
        asked = access.session()
        self.write(user={"token": "abc"})
        self.assertEqual(self.authorization(access), "Bearer abc")
        self.assertTrue(self.programs[0].isKilled)
        self.assertNone(asked, "it is not asked any more")


class MissingTests(AccessCase):
    """A kubeconfig that may be missing."""

    def test_kubeconfig(self) -> None:
        """There is no session until it is there; the source is its path."""
        access = self.access(mayBeMissing=True)
        self.assertEqual((access.source, access.name), (str(self.path), str(self.path)))
        self.assertNone(access.session(), f"{self.path}: there is no such file")
        self.assertIn("there is no such file", str(access.error))
        access.close()
        self.path.write_text("clusters: [")
        self.assertNone(access.session(), f"{self.path}: line 1 column 12")
        self.assertIn("line 1 column 12", str(access.error))
        self.write(user={"token": "abc"})
        self.assertEqual(self.authorization(access), "Bearer abc")
        self.assertIsNone(access.error)

    def test_whatItNames(self) -> None:
        """What it names may be missing, too: a kubelet's certificate comes after its kubeconfig."""
        self.write(user={"client-certificate": "later.pem", "client-key": "later.pem"})
        access = self.access(mayBeMissing=True)
        self.assertNone(access.session(), "users[node].client-certificate", "there is no such file")
        self.authority.issue("later")
        self.session(access)

    def test_program(self) -> None:
        """So may a program that it asks."""
        self.write(user={"exec": {**EXEC, "command": "./ask"}})
        access = self.access(mayBeMissing=True)
        self.assertNone(access.session(), "users[node].exec", "there is no such program")
        (self.folder / "ask").symlink_to(EXEC["command"])
        asked = access.session()
        self.programs[0].answer(execCredential(token="abc"))
        self.successResultOf(asked)

    def test_wrong(self) -> None:
        """One that is there, and wrong, is still wrong usage."""
        self.path.write_text("clusters: [")
        self.assertRaises(WrongAccess, self.access, mayBeMissing=True)


class FilesTests(AccessCase):
    """Files that a kubeconfig names, and that are renewed."""

    def setUp(self) -> None:
        """Our certificate and its key are in one file."""
        super().setUp()
        self.write(user=CLIENT)
        self.way = self.access()
        self.tls = self.session(self.way).tls

    def test_renewed(self) -> None:
        """A certificate that is renewed is used for the next connection; so is an authority."""
        self.replace("client.pem", self.authority.issue("renewed").read_bytes())
        renewed = self.session(self.way).tls
        self.assertIsNot(renewed, self.tls)
        self.assertIs(self.session(self.way).tls, renewed)
        self.replace("authority.pem", 2 * (self.folder / "authority.pem").read_bytes())
        self.assertIsNot(self.session(self.way).tls, renewed)

    def test_halfRenewed(self) -> None:
        """As long as a certificate does not go with its key the former ones are used; that is said, and its end."""
        lines = logLines(self)
        for name in ("cert.pem", "key.pem"):
            self.replace(name, (self.folder / "client.pem").read_bytes())
        self.write(user={"client-certificate": "cert.pem", "client-key": "key.pem"})
        tls = self.session(self.way).tls
        renewed = self.authority.issue("other").read_bytes()
        self.replace("cert.pem", renewed)
        for _ in range(3):
            self.assertIs(self.session(self.way).tls, tls)
            self.assertIn("does not go with the key", str(self.way.error))
        self.replace("key.pem", renewed)
        self.assertIsNot(self.session(self.way).tls, tls)
        self.assertIsNone(self.way.error)
        where = f"{self.path}: users[node].client-certificate {self.folder / 'cert.pem'}"
        bad, good = lines
        self.assertIn(f"{where}: ", bad)
        self.assertEqual(good, f"info: {where} is in use again")


class InClusterTests(AccessCase):
    """The service account of a pod."""

    def setUp(self) -> None:
        """There is one."""
        super().setUp()
        (self.folder / "ca.crt").write_bytes((self.folder / "authority.pem").read_bytes())
        (self.folder / "token").write_text("abc")

    def inCluster(self, host: str = "10.96.0.1", port: str = "443") -> Access:
        """The way from a pod."""
        environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "OTHER": ""}
        return inClusterAccess(self.programs, self.clock, environ, self.folder)

    def test_session(self) -> None:
        """Its server is in the environment, its token in a file that is renewed."""
        for host, server in (("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")):
            access = self.inCluster(host)
            self.assertEqual((self.session(access).server, access.source, access.name), (server, server, "in-cluster"))
        self.assertEqual(self.authorization(access), "Bearer abc")
        (self.folder / "token").write_text("def")
        self.assertEqual(self.authorization(access), "Bearer def")
        (self.folder / "token").unlink()
        self.assertEqual(self.authorization(access), "Bearer def")
        self.assertIn("in-cluster: token ", str(access.error))

    def test_wrong(self) -> None:
        """Without an address, or a file, it is wrong usage."""
        for host, port, words in (
            ("", "443", "KUBERNETES_SERVICE_HOST"),
            ("10.96.0.1", "", "KUBERNETES_SERVICE_PORT"),
            ("10.96.0.1", "https", "KUBERNETES_SERVICE_PORT"),
            ("a b", "443", "KUBERNETES_SERVICE_HOST"),
        ):
            line = str(self.assertRaises(WrongAccess, self.inCluster, host, port))
            self.assertTrue(line.startswith("in-cluster: ") and words in line, line)
        for name, words in (("token", "in-cluster: token "), ("ca.crt", "in-cluster: CA ")):
            (self.folder / name).unlink()
            line = str(self.assertRaises(WrongAccess, self.inCluster))
            self.assertTrue(line.startswith(words) and line.endswith("is expected"), line)


class NoPodTests(SynchronousTestCase):
    """Where there is no pod."""

    def test_wrong(self) -> None:
        """That is said in one line."""
        line = str(self.assertRaises(WrongAccess, inClusterAccess, Programs(), Clock(), {}, Path("/nowhere")))
        self.assertEqual(
            line,
            "in-cluster: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set, so this is no pod; "
            "give a kubeconfig file",
        )
