"""What is shown to an API server without asking anybody: nothing, a password, or a token that may be renewed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.loglines import logLines
from tinylb.providers.kubernetes.config import User
from tinylb.providers.kubernetes.credentials import CredentialError, GivenCredentials

WHERE = "kubelet.conf: users[node].tokenFile token"


class GivenTests(SynchronousTestCase):
    """Credentials that stand in a kubeconfig."""

    def shown(self, user: User) -> str:
        """What the header says."""
        return self.successResultOf(GivenCredentials(user).get()).authorization

    def test_nothing(self) -> None:
        """Who has none, or a certificate, shows nothing."""
        self.assertEqual(self.shown(User()), "")

    def test_token(self) -> None:
        """A token is a bearer's."""
        self.assertEqual(self.shown(User(token="abc.def")), "Bearer abc.def")

    def test_password(self) -> None:
        """A password goes with its user, in base64 of UTF-8."""
        self.assertEqual(self.shown(User(username="test", password="123\u00a3")), "Basic dGVzdDoxMjPCow==")  # RFC 7617

    def test_noSecretsInTheirNames(self) -> None:
        """What describes a credential does not tell it."""
        credential = self.successResultOf(GivenCredentials(User(token="Geheimnis")).get())
        self.assertNotIn("Geheimnis", repr(credential))


class TokenFileTests(SynchronousTestCase):
    """Tokens in files, which are renewed."""

    def setUp(self) -> None:
        """There is a file with a token."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "token"
        self.path.write_text("first\n")
        self.user = User(tokenFile=str(self.path), tokenWhere=WHERE)

    def shown(self, credentials: GivenCredentials) -> str:
        """What the header says."""
        return self.successResultOf(credentials.get()).authorization

    def test_renewed(self) -> None:
        """A token that is renewed is shown from the next request on, be it as long and as old as the one before."""
        credentials = GivenCredentials(self.user)
        self.assertEqual(self.shown(credentials), "Bearer first")
        times = os.stat(self.path)
        self.path.write_text("other\n")
        os.utime(self.path, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assertEqual(self.shown(credentials), "Bearer other")

    def test_swapped(self) -> None:
        """So is one in a folder that is swapped, as a pod's are."""
        for name in ("a", "b"):
            (self.folder / name).mkdir()
            (self.folder / name / "token").write_text(name)
        (self.folder / "data").symlink_to("a")
        credentials = GivenCredentials(User(tokenFile=str(self.folder / "data" / "token"), tokenWhere=WHERE))
        self.assertEqual(self.shown(credentials), "Bearer a")
        (self.folder / "next").symlink_to("b")
        os.replace(self.folder / "next", self.folder / "data")
        self.assertEqual(self.shown(credentials), "Bearer b")

    def test_beforeToken(self) -> None:
        """The file goes before a token that was given, as the last one that was read from it does."""
        credentials = GivenCredentials(User(token="given", tokenFile=str(self.path), tokenWhere=WHERE))
        self.assertEqual(self.shown(credentials), "Bearer first")
        self.path.unlink()
        self.assertEqual(self.shown(credentials), "Bearer first")

    def test_givenUntilThen(self) -> None:
        """Until there is one in the file the token that was given is shown."""
        self.path.unlink()
        credentials = GivenCredentials(User(token="given", tokenFile=str(self.path), tokenWhere=WHERE))
        self.assertEqual(self.shown(credentials), "Bearer given")
        self.path.write_text("first")
        self.assertEqual(self.shown(credentials), "Bearer first")

    def test_turnsBad(self) -> None:
        """A file that turns bad leaves the token that was read in use; that and its end are said once."""
        credentials = GivenCredentials(self.user)
        lines = logLines(self)
        self.assertIsNone(credentials.error)
        for content in ("", "two words", "two\nlines", "\u00e4"):
            self.path.write_text(content)
            for _ in range(2):
                self.assertEqual(self.shown(credentials), "Bearer first")
            self.assertIn(WHERE, str(credentials.error))
        (line,) = lines
        self.assertIn(f"{WHERE}: has no token", line)
        self.assertIn("stays in use", line)
        self.path.write_text("second")
        for _ in range(2):
            self.assertEqual(self.shown(credentials), "Bearer second")
        self.assertIsNone(credentials.error)
        self.assertEqual(lines[1:], [f"info: {WHERE} is in use again"])

    def test_badFromTheBeginning(self) -> None:
        """Without a token to begin with it is an error that names the file, and does not tell what is in it."""
        for content, words in (("", "one on one line is expected"), ("Geheim nis", "one on one line is expected")):
            self.path.write_text(content)
            error = str(self.assertRaises(CredentialError, GivenCredentials, self.user))
            self.assertTrue(error.startswith(f"{WHERE}: ") and words in error, error)
            self.assertNotIn("Geheim", error)
        self.path.unlink()
        self.assertIn("there is no such file", str(self.assertRaises(CredentialError, GivenCredentials, self.user)))
        os.mkfifo(self.path)
        self.assertIn("not a regular file", str(self.assertRaises(CredentialError, GivenCredentials, self.user)))
